"""What kernels read is recorded and found again once, whoever asks and however many."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from integration.gateway.desks import CITIES, COUNTRIES, Desk, newest
from integration.gateway.gateways import POLICY, Gateway
from swap.db.notebook_tables import notebook_lineage
from swap.db.tables import kernel_read, lineage
from swap.identity import Principal, Via
from swap.notebooks import sight
from swap.query import lineage as known


@pytest.fixture
def ann(shared: Gateway) -> Desk:
    return Desk(shared, "ann", "analysts", "data-privacy")


@pytest.fixture
def bob(shared: Gateway) -> Desk:
    return Desk(shared, "bob", "readers")


def count(swap: Gateway, table: Any) -> int:
    with swap.database.engine("owner").begin() as conn:
        return int(conn.scalar(select(func.count()).select_from(table)) or 0)


@contextlib.contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    said: list[str] = []

    def hear(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def test_the_same_is_kept_once_and_recorded_once(make_gateway: Any) -> None:
    swap = make_gateway()
    ann = Desk(swap, "ann", "analysts", "data-privacy")
    for _ in range(3):
        ann.asks(CITIES, "k1")
        ann.asks("SELECT city FROM lake.wmf.pageview_hourly LIMIT 2", "k2")
    assert (count(swap, kernel_read), count(swap, lineage)) == (2, 1)
    for number in range(20):
        ann.saves("same", str(number), kernel="k1", base=number or None)
    assert (count(swap, lineage), count(swap, notebook_lineage)) == (1, 21)


def test_many_that_read_the_same_at_once_do_not_end_one_another(ann: Desk) -> None:
    ann.asks(CITIES, "k1")
    ann.asks(COUNTRIES, "k1")
    mine = ann.brings("k1")

    def ask(number: int) -> None:
        columns = ("page_id", "page_title", "year", "price")[number % 4]
        ann.asks(f"SELECT {columns} FROM lake.wmf.pageview_hourly LIMIT 1", f"k{2 + number % 2}")
        ann.asks("SELECT city FROM mine", f"k{2 + number % 2}", tables={"mine": mine})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(24)))
    with ann.swap.database.engine("owner").begin() as conn:
        read = [columns_of(conn, ann.person.id, f"k{number}") for number in (1, 2, 3)]
    assert len(read[0]) == 2
    assert read[1] | read[2] == read[0] | {"page_id", "page_title", "year", "price"}
    assert read[0] <= read[1] & read[2]


def columns_of(conn: Any, person_id: str, kernel: str) -> set[str | None]:
    names = known.of_kernels(conn, person_id, [kernel])
    assert names is not None
    return {each.column for each in known.union(known.columns(conn, names).values())}


def test_a_query_that_reads_what_its_kernel_has_read_says_nothing_more(ann: Desk) -> None:
    engine = ann.swap.app.state.parts.queries.engine
    with statements(engine) as said:
        ann.asks(CITIES, "k1")
        ann.asks(CITIES, "k1")
    assert len([each for each in said if "kernel_read" in each]) == 1


def test_what_somebody_would_see_is_what_they_see(ann: Desk, bob: Desk) -> None:
    ann.asks(COUNTRIES, "k1")
    ann.saves("Germany", kernel="k1")
    ann.asks(CITIES, "k1")
    saved = ann.saves("Germany", "Berlin", "Paris", kernel="k1", base=1)
    outputs = newest(bob, saved[0]).outputs()
    groups = [("readers",), ("analysts",), ("analysts", "data-privacy"), ()]
    people = [Principal(bob.person.id, "bob", frozenset(each), Via.PORTAL) for each in groups]
    owner = Principal(ann.person.id, "ann", frozenset(), Via.PORTAL)
    with bob.web.begin() as conn:
        would = sight.would_see(conn, POLICY, [*people, owner], saved[0], outputs)
    for each, seen in zip(groups, would, strict=False):
        bob.swap.set_groups(bob.person, *each)
        with bob.web.begin() as conn:
            hidden = sight.hidden(conn, POLICY, bob.principal, saved[0], outputs, datetime.now(UTC))
        assert seen == outputs - hidden.keys(), each
    assert [len(each) for each in would] == [1, 1, 3, 0, 3]


def test_one_statement_finds_what_a_version_comes_from(ann: Desk, bob: Desk) -> None:
    ann.asks(CITIES, "k1")
    saved = ann.saves(*map(str, range(100)), kernel="k1")
    outputs = newest(bob, saved[0]).outputs()
    bob.sees(saved)
    with bob.web.begin() as conn, statements(bob.web) as said:
        found = sight.hidden(conn, POLICY, bob.principal, saved[0], outputs, datetime.now(UTC))
    assert len(found) == 100
    assert len(said) == 2, "what they come from, and who asks: the set was judged before"
