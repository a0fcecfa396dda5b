"""A real server that is killed in the middle of a query and started again: one query fails, nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import services
from conformance.test_connector import eventually
from integration.gateway.gateways import LONG, busy_mariadb, lake, running
from swap.connectors import registry
from swap.settings import Grant, MysqlSource, Policy

POLICY = Policy(grants=(Grant(name="all", groups=("analysts",), on=("wiki", "lake")),))


@pytest.fixture
def server() -> Iterator[services.MariaDB]:
    with busy_mariadb() as made:
        yield made


def test_a_server_that_is_restarted_in_mid_query_fails_that_one_and_no_other(
    server: services.MariaDB, database: services.Database, tmp_path: Path
) -> None:
    source = MysqlSource(kind="mysql", host="127.0.0.1", port=server.port, user="reader", databases=("db",))
    sources = {"wiki": registry.create("wiki", source), "lake": lake()}
    with running(database, tmp_path, sources, POLICY) as gateway:
        ann, bob = (gateway.person(name, "analysts") for name in ("ann", "bob"))
        query_id = ann.start(LONG, dialect="mysql")
        assert eventually(lambda: any(query_id in said for said in server.statements()), 20)

        server.kill()

        ended = ann.ended(query_id)
        assert (ended["state"], ended["error"]["category"]) == ("failed", "source-down")
        assert ended["error"]["title"].startswith("wiki does not answer")
        assert bob.rows("SELECT count(*) FROM lake.big.numbers") == [(50_000,)]

        server.start()

        # At once, and with nobody doing anything: neither a connection nor a mark of the outage is in the way.
        assert ann.rows("SELECT COUNT(*) FROM wiki.db.many", dialect="mysql") == [(2000,)]
        assert bob.rows("SELECT count(*) FROM wiki.db.many") == [(2000,)]
        assert not [said for said in server.statements() if query_id in said]
