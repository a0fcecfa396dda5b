"""A Hive that asks for a password that a directory knows, has rights of its own, and is spoken to over HTTP too."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import services
import sign_in
import slapd
from sign_in import ANN, BOB, EVE, said
from slapd import Slapd
from swap import ports
from swap.connectors.hive.connector import HiveConnector
from swap.connectors.hive.session import Session
from swap.errors import SourceFailed, SourceUnavailable

PASSWORDS = {"swap": "a secret", "owner": "another"}
SALARIES = ["one", "two"]


class Guarded:
    """A HiveServer2 behind TLS that asks a directory for passwords, and checks rights of its own for each statement."""

    def __init__(self, place: Path) -> None:
        self.directory = Slapd(*(slapd.person(name, PASSWORDS[name]) for name in PASSWORDS))
        (self.http_port,) = ports.free(1)
        self.place = place
        self.ca, self.key = services.certificate(place, "localhost")
        _store(self.ca, self.key, place / "store")
        self.server = services.RunningHive(self._settings(), hadoop=sign_in.PROXY)
        with self.session() as session:
            sign_in.run(
                session,
                "CREATE DATABASE pay",
                "CREATE TABLE pay.salaries (said string)",
                f"INSERT INTO pay.salaries VALUES {', '.join(f'({each!r})' for each in SALARIES)}",
                "GRANT SELECT ON TABLE pay.salaries TO USER ann",
                # What SWAP's own account may read, it must not read for those who may not.
                "GRANT SELECT ON TABLE pay.salaries TO USER swap",
            )

    def _settings(self) -> dict[str, str]:
        sql = "org.apache.hadoop.hive.ql.security"
        return {
            "hive.server2.authentication": "LDAP",
            "hive.server2.authentication.ldap.url": self.directory.url,
            "hive.server2.authentication.ldap.userDNPattern": self.directory.pattern,
            "hive.server2.transport.mode": "all",
            "hive.server2.thrift.http.port": str(self.http_port),
            "hive.server2.use.SSL": "true",
            "hive.server2.keystore.path": str(self.place / "store"),
            "hive.server2.keystore.password": "secret",
            "hive.security.authorization.enabled": "true",
            "hive.security.authorization.manager": f"{sql}.authorization.plugin.sqlstd.SQLStdHiveAuthorizerFactory",
            "hive.security.authenticator.manager": f"{sql}.SessionStateUserAuthenticator",
            "hive.users.in.admin.role": "owner",
            # Neither the zone nor what columns are called may be set.
            "hive.security.authorization.sqlstd.confwhitelist": r"hive\.query\.name|hive\.server2\.proxy\.user",
        }

    def session(self) -> AbstractContextManager[Session]:
        """Return a session of the owner of the data."""
        owner = {"user": "owner", "password": PASSWORDS["owner"], "tls": True, "ca": str(self.ca)}
        return sign_in.session(self.server.port, owner)

    def connected(
        self, transport: str, password: str = PASSWORDS["swap"], **how: Any
    ) -> AbstractContextManager[HiveConnector]:
        """Connect over a transport."""
        secret = self.place / "secret"
        secret.write_text(password)
        plain = {"transport": transport, "user": "swap", "password": {"file": secret}, "ca": self.ca}
        return sign_in.connected(self.port(transport), **plain | how)

    def port(self, transport: str) -> int:
        """Return where a transport is."""
        return self.http_port if transport == "http" else self.server.port

    def close(self) -> None:
        self.server.close()
        self.directory.close()


def _store(shown: Path, key: Path, store: Path) -> None:
    """Put a certificate and its key into a store of Java's."""
    command = ["openssl", "pkcs12", "-export", "-in", shown, "-inkey", key, "-out", store, "-passout", "pass:secret"]
    subprocess.run(command, check=True)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made = Guarded(tmp_path_factory.mktemp("guarded"))
    yield made
    made.close()


both = pytest.mark.parametrize("transport", ["binary", "http"])


@both
def test_the_right_password_reads(guarded: Guarded, transport: str) -> None:
    with guarded.connected(transport) as hive:
        assert said(hive, "pay.salaries") == SALARIES
        ends = hive.check().certificate_ends
        assert ends is not None
        assert ends > dt.datetime.now(dt.UTC)


@both
@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_is_refused_and_said_without_account_and_host(
    guarded: Guarded, transport: str, password: str
) -> None:
    with (
        guarded.connected(transport, password) as hive,
        pytest.raises(SourceUnavailable, match="It refused SWAP's account") as raised,
    ):
        hive.check()

    assert "swap" not in str(raised.value)
    assert "localhost" not in str(raised.value)


@both
def test_who_has_no_grant_is_refused_by_the_store(guarded: Guarded, transport: str) -> None:
    with guarded.connected(transport) as hive:
        with pytest.raises(SourceFailed, match="It may not be read there as you"):
            said(hive, "pay.salaries", BOB)

        assert said(hive, "pay.salaries", ANN) == SALARIES


SALARIES_TO_SWAP = "ON TABLE pay.salaries TO USER swap"
TOO_MUCH = [
    (
        [
            "CREATE ROLE loaders",
            "GRANT INSERT ON TABLE pay.salaries TO ROLE loaders",
            "GRANT ROLE loaders TO USER swap",
            f"GRANT DELETE {SALARIES_TO_SWAP}",
        ],
        {"DELETE", "INSERT"},
        ["DROP ROLE loaders", "REVOKE DELETE ON TABLE pay.salaries FROM USER swap"],
    ),
    (
        [
            "REVOKE SELECT ON TABLE pay.salaries FROM USER swap",
            f"GRANT SELECT {SALARIES_TO_SWAP} WITH GRANT OPTION",
        ],
        {"GRANT"},
        ["REVOKE SELECT ON TABLE pay.salaries FROM USER swap", f"GRANT SELECT {SALARIES_TO_SWAP}"],
    ),
    (["GRANT ROLE admin TO USER swap"], {"SET ROLE ADMIN"}, ["REVOKE ROLE admin FROM USER swap"]),
]


@pytest.mark.parametrize(("given", "seen", "taken"), TOO_MUCH, ids=["rights", "to give", "administrator"])
def test_what_swaps_account_may_do_beside_reading_is_seen(
    guarded: Guarded, given: list[str], seen: set[str], taken: list[str]
) -> None:
    with guarded.connected("binary") as hive:
        with guarded.session() as session:
            sign_in.run(session, "SET ROLE ADMIN", *given)
        try:
            assert set(hive.check().excess) == seen
        finally:
            with guarded.session() as session:
                sign_in.run(session, "SET ROLE ADMIN", *taken)

        assert hive.check().excess == ()


def test_a_hive_that_lets_few_settings_be_set_is_harvested(guarded: Guarded) -> None:
    with guarded.connected("binary") as hive:
        assert [f"{each.schema}.{each.name}" for piece in hive.harvest() for each in piece] == ["pay.salaries"]


def test_a_table_that_swaps_account_may_not_select_from_is_not_harvested(guarded: Guarded) -> None:
    with guarded.session() as session:
        sign_in.run(session, "REVOKE SELECT ON TABLE pay.salaries FROM USER swap")
    try:
        with guarded.connected("binary") as hive:
            assert list(hive.harvest()) == []
    finally:
        with guarded.session() as session:
            sign_in.run(session, f"GRANT SELECT {SALARIES_TO_SWAP}")


def test_a_person_whom_swap_may_not_act_for_is_refused(guarded: Guarded) -> None:
    with (
        guarded.connected("binary") as hive,
        pytest.raises(SourceUnavailable, match="It opened no session for SWAP"),
    ):
        said(hive, "pay.salaries", EVE)


@both
@pytest.mark.parametrize(
    ("host", "how", "why"), [("127.0.0.1", {}, "mismatch"), ("localhost", {"ca": None}, "self-signed")]
)
def test_a_server_of_another_name_or_of_an_unknown_authority_is_told_nothing(
    guarded: Guarded, transport: str, host: str, how: dict[str, Any], why: str
) -> None:
    servers = (f"{host}:{guarded.port(transport)}",)
    with (
        guarded.connected(transport, servers=servers, **how) as hive,
        pytest.raises(SourceUnavailable, match=f"has a certificate that is not trusted.*{why}"),
    ):
        hive.check()


# The last one: the server comes back with another certificate.
def test_a_certificate_that_has_ended_is_refused(guarded: Guarded) -> None:
    ended = guarded.place / "ended"
    ended.mkdir()
    shown, key = services.certificate(ended, "localhost", dt.timedelta(seconds=-1))
    _store(shown, key, guarded.place / "store")
    guarded.server.kill()
    guarded.server.revive()
    with (
        guarded.connected("binary", ca=shown) as hive,
        pytest.raises(SourceUnavailable, match="has a certificate that is not trusted: certificate has expired"),
    ):
        hive.check()
