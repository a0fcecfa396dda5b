"""A chart that moves: its specification, rebuilt from a list, and its data as a table.

What draws it loads nothing and compiles no text, whatever a specification says; here it is kept from being asked to.
"""

from __future__ import annotations

import array
import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from swap.reading import tables
from swap.reading.document import PLOTLY, VEGA_LITE, Data

DEPTH = 30
TEXT_LENGTH = 10_000
SPECIFICATION_BYTES = 5_000_000

_MARKS = frozenset({
    "arc", "area", "bar", "boxplot", "circle", "errorband", "errorbar", "geoshape", "line", "point", "rect", "rule",
    "square", "text", "tick", "trail",
})  # fmt: skip
_CHANNELS = frozenset({
    "angle", "color", "column", "detail", "facet", "fill", "fillOpacity", "latitude", "latitude2", "longitude",
    "longitude2", "opacity", "order", "radius", "radius2", "row", "shape", "size", "stroke", "strokeDash",
    "strokeOpacity", "strokeWidth", "text", "theta", "theta2", "tooltip", "x", "x2", "xError", "xError2", "xOffset",
    "y", "y2", "yError", "yError2", "yOffset", "key",
})  # fmt: skip
_OF_VIEWS = frozenset({
    "align", "autosize", "background", "bounds", "center", "columns", "config", "description", "height", "name",
    "padding", "projection", "repeat", "resolve", "spacing", "title", "view", "width",
})  # fmt: skip
_SEVERAL = ("layer", "hconcat", "vconcat", "concat")
_LEADS_AWAY = frozenset({"element", "href", "images", "source", "url", "usermeta"})
"""Names of what loads or leads somewhere, or reaches into the page, wherever they stand in a specification."""
_TRACES = frozenset({
    "bar", "box", "contour", "heatmap", "histogram", "histogram2d", "histogram2dcontour", "pie", "scatter",
    "scatterternary", "violin",
})  # fmt: skip
_ELSEWHERE = frozenset({"frames", "geo", "mapbox", "map", "scene", "sliders", "transforms", "updatemenus"})
"""Of plotly's figures: what asks other hosts, changes a figure past this list, or is not drawn by the library."""
_TAG = re.compile(r"<(?!/?(?:b|i|br|em|strong|sub|sup|extra)\s*/?>)")
"""A tag in a text of plotly's that is none of these: an address among them."""
_NUMBERS = {"f8": "d", "f4": "f", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I"}


class Unfit(ValueError):
    """This chart cannot be drawn here; says why."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that can be drawn: by what, and its specification as JSON."""

    kind: str
    specification: bytes

    @property
    def name(self) -> str:
        """What it is called in addresses, by what it holds."""
        return f"{hashlib.blake2b(self.kind.encode() + self.specification, digest_size=16).hexdigest()}.chart"


def chart(data: Data) -> Chart | None:
    """Return the chart that an output is, or None.  Raises Unfit."""
    for kind, raw in data.values.items():
        if kind in VEGA_LITE:
            return _made("vegalite", vega_lite, raw)
        if kind == PLOTLY:
            return _made("plotly", plotly, raw)
    return None


def table(data: Data) -> Markup | None:
    """Return what a chart draws as a table, or None where its data is not in it."""
    for kind, raw in data.values.items():
        try:
            if kind in VEGA_LITE:
                return _table(list(_rows_of(raw)))
            if kind == PLOTLY:
                return _table(list(_points(raw)))
        except (TypeError, ValueError, RecursionError):
            return None
    return None


def _made(kind: str, build: Callable[[Any], Any], raw: Any) -> Chart:
    try:
        made = json.dumps(build(raw), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, Unfit) else Unfit("It is not well formed.") from error
    if len(made) > SPECIFICATION_BYTES:
        raise Unfit(f"It has {len(made) / 1e6:.0f} MB; up to {SPECIFICATION_BYTES / 1e6:.0f} MB are drawn.")
    return Chart(kind, made)


# ── Vega-Lite ───────────────────────────────────────────────────────────────────────────────────────
def vega_lite(raw: Any) -> dict[str, Any]:
    """Return a specification of what is listed, with its data in it.  Raises Unfit."""
    made = _view(_dict(raw), 0)
    if datasets := _dict(raw).get("datasets"):
        made["datasets"] = {name: _values(rows) for name, rows in _dict(datasets).items()}
    return made


def _view(raw: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if depth > DEPTH:
        raise Unfit("It is too deep.")
    made = {key: _plain(each, depth) for key, each in raw.items() if key in _OF_VIEWS}
    made |= {key: read(raw[key], depth) for key, read in _PARTS.items() if key in raw}
    return made


def _views(raw: Any, depth: int) -> list[dict[str, Any]]:
    return [_view(_dict(each), depth + 1) for each in _list(raw)]


def _channels(raw: Any, depth: int) -> dict[str, Any]:
    return {name: _plain(each, depth) for name, each in _dict(raw).items() if name in _CHANNELS}


def _mark(raw: Any, depth: int) -> Any:
    kind = raw.get("type") if isinstance(raw, dict) else raw
    if not isinstance(kind, str) or kind not in _MARKS:
        raise Unfit(f"SWAP does not draw marks of the kind {str(kind)[:40]}.")
    return _plain(raw, depth)


def _transforms(raw: Any, depth: int) -> list[dict[str, Any]]:
    return [_transform(_dict(each), depth) for each in _list(raw)]


def _transform(raw: Mapping[str, Any], depth: int) -> dict[str, Any]:
    made: dict[str, Any] = _plain({key: value for key, value in raw.items() if key != "from"}, depth)
    if "from" in raw:
        behind = _dict(raw["from"])
        made["from"] = _plain({key: value for key, value in behind.items() if key != "data"}, depth)
        if "data" in behind:
            made["from"]["data"] = _data(behind["data"])
    return made


def _data(raw: Any) -> dict[str, Any] | None:
    if raw is None:
        return None
    found = _dict(raw)
    if not {"values", "name"} & found.keys():
        raise Unfit("Its data is not in the notebook, and SWAP loads nothing for a notebook.")
    made: dict[str, Any] = {}
    if isinstance(found.get("name"), str):
        made["name"] = found["name"]
    if "values" in found:
        made["values"] = _values(found["values"])
    if "format" in found:
        made["format"] = _plain(found["format"], 0)
    return made


def _values(raw: Any) -> Any:
    """Return data as it is: in it a name says nothing."""
    if not isinstance(raw, list | dict):
        raise Unfit("Its data is in a form that SWAP does not draw.")
    return raw


def _plain(value: Any, depth: int) -> Any:
    """Return a part of a specification without what leads away."""
    if depth > DEPTH:
        raise Unfit("It is too deep.")
    if isinstance(value, dict):
        return {key: _plain(each, depth + 1) for key, each in value.items() if key not in _LEADS_AWAY}
    if isinstance(value, list):
        return [_plain(each, depth + 1) for each in value]
    if isinstance(value, str) and len(value) > TEXT_LENGTH:
        raise Unfit("It holds a text that is too long.")
    return value


_PARTS: dict[str, Callable[[Any, int], Any]] = {
    "data": lambda raw, _: _data(raw),
    "mark": _mark,
    "encoding": _channels,
    "facet": _plain,
    "params": _plain,
    "transform": _transforms,
    "spec": lambda raw, depth: _view(_dict(raw), depth + 1),
    **dict.fromkeys(_SEVERAL, _views),
}


def _rows_of(raw: Any) -> Iterator[Any]:
    """Yield the rows of the first data of a Vega-Lite specification that has any."""
    spec = _dict(raw)
    data, datasets = spec.get("data"), _dict(spec.get("datasets") or {})
    found = data if isinstance(data, dict) else {}
    rows = found.get("values") or datasets.get(str(found.get("name")))
    if isinstance(rows, list):
        yield from rows
        return
    for several in (*_SEVERAL, "spec"):
        for each in _list(spec[several]) if several in _SEVERAL and several in spec else [spec.get(several)]:
            if isinstance(each, dict):
                yield from _rows_of({"datasets": datasets, **each})
                return


# ── plotly ──────────────────────────────────────────────────────────────────────────────────────────
def plotly(raw: Any) -> dict[str, Any]:
    """Return a figure of what is listed: its traces and its layout.  Raises Unfit."""
    figure = _dict(raw)
    traces = [_trace(_dict(each)) for each in _list(figure.get("data"))]
    return {"data": traces, "layout": _plot(figure.get("layout") or {}, 0)}


def _trace(raw: Mapping[str, Any]) -> dict[str, Any]:
    kind = raw.get("type", "scatter")
    # What is drawn by the graphics processor looks the same, and needs a library three times as large.
    kind = "scatter" if kind == "scattergl" else kind
    if not isinstance(kind, str) or kind not in _TRACES:
        raise Unfit(f"SWAP does not draw figures of the kind {str(kind)[:40]}.")
    made: dict[str, Any] = _plot({key: value for key, value in raw.items() if key != "type"}, 0)
    return {**made, "type": kind}


def _plot(value: Any, depth: int) -> Any:
    if depth > DEPTH:
        raise Unfit("It is too deep.")
    if isinstance(value, dict):
        left_out = _LEADS_AWAY | _ELSEWHERE
        return {
            key: _plot(each, depth + 1)
            for key, each in value.items()
            if key not in left_out and not key.endswith("src")
        }
    if isinstance(value, list):
        return [_plot(each, depth + 1) for each in value]
    return _TAG.sub("&lt;", value) if isinstance(value, str) else value


def _points(raw: Any) -> Iterator[dict[str, Any]]:
    """Yield the points of a figure: of each trace its name and what belongs together."""
    for each in _list(_dict(raw).get("data")):
        trace = _dict(each)
        columns = {key: _column(trace[key]) for key in ("x", "y", "labels", "values") if key in trace}
        columns = {key: column for key, column in columns.items() if column}
        name = {"": trace["name"]} if isinstance(trace.get("name"), str) and trace["name"] else {}
        for values in zip(*columns.values(), strict=False):
            yield {**name, **dict(zip(columns, values, strict=True))}


def _column(value: Any) -> list[Any]:
    """Return the values of one column of a figure, which may be written as bytes."""
    if isinstance(value, list):
        return value
    found = _dict(value)
    try:
        numbers = array.array(_NUMBERS[found["dtype"]])
        numbers.frombytes(base64.b64decode(found["bdata"], validate=True))
    except (KeyError, TypeError, ValueError, binascii.Error):
        return []
    return numbers.tolist()


# ── both ────────────────────────────────────────────────────────────────────────────────────────────
def _table(rows: list[Any]) -> Markup | None:
    found = [each for each in rows if isinstance(each, dict)]
    names: dict[str, None] = {}
    for each in found[: tables.ROWS]:
        names.update(dict.fromkeys(each))
    if not names:
        return None
    shown = [[_value(each.get(name)) for name in names] for each in found[: tables.ROWS]]
    sides = ["right" if all(_is_number(row.get(name)) for row in found[: tables.ROWS]) else "" for name in names]
    columns = [{"name": name, "align": side} for name, side in zip(names, sides, strict=True)]
    return tables.result({"columns": columns, "page": {"rows": shown}, "rows": len(found)})


def _value(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)[: tables.VALUE_LENGTH]


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit("It is not well formed.")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unfit("It is not well formed.")
    return value
