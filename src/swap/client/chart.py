"""One line from a result to an Altair chart: Vega-Lite 6 with the data in it, so that it draws offline and for ever.

What is drawn is what is said: where rows had to be added up, the axis says "sum of"; what was left out is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import altair as alt
import pyarrow as pa

from swap.client import axes as columns
from swap.client import marks, spans
from swap.client.axes import MOMENTS, Axes, Head
from swap.client.marks import Marks

BAR_PIXELS = 24
HEIGHT = 300
CHARACTER_PIXELS = 7
WIDTH = 700
"""What a chart in a notebook has for its labels, about."""
LABEL_PIXELS = 15
"""Between two labels at the ends of lines."""
DASHES = ((1, 0), (6, 3), (2, 3), (8, 3, 2, 3), (10, 4))
"""Solid, dashed, dotted, and two more: series are told apart in grey, too."""
_CALENDAR = re.compile(r"\d{4}(-?(\d{2}|W\d{2}|Q\d))?(-?\d{2})?([T ].*)?")
"""Text that stands in its own order: years, months, weeks, days."""


def draw(
    table: pa.Table,
    heads: Sequence[Head],
    kind: str | None,
    *,
    x: str | None,
    y: str | None,
    color: str | None,
    top: int | None,
    name: str | None,
) -> alt.Chart | alt.LayerChart:
    """Return the chart of a result, whose columns have these heads.  Raises Invalid and UnknownName."""
    axes = columns.choose(heads, kind, x, y, color)
    types = {head["name"]: head for head in heads}
    shape = _Shape(axes, types, color)
    rows = marks.gather(table, axes, color if shape.series else None, banded=shape.banded, top=top)
    if shape.along == "nominal" and axes.kind == "bar" and not _is_calendar(rows.rows.column("along")):
        rows = marks.in_order_of_size(rows)
    elif shape.along in {"nominal", "ordinal"}:
        rows = replace(rows, rows=rows.rows.sort_by("along"))
    spec = _spec(shape, rows, name)
    return (alt.LayerChart if "layer" in spec else alt.Chart).from_dict(spec)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What kind of scale each part of a chart has."""

    axes: Axes
    types: dict[str, Head]
    color: str | None

    @property
    def along(self) -> str:
        """Vega-Lite's type of the axis along which is measured."""
        head = self.types[self.axes.along]
        if head["type"] in MOMENTS:
            return "temporal"
        if head["align"] != "right":
            return "nominal"
        return "ordinal" if self.axes.kind == "bar" else "quantitative"

    @property
    def banded(self) -> bool:
        """Whether each value along the axis takes a place of its own, so that many take much room."""
        return self.along in {"nominal", "ordinal"} and (self.axes.kind == "bar" or not self.axes.upright)

    @property
    def series(self) -> bool:
        """Whether the colours are those of series: one of their own for each value."""
        return self.color is not None and self.color not in {self.axes.measured, self.axes.along}

    @property
    def labelled(self) -> bool:
        """Whether the lines can carry their names at their ends."""
        return self.series and self.axes.kind == "line" and self.axes.upright


def _spec(shape: _Shape, rows: Marks, name: str | None) -> dict[str, Any]:
    axes = shape.axes
    values = _values(shape, rows)
    encoding: dict[str, Any] = {
        "x" if axes.upright else "y": _along(shape, rows),
        "y" if axes.upright else "x": _measured(shape, rows),
    }
    mark: dict[str, Any] = {"type": axes.kind, **_looks(axes.kind, len(values))}
    if shape.along == "temporal" and axes.kind == "bar":
        encoding |= _wide_bars(shape, rows, values)
    encoding |= _colours(shape, rows)
    encoding |= {"tooltip": _tooltips(shape)}
    spec: dict[str, Any] = {"title": _title(shape, rows, name), "data": {"values": values}}
    if shape.banded and not axes.upright:
        spec["height"] = {"step": BAR_PIXELS}
    if shape.labelled and values:
        spec["height"] = HEIGHT
        spec["encoding"] = {key: encoding.pop(key) for key in ("x", "y", "color")}
        spec["layer"] = [{"mark": mark, "encoding": encoding}, _end_labels(shape, rows)]
    else:
        spec |= {"mark": mark, "encoding": encoding}
    return spec


def _wide_bars(shape: _Shape, rows: Marks, values: list[dict[str, Any]]) -> dict[str, Any]:
    """Give each value the bounds of its bar, and return the channels for them: from where to where, and how high.

    Vega-Lite stacks bars, or gives them a width, but not both along moments.
    """
    name, heights = shape.axes.measured, _list(rows, "measured")
    until, low, high = (
        _free(shape, f"{of} {word}") for of, word in ((shape.axes.along, "until"), (name, "from"), (name, "to"))
    )
    stacked: dict[tuple[Any, bool], float] = {}
    ends = spans.ends([_moment(each) for each in _list(rows, "along")])
    for value, end, moment, height in zip(values, ends, _list(rows, "along"), heights, strict=True):
        size = height if marks.plain(height) is not None else 0
        below = stacked.get((moment, size < 0), 0)
        stacked[moment, size < 0] = below + size
        value |= {until: marks.plain(end), low: marks.plain(below), high: marks.plain(below + size)}
    along, up = ("x", "y") if shape.axes.upright else ("y", "x")
    measured = {**_measured(shape, rows), "field": _escaped(high), "scale": {"zero": True}}
    return {f"{along}2": {"field": _escaped(until)}, up: measured, f"{up}2": {"field": _escaped(low)}}


def _looks(kind: str, count: int) -> dict[str, Any]:
    looks: dict[str, dict[str, Any]] = {
        "bar": {},
        "line": {"point": count <= 60},
        "area": {"opacity": 0.7},
        "point": {"filled": True},
    }
    return looks[kind]


def _along(shape: _Shape, rows: Marks) -> dict[str, Any]:
    name = shape.axes.along
    head = shape.types[name]
    channel: dict[str, Any] = {
        "field": _escaped(name),
        "type": shape.along,
        "title": f"{name} (UTC)" if head["type"] == "timestamptz" else name,
    }
    if shape.along in {"nominal", "ordinal"}:
        channel["sort"] = None  # as the rows stand
    if shape.along == "nominal" and not shape.axes.upright:
        channel["title"] = None  # names beside their bars need no heading; the chart's title has it
    if shape.along in {"nominal", "ordinal"} and shape.axes.upright:
        channel["axis"] = _level(_list(rows, "along"))
    if shape.along == "quantitative":
        channel |= _plain_numbers(head)
    return channel


def _level(values: list[Any]) -> dict[str, Any]:
    """Return an axis whose labels lie level where they fit, and lean where they do not."""
    labels = {str(value) for value in values}
    fits = len(labels) * (CHARACTER_PIXELS * max(map(len, labels), default=0) + 8) <= WIDTH
    numbers = all(isinstance(value, (int, float)) for value in values)
    return {"labelAngle": 0, "labelOverlap": numbers} if fits or numbers else {"labelAngle": -40, "labelLimit": 160}


def _plain_numbers(head: Head) -> dict[str, Any]:
    """Return what an axis of codes needs: no separators, no half hours, and no way down to the year 0."""
    if head["group"]:
        return {}
    return {"axis": {"format": "d", "tickMinStep": 1}, "scale": {"zero": False}}


def _measured(shape: _Shape, rows: Marks) -> dict[str, Any]:
    name = shape.axes.measured
    title = f"sum of {name}" if rows.summed else name
    channel = {"field": _escaped(name), "type": "quantitative", "title": title}
    head = shape.types[name]
    return channel | (_plain_numbers(head) if shape.axes.kind in {"line", "point"} else {})


def _colours(shape: _Shape, rows: Marks) -> dict[str, Any]:
    """Return the channels that tell series apart: by colour and, for lines and points, without it."""
    if shape.color is None:
        return {}
    kind, field = shape.axes.kind, _escaped(shape.color)
    if not shape.series:
        type_ = "quantitative" if shape.color == shape.axes.measured else "nominal"
        return {"color": {"field": field, "type": type_, "title": shape.color, "sort": None, "legend": None}}
    names = list(rows.series)
    legend: dict[str, Any] = {"legend": None} if shape.labelled else {}
    channel = {"field": field, "type": "nominal", "title": shape.color, "sort": names}
    channels: dict[str, Any] = {"color": {**channel, **legend}}
    if kind == "line":
        dashes = [list(DASHES[index % len(DASHES)]) for index in range(len(names))]
        channels["strokeDash"] = {**channel, **legend, "scale": {"domain": names, "range": dashes}}
    if kind == "point":
        channels["shape"] = channel
    return channels


def _end_labels(shape: _Shape, rows: Marks) -> dict[str, Any]:
    """Return the layer with each line's name at its end, moved apart where ends are near."""
    axes, color = shape.axes, shape.color
    assert color is not None
    drawn = [
        row for row in rows.rows.to_pylist() if row["along"] is not None and marks.plain(row["measured"]) is not None
    ]
    last: dict[str, dict[str, Any]] = {}
    for row in sorted(drawn, key=lambda row: row["along"]):
        last[row["series"]] = row
    lowest, highest = (pick((0, *(row["measured"] for row in drawn))) for pick in (min, max))
    places = _apart([row["measured"] for row in last.values()], (highest - lowest) * LABEL_PIXELS / HEIGHT)
    ends = [
        {axes.along: marks.plain(row["along"]), axes.measured: place, color: name}
        for (name, row), place in zip(last.items(), places, strict=True)
    ]
    return {
        "data": {"values": ends},
        "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 7, "tooltip": None},
        "encoding": {"text": {"field": _escaped(color), "type": "nominal"}},
    }


def _apart(values: list[float], gap: float) -> list[float]:
    """Return the values, moved as little as keeps them a gap apart and not above the highest."""
    order = sorted(range(len(values)), key=lambda index: -values[index])
    placed = list(values)
    for before, index in pairwise(order):
        placed[index] = min(placed[index], placed[before] - gap)
    # What has been pushed below the axis goes up again, and pushes the others.
    floor = min((0, *values))
    for index in reversed(order):
        placed[index] = max(placed[index], floor)
        floor = placed[index] + gap
    return placed


def _title(shape: _Shape, rows: Marks, name: str | None) -> dict[str, str]:
    axes, color = shape.axes, shape.color
    said = [*rows.notes, *([f"from {name}"] if name else [])]
    words = f"{axes.measured} by {axes.along}" + (f" and {color}" if shape.series else "")
    return {"text": words, **({"subtitle": ", ".join(said)} if said else {})}


def _tooltips(shape: _Shape) -> list[dict[str, str]]:
    along, measured = shape.axes.along, shape.axes.measured
    grouped = {name: {"format": ","} if shape.types[name]["group"] else {} for name in (along, measured)}
    told = {
        along: {"type": shape.along, **({"format": "%Y-%m-%d %H:%M"} if shape.along == "temporal" else grouped[along])},
        measured: {"type": "quantitative", **grouped[measured]},
    }
    if shape.series and shape.color is not None:
        told[shape.color] = {"type": "nominal"}
    return [{"field": _escaped(name), "title": name, **more} for name, more in told.items()]


def _values(shape: _Shape, rows: Marks) -> list[dict[str, Any]]:
    names = {"along": shape.axes.along, "measured": shape.axes.measured, "series": shape.color or ""}
    return [{names[key]: marks.plain(value) for key, value in row.items()} for row in rows.rows.to_pylist()]


def _list(rows: Marks, column: str) -> list[Any]:
    values: list[Any] = rows.rows.column(column).to_pylist()
    return values


def _moment(value: date | datetime | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day)  # noqa: DTZ001 — digits as they are drawn


def _free(shape: _Shape, name: str) -> str:
    """Return a name that no column has."""
    return name if name not in shape.types else _free(shape, f"{name}_")


def _is_calendar(values: pa.ChunkedArray) -> bool:
    return all(value is None or _CALENDAR.fullmatch(value) for value in values.to_pylist())


def _escaped(name: str) -> str:
    """Return a column's name as Vega-Lite's path to it: dots and brackets are part of the name."""
    return "".join("\\" + each if each in "\\.[]'\"" else each for each in name)
