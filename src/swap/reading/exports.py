"""A notebook as a file to take along: without what was computed, as a script, as a page.  Each holds what is listed."""

from __future__ import annotations

import json
from typing import Any

from swap.reading import document, render
from swap.reading.document import Cell

_CODE = frozenset({"!", "%", "?"})
"""How a line begins that is for IPython and not for Python."""
_NAMES = ("name", "display_name", "language")


def without_outputs(content: bytes) -> bytes:
    """Return a notebook of sources alone: no outputs, counts, marks of trust, widgets or notes of other programs."""
    found = document.load(content)
    metadata = found.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    made = {
        "cells": [_bare(document.cell(raw), number) for number, raw in enumerate(document.cells(found), 1)],
        "metadata": {
            key: {name: str(about[name])[:200] for name in _NAMES if isinstance(about.get(name), str)}
            for key in ("kernelspec", "language_info")
            if isinstance(about := metadata.get(key), dict)
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(made, indent=1, ensure_ascii=False).encode() + b"\n"


def script(content: bytes) -> bytes:
    r"""Return a notebook as a script, in cells that begin with `# %%`; text, and what is for IPython, as comments.

    >>> script(b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "%%swap a\\nSELECT 1"}]}')
    b'# %%\n# %%swap a\n# SELECT 1\n'
    """
    found = document.load(content)
    return "\n".join(_scripted(document.cell(raw)) for raw in document.cells(found)).encode()


def html(content: bytes) -> bytes:
    """Return what is shown of a notebook, with its pictures in it: the page around it is the portal's."""
    return render.with_pictures(content).encode("utf-8", "replace")


def _bare(cell: Cell, number: int) -> dict[str, Any]:
    made: dict[str, Any] = {"cell_type": cell.kind, "id": f"cell-{number}", "metadata": {}, "source": cell.source}
    return made | ({"outputs": [], "execution_count": None} if cell.kind == "code" else {})


def _scripted(cell: Cell) -> str:
    lines = cell.source.rstrip("\n").split("\n")
    if cell.kind != "code":
        return "\n".join([f"# %% [{cell.kind}]", *map(_comment, lines)]) + "\n"
    whole = cell.source.startswith("%%")
    return (
        "\n".join(["# %%", *(_comment(each) if whole or each.lstrip()[:1] in _CODE else each for each in lines)]) + "\n"
    )


def _comment(line: str) -> str:
    return f"# {line}".rstrip()
