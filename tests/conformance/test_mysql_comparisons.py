"""What MariaDB compares selects what is so: at the edges of every type, and whatever index serves it."""

from __future__ import annotations

import operator
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.nasty_mysql import KINDS, Kind
from conformance.subjects import SCHEMA, Mysql
from swap.connectors.base import Comparison, Predicate
from swap.connectors.mysql.reader import columns_of
from swap.connectors.mysql.select import select
from swap.connectors.mysql.wire import Link

HOLDS = {
    Comparison.EQ: operator.eq,
    Comparison.NE: operator.ne,
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
    Comparison.GT: operator.gt,
    Comparison.GE: operator.ge,
}
INDEXES = ("", "KEY (c)", "UNIQUE KEY (c)", "KEY (c, id)")


@pytest.fixture(scope="module")
def mysql() -> Iterator[Mysql]:
    """Return a MariaDB source that knows titles and moments among the bytes."""
    made = Mysql()
    made.connector = made.connect(text=[f"{SCHEMA}.*.name"], timestamps=["*.*.touched"])
    yield made
    made.close()


class Asking:
    """One session of a reader, in which many statements are asked: a read would make a session for each."""

    def __init__(self, mysql: Mysql) -> None:
        self._mysql = mysql
        self._ours, theirs = socket.socketpair()
        self._theirs = theirs
        connector = mysql.connector
        order = connector.order("read", "q1", time.monotonic() + 300, None)
        order |= connector._to(connector._shards[""], connector._accounts[0])
        self._order = order
        self._link = Link("stock", "stock", order["address"], theirs.fileno())
        self._link.connect(order["ends_at"])
        self._link.prepare(order["statement_seconds"])

    def ids(self, table: str, wanted: tuple[str, ...], predicate: Predicate) -> list[int]:
        """Return the ids of the rows that a fragment's statement selects."""
        fragment = self._mysql.fragment(table, *wanted, where=[predicate])
        columns = columns_of(self._link, self._order, fragment)
        return sorted(int(row[0] or 0) for row in self._link.ask(select(fragment, columns)))

    def close(self) -> None:
        """End the session."""
        self._link.close()
        self._ours.close()
        self._theirs.close()


@pytest.fixture(scope="module")
def asking(mysql: Mysql) -> Iterator[Asking]:
    """Return a session."""
    made = Asking(mysql)
    yield made
    made.close()


def _make(mysql: Mysql, kind: Kind, index: str) -> None:
    """Make the table `kinds` with what the kind holds, and a null where it may."""
    keyed = index.replace("c", f"`{kind.name}`{kind.prefix}", 1)
    null = "NOT NULL" if "UNIQUE" in index else "NULL"
    table = f"{SCHEMA}.kinds"
    rows = [*kind.held, *(["NULL"] if null == "NULL" else [])]
    mysql.server.run(
        "SET sql_mode = '', time_zone = '+00:00'",
        f"CREATE OR REPLACE TABLE {table} (id INT, `{kind.name}` {kind.type} {null}{', ' * bool(index)}{keyed})",
        f"INSERT IGNORE INTO {table} VALUES {', '.join(f'({at}, {literal})' for at, literal in enumerate(rows))}",
        f"ANALYZE TABLE {table}",
    )
    mysql._harvested.clear()


def _order(value: Any) -> Any:
    """Return a value as it is ordered: texts by their bytes."""
    return value.encode() if isinstance(value, str) else value


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("name", KINDS)
def test_what_is_compared_at_the_server_is_so(mysql: Mysql, asking: Asking, name: str, index: str) -> None:
    kind = KINDS[name]
    _make(mysql, kind, index)
    read, _ = mysql.read(mysql.fragment("kinds"))
    rows = [
        (row, _order(value))
        for row, value in zip(read["id"].to_pylist(), read[kind.name].to_pylist(), strict=True)
        if value is not None
    ]
    (column,) = mysql.columns("kinds", kind.name)
    accepts = mysql.connector.capabilities.accepts
    wrong = []

    compared = 0
    for operand in kind.operands:
        several = (operand, kind.operands[0])
        asked: list[tuple[Comparison, Any, list[int]]] = [
            (each, operand, [row for row, value in rows if holds(value, _order(operand))])
            for each, holds in HOLDS.items()
        ]
        asked.append((Comparison.IN, several, [row for row, value in rows if value in map(_order, several)]))
        for comparison, value, expected in asked:
            if not accepts(column, comparison, value):
                continue
            for wanted in (("id",), ("id", kind.name)):
                compared += 1
                found = asking.ids("kinds", wanted, Predicate(kind.name, comparison, value))
                if found != sorted(expected):
                    wrong.append((comparison.value, value, wanted, found, expected))

    assert not wrong
    assert compared > len(HOLDS)


@pytest.mark.parametrize("type_", ["DATE", "DATETIME", "DATETIME(6)", "TIMESTAMP"])
@pytest.mark.parametrize("index", ["", "KEY (c)"])
def test_a_date_of_zeros_is_not_null(mysql: Mysql, asking: Asking, type_: str, index: str) -> None:
    table = f"{SCHEMA}.zeros"
    mysql.server.run(
        "SET sql_mode = ''",
        f"CREATE OR REPLACE TABLE {table} (id INT, c {type_} NOT NULL{', ' * bool(index)}{index})",
        f"INSERT INTO {table} VALUES (1, 0), (2, '2026-01-01')",
    )
    mysql._harvested.clear()

    assert asking.ids("zeros", ("id",), Predicate("c", Comparison.IS_NULL)) == []
    assert asking.ids("zeros", ("id",), Predicate("c", Comparison.NOT_NULL)) == [1, 2]


def test_tables_whose_names_differ_in_case_alone_are_told_apart(mysql: Mysql) -> None:
    names = ("Case", "case", "cAse")
    mysql.server.run(*(f"CREATE TABLE {SCHEMA}.`{name}` (a INT, b INT, `of_{name}` INT)" for name in names))
    mysql.server.run("CREATE DATABASE Conformance", "CREATE TABLE Conformance.`case` (other INT)")
    mysql.server.run(f"GRANT SELECT ON Conformance.* TO {mysql.account}@'127.0.0.1'")

    found = [
        (dataset.schema, dataset.name, [column.name for column in dataset.columns])
        for piece in mysql.connector.harvest()
        for dataset in piece
        if dataset.name.lower() == "case"
    ]

    assert sorted(found) == sorted(
        [(SCHEMA, name, ["a", "b", f"of_{name}"]) for name in names] + [("Conformance", "case", ["other"])]
    )
