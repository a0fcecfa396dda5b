"""Write the example notebooks from Markdown: `python docs/build_notebooks.py`; a test compares the two.

Between `<!-- notebook file=… -->` and `<!-- /notebook -->` prose becomes Markdown cells and every fenced block
becomes a code cell; words after the fence's language are the cell's tags.  `language=r` makes it a notebook of R.
No pictures and no outputs, ever.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (ROOT / "docs" / "tutorial" / "first-notebook.md", *sorted((ROOT / "examples").glob("*.md")))

KERNELS = {
    "python": {"display_name": "Python (SWAP)", "language": "python", "name": "swap"},
    "r": {"display_name": "R (SWAP)", "language": "R", "name": "swap-r"},
}

_REGION = re.compile(r"<!-- notebook (?P<about>.*?) -->\n(?P<body>.*?)<!-- /notebook -->", re.DOTALL)
_PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n+", re.MULTILINE)
_FENCE = re.compile(r"^```(?:python|sql|r)(?P<tags>[^\n]*)\n(?P<code>.*?)\n```$", re.DOTALL | re.MULTILINE)


def notebooks(text: str) -> dict[str, dict[str, Any]]:
    """Return file name → document for every notebook that a page holds."""
    made = {}
    for region in _REGION.finditer(text):
        about = dict(word.split("=", 1) for word in shlex.split(region["about"]))
        made[f"{about['file']}.ipynb"] = _document(about, _cells(_PICTURE.sub("", region["body"])))
    return made


def dump(document: dict[str, Any]) -> str:
    """Return a notebook as it stands in the file."""
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _cells(body: str) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = []
    place = 0
    for fence in _FENCE.finditer(body):
        _add_prose(cells, body[place : fence.start()])
        _add(cells, "code", fence["code"], fence["tags"].split())
        place = fence.end()
    _add_prose(cells, body[place:])
    return cells


def _add_prose(cells: list[dict[str, Any]], text: str) -> None:
    # A heading opens a cell of its own group; the paragraphs after it stay with it.
    for part in re.split(r"\n(?=#{1,3} )", text):
        if part.strip():
            _add(cells, "markdown", re.sub(r"(?<=\S)\n(?=[^\n#*|\s])", " ", part.strip()), [])


def _add(cells: list[dict[str, Any]], kind: str, source: str, tags: list[str]) -> None:
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": f"{kind}-{len(cells) + 1:02d}",
        "metadata": {"tags": tags} if tags else {},
        "source": source.splitlines(keepends=True),
    }
    cells.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))


def _document(about: dict[str, str], cells: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": KERNELS[about.get("language", "python")],
            "language_info": {"name": KERNELS[about.get("language", "python")]["language"]},
            "swap": {key: about[key] for key in ("title", "summary", "tag")},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def main() -> None:
    """Write every notebook."""
    for source in SOURCES:
        for name, document in notebooks(source.read_text(encoding="utf-8")).items():
            (ROOT / "examples" / name).write_text(dump(document), encoding="utf-8")
            sys.stdout.write(f"examples/{name}\n")


if __name__ == "__main__":
    main()
