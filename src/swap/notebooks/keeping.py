"""Outputs that somebody does not see stay where they are when that person saves.  Pure.

They are named by their cell alone: whoever does not see an output has no name of it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import replace

from swap import content
from swap.content import Cell, Manifest
from swap.errors import Invalid

Key = Callable[[Cell], Hashable]


def keep(before: Manifest, sent: Manifest, hidden: Collection[str], source: Callable[[str], bytes]) -> Manifest:
    """Return what is sent, with the hidden outputs of those cells that are as they were `before` and come without any.

    They do not stay under a cell that says something else: they are not of what it says.
    """
    left, cells = [cell for cell in before.cells if cell.outputs in hidden], list(sent.cells)
    for then, now in _keys(source):
        waiting = defaultdict[Hashable, deque[Cell]](deque)
        for cell in left:
            waiting[then(cell)].append(cell)
        for at, cell in enumerate(cells):
            if waiting and cell.outputs is None and (found := waiting.get(now(cell))):
                was = found.popleft()
                cells[at] = replace(cell, outputs=was.outputs, images=was.images)
        left = [cell for each in waiting.values() for cell in each]
    return replace(sent, cells=tuple(cells))


def _keys(source: Callable[[str], bytes]) -> Iterator[tuple[Key, Key]]:
    """Yield by what a cell is told again, then and now: all of it; its id and text; its text, where it had no id."""

    def said(cell: Cell) -> tuple[str | None, str, str]:
        try:
            made = content.loaded(source(cell.source))
        except Invalid:
            return None, "", cell.source
        name, kind, text = made.get("id"), made.get("cell_type"), made.get("source")
        return name if isinstance(name, str) else None, str(kind), str(text)

    yield (lambda cell: cell.source), (lambda cell: cell.source)
    yield said, said
    yield (lambda cell: said(cell)[1:] if said(cell)[0] is None else cell), (lambda cell: said(cell)[1:])
