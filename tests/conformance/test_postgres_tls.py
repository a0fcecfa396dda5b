"""A PostgreSQL that speaks TLS: when its certificate ends, and which one SWAP does not connect to."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

import services
from swap.connectors.postgres.connector import PostgresConnector
from swap.connectors.standing import Standing
from swap.errors import SourceUnavailable

FIVE_DAYS = dt.timedelta(days=5)


@contextlib.contextmanager
def serving(place: Path, name: str, ends_in: dt.timedelta = FIVE_DAYS) -> Iterator[services.EncryptedPostgres]:
    """Run a server that shows a certificate made out to a name; `place / name.pem` trusts it."""
    server = services.EncryptedPostgres(*services.certificate(place, name, ends_in))
    try:
        yield server
    finally:
        server.close()


def checked(server: services.EncryptedPostgres, sslmode: str) -> Standing:
    connector = PostgresConnector("wikis", server.source(sslmode=sslmode))
    try:
        return connector.check()
    finally:
        connector.close()


def test_the_end_of_the_certificate_that_a_connection_depends_on_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path, "localhost") as server:
        monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / "localhost.pem"))
        ends = {mode: checked(server, mode).certificate_ends for mode in ("verify-full", "verify-ca", "prefer")}

    assert ends["verify-full"] == ends["verify-ca"]
    assert ends["verify-full"] is not None
    assert abs(ends["verify-full"] - dt.datetime.now(dt.UTC) - FIVE_DAYS) < dt.timedelta(minutes=5)
    # Nothing depends on it: without a certificate the connection is not encrypted.
    assert ends["prefer"] is None


@pytest.mark.parametrize(
    ("name", "ends_in", "trusted", "why"),
    [
        ("elsewhere", FIVE_DAYS, "elsewhere", "Its certificate is made out to another name"),
        ("localhost", FIVE_DAYS, "other", "Its certificate is not trusted"),
        ("localhost", dt.timedelta(seconds=-1), "localhost", "Its certificate is not trusted"),
    ],
    ids=["wrong name", "unknown authority", "ended"],
)
def test_a_certificate_that_proves_nothing_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, ends_in: dt.timedelta, trusted: str, why: str
) -> None:
    services.certificate(tmp_path, "other")
    with serving(tmp_path, name, ends_in) as server:
        monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / f"{trusted}.pem"))
        with pytest.raises(SourceUnavailable, match=why):
            checked(server, "verify-full")
