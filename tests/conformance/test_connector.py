"""What every connector must do, asked of each with its real source."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from conformance import nasty
from conformance.subjects import PATIENCE_SECONDS, SCHEMA, SOMEBODY, Subject
from reading import batches as batches_of
from swap.connectors.base import NULL_TESTS, Comparison, Deadline, Order, Predicate, Progress, Reader
from swap.errors import QueryCancelled, QueryTimedOut, SourceFailed, SwapError

WIDE_ROWS = 40_000
SIDE_BY_SIDE = 6
"""Comparisons that a source is asked at once: a Hive takes a third of a second for each."""


@pytest.fixture(scope="session")
def wide(subject: Subject) -> str:
    """Publish a table of about 20 MB, most of it in one column."""
    noise = random.Random(8)
    rows = pa.table(
        {
            "id": pa.array(range(WIDE_ROWS), pa.int32()),
            "hour": pa.array([row // (WIDE_ROWS // 20) for row in range(WIDE_ROWS)], pa.int64()),
            "note": pa.array([noise.randbytes(270).hex() for _ in range(WIDE_ROWS)]),
        }
    )
    subject.publish("wide", rows, ["hour"] if subject.partitions else [])
    return "wide"


@pytest.fixture(scope="session")
def compared(subject: Subject) -> None:
    """Publish the values that are compared, all before the first harvest."""
    for name in nasty.VALUES:
        if name not in subject.unsupported:
            subject.publish(f"compare_{name}", nasty.table(name))


def eventually(holds: Any, seconds: float = PATIENCE_SECONDS) -> bool:
    """Tell whether something becomes true within some seconds."""
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


class Reading(threading.Thread):
    """A read on a thread of its own, as the gateway makes it."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(daemon=True)
        self.reader = reader
        self.rows = 0
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            for batch in batches_of(self.reader):
                self.rows += batch.num_rows
        except BaseException as error:  # noqa: BLE001 — kept for the test to look at
            self.error = error


# ── what comes back ─────────────────────────────────────────────────────────────────────────────────
def test_every_type_comes_back_as_it_is(subject: Subject) -> None:
    rows = nasty.every_type()
    rows = subject.kept(rows.drop_columns([name for name in rows.column_names if name in subject.unsupported]))
    subject.publish("types", rows)

    found, reader = subject.read(subject.fragment("types"))

    assert found.schema.equals(rows.schema), f"{found.schema} is not {rows.schema}"
    for name in rows.column_names:
        assert repr(found[name].to_pylist()) == repr(rows[name].to_pylist()), name
    assert reader.stats.account == subject.account
    assert reader.stats.rows == rows.num_rows
    assert reader.stats.bytes > 0


def test_columns_come_in_the_order_asked_for(subject: Subject, wide: str) -> None:
    found, _ = subject.read(subject.fragment(wide, "note", "hour", "id", limit=3))

    assert found.column_names == ["note", "hour", "id"]
    assert found.num_rows == 3


def test_rows_can_be_counted_without_a_column(subject: Subject, wide: str) -> None:
    fragment = subject.fragment(wide, "id", where=[Predicate("hour", Comparison.LT, 2)])
    without = type(fragment)(fragment.schema, fragment.table, (), fragment.predicates)

    reader = subject.connector.read(without, SOMEBODY, Deadline(time.monotonic() + 60))

    assert sum(batch.num_rows for batch in batches_of(reader)) == WIDE_ROWS // 10


def test_an_empty_table_is_an_empty_result(subject: Subject) -> None:
    subject.publish("empty", pa.table({"id": pa.array([], pa.int32()), "note": pa.array([], pa.string())}))

    found, reader = subject.read(subject.fragment("empty"))

    assert found.num_rows == 0
    assert reader.stats.rows == 0


def test_a_filter_that_nothing_passes_is_an_empty_result(subject: Subject, wide: str) -> None:
    found, _ = subject.read(subject.fragment(wide, where=[Predicate("id", Comparison.EQ, -5)]))

    assert found.num_rows == 0


def test_an_unknown_table_is_an_error_that_names_the_source(subject: Subject, wide: str) -> None:
    fragment = subject.fragment(wide, "id")
    reader = subject.connector.read(
        type(fragment)(SCHEMA, "nowhere", fragment.columns), SOMEBODY, Deadline(time.monotonic() + 10)
    )

    with pytest.raises(SourceFailed) as raised:
        list(batches_of(reader))

    assert raised.value.problem.source == subject.name


# ── what is pushed down ─────────────────────────────────────────────────────────────────────────────
def test_only_the_columns_asked_for_travel(subject: Subject, wide: str) -> None:
    _, all_of_it = subject.read(subject.fragment(wide))
    whole = subject.cost(all_of_it)

    _, narrow = subject.read(subject.fragment(wide, "id"))

    # Parquet's footers are read whatever is asked for.
    assert subject.cost(narrow) * 4 < whole


def test_only_the_rows_that_pass_the_filter_travel(subject: Subject, wide: str) -> None:
    _, all_of_it = subject.read(subject.fragment(wide))
    whole = subject.cost(all_of_it)

    found, few = subject.read(
        subject.fragment(wide, where=[Predicate("hour", Comparison.EQ, 3), Predicate("id", Comparison.LT, 6100)])
    )

    assert found["id"].to_pylist() == list(range(6000, 6100))
    assert subject.cost(few) * 10 < whole


def test_a_limit_stops_the_source_early(subject: Subject, wide: str) -> None:
    _, all_of_it = subject.read(subject.fragment(wide))
    whole = subject.cost(all_of_it)

    found, few = subject.read(subject.fragment(wide, limit=10))

    assert found.num_rows == 10
    assert subject.cost(few) * 10 < whole


@pytest.mark.sources(lambda kind: kind.partitions)
def test_partitions_that_cannot_match_are_not_opened(subject: Subject, wide: str) -> None:
    for comparison, value, files in (
        (Comparison.EQ, 3, 1),
        (Comparison.IN, (3, 11, 99), 2),
        (Comparison.GE, 18, 2),
        (Comparison.NE, 0, 19),
        (Comparison.IS_NULL, None, 0),
    ):
        found, reader = subject.read(subject.fragment(wide, "id", where=[Predicate("hour", comparison, value)]))
        assert subject.opened(reader) == files, comparison
        assert found.num_rows == files * WIDE_ROWS // 20


# ── comparisons mean what DuckDB means ──────────────────────────────────────────────────────────────
def _by_duckdb(rows: pa.Table, name: str, comparison: Comparison, operands: list[Any]) -> list[list[int]]:
    """Return for each operand the ids that DuckDB selects."""
    type_ = nasty.VALUES[name][0]
    with duckdb.connect() as duck:
        duck.register("rows", rows)
        if comparison in (Comparison.IS_NULL, Comparison.NOT_NULL):
            return [
                [row[0] for row in duck.execute(f"SELECT id FROM rows WHERE value {comparison} ORDER BY id").fetchall()]
            ]
        literals = [
            (number, literal)
            for number, operand in enumerate(operands)
            for literal in (operand if isinstance(operand, tuple) else (operand,))
        ]
        if not literals:  # IN () is all that is left
            return [[] for _ in operands]
        numbers, values = zip(*literals, strict=True)
        duck.register("literals", pa.table({"number": pa.array(numbers), "literal": pa.array(values, type_)}))
        how = Comparison.EQ if comparison is Comparison.IN else comparison
        pairs = duck.execute(
            f"SELECT DISTINCT number, id FROM rows, literals WHERE value {how} literal ORDER BY id"
        ).fetchall()
        return [[row for at, row in pairs if at == number] for number in range(len(operands))]


@pytest.mark.usefixtures("compared")
@pytest.mark.parametrize("name", nasty.VALUES)
@pytest.mark.parametrize("share", [9, pytest.param(1, marks=pytest.mark.long)])
def test_comparisons_select_the_rows_that_duckdb_selects(subject: Subject, name: str, share: int) -> None:
    if name in subject.unsupported:
        # It has no such type: then it may not claim to compare one either.
        assert nasty.FAMILY[name] not in {family for family, _ in subject.connector.capabilities.comparisons}
        return

    compared = _compare(subject, f"compare_{name}", name, share if subject.is_slow else 1)

    claimed = [
        comparison for family, comparison in subject.connector.capabilities.comparisons if family == nasty.FAMILY[name]
    ]
    assert compared >= len(claimed)


@pytest.mark.usefixtures("compared")
@pytest.mark.parametrize("name", nasty.VALUES)
@pytest.mark.parametrize("ways", [1, pytest.param(2, marks=pytest.mark.long)])
def test_the_first_rows_are_those_that_duckdb_sorts_first(subject: Subject, name: str, ways: int) -> None:
    able = subject.connector.capabilities
    if name in subject.unsupported or not able.sorts(subject.columns(f"compare_{name}", "value")[0]):
        assert name in subject.unsupported or nasty.FAMILY[name] not in able.orders
        return
    rows, _ = subject.read(subject.fragment(f"compare_{name}"))
    # All four for one type tell that the words are right; one or two for the others, that the values are.
    orders = [Order("value"), Order("value", descending=True, nulls_first=True)][: ways if subject.is_slow else 2]
    if name == "integer":
        orders = [Order("value", bool(down), bool(first)) for down in range(2) for first in range(2)]

    for order in orders:
        fragment = replace(subject.fragment(f"compare_{name}", limit=rows.num_rows // 2), order=(order,))
        found, reader = subject.read(fragment)

        assert _keys(found) == _keys(_first(rows, order, rows.num_rows // 2)), order
        if "SELECT" in reader.stats.statement:
            assert "ORDER BY" in reader.stats.statement


def _first(rows: pa.Table, order: Order, limit: int) -> pa.Table:
    by = f"value {'DESC' if order.descending else 'ASC'} NULLS {'FIRST' if order.nulls_first else 'LAST'}"
    with duckdb.connect() as duck:
        duck.register("rows", rows)
        return duck.sql(f"SELECT * FROM rows ORDER BY {by} LIMIT {limit}").to_arrow_table().cast(rows.schema)


def _keys(rows: pa.Table) -> list[str]:
    """Return the values, of which rows that are equal in them differ in nothing; zeros have no sign."""
    return sorted(repr(value + 0.0 if isinstance(value, float) else value) for value in rows["value"].to_pylist())


@pytest.mark.sources(lambda kind: kind.sorts)
def test_only_the_first_rows_of_an_order_travel(subject: Subject, wide: str) -> None:
    _, all_of_it = subject.read(subject.fragment(wide))
    whole = subject.cost(all_of_it)

    order = (Order("hour", descending=True), Order("id"))
    found, few = subject.read(replace(subject.fragment(wide, "hour", "id", limit=3), order=order))

    assert sorted(found["id"].to_pylist()) == [38_000, 38_001, 38_002]
    assert subject.cost(few) * 10 < whole


def test_it_is_known_which_sources_sort(subject: Subject) -> None:
    assert bool(subject.connector.capabilities.orders) is subject.sorts


@pytest.mark.sources(lambda kind: kind.collations)
def test_a_column_that_the_source_compares_its_own_way_selects_the_rows_that_duckdb_selects(subject: Subject) -> None:
    for collation in sorted(subject.collations):
        subject.publish_collated("collated", nasty.table("text"), collation)

        assert _compare(subject, "collated", "text") >= len(NULL_TESTS), collation


def _compare(subject: Subject, table: str, name: str, share: int = 1) -> int:
    """Compare the table's `value` with every value that is accepted; return how many comparisons were.

    A `share` of nine is every ninth of those that a comparison accepts, and at least one.
    """
    rows, _ = subject.read(subject.fragment(table))
    (value_column,) = subject.columns(table, "value")
    asked: list[tuple[Predicate, list[int]]] = []
    for number, comparison in enumerate(Comparison):
        accepted = [
            value
            for value in _operands(comparison, nasty.VALUES[name][1])
            if subject.connector.capabilities.accepts(value_column, comparison, value)
        ]
        accepted = accepted[number % min(share, len(accepted) or 1) :: share]
        expected = _by_duckdb(rows, name, comparison, accepted) if accepted else []
        asked += [(Predicate("value", comparison, value), ids) for value, ids in zip(accepted, expected, strict=True)]

    def differs(each: tuple[Predicate, list[int]]) -> str:
        predicate, ids = each
        try:
            found, _ = subject.read(subject.fragment(table, "id", where=[predicate]))
        except SwapError as error:
            return f"{predicate.comparison} {predicate.value!r}: {error}"
        selected = sorted(found["id"].to_pylist())
        return "" if selected == ids else f"{predicate.comparison} {predicate.value!r}: {selected}, not {ids}"

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        assert [told for told in pool.map(differs, asked) if told] == []
    return len(asked)


def _operands(comparison: Comparison, values: list[Any]) -> list[Any]:
    if comparison in (Comparison.IS_NULL, Comparison.NOT_NULL):
        return [None]
    present = [value for value in values if value is not None]
    if comparison is Comparison.IN:
        pairs = [tuple(present[at : at + 2]) for at in range(0, len(present), 2)]
        return [(), (present[0],), tuple(present[::2]), tuple(present[1:]), *pairs]
    if comparison is Comparison.EQ or len(present) < 12:
        return present
    # Each of many values is compared with one of two that are alike.
    return present[tuple(Comparison).index(comparison) % 2 :: 2]


def test_capabilities_list_only_families_that_are_compared_here(subject: Subject) -> None:
    families = {
        family
        for family, comparison in subject.connector.capabilities.comparisons
        if comparison not in (Comparison.IS_NULL, Comparison.NOT_NULL)
    }

    assert families <= set(nasty.FAMILY.values())


# ── how it ends ─────────────────────────────────────────────────────────────────────────────────────
def test_cancelling_ends_the_work_at_the_source(subject: Subject, wide: str) -> None:
    fragment = subject.fragment(wide, query_id="cancelled")
    with subject.held(wide):
        reading = Reading(subject.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 60)))
        assert eventually(lambda: subject.works("cancelled", reading.reader))

        reading.reader.cancel()
        reading.reader.cancel()
        reading.join(PATIENCE_SECONDS)

        assert isinstance(reading.error, QueryCancelled)
        # Sooner than a source would find out by itself that nobody waits any more.
        assert eventually(lambda: not subject.works("cancelled", reading.reader), 1.2)


def test_closing_the_iterator_ends_the_work_at_the_source(subject: Subject, wide: str) -> None:
    reader = subject.connector.read(
        subject.fragment(wide, query_id="closed"), SOMEBODY, Deadline(time.monotonic() + 60)
    )
    batches = batches_of(reader)
    next(batches)
    assert eventually(lambda: subject.works("closed", reader))

    batches.close()

    assert eventually(lambda: not subject.works("closed", reader))


def test_a_read_that_was_cancelled_before_it_began_asks_nothing(subject: Subject, wide: str) -> None:
    reader = subject.connector.read(subject.fragment(wide), SOMEBODY, Deadline(time.monotonic() + 60))
    reader.cancel()

    with pytest.raises(QueryCancelled):
        list(batches_of(reader))

    reader.close()


def test_the_deadline_ends_the_work_at_the_source(subject: Subject, wide: str) -> None:
    fragment = subject.fragment(wide, query_id="late")
    with subject.held(wide):
        began = time.monotonic()
        reading = Reading(subject.connector.read(fragment, SOMEBODY, Deadline(began + 0.8)))
        reading.join(20)

        assert isinstance(reading.error, QueryTimedOut)
        assert time.monotonic() - began > 0.7
        assert eventually(lambda: not subject.works("late", reading.reader))


def test_reads_run_side_by_side(subject: Subject, wide: str) -> None:
    fragment = subject.fragment(wide)

    readings = [Reading(subject.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 60))) for _ in range(4)]
    for reading in readings:
        reading.join(60)

    assert [reading.error for reading in readings] == [None] * 4
    assert [reading.rows for reading in readings] == [WIDE_ROWS] * 4


def test_progress_is_told_before_the_first_row_and_lies_between_0_and_1(subject: Subject, wide: str) -> None:
    told: list[Progress] = []
    fragment = subject.fragment(wide)
    with subject.held(wide):
        reading = Reading(subject.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 60), told.append))
        if subject.tells_progress:
            assert eventually(lambda: told, 20)
            assert reading.rows == 0
    reading.join(60)

    assert (reading.error, reading.rows) == (None, WIDE_ROWS)
    assert all(progress.share is None or 0 <= progress.share <= 1 for progress in told)


# ── what there is ───────────────────────────────────────────────────────────────────────────────────
def test_a_harvest_knows_tables_columns_and_sizes(subject: Subject, wide: str) -> None:
    dataset = next(each for each in subject.harvested() if (each.schema, each.name) == (SCHEMA, wide))

    assert {column.name: str(column.type) for column in dataset.columns} == {
        "id": "int32",
        "hour": "int64",
        "note": "string",
    }
    assert [column.name for column in dataset.columns if column.partition] == (["hour"] if subject.partitions else [])
    assert dataset.row_estimate is not None
    assert abs(dataset.row_estimate - WIDE_ROWS) < WIDE_ROWS / 10
    assert dataset.size_bytes


def test_a_harvest_tells_of_each_table_once(subject: Subject, wide: str) -> None:
    found = [(dataset.schema, dataset.name) for dataset in subject.harvested()]

    assert (SCHEMA, wide) in found
    assert len(found) == len(set(found))


def test_check_finds_the_source_up(subject: Subject) -> None:
    subject.connector.check()


def test_a_value_that_is_not_exact_in_its_column_is_never_compared_at_the_source(subject: Subject) -> None:
    subject.publish("exact", nasty.table("real"))
    fragment = subject.fragment("exact", where=[Predicate("value", Comparison.EQ, "text")])

    with pytest.raises((ValueError, SwapError)):
        list(batches_of(subject.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 10))))
