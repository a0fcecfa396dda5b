"""A notebook → its cells as HTML, each made once for what it holds; and one of its pictures, when it is asked for.

Pure but for the cache it is given.  Nothing here knows who reads.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from swap.errors import NotFound, Problem
from swap.reading import charts, document, highlight, markdown, outputs, pictures
from swap.reading.answers import FOLDED, Mark, Rendered, Spot
from swap.reading.document import Cell, Data
from swap.reading.kept import Kept
from swap.reading.markdown import Heading

CACHED_BYTES = 50_000_000
BEGINNING = 2_000
"""Characters of a source in which its first line is looked for."""
SPOT_LENGTH = 60
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAMES = {"python": "Python", "sql": "SQL", "r": "R", "bash": "Shell", "sh": "Shell", "javascript": "JavaScript"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One cell as HTML; its code is folded."""

    html: str
    headings: tuple[Heading, ...] = ()


Cache = Kept[bytes, Piece]
"""Cells that were made, by what they hold."""


def cache() -> Cache:
    """Return an empty cache."""
    return Kept(CACHED_BYTES)


def render(content: bytes, kept: Cache) -> Rendered:
    """Return a notebook's file as HTML.  Raises Invalid, LimitExceeded."""
    found = document.load(content)
    language = document.language(found)
    shown = list(document.cells(found))
    parts: list[str] = []
    outline: list[Mark] = []
    taken: set[str] = set()
    for number, raw in enumerate(shown, 1):
        piece = _piece(raw, language, kept)
        parts.append(f'<section class="cell" id="cell-{number}">{piece.html}</section>\n')
        for heading in piece.headings:
            anchor = heading.anchor if heading.anchor not in taken else f"cell-{number}"
            taken.add(anchor)
            outline.append(Mark(heading.level, heading.text, anchor))
    if len(found["cells"]) > len(shown):
        parts.append(f'<p class="none">{len(found["cells"]) - len(shown):,} more cells are not shown.</p>\n')
    title = next((each.text for each in outline), "")
    return Rendered(title, "".join(parts), tuple(outline[: markdown.HEADINGS]), tuple(map(_spot, shown)), language)


def picture(content: bytes, name: str) -> tuple[bytes, str]:
    """Return a picture of a notebook, written anew, and its type.  Raises NotFound for one it does not have."""
    for kind, data in _pictures(document.load(content)):
        if pictures.name(kind, data) == name:
            try:
                return pictures.written(kind, data)
            except ValueError as error:
                raise NotFound(Problem("This picture cannot be shown.", why=f"In SWAP's reading {error}.")) from error
    raise NotFound(Problem("There is no such picture in this notebook."))


def with_pictures(content: bytes) -> str:
    """Return a notebook's file as HTML with its pictures in it.  Raises Invalid, LimitExceeded."""
    html = render(content, cache()).html
    for kind, data in _pictures(document.load(content)):
        with contextlib.suppress(ValueError):
            written, type_ = pictures.written(kind, data)
            inside = f"data:{type_};base64,{base64.b64encode(written).decode()}"
            html = html.replace(f'<img src="{pictures.name(kind, data)}"', f'<img src="{inside}"')
    return html


def chart(content: bytes, name: str) -> tuple[bytes, str]:
    """Return the specification of a notebook's chart, and its kind.  Raises NotFound for one it does not have."""
    for data in _shown(document.load(content)):
        with contextlib.suppress(charts.Unfit):
            if (found := charts.chart(data)) is not None and found.name == name:
                return found.specification, found.kind
    raise NotFound(Problem("There is no such chart in this notebook.", todo="Load the notebook again; it has changed."))


def _spot(raw: dict[str, Any]) -> Spot:
    name = raw.get("id")
    lines = document.text(raw.get("source"), BEGINNING).split("\n")
    begins = next((line.strip() for line in lines if line.strip()), "")
    return Spot(name if isinstance(name, str) and _ID.fullmatch(name) else "", begins[:SPOT_LENGTH])


def _piece(raw: dict[str, Any], language: str, kept: Cache) -> Piece:
    key = hashlib.blake2b(
        json.dumps([language, raw], ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"),
        digest_size=20,
    ).digest()
    piece = kept.get(key)
    if piece is None:
        piece = _made(document.cell(raw), language)
        kept.put(key, piece, len(piece.html))
    return piece


def _made(cell: Cell, language: str) -> Piece:
    if cell.kind == "markdown":
        html, headings = markdown.render(cell.source, lambda name: _attached(cell, name))
        return Piece(str(html), headings)
    if cell.kind == "raw":
        return Piece(str(Markup('<pre class="plain" tabindex="0">{}</pre>').format(cell.source)) if cell.source else "")
    shown = Markup("").join(outputs.shown(each) for each in cell.outputs)
    if cell.left_out:
        shown += Markup('<p class="none">{} more outputs are not shown.</p>').format(f"{cell.left_out:,}")
    if cell.hides_outputs and shown:
        shown = Markup('<details class="out"><summary>Outputs, folded by the author</summary>{}</details>').format(
            shown
        )
    return Piece(str(_input(cell, language) + shown))


def _input(cell: Cell, language: str) -> Markup:
    source = cell.source.rstrip()
    if not source:
        return Markup()
    spoken = highlight.spoken(source, language)
    lines = source.count("\n") + 1
    named = f"{_NAMES.get(spoken, 'Code')}, {lines} line{'' if lines == 1 else 's'}"
    return Markup('{}<summary>{}</summary><pre class="sw-code" tabindex="0">{}</pre></details>').format(
        Markup(FOLDED),  # noqa: S704 — ours
        named,
        highlight.code(source, spoken),
    )


def _attached(cell: Cell, name: str) -> Markup | None:
    data = cell.attachments.get(name)
    return None if data is None else outputs.picture(data, str(escape(name)))


def _pictures(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for data in _shown(found):
        yield from data.pictures.items()


def _shown(found: dict[str, Any]) -> Iterator[Data]:
    for raw in document.cells(found):
        cell = document.cell(raw)
        for each in (*cell.outputs, *cell.attachments.values()):
            if isinstance(each, Data):
                yield each
