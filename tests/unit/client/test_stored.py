"""Result tables as notebooks keep them: exact values, and nothing taken for whole that is not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.client import show, stored
from swap.errors import Invalid
from swap.query.results import format as formats

VALUES = {
    "boolean": pa.array([True, None]),
    "bigint": pa.array([2**62, None], pa.int64()),
    "utinyint": pa.array([255, None], pa.uint8()),
    "real": pa.array([0.1, None], pa.float32()),
    "double": pa.array([0.1, float("-inf")], pa.float64()),
    "decimal(9,2)": pa.array([Decimal("1.25"), None], pa.decimal128(9, 2)),
    "decimal(50,3)": pa.array([Decimal("1" * 40 + ".125"), None], pa.decimal256(50, 3)),
    "date": pa.array([date(2026, 11, 30), None]),
    "time": pa.array([time(13, 5, 0, 7), None], pa.time64("us")),
    "timestamp": pa.array([datetime(2026, 11, 30, 12, 0, 0, 5), None], pa.timestamp("us")),  # noqa: DTZ001
    "timestamptz": pa.array([datetime(2026, 11, 30, 12, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
    "text": pa.array(["a…", ""]),
    "binary": pa.array([b"\x00\xff", None]),
}


def shown(table: pa.Table, total: int | None = None) -> list[Any]:
    """Return what a cell shows of a table, as the gateway and the notebook's side make it."""
    columns = [formats.values(column.combine_chunks()) for column in table.columns]
    rows = [[formats.text(value) for value in row] for row in zip(*columns, strict=True)]
    heads = [formats.head(field) for field in table.schema]
    page = {
        "columns": [{"name": each.name, "type": each.type, "align": each.align, "group": each.group} for each in heads],
        "rows": rows,
        "offset": 0,
        "total": table.num_rows if total is None else total,
    }
    data = show.result({"id": "q1", "elapsed": 1.0}, page, "pages", "")
    return [{"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}]


def one(outputs: list[Any]) -> stored.Stored:
    (found,) = stored.tables(outputs, "SELECT 1")
    return found


def test_each_type_comes_back_as_it_was() -> None:
    table = pa.table(dict(VALUES))
    found = one(shown(table))

    assert found.whole
    assert [column.type for column in found.columns] == list(VALUES)
    assert found.to_arrow() == table
    assert (found.name, found.rows, found.statement) == ("pages", 2, "SELECT 1")
    assert found.to_pandas()["text"].tolist() == ["a…", ""]


def test_what_no_type_can_hold_stays_text() -> None:
    far = pa.table({"day": pa.array([10_237_829], pa.date32()), "many": pa.array([[1, 2]])})

    assert one(shown(far)).to_arrow().to_pylist() == [{"day": "30000-03-23", "many": "[1,2]"}]


@pytest.mark.parametrize(
    "outputs",
    [
        shown(pa.table({"n": [1, 2]}), total=50_000),
        shown(pa.table({"t": ["x" * 3_000]})),
        shown(pa.table({"b": [b"x" * 65]})),
    ],
)
def test_a_part_is_given_to_who_asks_for_a_part(outputs: list[Any]) -> None:
    found = one(outputs)

    assert not found.whole
    with pytest.raises(Invalid, match="only a part is in the notebook"):
        found.to_arrow()
    assert found.to_arrow(part=True).num_rows == len(found.to_pandas(part=True)) > 0


def test_a_table_without_rows_has_its_columns() -> None:
    found = one(shown(pa.table({"n": pa.array([], pa.int64())})))

    assert found.to_arrow() == pa.table({"n": pa.array([], pa.int64())})
    assert "pages: 0 rows × 1 column" in repr(found)


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {"columns": "x", "rows": 1, "page": {"rows": []}},
        {"columns": [], "rows": 0, "page": {"offset": 0, "rows": []}},
        {"columns": [{"name": "n", "type": "bigint", "align": "left"}], "rows": 1, "page": {"offset": 0, "rows": [[]]}},
        {
            "columns": [{"name": "n", "type": "bigint", "align": "left"}],
            "rows": 1,
            "page": {"offset": 9, "rows": [[1]]},
        },
        {"columns": [{"name": "n", "type": "bigint", "align": "left"}], "rows": {}, "page": {"offset": 0, "rows": []}},
    ],
)
def test_what_is_no_table_is_none(said: Any) -> None:
    assert stored.tables([{"data": {show.RESULT: said}}, {"data": None}, "x"], "") == []
    assert stored.tables(said, "") == []
