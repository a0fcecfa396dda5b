"""A Hive that asks for Kerberos: a real KDC, a ticket from a keytab, and what protects the messages."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import services
import sign_in
from conformance.front import Front, accepted
from conformance.proxy import Proxy
from conformance.test_connector import Reading, eventually
from sign_in import ANN, BOB, connected, fragment, said
from swap import ports
from swap.connectors.base import Deadline
from swap.connectors.hive.connector import HiveConnector
from swap.errors import QueryCancelled, SourceUnavailable

JAVA = Path("/usr/bin/java")
"""Debian's: PyPI's lacks the module that speaks SASL with Kerberos."""
MANY = [f"row {number} of many" for number in range(20_000)]
"""More than one frame of SASL's usual size holds."""
QOPS = ("auth-conf", "auth-int", "auth")
SECONDS = 6
"""How long the tickets of one of the keytabs last."""


class Kerberized:
    """A HiveServer2 in a realm, behind a proxy that hears what passes."""

    def __init__(self, place: Path) -> None:
        self.realm = sign_in.Realm()
        self.keytab = self.realm.keytab("swap/localhost")
        self.short = self.realm.keytab("swap/short", seconds=SECONDS)
        self.services = self.realm.keytab("hive/localhost", "HTTP/localhost")
        self.qop = QOPS[0]
        (self.http_port,) = ports.free(1)
        self.server = services.RunningHive(
            self._settings(),
            hadoop={
                **sign_in.PROXY,
                "hadoop.security.authentication": "kerberos",
                "yarn.resourcemanager.principal": "hive/localhost@SWAP.TEST",
            },
            properties={"java.security.krb5.conf": str(self.realm.config)},
            java=JAVA,
        )
        self.proxy = Proxy(("127.0.0.1", self.server.port))
        self.proxy.__enter__()
        self.certificate = services.certificate(self.realm.state, "localhost")
        self.http = Front(self.http_port, self.certificate)
        self.http.__enter__()
        place.chmod(0o755)
        pq.write_table(pa.table({"said": MANY}), place / "part-0.parquet")
        about = self.about() | {"service": "hive", "qop": ""}
        with sign_in.session(self.server.port, {"kerberos": about}) as session:
            sign_in.run(
                session,
                "CREATE VIEW who AS SELECT current_user() AS said",
                f"CREATE EXTERNAL TABLE many (said string) STORED AS PARQUET LOCATION 'file://{place}'",
                _sleeping("slow", SECONDS + 1),
                _sleeping("endless", 600),
            )

    def _settings(self) -> dict[str, str]:
        return {
            "hive.server2.authentication": "KERBEROS",
            "hive.server2.authentication.kerberos.principal": "hive/localhost@SWAP.TEST",
            "hive.server2.authentication.kerberos.keytab": str(self.services),
            "hive.server2.authentication.spnego.principal": "HTTP/localhost@SWAP.TEST",
            "hive.server2.authentication.spnego.keytab": str(self.services),
            "hive.server2.transport.mode": "all",
            "hive.server2.thrift.http.port": str(self.http_port),
            "hive.server2.thrift.sasl.qop": self.qop,
            "hive.security.authenticator.manager": "org.apache.hadoop.hive.ql.security.SessionStateUserAuthenticator",
        }

    def protect(self, qop: str) -> None:
        """Have the server offer another protection of its messages."""
        if qop != self.qop:
            self.qop = qop
            self.server.kill()
            self.server.configure(self._settings())
            self.server.revive()

    def about(self, **how: Any) -> dict[str, str]:
        """Return the settings of Kerberos."""
        about = {"principal": "swap/localhost@SWAP.TEST", "keytab": self.keytab, "config": self.realm.config} | how
        return {key: str(value) for key, value in about.items()}

    def over(self, transport: str, **how: Any) -> AbstractContextManager[HiveConnector]:
        """Connect over a transport; HTTP is encrypted, since HiveServer2 does not prove itself there."""
        if transport == "http":
            return connected(self.http.port, kerberos=self.about(), transport="http", ca=self.certificate[0], **how)
        return connected(self.server.port, kerberos=self.about(), tls="disable", **how)

    def close(self) -> None:
        for proxy in (self.proxy, self.http):
            proxy.__exit__(None, None, None)
        self.server.close()
        self.realm.close()


def _sleeping(view: str, seconds: int) -> str:
    sleep = f"reflect('java.lang.Thread', 'sleep', CAST({seconds * 1000} AS BIGINT))"
    return f"CREATE VIEW {view} AS SELECT {sleep} AS said"


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kerberized]:
    with pytest.MonkeyPatch.context() as patched:
        # The tests' own process is told so by the way; nothing else is to ask this realm afterwards.
        patched.setenv("KRB5_CONFIG", "/dev/null")
        made = Kerberized(tmp_path_factory.mktemp("many"))
        yield made
        made.close()


def test_a_person_is_acted_for_and_another_is_somebody_else(realm: Kerberized) -> None:
    with connected(realm.server.port, kerberos=realm.about(), tls="disable") as hive:
        assert said(hive, "default.who", ANN) == ["ann"]
        assert said(hive, "default.who", BOB) == ["bob"]
        assert hive.account(ANN) == "ann"
        with pytest.raises(SourceUnavailable, match="It opened no session for SWAP"):
            said(hive, "default.who", sign_in.EVE)


def test_a_hive_that_knows_no_rights_lets_swaps_account_do_everything(realm: Kerberized) -> None:
    with connected(realm.server.port, kerberos=realm.about(), tls="disable") as hive:
        assert hive.check().excess == ("do everything, since this Hive checks no rights",)


def test_reading_goes_on_after_a_ticket_has_ended(realm: Kerberized) -> None:
    about = realm.about(principal="swap/short@SWAP.TEST", keytab=realm.short)
    tickets = "swap/short@SWAP.TEST for krbtgt"
    with connected(realm.server.port, kerberos=about, tls="disable") as hive:
        assert said(hive, "default.who") == ["ann"]
        before = realm.realm.granted(tickets)

        assert len(said(hive, "default.slow")) == 1
        assert said(hive, "default.who") == ["ann"]
        assert realm.realm.granted(tickets) > before


@pytest.mark.parametrize("transport", ["binary", "http"])
def test_a_cancelled_read_ends_at_the_server(realm: Kerberized, transport: str) -> None:
    # As a job, not when the first rows are asked for.
    with realm.over(transport, session={"hive.fetch.task.conversion": "none"}) as hive:
        reading = Reading(hive.read(fragment("default.endless"), ANN, Deadline(time.monotonic() + 120)))
        assert eventually(lambda: sign_in.works(realm.server), 30)
        reading.reader.cancel()
        reading.join(10)

        assert isinstance(reading.error, QueryCancelled)
        assert eventually(lambda: not sign_in.works(realm.server), 10)


def test_a_kdc_that_is_away_is_the_reason_within_the_connect_time_out(realm: Kerberized) -> None:
    with connected(realm.server.port, kerberos=realm.about(), tls="disable", connect_timeout_seconds=3) as hive:
        realm.realm.pause()
        try:
            with pytest.raises(SourceUnavailable, match="Kerberos, which did not answer within 3 s"):
                said(hive, "default.who")
        finally:
            realm.realm.go_on()

        assert said(hive, "default.who") == ["ann"]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"keytab": "/nowhere"}, "SWAP got no Kerberos ticket"),
        ({"principal": "nobody@SWAP.TEST"}, "SWAP got no Kerberos ticket"),
        ({"service": "nothing"}, "SWAP got no Kerberos ticket"),
        # It is not the one that the ticket is for.
        ({"service": "HTTP"}, "It refused SWAP's account|It hung up"),
    ],
)
def test_what_is_wrong_with_the_keys_is_said_without_principal_and_host(
    realm: Kerberized, how: dict[str, str], why: str
) -> None:
    with (
        connected(realm.server.port, kerberos=realm.about(**how), tls="disable") as hive,
        pytest.raises(SourceUnavailable, match=why) as raised,
    ):
        hive.check()

    assert "localhost" not in str(raised.value)
    assert "SWAP.TEST" not in str(raised.value)


@pytest.mark.parametrize("service", ["hive", "HTTP"])
def test_over_http_the_ticket_is_shown_once_and_then_the_cookie(realm: Kerberized, service: str) -> None:
    how = realm.about(service=service)
    with connected(realm.http.port, kerberos=how, transport="http", ca=realm.certificate[0]) as hive:
        realm.http.heard = b""
        assert said(hive, "default.who") == ["ann"]
        seen = realm.http.heard

    assert seen.count(b"Authorization: Negotiate ") == 1
    assert seen.count(b"\r\nCookie: hive.server2.auth=") == seen.count(b"POST /cliservice ") - 1 > 3


@pytest.fixture
def proving(realm: Kerberized, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], bytes]:
    """Return what makes the token of who has the keys of HTTP/localhost, as a gateway before a Hive has them."""
    monkeypatch.setenv("KRB5_KTNAME", str(realm.services))
    monkeypatch.setenv("KRB5_CONFIG", str(realm.realm.config))
    # HiveServer2 takes the same ticket.
    monkeypatch.setenv("KRB5RCACHENAME", "none:")
    return accepted


def test_over_http_a_server_that_proves_itself_is_believed_without_tls(
    realm: Kerberized, proving: Callable[[bytes], bytes]
) -> None:
    about = realm.about(service="HTTP")
    with (
        Front(realm.http_port, proves=proving) as front,
        connected(front.port, kerberos=about, transport="http", tls="disable") as hive,
    ):
        assert said(hive, "default.who") == ["ann"]


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("wrong", ["none", "noise", "another's"])
def test_over_http_a_server_that_proves_nothing_is_told_nothing_more(
    realm: Kerberized, proving: Callable[[bytes], bytes], wrong: str, encrypted: bool
) -> None:
    first: list[bytes] = []

    def another(ticket: bytes) -> bytes:
        first.append(proving(ticket))
        return first[0]

    proves = {"none": None, "noise": lambda _: b"noise" * 20, "another's": another}[wrong]
    with Front(realm.http_port, realm.certificate if encrypted else None, proves) as front:
        how = {"ca": realm.certificate[0]} if encrypted else {"tls": "disable"}
        with connected(front.port, kerberos=realm.about(service="HTTP"), transport="http", **how) as hive:
            if wrong == "none" and encrypted:
                # Its certificate is the proof.
                assert said(hive, "default.who") == ["ann"]
                return
            if wrong == "another's":
                # It has been there before: that token was right for another ticket.
                hive.check()
                front.heard = b""
            with pytest.raises(SourceUnavailable, match="did not prove to be the server that SWAP's ticket is for"):
                hive.check()

    # The session that was asked for, and nothing after the answer.
    assert front.heard.count(b"POST ") == 1
    assert b"CloseSession" not in front.heard


@pytest.mark.parametrize("qop", QOPS)
def test_messages_are_protected_as_the_server_offers(realm: Kerberized, qop: str) -> None:
    realm.protect(qop)
    with connected(realm.proxy.port, kerberos=realm.about(), tls="disable") as hive:
        realm.proxy.passed = bytearray()
        rows = said(hive, "default.many")
        seen = bytes(realm.proxy.passed)

    assert rows == MANY
    assert (MANY[0].encode() in seen) == (qop != "auth-conf")
    assert (b"SELECT `said`" in seen) == (qop != "auth-conf")


@pytest.mark.parametrize("demanded", QOPS)
def test_a_demand_for_another_protection_than_offered_is_an_error(realm: Kerberized, demanded: str) -> None:
    realm.protect("auth")
    with connected(realm.server.port, kerberos=realm.about(qop=demanded), tls="disable") as hive:
        if demanded == "auth":
            ends = hive.check().ticket_ends
            assert ends is not None
            assert ends > dt.datetime.now(dt.UTC)
        else:
            with pytest.raises(SourceUnavailable, match="does not offer the protection of messages that `qop` demands"):
                hive.check()
