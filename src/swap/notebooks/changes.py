"""What changed between two versions of a notebook: cell by cell, sources by line.  Pure.

What is in a notebook is anybody's: every part may be of any type, and nothing of it is compared at any length.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from swap import content
from swap.content import Cell

LINES = 2_000
"""Of one source that are compared; of longer ones it is said that they changed."""
CONTEXT = 3
CHANGES = 200
"""Cells that are shown."""

_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that turn the direction of text: with them a line can look like another one."""

What = Literal["added", "removed", "changed", "moved"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a source: kept (" "), taken away ("-"), added ("+"), or left out of what is shown ("…")."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One cell that is not as it was."""

    what: What
    place: int
    """Its number in the newer version, from 1; in the older one where it was removed."""
    kind: str
    lines: tuple[Line, ...]
    outputs: str
    """What became of its outputs, in words; empty when they are the same."""
    beside: bool = False
    """Whether something beside its text and its outputs is new, such as a tag or an attached picture."""


@dataclass(frozen=True, slots=True)
class _Unlike:
    """A cell that the other version has not got as it is."""

    place: int
    kind: str
    text: str
    beside: dict[str, Any]
    cell: Cell


def needed(before: Sequence[Cell], after: Sequence[Cell]) -> set[str]:
    """Return the parts that `between` reads: those of cells that are in one version only, or changed."""
    same = set(before) & set(after)
    unlike = [cell for cell in (*before, *after) if cell not in same]
    return {name for cell in unlike for name in (cell.source, cell.outputs) if name is not None}


def between(
    before: Sequence[Cell], after: Sequence[Cell], part: Callable[[str], bytes], hidden: Collection[str] = ()
) -> tuple[Change, ...]:
    """Return the cells that changed, in the order of the newer version; removed ones first.

    Of `hidden` outputs it is said that they changed, and no more.
    """
    old, new = _unlike(before, after, part), _unlike(after, before, part)
    found = [
        Change("removed", each.place, each.kind, _lines("-", each.text), "")
        for key, each in old.items()
        if key not in new
    ]
    for key, now in new.items():
        was = old.get(key)
        if was is None:
            told = _told(None, now.cell, part, hidden)
            found.append(Change("added", now.place, now.kind, _lines("+", now.text), told, any(now.beside.values())))
            continue
        told = _told(was.cell, now.cell, part, hidden)
        beside = was.kind != now.kind or not _same(was.beside, now.beside)
        found.append(Change("changed", now.place, now.kind, _compared(was.text, now.text), told, beside))
    return (*found, *_moved(before, after))[:CHANGES]


def _unlike(cells: Sequence[Cell], others: Sequence[Cell], part: Callable[[str], bytes]) -> dict[Any, _Unlike]:
    """Return, by what tells a cell again, the cells that the other version has not got as they are."""
    same, found = set(others), dict[Any, _Unlike]()
    for place, cell in enumerate(cells, 1):
        if cell in same:
            continue
        made = content.loaded(part(cell.source))
        text, kind, key = made.pop("source", None), made.pop("cell_type", None), made.pop("id", None)
        # Without an id, as before format 4.5, a cell is told again by what it says.
        key = ("id", key) if isinstance(key, str) else ("source", cell.source)
        while key in found:
            key = (*key, place)
        found[key] = _Unlike(place, str(kind), text if isinstance(text, str) else "", made, cell)
    return found


def _same(was: dict[str, Any], now: dict[str, Any]) -> bool:
    try:
        return was == now
    except RecursionError:  # nested deeply
        return False


def _moved(before: Sequence[Cell], after: Sequence[Cell]) -> list[Change]:
    """Return cells that are the same and stand elsewhere among those that are."""
    places = {cell: place for place, cell in enumerate(before)}
    order = [places[cell] for cell in after if cell in places]
    if order == sorted(order):
        return []
    highest, moved = -1, []
    for place, cell in enumerate(after, 1):
        at = places.get(cell)
        if at is not None and at < highest:
            moved.append(Change("moved", place, "", (), ""))
        highest = max(highest, at if at is not None else -1)
    return moved


def _compared(was: str, now: str) -> tuple[Line, ...]:
    old, new = was.splitlines(), now.splitlines()
    if len(old) > LINES or len(new) > LINES:
        return () if was == now else (Line("…", "Too long to be compared line by line."),)
    shown: list[Line] = []
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT):
        if shown or group[0][1] > 0:
            shown.append(Line("…", ""))
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                shown += (_line(" ", text) for text in old[old_from:old_to])
                continue
            shown += (_line("-", text) for text in old[old_from:old_to])
            shown += (_line("+", text) for text in new[new_from:new_to])
    return tuple(shown)


def _lines(mark: str, text: str) -> tuple[Line, ...]:
    lines = text.splitlines()
    more = (Line("…", f"{len(lines) - LINES:,} more lines"),) if len(lines) > LINES else ()
    return tuple(_line(mark, line) for line in lines[:LINES]) + more


def _line(mark: str, text: str) -> Line:
    return Line(mark, _TURNS.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text))


def _told(was: Cell | None, now: Cell, part: Callable[[str], bytes], hidden: Collection[str]) -> str:
    """Say what became of a cell's outputs."""
    before = was.outputs if was else None
    if before == now.outputs:
        return ""
    if now.outputs is None:
        return "Outputs were cleared."
    if now.outputs in hidden or before in hidden:
        return "Has outputs now that you may not see." if before is None else "Outputs changed; you may not see them."
    count = _outputs(now, part)
    if before is None:
        return f"Has {_plural(count, 'output')} now." if count else ""
    if was and _outputs(was, part) == count == 0:
        return ""
    images = " Images changed." if was and was.images != now.images else ""
    return f"Outputs changed: {_plural(count, 'output')} now.{images}"


def _outputs(cell: Cell, part: Callable[[str], bytes]) -> int:
    outputs = content.loaded(part(cell.outputs)).get("outputs") if cell.outputs else None
    return len(outputs) if isinstance(outputs, list) else 0


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
