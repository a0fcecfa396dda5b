"""Whatever is pushed down, the answer is the one without: random statements over random tables."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from reading import batches as batches_of
from seeds import seeds
from swap.catalog.model import VisibleColumn, VisibleDataset
from swap.connectors.base import Capabilities, Column, Comparison, Deadline, OnBehalf
from swap.connectors.memory import MemoryConnector, Table
from swap.policy.model import Decision
from swap.query.language.parse import parse
from swap.query.model import Plan
from swap.query.planning.plan import plan
from swap.query.planning.resolve import resolve

OPEN = Decision(True, "all", "opens it")
TYPES = {
    "i": pa.int32(),
    "b": pa.int64(),
    "s": pa.string(),
    "f": pa.float64(),
    "m": pa.decimal128(9, 2),
    "d": pa.date32(),
    "t": pa.timestamp("us"),
    "x": pa.bool_(),
    "c": pa.string(),
    "p": pa.string(),
}
COMPARES_BY: dict[str, Callable[[str], str]] = {"c": str.casefold, "p": str.rstrip}
"""The columns that the source compares its own way: without case, without trailing spaces."""
ANN = OnBehalf("paaaaaaaaa", "ann", frozenset({"analysts"}), frozenset())
NONE = Capabilities(frozenset(), limit=False)
COMBINER = duckdb.connect(":memory:")
"""One for all answers: opening it takes longer than they do."""


class Blind(Capabilities):
    """Capabilities that go by a column's type alone."""

    def accepts(self, column: Column, comparison: Comparison, value: Any = None) -> bool:
        return super().accepts(Column(column.name, column.type), comparison, value)


def value(chance: random.Random, column: str) -> Any:
    made: dict[str, Any] = {
        "i": chance.randint(-2, 3),
        "b": chance.randint(-2, 3),
        "s": chance.choice(["", "a", "A", "b", "é", "a b"]),
        "f": chance.choice([-1.5, -0.0, 0.0, 0.5, 2.0, float("nan"), float("inf")]),
        "m": Decimal(chance.randint(-3, 3)) / 2,
        "d": date(2026, 1, 1) + timedelta(days=chance.randint(0, 3)),
        "t": datetime(2026, 1, 1) + timedelta(hours=12 * chance.randint(0, 3)),  # noqa: DTZ001
        "x": chance.random() < 0.5,
        "c": chance.choice(["", "a", "A", "b", "B"]),
        "p": chance.choice(["", " ", "a", "a ", "b"]),
    }
    return None if chance.random() < 0.15 else made[column]


def literal(chance: random.Random, column: str) -> str:
    made = value(chance, column)
    if made is None or (isinstance(made, float) and made - made != 0):
        return "NULL" if made is None else "CAST('nan' AS DOUBLE)"
    if isinstance(made, (date, datetime)):
        text = f"'{made}'"
        return text if chance.random() < 0.5 else f"{'TIMESTAMP' if isinstance(made, datetime) else 'DATE'} {text}"
    return f"'{made}'" if isinstance(made, str) else str(made)


def comparison(chance: random.Random, alias: str) -> str:
    column = chance.choice(list(TYPES))
    name, other = f"{alias}.{column}", literal(chance, column)
    return chance.choice(
        [
            f"{name} = {other}",
            f"{other} < {name}",
            f"{name} >= {other}",
            f"{name} <> {other}",
            f"{name} IS NULL",
            f"{name} IS NOT NULL",
            f"{name} BETWEEN {other} AND {literal(chance, column)}",
            f"{name} IN ({other}, {literal(chance, column)})",
            f"NOT {name} = {other}",
            f"{name} NOT IN ({other})",
            f"({name} = {other} OR {alias}.i = 1)",
            f"NOT ({name} IS NULL)",
            f"{alias}.x",
            f"NOT {alias}.x",
            f"{name} IS DISTINCT FROM {other}",
        ]
    )


def condition(chance: random.Random, aliases: list[str], most: int) -> str:
    return " AND ".join(comparison(chance, chance.choice(aliases)) for _ in range(chance.randint(1, most)))


def statement(chance: random.Random) -> str:
    join = chance.choice(
        [
            "JOIN",
            "LEFT JOIN",
            "RIGHT JOIN",
            "FULL JOIN",
            "SEMI JOIN",
            "ANTI JOIN",
            "CROSS",
            "SUB",
            "CTE",
            "EXISTS",
            "UNION",
            "ONE",
            "THREE",
            "ALIAS",
        ]
    )
    one, two = "mem.s.one", "mem.s.two"
    if join == "ONE":
        return f"SELECT p.* FROM {one} p WHERE {condition(chance, ['p'], 3)}"
    if join == "ALIAS":
        return f"SELECT p.b AS i, p.s AS x FROM {one} p WHERE {condition(chance, ['p'], 2)} AND i > 0"
    if join == "CROSS":
        return f"SELECT p.i, q.b FROM {one} p, {two} q WHERE {condition(chance, ['p', 'q'], 3)}"
    if join == "SUB":
        return (
            f"SELECT z.i, q.s FROM (SELECT * FROM {one} p WHERE {condition(chance, ['p'], 2)}) z LEFT JOIN {two} q ON"
            f" z.i = q.i AND {condition(chance, ['q', 'z'], 2)}"
        )
    if join == "CTE":
        return (
            f"WITH c AS (SELECT * FROM {one} p WHERE {condition(chance, ['p'], 2)}) SELECT a.i, b.b FROM c a JOIN c b"
            f" USING (i) WHERE {condition(chance, ['a', 'b'], 1)}"
        )
    if join == "EXISTS":
        return (
            f"SELECT p.i, p.s FROM {one} p WHERE {chance.choice(['', 'NOT '])}EXISTS (SELECT 1 FROM {two} q WHERE q.i ="
            f" p.i AND {condition(chance, ['p', 'q'], 2)}) AND {condition(chance, ['p'], 1)}"
        )
    if join == "UNION":
        return (
            f"SELECT p.i FROM {one} p WHERE {condition(chance, ['p'], 2)}"
            f" {chance.choice(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'])} SELECT q.i FROM {two} q WHERE"
            f" {condition(chance, ['q'], 2)}"
        )
    if join == "THREE":
        first, second = (
            chance.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]),
            chance.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]),
        )
        return (
            f"SELECT p.i, q.b, r.s FROM {one} p {first} {two} q ON p.i = q.i AND {condition(chance, ['p', 'q'], 2)}"
            f" {second} {one} r ON r.b = q.b AND {condition(chance, ['p', 'q', 'r'], 2)} WHERE"
            f" {condition(chance, ['p', 'q', 'r'], 2)}"
        )
    shown = "p.i" if join in {"SEMI JOIN", "ANTI JOIN"} else "p.i, q.b, count(*)"
    group = "" if join in {"SEMI JOIN", "ANTI JOIN"} else " GROUP BY ALL"
    where = condition(chance, ["p"] if join in {"SEMI JOIN", "ANTI JOIN"} else ["p", "q"], 2)
    return (
        f"SELECT {shown} FROM {one} p {join} {two} q ON p.b = q.b AND {condition(chance, ['p', 'q'], 2)} WHERE"
        f" {where}{group}"
    )


def world(chance: random.Random) -> MemoryConnector:
    def rows(count: int) -> Table:
        columns = {name: pa.array([value(chance, name) for _ in range(count)], type_) for name, type_ in TYPES.items()}
        return Table(pa.table(columns), compares_by=COMPARES_BY)

    return MemoryConnector("mem", {"s.one": rows(12), "s.two": rows(12)})


def planned(text: str, connector: MemoryConnector, capabilities: Capabilities) -> Plan:
    catalog = [
        VisibleDataset(
            "mem",
            dataset,
            tuple(VisibleColumn(column, OPEN) for column in dataset.columns),
            OPEN,
        )
        for piece in connector.harvest()
        for dataset in piece
    ]
    tables = {table.name: table for table in catalog}
    return plan(
        resolve(parse(text, {}, 65_536), text, tables, lambda _written, _limit: (), {}), {"mem": capabilities}, "q1"
    )


def answer(made: Plan, connector: MemoryConnector) -> list[tuple[Any, ...]]:
    for item in made.inputs:
        assert item.fragment is not None
        batches = list(batches_of(connector.read(item.fragment, ANN, Deadline(time.monotonic() + 60))))
        COMBINER.register(item.name, pa.Table.from_batches(batches, item.fragment.columns_as(())))
    try:
        if made.passed:
            return COMBINER.sql(f"SELECT * FROM {made.inputs[0].name}").fetchall()
        return COMBINER.execute(made.sql).fetchall()
    finally:
        for item in made.inputs:
            COMBINER.unregister(item.name)


@pytest.mark.parametrize("seed", seeds(5, 14))
def test_what_is_pushed_down_changes_no_answer(seed: int) -> None:
    chance = random.Random(seed)
    connector = world(chance)
    pushed = 0
    for _ in range(15):
        text = statement(chance)
        with_pushdown = planned(text, connector, connector.capabilities)
        without = replace(planned(text, connector, NONE), passed=())
        pushed += sum(len(item.fragment.predicates) for item in with_pushdown.inputs if item.fragment)
        try:
            expected = answer(without, connector)
        except duckdb.Error:
            continue  # a comparison that DuckDB itself refuses
        assert Counter(map(repr, answer(with_pushdown, connector))) == Counter(map(repr, expected)), text
    assert pushed


@pytest.mark.parametrize("seed", seeds(3, 5))
def test_a_limit_that_is_pushed_down_gives_as_many_rows_of_the_same_table(seed: int) -> None:
    chance = random.Random(seed)
    connector = world(chance)
    for _ in range(10):
        body = f"SELECT p.i, p.s FROM mem.s.one p WHERE {condition(chance, ['p'], 2)}"
        text = f"{body} LIMIT {chance.randint(0, 6)} OFFSET {chance.randint(0, 3)}"
        whole, limited = (
            answer(planned(body, connector, NONE), connector),
            answer(planned(text, connector, connector.capabilities), connector),
        )
        assert len(limited) == len(answer(planned(text, connector, NONE), connector)), text
        assert not Counter(map(repr, limited)) - Counter(map(repr, whole)), text


@pytest.mark.parametrize("seed", seeds(3, 8))
def test_the_first_rows_of_an_order_are_the_same_rows(seed: int) -> None:
    chance = random.Random(seed)
    connector = world(chance)
    pushed = 0
    for _ in range(20):
        # Rows that are equal in every key may stand for one another: only the keys are looked at.
        keys = chance.sample(list(TYPES), chance.randint(1, 3))
        order = ", ".join(
            f"p.{key} {chance.choice(['', 'ASC', 'DESC'])} {chance.choice(['', 'NULLS FIRST', 'NULLS LAST'])}"
            for key in keys
        )
        where = chance.choice(["", f"WHERE {condition(chance, ['p'], 1)}"])
        shown = ", ".join(f"p.{key} AS k{at}" for at, key in enumerate(keys))
        text = f"SELECT {shown} FROM mem.s.one p {where} ORDER BY {order} LIMIT {chance.randint(0, 6)} OFFSET 1"
        made = planned(text, connector, connector.capabilities)
        pushed += sum(bool(item.fragment and item.fragment.order) for item in made.inputs)

        found, expected = answer(made, connector), answer(planned(text, connector, NONE), connector)

        assert [_unsigned(row) for row in found] == [_unsigned(row) for row in expected], text
    assert pushed


def _unsigned(row: tuple[Any, ...]) -> str:
    """Return a row's text, zeros without their sign: they are equal."""
    return repr([each + 0.0 if isinstance(each, float) else each for each in row])


def test_a_wrong_pushdown_would_be_seen() -> None:
    """The test's own test: a predicate dropped below a left join on its open side changes an answer it compares."""
    chance = random.Random(1)
    connector = world(chance)
    made = planned("SELECT p.i FROM mem.s.one p ANTI JOIN mem.s.two q ON p.i = q.i", connector, connector.capabilities)
    first = made.inputs[1].fragment
    assert first is not None
    broken = replace(made, inputs=(made.inputs[0], replace(made.inputs[1], fragment=replace(first, limit=0))))

    assert Counter(map(repr, answer(broken, connector))) != Counter(map(repr, answer(made, connector)))


@pytest.mark.parametrize(
    ("column", "condition"),
    [
        ("c", "<> 'A'"),
        ("c", "= 'A' LIMIT 1"),
        ("c", "IN ('A', 'z') LIMIT 1"),
        ("c", "< 'a'"),
        ("p", "<> 'a '"),
        ("p", "= 'a ' LIMIT 1"),
    ],
)
def test_what_a_source_compares_its_own_way_is_compared_in_the_combiner(column: str, condition: str) -> None:
    rows = pa.table({"c": ["a", "A", "b"], "p": ["a", "a ", "b"]})
    connector = MemoryConnector("mem", {"s.one": Table(rows, compares_by=COMPARES_BY)})
    text = f"SELECT {column} FROM mem.s.one WHERE {column} {condition}"

    found = answer(planned(text, connector, connector.capabilities), connector)

    assert found == answer(planned(text, connector, NONE), connector)
    assert found
    # Were the column not asked, the answer would be another one: the source's.
    assert found != answer(planned(text, connector, Blind(connector.capabilities.comparisons)), connector)


def test_a_column_and_an_alias_of_one_name_mean_the_column_in_where() -> None:
    connector = world(random.Random(3))
    text = "SELECT p.b AS i FROM mem.s.one p WHERE i = 1"

    assert Counter(answer(planned(text, connector, connector.capabilities), connector)) == Counter(
        answer(planned(text, connector, NONE), connector)
    )
