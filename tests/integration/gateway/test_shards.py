"""One source of two real servers, asked through a gateway: both in one statement, and one that is away alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import services
from conformance.test_connector import eventually
from conformance.test_mysql_shards import Pair
from integration.gateway.gateways import Gateway, Person, running
from swap.catalog.harvest import harvest
from swap.query.execution.queue import Places
from swap.settings import Grant, Policy

POLICY = Policy(grants=(Grant(name="all", groups=("analysts",), on=("wikis",)),))


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Return a primary and its replica."""
    made = Pair()
    yield made
    made.close()


@pytest.fixture
def swap(pair: Pair, database: services.Database, tmp_path: Path) -> Iterator[Gateway]:
    """Return a gateway whose only source is both."""
    with running(database, tmp_path, {"wikis": pair.connect(lag_limit_seconds=60)}, POLICY) as gateway:
        # The gateway of a test takes every source for one of files, as far as the settings go.
        gateway.app.state.parts.queries.queue._places |= {f"wikis ({name})": Places(8, 8) for name in ("s1", "s2")}
        yield gateway


def source(person: Person) -> dict[str, Any]:
    with person.client() as client:
        (found,) = client.get("/v1/catalog").json()["sources"]
    return dict(found)


def test_a_source_of_several_servers_answers_as_one_until_one_is_away(pair: Pair, swap: Gateway) -> None:
    ann = swap.person("ann", "analysts")
    both = "SELECT count(*) FROM wikis.enwiki.page, wikis.dewiki.page"
    assert ann.rows(both) == [(2,)]

    pair.replica.run("STOP SLAVE SQL_THREAD")
    late = ann.ended(ann.start(both))
    assert late["notices"] == [
        "wikis (s2) has stopped copying its primary: what changed since then is not in the answer."
    ]

    pair.replica.kill()
    error = ann.fails(both)
    assert (error["category"], error["title"]) == ("source-down", "wikis (s2) does not answer.")
    assert ann.rows("SELECT id FROM wikis.enwiki.page") == [(1,)]
    harvest(swap.database.engine("gateway"), swap.sources["wikis"], lambda: datetime.now(UTC))
    found = source(ann)
    assert (found["up"], found["tables"]["visible"]) == (True, 2)
    assert [(each["name"], each["up"]) for each in found["servers"]] == [("s1", True), ("s2", False)]

    pair.replica.start()
    assert eventually(lambda: ann.rows(both) == [(2,)])


def test_a_statement_in_the_servers_own_dialect_is_one_servers(pair: Pair, swap: Gateway) -> None:
    ann = swap.person("ann", "analysts")
    query_id = ann.start("SELECT id FROM wikis.dewiki.page", dialect="mysql")
    assert ann.ended(query_id)["state"] == "done"
    # It has waited in the line at that server, too.
    assert swap.app.state.parts.queries._runs[query_id].waits_for == ("wikis", "wikis (s2)")

    error = ann.fails("SELECT 1 FROM wikis.enwiki.page AS a, wikis.dewiki.page AS b", dialect="mysql")
    assert error["title"] == "dewiki and enwiki are on different servers of wikis."
