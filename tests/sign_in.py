"""Who is who, for a HiveServer2: a Kerberos realm of a test's own; readers of what is signed in to with it, or LDAP."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

import services
from reading import batches
from swap import ports
from swap.connectors.base import Column, Deadline, Fragment, OnBehalf
from swap.connectors.hive.connector import HiveConnector
from swap.connectors.hive.session import Session
from swap.connectors.hive.wire import Server
from swap.settings import HiveSource

_KRB5 = """\
[libdefaults]
default_realm = SWAP.TEST
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
SWAP.TEST = {{
  kdc = 127.0.0.1:{port}
}}
[domain_realm]
localhost = SWAP.TEST
"""
_KDC = """\
[kdcdefaults]
kdc_listen = ""
kdc_tcp_listen = 127.0.0.1:{port}
[realms]
SWAP.TEST = {{
  database_name = {state}/principals
  key_stash_file = {state}/stash
  acl_file = {state}/acl
  max_life = 1h
}}
[logging]
kdc = FILE:{state}/kdc.log
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
        session.run(statement, 120)


def works(server: services.RunningHive) -> bool:
    """Tell whether a server works on a SELECT, in its own words."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.web_port}/api/v1/queries/active", timeout=5) as told:
        active = json.load(told)
    return any(
        each["running"] and (each["queryDisplay"] or {}).get("queryString", "").startswith("SELECT") for each in active
    )


class Realm:
    """A Kerberos realm, SWAP.TEST, with its KDC."""

    name = "SWAP.TEST"

    def __init__(self) -> None:
        self.state = services.temporary_directory()
        (self.port,) = ports.free(1)
        self.config = self.state / "krb5.conf"
        self.config.write_text(_KRB5.format(port=self.port))
        (self.state / "kdc.conf").write_text(_KDC.format(port=self.port, state=self.state))
        self._environment = os.environ | {
            "KRB5_CONFIG": str(self.config),
            "KRB5_KDC_PROFILE": str(self.state / "kdc.conf"),
        }
        self._run("/usr/sbin/kdb5_util", "create", "-s", "-r", self.name, "-P", "a master")
        self._process = subprocess.Popen(
            ["/usr/sbin/krb5kdc", "-n", "-P", self.state / "pid"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        _answers(self.port, self._process)

    def keytab(self, *principals: str, seconds: int = 3600) -> Path:
        """Return a file of new principals' keys, whose tickets last so long."""
        path = self.state / f"{principals[0].replace('/', '-')}.keytab"
        for principal in principals:
            self._run("/usr/sbin/kadmin.local", "-q", f'addprinc -randkey -maxlife "{seconds} seconds" {principal}')
            self._run("/usr/sbin/kadmin.local", "-q", f"ktadd -k {path} {principal}")
        return path

    def granted(self, what: str) -> int:
        """Return how many tickets its log says it gave that are so."""
        return sum("ISSUE" in line and what in line for line in (self.state / "kdc.log").read_text().splitlines())

    def pause(self) -> None:
        """Let it keep its connections and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.state, ignore_errors=True)

    def _run(self, *command: str) -> None:
        subprocess.run(command, env=self._environment, check=True, capture_output=True)


def _answers(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 30
    while not ports.answers(port):
        assert process.poll() is None, "it ended"
        assert time.monotonic() < ends, "it does not answer"
        time.sleep(0.02)
