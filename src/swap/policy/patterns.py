"""Patterns of resources by dotted parts: `lake.wmf.*.city`.  A star stands for exactly one whole name.

Names compare without case, as the statement's names do; otherwise "City" would slip past a lock on "city".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
Pattern = tuple[str | None, ...]
"""The parts of a pattern, without case; None is a star."""


def read(text: str) -> Pattern:
    """Return the pattern that somebody wrote.

    >>> read("lake.WMF.*.city")
    ('lake', 'wmf', None, 'city')
    """
    return tuple(None if part == "*" else part.casefold() for part in text.split("."))


@dataclass(slots=True)
class _Node(Generic[T]):
    """The patterns that begin alike: what one that ends here says, and the first thing said further down."""

    named: dict[str, _Node[T]] = field(default_factory=dict)
    starred: _Node[T] | None = None
    here: tuple[int, T] | None = None
    below: tuple[int, T] | None = None


class Lookup(Generic[T]):
    """Patterns, each with what it says.  The first of those that fit counts.

    Finding takes at most two steps for each part that was found so far, however many patterns there are.

    >>> rules: Lookup[str] = Lookup()
    >>> rules.add(read("lake.wmf.*.city"), "lock")
    >>> rules.covering(["lake", "wmf", "pageview_hourly", "city"]), rules.covering(["lake", "wmf"])
    ('lock', None)
    >>> rules.meeting(["lake", "wmf"])
    'lock'
    """

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._count = 0

    def add(self, pattern: Pattern, says: T) -> None:
        """Let a pattern say something, unless an earlier one already does."""
        said = (self._count, says)
        self._count += 1
        node = self._root
        for part in pattern:
            node.below = node.below or said
            if part is None:
                node.starred = node.starred or _Node()
                node = node.starred
            else:
                node = node.named.setdefault(part, _Node())
        node.here = node.here or said

    def covering(self, parts: Sequence[str]) -> T | None:
        """Return what is said of the resource itself or of something it lies in."""
        return _says(self._walk(parts)[0])

    def meeting(self, parts: Sequence[str]) -> T | None:
        """Return what is said of the resource, of something it lies in, or of something inside it."""
        said, reached = self._walk(parts)
        return _says(_with_inside(said, reached))

    def covering_each(self, parts: Sequence[str], names: Iterable[str]) -> tuple[T | None, T | None, list[T | None]]:
        """Return what is said of a place: by `covering`, by `meeting`, and by `covering` of each of some names in it.

        One walk serves for all of them.
        """
        said, reached = self._walk(parts)
        special = {name for node in reached for name in node.named}
        if any(node.starred for node in reached):
            each = [_says(_step(said, reached, name)[0]) for name in names]
        else:
            around = _says(said)
            each = [_says(_step(said, reached, name)[0]) if name.casefold() in special else around for name in names]
        return _says(said), _says(_with_inside(said, reached)), each

    def _walk(self, parts: Sequence[str]) -> tuple[tuple[int, T] | None, list[_Node[T]]]:
        """Return the first of what is said on the way of the parts, and the nodes where it ends."""
        said: tuple[int, T] | None = None
        reached = [self._root]
        for part in parts:
            said, reached = _step(said, reached, part)
        return said, reached


def _step(said: tuple[int, T] | None, nodes: list[_Node[T]], part: str) -> tuple[tuple[int, T] | None, list[_Node[T]]]:
    name = part.casefold()
    reached = [step for node in nodes for step in (node.named.get(name), node.starred) if step is not None]
    for node in reached:
        said = _earlier(said, node.here)
    return said, reached


def _with_inside(said: tuple[int, T] | None, reached: list[_Node[T]]) -> tuple[int, T] | None:
    for node in reached:
        said = _earlier(said, node.below)
    return said


def _says(said: tuple[int, T] | None) -> T | None:
    return said[1] if said else None


def _earlier(one: tuple[int, T] | None, other: tuple[int, T] | None) -> tuple[int, T] | None:
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda said: said[0])
