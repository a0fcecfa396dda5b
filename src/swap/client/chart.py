"""One line from a result to an Altair chart: Vega-Lite 6 with the data in it, so that it draws offline and for ever.

What is drawn is what is said: where rows had to be added up, the axis says "sum of".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from swap.client import text
from swap.errors import Invalid, Problem, Suggestion, UnknownName

KINDS = ("bar", "line", "area", "point")
BAR_PIXELS = 24
MAX_MARKS = 5000
"""Points of one chart: more cannot be told apart, and all of them are stored in the notebook."""


@dataclass(frozen=True, slots=True)
class _Axes:
    """Which column is measured, and along which it is."""

    along: str
    measured: str
    upright: bool
    """The measured column goes up; else it goes to the right."""


def draw(
    table: pa.Table, kind: str, *, x: str | None, y: str | None, color: str | None, top: int | None, name: str | None
) -> alt.Chart:
    """Return the chart.  Raises Invalid and UnknownName saying what would work."""
    if kind not in KINDS:
        raise Invalid(
            Problem(
                f"There is no chart called {kind}.", why="Nothing was drawn.", todo=f"Choose one of {', '.join(KINDS)}."
            )
        )
    for column in (x, y, color):
        _check_column(table, column)
    if top is not None and top < 1:
        raise Invalid(Problem("top must be at least 1.", why="Nothing was drawn."))
    axes = _axes(table, kind, x, y, color)
    keys = list(dict.fromkeys([axes.along, *([color] if color else [])]))
    rows, total = table.select(list(dict.fromkeys([*keys, axes.measured]))), None
    summed = False
    if kind != "point":
        rows, summed = _added_up(rows, keys, axes.measured)
    if top is not None:
        rows, total = _largest(rows, axes, top)
    if rows.num_rows > MAX_MARKS:
        raise Invalid(
            Problem(
                f"{rows.num_rows:,} points are too many for one chart; the limit is {MAX_MARKS:,}.",
                why="Nothing was drawn: all of them would be stored in the notebook.",
                todo="Group them in SQL, or draw the largest: .chart(…, top=20).",
            )
        )
    return _chart(rows, kind, axes, color, _title(axes, color, top, total, name), summed=summed)


def _check_column(table: pa.Table, column: str | None) -> None:
    if column is None or column in table.column_names:
        return
    near = get_close_matches(column, table.column_names, n=3, cutoff=0.5)
    raise UnknownName(
        Problem(
            f"{column} is not a column of this result.",
            why=f"Its columns are {', '.join(table.column_names)}.",
            todo="",
            suggestions=tuple(Suggestion(label=f"Use {each}", replace=column, by=each, type="column") for each in near),
        )
    )


def _axes(table: pa.Table, kind: str, x: str | None, y: str | None, color: str | None) -> _Axes:
    """Choose what was not named: the first number is measured, along the first other column."""

    def number(name: str) -> bool:
        return _is_number(table.schema.field(name).type)

    taken = {x, y, color}
    numbers = [each for each in table.column_names if each not in taken and number(each)]
    others = [each for each in table.column_names if each not in taken and not number(each)]
    if x is None and y is None:
        y = next(iter(numbers), None)
        x = next((each for each in [*others, *table.column_names] if each not in {y, color}), None)
    elif y is None and x is not None:
        y = next(iter(others or numbers) if number(x) and kind == "bar" else iter(numbers or others), None)
    elif x is None and y is not None:
        x = next(iter(others or numbers) if number(y) else iter(numbers or others), None)
    if x is None or y is None:
        raise Invalid(
            Problem(
                "A chart needs two columns.",
                why="Nothing was drawn.",
                todo='Name them: .chart("bar", x="views", y="country").',
            )
        )
    if not number(x) and not number(y):
        raise Invalid(
            Problem(
                f"Neither {x} nor {y} is a number.",
                why="Nothing was drawn: one column must be what is measured.",
                todo="Name a column of numbers as x or y.",
            )
        )
    upright = number(y)
    return _Axes(along=x if upright else y, measured=y if upright else x, upright=upright)


def _added_up(rows: pa.Table, keys: list[str], measured: str) -> tuple[pa.Table, bool]:
    """Return one row for each key; tell whether rows had to be added up for it."""
    keys = [key for key in keys if key != measured]
    if not keys or rows.select(keys).group_by(keys).aggregate([]).num_rows == rows.num_rows:
        return rows, False
    if pa.types.is_decimal(rows.schema.field(measured).type):
        rows = rows.set_column(rows.column_names.index(measured), measured, rows.column(measured).cast(pa.float64()))
    grouped = rows.group_by(keys, use_threads=False).aggregate([(measured, "sum")])
    return grouped.rename_columns([*keys, measured]), True


def _largest(rows: pa.Table, axes: _Axes, top: int) -> tuple[pa.Table, int]:
    """Return the rows of the `top` values with the largest totals, and how many values there are."""
    sums = rows.group_by([axes.along], use_threads=False).aggregate([(axes.measured, "sum")])
    order = pc.sort_indices(sums, sort_keys=[(f"{axes.measured}_sum", "descending", "at_end")])
    kept = sums.column(axes.along).take(order.slice(0, top)).combine_chunks()
    return rows.filter(pc.is_in(rows.column(axes.along), value_set=kept)), sums.num_rows


def _chart(
    rows: pa.Table, kind: str, axes: _Axes, color: str | None, title: dict[str, str], *, summed: bool
) -> alt.Chart:
    types = {field.name: _vega_type(field.type) for field in rows.schema}
    measured = {
        "field": _escaped(axes.measured),
        "type": "quantitative",
        "title": f"sum of {axes.measured}" if summed else axes.measured,
    }
    along: dict[str, Any] = {
        "field": _escaped(axes.along),
        "type": types[axes.along],
        "title": _heading(axes.along, rows.schema),
    }
    if kind == "bar" and along["type"] == "quantitative":
        along["type"] = "ordinal"
    if along["type"] == "nominal":
        along["sort"] = "-y" if axes.upright else "-x"
        if not axes.upright:
            along["title"] = None  # names beside their bars need no heading; the chart's title has it
    encoding: dict[str, Any] = {"x": along, "y": measured} if axes.upright else {"x": measured, "y": along}
    if color:
        encoding["color"] = {"field": _escaped(color), "type": types[color], "title": color}
    encoding["tooltip"] = [
        {"field": _escaped(each), "type": types[each], "title": each, **_tooltip(types[each])}
        for each in rows.column_names
    ]
    marks: dict[str, dict[str, Any]] = {
        "bar": {},
        "line": {"point": rows.num_rows <= 60},
        "area": {"opacity": 0.7},
        "point": {"filled": True},
    }
    spec: dict[str, Any] = {
        "title": title,
        "data": {"values": [_drawable(row) for row in rows.to_pylist()]},
        "mark": {"type": kind, **marks[kind]},
        "encoding": encoding,
    }
    if not axes.upright and along["type"] in {"nominal", "ordinal"}:
        spec["height"] = {"step": BAR_PIXELS}
    return alt.Chart.from_dict(spec)


def _title(axes: _Axes, color: str | None, top: int | None, total: int | None, name: str | None) -> dict[str, str]:
    said = []
    if top is not None and total is not None:
        said.append(f"top {min(top, total):,} of {total:,}")
    if name:
        said.append(f"from {name}")
    words = f"{axes.measured} by {axes.along}" + (f" and {color}" if color and color != axes.along else "")
    return {"text": words, **({"subtitle": ", ".join(said)} if said else {})}


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _vega_type(type_: pa.DataType) -> str:
    if _is_number(type_):
        return "quantitative"
    return "temporal" if pa.types.is_date(type_) or pa.types.is_timestamp(type_) else "nominal"


def _heading(name: str, schema: pa.Schema) -> str:
    type_ = schema.field(name).type
    return f"{name} (UTC)" if pa.types.is_timestamp(type_) and type_.tz else name


def _tooltip(type_: str) -> dict[str, str]:
    return {"format": ","} if type_ == "quantitative" else {"format": "%Y-%m-%d %H:%M"} if type_ == "temporal" else {}


def _drawable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else float(value)
    if isinstance(value, float):
        return value if value - value == 0 else None  # JSON has no NaN
    if isinstance(value, datetime):
        # Written without a zone, digits are drawn as they are, whatever the browser's zone; with one they would move.
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00"
    return _number_or_text(value)


def _number_or_text(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return text.one_line(str(value), 200)


def _escaped(name: str) -> str:
    """Return a column's name as Vega-Lite's path to it: dots and brackets are part of the name."""
    return "".join("\\" + each if each in "\\.[]'\"" else each for each in name)
