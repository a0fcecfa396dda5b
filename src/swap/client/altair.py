"""Make every Altair chart show offline: as a Vega-Lite 6 specification that SWAP's own renderer draws.

Importing Altair takes most of a second, so nothing imports it here: a finder waits for the first import.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from swap.client import text

MIME = "application/vnd.vegalite.v6+json"
BARS = 30
BAR_WIDTH = 40


def render(spec: dict[str, Any], **_metadata: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a chart's MIME bundle; what it says about how to embed it is dropped."""
    kept = {key: value for key, value in spec.items() if key != "usermeta"}
    return {MIME: kept, "text/plain": described(kept)}, {}


def described(spec: dict[str, Any]) -> str:
    """Return a chart in words, for places without pictures; a simple bar chart as bars."""
    title = spec.get("title")
    words = [title.get("text", ""), title.get("subtitle", "")] if isinstance(title, dict) else [title or ""]
    layers = spec.get("layer") or [{}]
    mark = spec.get("mark") or layers[0].get("mark")
    kind = mark.get("type", "") if isinstance(mark, dict) else mark or ""
    said = ", ".join(str(word) for word in words if word)
    line = text.safe(f"Chart{f' ({kind})' if kind else ''}{f': {said}' if said else ''}")
    return "\n".join([line, *(_bars(spec) if kind == "bar" else ())])


def _bars(spec: dict[str, Any]) -> list[str]:
    """Return the bars of a chart that SWAP made, one on a line; nothing for another or a larger one."""
    axes = [spec.get("encoding", {}).get(channel) for channel in "xy"]
    rows = next(iter(spec.get("datasets", {}).values()), None)
    if not isinstance(rows, list) or not 0 < len(rows) <= BARS or not all(axes) or "color" in spec["encoding"]:
        return []
    measured, along = sorted(axes, key=lambda axis: axis.get("type") != "quantitative")
    try:
        pairs = [(text.one_line(str(row[along["field"]])), row[measured["field"]] or 0) for row in rows]
        most = max(value for _, value in pairs)
        width = max(text.width_of(name) for name, _ in pairs)
        return [
            f"{name}{' ' * (width - text.width_of(name))}  {'█' * round(BAR_WIDTH * max(0, value) / (most or 1))}"
            f" {value:,}"
            for name, value in pairs
        ]
    except (KeyError, TypeError, ValueError):
        return []


def use(altair: Any) -> None:
    """Make our renderer Altair's own."""
    altair.renderers.register("swap", render)
    altair.renderers.enable("swap")


def install() -> None:
    """Use our renderer as soon as Altair is imported."""
    if "altair" in sys.modules:
        use(sys.modules["altair"])
    elif not any(isinstance(finder, _Once) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Once())


class _Once(MetaPathFinder):
    """Finds altair once, the usual way, and wraps its loader."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 — the protocol's argument
        target: ModuleType | None = None,  # noqa: ARG002 — the protocol's argument
    ) -> ModuleSpec | None:
        if fullname != "altair":
            return None
        sys.meta_path.remove(self)
        spec = find_spec("altair")
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Loads altair, then makes our renderer its own."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        use(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
