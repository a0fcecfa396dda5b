"""One-line charts, and Altair's charts drawn by our own renderer: offline, and kept in the notebook.

Altair is imported when a chart is made; whoever imports it by themselves gets the same renderer.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from swap.errors import Invalid, Problem, Suggestion

MIME = "application/vnd.vegalite.v6+json"
KINDS = ("bar", "line", "area", "point")
MAX_ROWS = 5_000


def chart(table: pa.Table, name: str | None, kind: str, *, x: str, y: str, color: str | None, top: int | None) -> Any:
    """Return an Altair chart of a table; `top` keeps the rows with the largest numbers."""
    if kind not in KINDS:
        raise Invalid(Problem(f"{kind} is not a kind of chart.", todo=f"Choose one of {', '.join(KINDS)}."))
    for column in filter(None, (x, y, color)):
        if column not in table.column_names:
            raise Invalid(Problem(f"{column} is not a column of {name or 'the result'}.", todo=f"Its columns are {', '.join(table.column_names)}.",
                                  suggestions=tuple(Suggestion(label) for label in table.column_names)))
    measure = y if _is_number(table, y) or not _is_number(table, x) else x
    total = table.num_rows
    table = table.select(list(dict.fromkeys(filter(None, (x, y, color)))))
    if top is not None:
        table = table.take(pc.sort_indices(table, sort_keys=[(measure, "descending")])[:top])
    if table.num_rows > MAX_ROWS:
        raise Invalid(Problem(f"A chart of {table.num_rows:,} rows would make the notebook slow; {MAX_ROWS:,} are its most.",
                              todo=f"Group in SQL first, or name how many to keep: top={MAX_ROWS}."))

    import altair as alt  # noqa: PLC0415 - most of a second that only charts should cost

    other = x if measure == y else y
    sort = {} if kind in {"line", "area"} or _is_time(table, other) else {"sort": f"-{'x' if measure == x else 'y'}"}
    encoding = {
        axis: _channel(alt, axis, column, table, sort if column == other else {})
        for axis, column in (("x", x), ("y", y))
    }
    if color is not None:
        encoding["color"] = alt.Color(_field(color))
    data = alt.InlineData(values=[{key: _json(value) for key, value in row.items()} for row in table.to_pylist()])
    title = alt.TitleParams(f"{measure} by {other}", subtitle=_subtitle(top, total, name), anchor="start")
    return getattr(alt.Chart(data, title=title, width="container"), f"mark_{kind}")().encode(**encoding)


def _subtitle(top: int | None, total: int, name: str | None) -> str:
    parts = [f"top {top} of {total:,}" if top is not None and top < total else f"{total:,} rows"]
    return ", ".join(parts + ([f"from {name}"] if name else []))


def _channel(alt: ModuleType, axis: str, column: str, table: pa.Table, sort: dict[str, str]) -> Any:
    kind = "quantitative" if _is_number(table, column) else "temporal" if _is_time(table, column) else "nominal"
    return getattr(alt, axis.upper())(_field(column), type=kind, title=column, **sort)


def _field(column: str) -> str:
    # Vega-Lite reads dots and brackets of a field's name as a path.
    return "".join("\\" + c if c in ".[]:\\" else c for c in column)


def _is_number(table: pa.Table, column: str) -> bool:
    type_ = table.schema.field(column).type
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _is_time(table: pa.Table, column: str) -> bool:
    return bool(pa.types.is_temporal(table.schema.field(column).type))


def _json(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def render(spec: dict[str, Any], **metadata: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a chart as the outputs of a cell: our MIME type, and one line of text."""
    title = spec.get("title")
    text = title.get("text") if isinstance(title, dict) else title
    return {MIME: spec, "text/plain": f"[Chart{': ' + str(text) if text else ''}; it shows where SWAP's extension is installed]"}, metadata


def install() -> None:
    """Make our renderer Altair's default: now if it is loaded, else when it is."""
    if "altair" in sys.modules:
        _register(sys.modules["altair"])
    elif not any(isinstance(finder, _OnImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _OnImport())


def _register(altair: ModuleType) -> None:
    altair.renderers.register("swap", render)
    altair.renderers.enable("swap")


class _OnImport(importlib.abc.MetaPathFinder):
    """Registers our renderer once Altair has been imported, then stands aside."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        """Return Altair's own spec, with a loader that registers after it has run."""
        if name != "altair":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        loader, run = spec.loader, spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            _register(module)

        loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
