"""Notebooks and examples as pages show them, and the documents new ones start from.  Pure values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from swap.catalog.names import written

KERNEL = {"name": "swap", "display_name": "Python (SWAP)", "language": "python"}
TITLE_LIMIT = 200
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""What ids of notebooks, comments and suggestions look like."""


def name_of(path: str) -> str:
    """Return a notebook's name: its file's, without the ending.

    >>> name_of("ideas/first.ipynb")
    'first'
    """
    return path.rsplit("/", 1)[-1].removesuffix(".ipynb")


@dataclass(frozen=True, slots=True)
class Notebook:
    """One .ipynb file of a home directory; `path` is relative to it, with slashes."""

    path: str
    title: str
    edited_at: datetime
    size_bytes: int

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return name_of(self.path)

    @property
    def folder(self) -> str:
        """The folder below the home directory, or nothing."""
        return self.path.rsplit("/", 1)[0] if "/" in self.path else ""


@dataclass(frozen=True, slots=True)
class Example:
    """A notebook offered for copying; `name` is its file's name without the ending."""

    name: str
    title: str
    summary: str
    tag: str
    sql: str = ""
    chart: str = ""
    asks: str = ""
    """All of its code, but for the cells that show a refusal on purpose."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What was found, newest first, and whether the search stopped before the end."""

    notebooks: tuple[Notebook, ...]
    complete: bool


def title(document: Any, fallback: str) -> str:
    r"""Return the first heading of a notebook's Markdown cells, or `fallback`.

    The document is anybody's: every part may be of any type.

    >>> title({"cells": [{"cell_type": "markdown", "source": ["# Mobile *readers*\n", "text"]}]}, "untitled")
    'Mobile readers'
    """
    cells = document.get("cells") if isinstance(document, dict) else None
    for cell in cells if isinstance(cells, list) else []:
        if not isinstance(cell, dict) or cell.get("cell_type") != "markdown":
            continue
        for line in text(cell.get("source")).splitlines():
            # Only the beginning by pattern: one that also looks for the end takes hours for a line made to be slow.
            mark = re.match(r"\s{0,3}#{1,6}\s+(?=\S)", line)
            if mark:
                return re.sub(r"[*_`]", "", line[mark.end() :].rstrip().rstrip("#"))[:TITLE_LIMIT].strip() or fallback
    return fallback


def text(source: Any) -> str:
    """Return a cell's source as one string; notebooks hold it as text or as a list of lines."""
    if isinstance(source, str):
        return source
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return ""


def is_in_r(document: Any) -> bool:
    """Tell whether a notebook needs a kernel of R."""
    metadata = document.get("metadata") if isinstance(document, dict) else None
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    return isinstance(kernel, dict) and kernel.get("language") == "R"


def sample(document: Any) -> tuple[str, str]:
    r"""Return a notebook's first SQL cell, without its first line, and the first line after it that draws a chart.

    >>> cells = ["%%swap pages\nSELECT 1", "pages.chart()"]
    >>> sample({"cells": [{"cell_type": "code", "source": source} for source in cells]})
    ('SELECT 1', 'pages.chart()')
    """
    sql = ""
    for item in document.get("cells", []) if isinstance(document, dict) else []:
        source = text(item.get("source")).strip() if isinstance(item, dict) and item.get("cell_type") == "code" else ""
        if not sql and source.startswith("%%swap"):
            sql = source.partition("\n")[2].strip()
        elif sql and ".chart(" in source and "\n" not in source:
            return sql, source
    return sql, ""


def asks(document: Any) -> str:
    r"""Return a notebook's code, without the cells that are meant to fail.

    >>> cells = ["a", "b"]
    >>> asks({"cells": [{"cell_type": "code", "source": "a"}, {"cell_type": "code", "source": "b",
    ...     "metadata": {"tags": ["raises-exception"]}}]})
    'a'
    """
    code = [
        text(item.get("source"))
        for item in (document.get("cells", []) if isinstance(document, dict) else [])
        if isinstance(item, dict) and item.get("cell_type") == "code" and not _is_meant_to_fail(item)
    ]
    return "\n".join(code)


def _is_meant_to_fail(item: dict[str, Any]) -> bool:
    metadata = item.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return isinstance(tags, list) and "raises-exception" in tags


def cell(kind: str, cell_id: str, source: str) -> dict[str, Any]:
    """Return one cell in notebook format 4.5."""
    made: dict[str, Any] = {"cell_type": kind, "id": cell_id, "metadata": {}, "source": source}
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def new(sql: str, cell_id: str) -> dict[str, Any]:
    """Return a notebook whose first cell runs `sql` and leaves the answer in `result`."""
    return {
        "cells": [cell("code", cell_id, f"%%swap result\n{sql}")],
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def without_outputs(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy with nothing that was computed or trusted elsewhere: no outputs, counts, widgets or trust marks."""
    cells = [item for item in document.get("cells", []) if isinstance(item, dict)]
    kept = []
    for item in cells:
        metadata = {
            key: value for key, value in dict(item.get("metadata") or {}).items() if key not in {"trusted", "execution"}
        }
        kept.append(
            item
            | {"metadata": metadata}
            | ({"outputs": [], "execution_count": None} if item.get("cell_type") == "code" else {})
        )
    metadata = {
        key: value
        for key, value in dict(document.get("metadata") or {}).items()
        if key not in {"widgets", "signature", "trusted"}
    }
    return document | {"cells": kept, "metadata": metadata}


def select(source: str, schema: str, table: str, where: str = "") -> str:
    """Return the statement a new notebook starts from: ten rows of one table."""
    name = ".".join(written(part) for part in (source, schema, table))
    condition = f"\nWHERE {where}" if where else ""
    return f"SELECT *\nFROM {name}{condition}\nLIMIT 10"
