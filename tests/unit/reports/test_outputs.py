"""What a run writes is read as one table over all periods, with the rights to all that it comes from."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from swap.catalog.model import PART, Stored, TableName, VisibleColumn, VisibleDataset
from swap.client.period import Interval
from swap.connectors.base import Capabilities, Column, Comparison, Dataset, Fragment, Predicate
from swap.connectors.files import reader
from swap.connectors.filters import COMPARISONS
from swap.errors import Conflict, Forbidden, Invalid
from swap.gateway.parquet import flat, parquet
from swap.policy.model import Decision, Resource
from swap.query import rights
from swap.query.language import names
from swap.query.language.parse import parse
from swap.query.model import Plan
from swap.query.planning.plan import plan
from swap.query.planning.resolve import resolve
from swap.reports import outputs, results
from swap.reports.outputs import Begun
from swap.reports.table_store import Writing
from unit.query.worlds import ANN, POLICY

OPEN = Decision(True, "result-table", "opens it")
OCTOBER = Interval(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
NOVEMBER = Interval(OCTOBER.end, datetime(2026, 12, 1, tzinfo=UTC))
READERS = pa.schema({"country": pa.string(), "views": pa.int64()})
MORE = pa.schema([*READERS, pa.field("edits", pa.int64())])


def begun(period: Interval, run_id: str, schema: pa.Schema) -> Begun:
    of = Writing("paaaaaaaaa", "ann", "report", period)
    return Begun("readers", run_id, 1, of, pa.schema([*outputs.PERIOD, *schema]), ("country",))


def write(root: Path, made: Begun, table: pa.Table) -> None:
    """Write rows as `outputs.write` does, without telling the database."""
    batches = outputs.with_period(table.to_batches(), made.of.period, made.schema)
    directory = root / made.directory
    directory.mkdir(parents=True)
    (directory / outputs.ROWS).write_bytes(b"".join(parquet(batches, made.schema, table.num_rows)))


def read(root: Path, schema: pa.Schema, *parts: str) -> list[dict[str, Any]]:
    """Read some parts of the table as a reader process does."""
    columns = tuple(Column(field.name, field.type) for field in schema)
    fragment = Fragment("report", "readers", columns, (Predicate(PART, Comparison.IN, parts),))
    with tempfile.TemporaryFile() as sink:
        answer = reader.Answer(sink.fileno(), fragment.columns_as(()), lambda _told: None)
        reader.read(str(root), fragment, answer)
        answer.end()
        sink.seek(0)
        rows: list[dict[str, Any]] = pa.ipc.open_stream(sink).read_all().to_pylist()
    return rows


def test_periods_are_one_table_in_which_a_column_may_be_added_and_only_what_counts_is_read(tmp_path: Path) -> None:
    october, november = begun(OCTOBER, "r1", READERS), begun(NOVEMBER, "r3", MORE)
    write(tmp_path, october, pa.table({"country": ["DE"], "views": [1]}, READERS))
    write(tmp_path, begun(OCTOBER, "r2", READERS), pa.table({"country": ["FR"], "views": [9]}, READERS))
    write(tmp_path, november, pa.table({"country": ["DE"], "views": [2], "edits": [3]}, MORE))
    whole = results.together([october.schema, november.schema])
    assert whole.names == ["period_start", "period_end", "country", "views", "edits"]
    assert read(tmp_path, whole, "r1-1", "r3-1") == [
        {"period_start": OCTOBER.start, "period_end": OCTOBER.end, "country": "DE", "views": 1, "edits": None},
        {"period_start": NOVEMBER.start, "period_end": NOVEMBER.end, "country": "DE", "views": 2, "edits": 3},
    ]
    assert [row["country"] for row in read(tmp_path, whole, "r2-1", "r3-1")] == ["FR", "DE"]
    assert read(tmp_path, whole, "r1-2") == [], "an epoch that wrote nothing"


def test_what_parquet_has_no_type_for_is_text_and_is_known_as_that() -> None:
    schema = pa.schema({"took": pa.month_day_nano_interval(), "n": pa.int64()})
    assert flat(schema) == pa.schema({"took": pa.string(), "n": pa.int64()})


@pytest.mark.parametrize(
    ("columns", "key", "said"),
    [
        (["period_start", "views"], [], "SWAP itself writes the column period_start"),
        (["Period_End"], [], "SWAP itself writes"),
        (["views", "Views"], [], "each with a name of its own"),
        ([], [], "has 1 to 1,000 columns"),
        (["views"], ["country"], "names country, which is no column"),
    ],
)
def test_columns_that_cannot_be_are_refused(columns: list[str], key: list[str], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        outputs.demand_columns(columns, key)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"views": pa.float64()}, "The column views of reports.ann.readers is double; in earlier periods it is int64."),
        ({"Views": pa.int64()}, "The column Views of reports.ann.readers was called views."),
    ],
)
def test_a_column_keeps_its_name_and_type(columns: dict[str, pa.DataType], said: str) -> None:
    with pytest.raises(Conflict, match=said):
        outputs.demand_types("reports.ann.readers", READERS, pa.schema(columns))
    outputs.demand_types("reports.ann.readers", READERS, MORE)
    outputs.demand_types("reports.ann.readers", MORE, READERS)


# ── As a statement reads it ─────────────────────────────────────────────────────────────────────────
def seen(*comes_from: Resource) -> VisibleDataset:
    columns = tuple(Column(field.name, field.type) for field in READERS)
    stored = Stored(("report", "readers"), ("r1-1", "r3-1"), comes_from)
    dataset = Dataset("ann", "readers", columns, row_estimate=2)
    return VisibleDataset("reports", dataset, tuple(VisibleColumn(each, OPEN) for each in columns), OPEN, stored)


def planned(statement: str, table: VisibleDataset) -> Plan:
    tree = parse(statement, {}, 65_536)
    found = {name: table for name in names.tables(tree) if name == TableName("reports", "ann", "readers")}
    resolved = resolve(tree, statement, found, lambda _written, _limit: (), {})
    rights.decide(POLICY, ANN, resolved)
    return plan(resolved, {"reports": Capabilities(COMPARISONS)}, "q1")


def test_a_statement_reads_what_the_table_comes_from_whichever_columns_it_names() -> None:
    views, countries = Resource("lake", "wmf", "pageview_hourly", "view_count"), Resource("lake", "c", "d", "name")
    made = planned("SELECT country FROM reports.ann.readers WHERE views > 5", seen(views, countries))
    assert made.reads == (views, countries)
    fragment = made.inputs[0].fragment
    assert fragment is not None
    assert (fragment.schema, fragment.table) == ("report", "readers")
    assert set(fragment.predicates) == {
        Predicate("views", Comparison.GT, 5),
        Predicate(PART, Comparison.IN, ("r1-1", "r3-1")),
    }


def test_who_may_not_read_one_column_of_it_reads_nothing_of_the_table() -> None:
    city = Resource("lake", "wmf", "pageview_hourly", "city")
    with pytest.raises(Forbidden):
        planned("SELECT country FROM reports.ann.readers", seen(city))


def test_the_part_is_no_column_and_all_rows_are_counted_beforehand() -> None:
    made = planned("SELECT * FROM reports.ann.readers", seen())
    assert made.reads == ()
    assert [column.name for column in made.inputs[0].columns] == ["country", "views"]
    assert made.inputs[0].rows == 2
