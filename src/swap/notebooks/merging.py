"""What changed in one of two notebooks that began as one, cell by cell, and what the other is with that taken.

A cell is known by its id; three sources say what happened to it: the one it began with, theirs and mine.  Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from swap import content
from swap.content import Cell, Manifest
from swap.errors import Invalid

Cells = Mapping[str, Cell]
"""The cells of a notebook in their order, each by its key."""
Base = Mapping[str, str]
"""Key → the source with which a cell began; a cell that is not in it began in one of the two."""
What = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class Offer:
    """A cell that they changed and I have not got so."""

    key: str
    base: str | None
    theirs: Cell | None
    mine: Cell | None

    @property
    def what(self) -> What:
        """What taking it does to my notebook."""
        if self.theirs is None:
            return "removed"
        return "added" if self.mine is None else "changed"

    @property
    def edited(self) -> bool:
        """Whether I changed it too: then taking it is mine to decide with both before me."""
        return _source(self.mine) != self.base

    @property
    def mark(self) -> str:
        """What it is known by: the same only as long as all three sources are."""
        told = [self.base, _source(self.theirs), _source(self.mine)]
        return content.digest(json.dumps(told).encode())[:32]


def keyed(cells: Sequence[Cell], sources: Mapping[str, bytes]) -> dict[str, Cell]:
    """Return cells by their keys; `sources` holds their source parts, which may be anybody's."""
    found: dict[str, Cell] = {}
    for cell in cells:
        id_ = _id(sources[cell.source])
        # Without an id, as before format 4.5, a cell is told again by what it says.
        told = ["source", cell.source] if id_ is None else ["id", id_]
        key = content.digest(json.dumps(told).encode())
        while key in found:
            key = content.digest(key.encode())
        found[key] = cell
    return found


def _id(source: bytes) -> str | None:
    try:
        id_ = content.loaded(source).get("id")
    except Invalid:
        return None
    return id_ if isinstance(id_, str) else None


def base(cells: Cells, settled: Mapping[str, str | None]) -> dict[str, str]:
    """Return with what each cell began: as it was forked, unless it was settled since; settled to nothing, it is gone.

    >>> base({"a": Cell("1", None, ()), "b": Cell("2", None, ())}, {"a": None, "b": "3", "c": "4"})
    {'b': '3', 'c': '4'}
    """
    began: dict[str, str | None] = {key: cell.source for key, cell in cells.items()}
    began |= settled
    return {key: source for key, source in began.items() if source is not None}


def offers(base: Base, theirs: Cells, mine: Cells) -> tuple[Offer, ...]:
    """Return the cells that they changed and I have not got so, in their order; those that they removed last."""
    found = [Offer(key, base.get(key), cell, mine.get(key)) for key, cell in theirs.items()]
    found += [Offer(key, source, None, mine.get(key)) for key, source in base.items() if key not in theirs]
    return tuple(each for each in found if _source(each.theirs) not in {each.base, _source(each.mine)})


def taken(offer: Offer, theirs: Cells, mine: Cells) -> dict[str, Cell]:
    """Return my cells with what is offered; all others stay, in their order.

    A cell that I have not got stands behind the nearest one before it in theirs that I have; without one, first.
    """
    new = offer.theirs
    if new is None:
        return {key: cell for key, cell in mine.items() if key != offer.key}
    if offer.key in mine:
        return {key: new if key == offer.key else cell for key, cell in mine.items()}
    before = list(theirs)[: list(theirs).index(offer.key)] if offer.key in theirs else []
    behind = next((key for key in reversed(before) if key in mine), None)
    made: dict[str, Cell] = {} if behind else {offer.key: new}
    for key, cell in mine.items():
        made[key] = cell
        if key == behind:
            made[offer.key] = new
    return made


def _source(cell: Cell | None) -> str | None:
    return None if cell is None else cell.source


def merged(manifest: Manifest, minor: int, offer: Offer, theirs: Cells, mine: Cells) -> Manifest:
    """Return my notebook with what is offered, of a notebook in nbformat 4.`minor`."""
    cells = tuple(taken(offer, theirs, mine).values())
    # Cells have ids from 4.5 on: in an older one, one of theirs would be wrong.
    return replace(manifest, minor=max(manifest.minor, minor), cells=cells)
