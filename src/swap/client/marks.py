"""The rows that a chart draws: added up where they agree, the largest where there are too many, as plain values.

Each cut is told in a note.  Rows come as the columns `along`, `measured` and, where there are series, `series`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from swap.client import text
from swap.client.axes import Axes
from swap.errors import Invalid, Problem

MOST_BANDS = 50
"""Bars of one chart unless somebody asks for more: each takes its place on the page."""
MOST_BANDS_ASKED = 500
MOST_SERIES = 10
"""Series of one chart: as many have colours that can be told apart."""
MOST_MARKS = 5000
"""Points of one chart: more cannot be told apart, and all of them are stored in the notebook."""
_YEARS = (datetime(1, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 — digits as they are drawn


@dataclass(frozen=True, slots=True)
class Marks:
    """What is drawn."""

    rows: pa.Table
    series: tuple[str, ...]
    """Names of the series, the largest first; empty where there are none."""
    summed: bool
    notes: tuple[str, ...]


def gather(table: pa.Table, axes: Axes, series: str | None, *, banded: bool, top: int | None) -> Marks:
    """Return the rows of a chart.  `banded`: each value along the axis takes a place of its own.  Raises Invalid."""
    if top is not None and (isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= MOST_BANDS_ASKED):
        raise Invalid(Problem(f"top is a number from 1 to {MOST_BANDS_ASKED}.", why="Nothing was drawn."))
    measured = _number(_column(table, axes.measured))
    along, missing = _place(_column(table, axes.along))
    columns = {"along": along, "measured": measured}
    if series is not None:
        columns["series"] = pc.fill_null(_names(_column(table, series)), "null")
    rows = pa.table(columns)
    notes: list[str] = []
    names: tuple[str, ...] = ()
    summed = False
    if axes.kind != "point":
        rows, summed = _added_up(rows)
    if top is not None or (banded and _distinct(rows, "along") > MOST_BANDS):
        rows, kept, all_ = _largest(rows, "along", top or MOST_BANDS)
        notes.append(f"top {kept:,} of {all_:,}")
    if series is not None:
        rows, kept, all_ = _largest(rows, "series", MOST_SERIES)
        largest = _totals(rows, "series").column("series").combine_chunks()
        rows = rows.take(pc.sort_indices(pc.index_in(rows.column("series"), value_set=largest)))
        names = tuple(largest.to_pylist())
        if kept < all_:
            notes.append(f"the {kept} largest {series} of {all_:,}")
    if rows.num_rows > MOST_MARKS:
        raise Invalid(
            Problem(
                f"{rows.num_rows:,} points are too many for one chart; the limit is {MOST_MARKS:,}.",
                why="Nothing was drawn: all of them would be stored in the notebook.",
                todo="Group them in SQL, or draw the largest: .chart(…, top=20).",
            )
        )
    if missing:
        notes.append(f"{text.count(missing, 'row')} without a moment between the years 1 and 9999")
    return Marks(rows, names, summed, tuple(notes))


def in_order_of_size(marks: Marks) -> Marks:
    """Return the same with the largest value along the axis first."""
    totals = _totals(marks.rows, "along").column("along").combine_chunks()
    order = pc.index_in(marks.rows.column("along"), value_set=totals)
    return replace(marks, rows=marks.rows.take(pc.sort_indices(order)))


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else float(value)
    if isinstance(value, float):
        return value if value - value == 0 else None  # JSON has no NaN
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00"
    return text.one_line(str(value), 200)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    column = table.column(table.column_names.index(name))
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_decimal(column.type):
        return column.cast(pa.float64())
    return column


def _number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return what is measured so that its sum has room."""
    if pa.types.is_integer(column.type):
        extremes = pc.min_max(column).as_py().values()
        if max((abs(each) for each in extremes if each is not None), default=0) * max(1, len(column)) >= 2**63:
            return column.cast(pa.float64(), safe=False)
        return column.cast(pa.int64())
    return column.cast(pa.float64())


def _place(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int]:
    """Return where values stand along an axis, and how many moments have no place on one."""
    type_ = column.type
    if pa.types.is_date(type_) or pa.types.is_timestamp(type_):
        # Without a zone, digits are drawn as they are, whatever the browser's zone; with one they would move.
        days = column.cast(pa.date32()) if pa.types.is_date64(type_) else column
        unit = days.type if pa.types.is_date32(days.type) else pa.timestamp("us")
        moments = days if unit == pa.date32() else _microseconds(days)
        first, last = (pa.scalar(year, pa.timestamp("us")).cast(unit) for year in _YEARS)
        fits = pc.and_(pc.greater_equal(moments, first), pc.less_equal(moments, last))
        shown = pc.if_else(fits, moments, pa.scalar(None, unit))
        return shown, shown.null_count - moments.null_count
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return column.cast(pa.float64()) if pa.types.is_float16(type_) else column, 0
    return _names(column), 0


def _microseconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return timestamps in microseconds UTC; the few that do not fit are null."""
    scale = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 1}[column.type.unit]
    count = column.cast(pa.timestamp(column.type.unit)).cast(pa.int64())
    if column.type.unit == "ns":
        count = pc.divide(count, 1000)
    most = (2**63 - 1) // scale
    fits = pc.less_equal(pc.abs(pc.if_else(pc.equal(count, -(2**63)), 2**63 - 1, count)), most)
    return pc.multiply(pc.if_else(fits, count, None), scale).cast(pa.timestamp("us"))


def _names(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as the names of series or bars."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        column = _place(column)[0]
        words = [str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array([None if word == "None" else word for word in words], pa.string())])
    return column.cast(pa.string())


def _added_up(rows: pa.Table) -> tuple[pa.Table, bool]:
    """Return one row for each place and series; tell whether rows had to be added up for it."""
    keys = [name for name in rows.column_names if name != "measured"]
    if rows.group_by(keys).aggregate([]).num_rows == rows.num_rows:
        return rows, False
    grouped = rows.group_by(keys, use_threads=False).aggregate([("measured", "sum")])
    return grouped.rename_columns([*keys, "measured"]), True


def _distinct(rows: pa.Table, name: str) -> int:
    return int(rows.select([name]).group_by([name]).aggregate([]).num_rows)


def _totals(rows: pa.Table, name: str) -> pa.Table:
    """Return each value and its total, the largest first."""
    sums = rows.group_by([name], use_threads=False).aggregate([("measured", "sum")])
    return sums.take(pc.sort_indices(sums, sort_keys=[("measured_sum", "descending")]))


def _largest(rows: pa.Table, name: str, most: int) -> tuple[pa.Table, int, int]:
    """Return the rows of the values with the largest totals, how many values these are, and of how many."""
    totals = _totals(rows, name)
    kept = totals.column(name).slice(0, most).combine_chunks()
    return rows.filter(pc.is_in(rows.column(name), value_set=kept)), len(kept), totals.num_rows
