"""The table of types in docs/reference/client.md, row by row, and what analysts do with such columns."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from swap.client import frames
from swap.errors import Invalid
from swap.query.results.format import sql_type

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "client.md").read_text(encoding="utf-8")
HEAD = "| SQL | pandas | pandas, `exact=True` | polars |"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition(HEAD)[2].partition("\n\n")[0].splitlines()[2:]
]
DAY_NANOSECONDS = 86_400_000_000_000
FOR_EVER = pa.array([2**63 - 1]).cast(pa.timestamp("us", "UTC"))
DOOMSDAY = pa.array([2**31 - 1], pa.int32()).cast(pa.date32())
INTERVAL = pa.month_day_nano_interval()
COLUMNS: list[tuple[str, pa.Array, str, str, str]] = [
    ("boolean", pa.array([True]), "bool", "bool", "Boolean"),
    ("boolean", pa.array([True, None]), "boolean", "boolean", "Boolean"),
    ("bigint", pa.array([1, 2]), "int64", "int64", "Int64"),
    ("bigint", pa.array([2**63 - 1, None]), "Int64", "Int64", "Int64"),
    ("utinyint", pa.array([1], pa.uint8()), "uint8", "uint8", "UInt8"),
    ("real", pa.array([1.5, None], pa.float32()), "float32", "float32", "Float32"),
    ("double", pa.array([1.5, None]), "float64", "float64", "Float64"),
    ("decimal(p,0)", pa.array([Decimal(7)], pa.decimal128(38, 0)), "int64", "decimal128(38, 0)[pyarrow]", "Decimal"),
    ("decimal(p,0)", pa.array([Decimal(7), None]), "Int64", "decimal128(1, 0)[pyarrow]", "Decimal"),
    ("decimal(p,0)", pa.array([Decimal(2**63)]), *["decimal128(19, 0)[pyarrow]"] * 2, "Decimal"),
    ("decimal(p,s)", pa.array([Decimal("1.10"), None]), "float64", "decimal128(3, 2)[pyarrow]", "Decimal"),
    ("decimal(p,s)", pa.array([Decimal("12345678901234567.5")]), *["decimal128(18, 1)[pyarrow]"] * 2, "Decimal"),
    ("text", pa.array(["a", None]), "str", "str", "String"),
    ("date", pa.array([date(9999, 1, 1), None]), "datetime64[us]", "date32[day][pyarrow]", "Date"),
    ("date", DOOMSDAY, "datetime64[s]", "datetime64[s]", ""),
    ("timestamp", pa.array([0, None], pa.timestamp("us")), "datetime64[us]", "datetime64[us]", "Datetime"),
    ("timestamptz", pa.array([0], pa.timestamp("us", "UTC")), *["datetime64[us, UTC]"] * 2, "Datetime"),
    ("timestamptz", FOR_EVER, "datetime64[us]", "datetime64[us]", ""),
    ("time", pa.array([time(1, 2), None]), "object", "time64[us][pyarrow]", "Time"),
    ("interval", pa.array([(0, 1, 5000), None], INTERVAL), "timedelta64[us]", "object", "Duration"),
    ("interval", pa.array([(3, 0, 0), None], INTERVAL), "object", "object", "Struct"),
    ("binary", pa.array([b"x", None]), "object", "binary[pyarrow]", "Binary"),
    ("array", pa.array([[1, None], None]), "object", "list<item: int64>[pyarrow]", "List"),
    ("struct", pa.array([{"a": 1}]), "object", "struct<a: int64>[pyarrow]", "Struct"),
    ("map", pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), "object", "map<string, int64>[pyarrow]", "Map"),
]


@pytest.mark.parametrize(("name", "values", "usual", "exact", "polars"), COLUMNS)
def test_a_column_has_the_type_that_its_row_in_the_table_says(
    name: str, values: pa.Array, usual: str, exact: str, polars: str
) -> None:
    assert sql_type(values.type) in {name, re.sub(r"p,(s|0)", f"{values.type}"[11:-1].replace(" ", ""), name)}
    row = next(row for row in ROWS if f"`{name}`" in row[0] or ("bigint" in row[0] and name.endswith("int")))
    table = pa.table({"c": values})

    assert str(frames.to_pandas(table).dtypes["c"]) == usual
    assert str(frames.to_pandas(table, exact=True).dtypes["c"]) == exact
    assert _is_written(usual, row[1])
    assert _is_written(exact, row[1] if row[2] == "the same" else row[2]) or _is_written(exact, row[1])
    if polars:
        assert frames.to_polars(table).schema["c"].base_type().__name__ == polars
        assert _is_written(polars, row[3])


def test_every_row_of_the_table_has_been_seen() -> None:
    seen = {name for name, *_ in COLUMNS}

    assert [row[0] for row in ROWS if not any(name in row[0] for name in seen)] == []


def _is_written(name: str, cell: str) -> bool:
    """Tell whether a cell names a type: itself, as one of a range, or with … for what is in it."""
    plain = re.sub(r"<.*>", "<…>", re.sub(r"decimal128\(\d+, (\d+)\)", r"decimal128(p, \1)", name))
    either = {f"`{each}`" for each in (name, plain, re.sub(r"\(p, \d+\)", "(p, s)", plain))}
    return any(each in cell for each in either) or (
        " … " in cell and re.fullmatch(r"U?[Ii]nt\d+|uint\d+", name) is not None
    )


@pytest.mark.parametrize(("name", "values", "usual", "exact", "polars"), COLUMNS)
def test_whatever_is_in_a_column_it_can_be_looked_at(
    name: str, values: pa.Array, usual: str, exact: str, polars: str
) -> None:
    table = pa.table({"c": values, "n": range(len(values))})

    for frame in (frames.to_pandas(table), frames.to_pandas(table, exact=True)):
        assert repr(frame)
        assert frame.to_html()
    if polars:
        assert repr(frames.to_polars(table))


def test_no_value_changes_on_its_way_into_pandas() -> None:
    for name, values, *_ in COLUMNS:
        if name in {"decimal(p,0)", "decimal(p,s)", "map", "interval", "date", "timestamptz", "time"}:
            continue
        again = pa.Table.from_pandas(frames.to_pandas(pa.table({"c": values})))["c"]
        assert again.cast(values.type).to_pylist() == values.to_pylist(), name


def days() -> pd.DataFrame:
    return frames.to_pandas(
        pa.table(
            {
                "day": pa.array([date(2026, 1, 30), date(2026, 2, 2), None]),
                "price": pa.array([Decimal("1.25"), Decimal("2.50"), None]),
                "took": pa.array([(0, 1, DAY_NANOSECONDS // 2), (0, 0, -2_000_000_000), None], INTERVAL),
                "tags": pa.array([["a", "b"], [], None]),
                "event": pa.array([{"ip": "x"}, {"ip": None}, None]),
                "raw": pa.array([b"ab", b"c", None]),
                "at": pa.array([time(8), time(9), None]),
            }
        )
    )


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("df.set_index('day').resample('MS')['price'].sum().tolist()", [1.25, 2.5]),
        ("df.day.dt.to_period('M').astype(str).tolist()[:2]", ["2026-01", "2026-02"]),
        ("(df.day >= '2026-02-01').tolist()", [False, True, False]),
        ("df.price.mean()", 1.875),
        ("df.took.sum()", timedelta(days=1, hours=12) - timedelta(seconds=2)),
        ("df.took.dt.total_seconds().tolist()[:2]", [129600.0, -2.0]),
        ("(df.day + df.took).tolist()[0]", pd.Timestamp("2026-01-31 12:00")),
        ("df.explode('tags').tags.tolist()[:2]", ["a", "b"]),
        ("df.tags.str.len().tolist()[:2]", [2, 0]),
        ("df.event.str['ip'].tolist()[0]", "x"),
        ("df.raw.str.decode('utf-8').tolist()[:2]", ["ab", "c"]),
        ("(df['at'].dropna() > time(8)).tolist()", [False, True]),
        ("len(df.describe())", 8),
    ],
)
def test_what_analysts_write_works(written: str, value: Any) -> None:
    assert eval(written, {"df": days(), "pd": pd, "time": time}) == value


def test_a_plain_altair_chart_takes_decimals_and_dates() -> None:
    chart = alt.Chart(days()[["day", "price"]]).mark_line().encode(x="day", y="price").to_dict()

    assert chart["encoding"]["x"]["type"] == "temporal"
    assert chart["encoding"]["y"]["type"] == "quantitative"


def test_an_interval_with_months_moves_a_date_by_them() -> None:
    frame = frames.to_pandas(pa.table({"i": pa.array([(1, 0, 0)], INTERVAL)}))

    assert pd.Timestamp("2026-01-31") + frame.i[0] == pd.Timestamp("2026-02-28")
    assert frames.to_polars(pa.table({"i": pa.array([(1, 2, 3000), None], INTERVAL)})).rows() == [
        ({"months": 1, "days": 2, "microseconds": 3},),
        (None,),
    ]


def test_intervals_are_read_where_they_stand_in_their_batches() -> None:
    whole = pa.array([(0, day, 0) for day in range(9)] + [None], INTERVAL)
    table = pa.table({"i": pa.chunked_array([whole.slice(2, 3), whole.slice(0, 0), whole.slice(8)])})

    assert frames.to_polars(table)["i"].to_list() == [*map(timedelta, (2, 3, 4, 8)), None]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (DOOMSDAY, "c cannot be handed to polars. It has moments that polars cannot show"),
        (FOR_EVER, "c cannot be handed to polars. It has moments that polars cannot show"),
        (pa.array([[(3, 0, 0)]], pa.list_(INTERVAL)), "polars has no type for the intervals in it"),
    ],
)
def test_what_polars_would_panic_at_is_refused_by_name(values: pa.Array, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        frames.to_polars(pa.table({"c": values}))

    assert words in str(refused.value)


def test_a_list_with_infinity_in_it_is_refused_by_name() -> None:
    table = pa.table({"c": pa.ListArray.from_arrays([0, 1], DOOMSDAY)})

    for reading in (frames.to_pandas, lambda each: list(frames.rows(each.to_batches()))):
        with pytest.raises(Invalid, match="The column c cannot be handed to"):
            reading(table)


def test_polars_itself_reads_what_is_portable() -> None:
    table = pa.table({"i": pa.array([(0, 1, 0)], INTERVAL)})

    assert pl.DataFrame(frames.portable(table)).rows() == [(timedelta(days=1),)]
