"""Who is who, for a HiveServer2: an LDAP directory of a test's own, and who reads."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

import services
from reading import batches
from swap import ports
from swap.connectors.base import Column, Deadline, Fragment, OnBehalf
from swap.connectors.hive import HiveConnector
from swap.connectors.hive_session import Session
from swap.connectors.hive_wire import Server
from swap.settings import HiveSource

_SLAPD = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=swap,dc=test"
rootdn "cn=admin,dc=swap,dc=test"
directory {state}/data
"""
_TREE = """\
dn: dc=swap,dc=test
objectClass: domain
dc: swap

dn: ou=people,dc=swap,dc=test
objectClass: organizationalUnit
ou: people
"""
_PERSON = """
dn: uid={name},ou=people,dc=swap,dc=test
objectClass: inetOrgPerson
uid: {name}
cn: {name}
sn: {name}
userPassword: {password}
"""
ANN, BOB, EVE = (OnBehalf(f"p{name}", name, frozenset(), frozenset()) for name in ("ann", "bob", "eve"))
PROXY = {"hadoop.proxyuser.swap.hosts": "*", "hadoop.proxyuser.swap.users": "ann,bob"}
"""Whom SWAP may act for: not eve."""


@contextlib.contextmanager
def connected(port: int, **how: Any) -> Iterator[HiveConnector]:
    """Connect to a port of this machine as a site does."""
    settings: Mapping[str, Any] = {"kind": "hive", "servers": (f"localhost:{port}",)} | how
    made = HiveConnector("lake", HiveSource.model_validate(settings))
    try:
        yield made
    finally:
        made.close()


def fragment(table: str) -> Fragment:
    """Return what asks for the only column of a table, `said`."""
    schema, name = table.split(".")
    return Fragment(schema, name, (Column("said", pa.string()),), query_id="q")


def said(connector: HiveConnector, table: str, who: OnBehalf = ANN) -> list[str]:
    """Return what somebody reads there."""
    reader = connector.read(fragment(table), who, Deadline(time.monotonic() + 60))
    return [value for batch in batches(reader) for value in batch["said"].to_pylist()]


@contextlib.contextmanager
def session(port: int, address: Mapping[str, Any]) -> Iterator[Session]:
    """Open a session of a test's own, signed in as the address says."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        plain = {"user": "", "password": "", "tls": False, "ca": "", "connect_seconds": 20.0, "configuration": {}}
        server = Server("lake", plain | {"servers": [["localhost", port]]} | address, ours.fileno())
        try:
            server.connect(time.monotonic() + 120)
            yield server.session
        finally:
            server.close()


def run(session: Session, *statements: str) -> None:
    """Run statements."""
    for statement in statements:
        operation = session.execute(statement, 120)
        session.finish(operation)
        session.close_operation(operation)


def works(server: services.RunningHive) -> bool:
    """Tell whether a server works on a SELECT, in its own words."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.web_port}/api/v1/queries/active", timeout=5) as told:
        active = json.load(told)
    return any(
        each["running"] and (each["queryDisplay"] or {}).get("queryString", "").startswith("SELECT") for each in active
    )


class Directory:
    """An LDAP directory of people with passwords."""

    def __init__(self, people: dict[str, str]) -> None:
        self.state = services.temporary_directory()
        (self.port,) = ports.free(1)
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.pattern = "uid=%s,ou=people,dc=swap,dc=test"
        (self.state / "data").mkdir()
        conf = self.state / "slapd.conf"
        conf.write_text(_SLAPD.format(state=self.state))
        tree = _TREE + "".join(_PERSON.format(name=name, password=people[name]) for name in people)
        subprocess.run(["/usr/sbin/slapadd", "-f", conf], input=tree, text=True, check=True, capture_output=True)
        command = ["/usr/sbin/slapd", "-f", conf, "-h", self.url, "-d", "0"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        _answers(self.port, self._process)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.state, ignore_errors=True)


def _answers(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 30
    while not ports.answers(port):
        assert process.poll() is None, "it ended"
        assert time.monotonic() < ends, "it does not answer"
        time.sleep(0.02)
