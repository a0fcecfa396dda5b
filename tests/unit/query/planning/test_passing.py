"""A result that is one source's rows as they come is what the combiner would have made of them, names and types too."""

from __future__ import annotations

import time
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from conformance import nasty
from reading import batches
from swap.catalog.model import VisibleColumn, VisibleDataset
from swap.connectors.base import Deadline, OnBehalf
from swap.connectors.memory import MemoryConnector
from swap.policy.model import Decision
from swap.query.execution import combiner_child
from swap.query.language.parse import parse
from swap.query.model import Plan, Resolved
from swap.query.planning.plan import plan
from swap.query.planning.resolve import resolve
from swap.query.planning.rewrite import rewrite

ANN = OnBehalf("pann", "ann", frozenset(), frozenset())
ROWS = nasty.every_type()
LAKE = MemoryConnector(
    "lake", {"s.things": pa.table({"Id": [1, 2, 3], "bAr": ["a", "b", None], "x": [0.5, 1.5, None]})}
)
TYPES = MemoryConnector("lake", {"s.things": ROWS})


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone='UTC'")
        yield connection


def resolved(text: str, lake: MemoryConnector) -> Resolved:
    allowed = Decision(allowed=True, rule="", because="")
    (dataset,) = next(lake.harvest())
    table = VisibleDataset("lake", dataset, tuple(VisibleColumn(each, allowed) for each in dataset.columns), allowed)
    return resolve(parse(text, {}, 65_536), text, {table.name: table}, lambda _written, _limit: (), {})


def planned(text: str, lake: MemoryConnector = LAKE) -> Plan:
    return plan(resolved(text, lake), {"lake": lake.capabilities}, "q1")


def passed(made: Plan, lake: MemoryConnector) -> pa.Table:
    """Return what the source sends for a plan that needs no combiner."""
    (item,) = made.inputs
    assert item.fragment is not None
    sent = pa.Table.from_batches(
        list(batches(lake.read(item.fragment, ANN, Deadline(time.monotonic() + 60)))), item.fragment.columns_as(())
    )
    return sent.rename_columns(made.passed)


def combined(duck: duckdb.DuckDBPyConnection, text: str, lake: MemoryConnector) -> pa.Table:
    """Return what the combiner would make of the whole table."""
    duck.register("i0", lake.tables["s.things"].rows)
    result = duck.sql(rewrite(resolved(text, lake), ["i0"], []))
    types = [str(type_) for type_ in result.types]
    reader = result.to_arrow_reader(1000)
    schema = pa.schema(
        [combiner_child._plain_field(field, type_) for field, type_ in zip(reader.schema, types, strict=True)]
    )
    return pa.Table.from_batches([combiner_child._plain(batch, schema) for batch in reader], schema)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM lake.s.things",
        "SELECT id FROM lake.s.things",
        "SELECT BAR, ID FROM lake.s.things",
        'SELECT x AS "Bx", t.id AS "a b" FROM lake.s.things AS t',
        "SELECT id FROM lake.s.things WHERE bar = 'a'",
        "SELECT lake.s.things.x FROM lake.s.things WHERE id >= 2 AND x IS NOT NULL",
        "SELECT * FROM lake.s.things LIMIT 2",
        "SELECT x FROM lake.s.things WHERE id BETWEEN 2 AND 3 LIMIT 1",
        "SELECT x FROM lake.s.things LIMIT 0",
        "SELECT id AS x FROM lake.s.things WHERE x = 1.5",
    ],
)
def test_what_one_source_answers_wholly_passes(duck: duckdb.DuckDBPyConnection, text: str) -> None:
    made = planned(text)

    assert made.passed
    found = passed(made, LAKE)
    expected = combined(duck, text, LAKE)
    assert found.schema == expected.schema
    assert found.to_pylist() == expected.to_pylist()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id, id FROM lake.s.things",
        "SELECT id, id AS other FROM lake.s.things",
        "SELECT id AS a, x AS A FROM lake.s.things",
        "SELECT id + 1 FROM lake.s.things",
        "SELECT count(*) FROM lake.s.things",
        "SELECT DISTINCT id FROM lake.s.things",
        "SELECT id FROM lake.s.things ORDER BY id",
        "SELECT id FROM lake.s.things GROUP BY id",
        "SELECT id FROM lake.s.things LIMIT 1 OFFSET 1",
        "SELECT id FROM lake.s.things WHERE x + 1 > 2",
        "SELECT id FROM lake.s.things WHERE id = 1 OR id = 2",
        "SELECT id FROM lake.s.things a JOIN lake.s.things b USING (id)",
        "SELECT id FROM (SELECT id FROM lake.s.things)",
        "WITH t AS (SELECT id FROM lake.s.things) SELECT id FROM t",
        "SELECT id FROM lake.s.things UNION ALL SELECT id FROM lake.s.things",
        "SELECT * EXCLUDE (id) FROM lake.s.things",
        "SELECT * REPLACE (id + 1 AS id) FROM lake.s.things",
        "SELECT *, id FROM lake.s.things",
        "SELECT things FROM lake.s.things",
        "SELECT id FROM lake.s.things QUALIFY row_number() OVER () = 1",
        "SELECT id FROM lake.s.things LIMIT 50%",
        "SELECT id FROM lake.s.things LIMIT 9223372036854775808",
        "SELECT (SELECT max(id) FROM lake.s.things) FROM lake.s.things",
    ],
)
def test_what_is_left_to_compute_does_not(text: str) -> None:
    assert planned(text).passed == ()


@pytest.mark.parametrize("name", ROWS.column_names)
def test_a_column_passes_only_when_duckdb_would_give_its_type_and_values_back(
    duck: duckdb.DuckDBPyConnection, name: str
) -> None:
    text = f'SELECT "{name}" FROM lake.s.things'
    made = planned(text, TYPES)

    expected = combined(duck, text, TYPES)
    if made.passed:
        found = passed(made, TYPES)
        assert found.schema == expected.schema
        assert repr(found.to_pylist()) == repr(expected.to_pylist())
    else:
        assert pa.types.is_nested(expected.schema[0].type) or expected.schema != ROWS.select([name]).schema
