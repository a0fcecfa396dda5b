"""Which columns a chart shows along which axis: the only place that chooses, for `.chart()` and the Lab's button.

A column is known by its head in a page.  What says which and not how much (years, hours, ids, codes) is measured
only when it is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from swap.errors import Invalid, Problem, Suggestion, UnknownName

KINDS = ("bar", "line", "area", "point")
MOMENTS = frozenset({"date", "timestamp", "timestamptz"})
SHAPELESS = frozenset({"array", "struct", "map", "binary", "interval"})
"""Types whose values have no place on an axis."""

Head = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Axes:
    """A kind of chart, which column it measures, and along which."""

    kind: str
    along: str
    measured: str
    upright: bool
    """The measured column goes up; else it goes to the right."""

    @property
    def x(self) -> str:
        """The column from left to right."""
        return self.along if self.upright else self.measured

    @property
    def y(self) -> str:
        """The column from the bottom up."""
        return self.measured if self.upright else self.along


def choose(heads: Sequence[Head], kind: str | None, x: str | None, y: str | None, color: str | None) -> Axes:
    """Return the axes, choosing what is not named.  Raises Invalid and UnknownName saying what would work."""
    if kind is not None and kind not in KINDS:
        raise _nothing(f"There is no chart called {kind}.", f"Choose one of {', '.join(KINDS)}.")
    for label, column in (("x", x), ("y", y), ("color", color)):
        _check(heads, label, column)
    if x is not None and x == y:
        raise _nothing(f"x and y are both {x}.", "Name two columns.")
    known = {head["name"]: head for head in _drawable(heads)}
    if x is None and y is None:
        return _chosen(known, kind, color)
    if y is None or x is None:
        given = x if y is None else y
        assert given is not None
        other = _beside(known, kind, given, color, along=y is None)
        x, y = (given, other) if y is None else (other, given)
    if not _weight(known[x]) and not _weight(known[y]):
        raise _nothing(f"Neither {x} nor {y} is a number: one column must be what is measured.", _COUNT)
    upright = _weight(known[y]) >= _weight(known[x])
    along, measured = (x, y) if upright else (y, x)
    return Axes(kind or _kind(known[along]), along, measured, upright)


def suggested(heads: Sequence[Head]) -> dict[str, str] | None:
    """Return the chart that fits a result, as the arguments of `.chart()`; None where none does."""
    try:
        axes = choose(heads, None, None, None, None)
    except (Invalid, UnknownName):
        return None
    return {"kind": axes.kind, "x": axes.x, "y": axes.y}


_COUNT = "Count or add up in SQL, as in SELECT country, count(*) AS pages … GROUP BY country."


def _chosen(known: dict[str, Head], kind: str | None, color: str | None) -> Axes:
    """Measure the first quantity, along the first other column."""
    measures, others = _parted(known.values(), {color})
    if not measures:
        raise _nothing("No column of this result is a quantity.", f"{_COUNT} Or name what is measured as y.")
    measured = measures[0]
    rest = [*measures[1:], *others] if kind == "point" else [*others, *measures[1:]]
    along = next((name for name in [*rest, color] if name is not None and name != measured), None)
    if along is None:
        raise _nothing("A chart needs two columns, and this result has one that can be drawn.", _COUNT)
    kind = kind or _kind(known[along])
    # Names are read beside their bars, from left to right.
    upright = kind != "bar" or known[along]["type"] in MOMENTS or _weight(known[along]) > 0
    return Axes(kind, along, measured, upright)


def _beside(known: dict[str, Head], kind: str | None, given: str, color: str | None, *, along: bool) -> str:
    """Return the column that fits the one that was named."""
    measures, others = _parted(known.values(), {given, color})
    is_measure = known[given]["group"]
    if is_measure and (kind == "point" or (along and kind in {"line", "area"})):
        candidates = [*measures, *others]
    elif is_measure:
        candidates = [*others, *measures]
    else:
        candidates = measures or (others if _weight(known[given]) else [])
    if not candidates and color is not None and color != given:
        candidates = [color]
    if not candidates:
        raise _nothing(f"No column of this result can be drawn beside {given}.", _COUNT)
    return candidates[0]


def _parted(heads: Iterable[Head], taken: set[str | None]) -> tuple[list[str], list[str]]:
    """Return the quantities, and the other columns: what is read before what is a code."""
    free = [head for head in heads if head["name"] not in taken]
    measures = [head["name"] for head in free if head["group"]]
    read = [head["name"] for head in free if _weight(head) == 0]
    codes = [head["name"] for head in free if _weight(head) == 1]
    return measures, [*read, *codes]


def _weight(head: Head) -> int:
    """Return how much a column asks to be measured: a quantity 2, another number 1, the rest 0."""
    return 2 if head["group"] else int(head["align"] == "right")


def _kind(along: Head) -> str:
    return "line" if along["type"] in MOMENTS else "point" if along["group"] else "bar"


def _drawable(heads: Sequence[Head]) -> list[Head]:
    counts = Counter(head["name"] for head in heads)
    return [head for head in heads if head["type"] not in SHAPELESS and counts[head["name"]] == 1]


def _check(heads: Sequence[Head], label: str, column: Any) -> None:
    """Refuse a column that is not there, is there twice, or has no place on an axis."""
    if column is None:
        return
    if not isinstance(column, str):
        raise _nothing(f"{label} is a {type(column).__name__}, not the name of a column.", f'Write {label}="…".')
    found = [head for head in heads if head["name"] == column]
    if not found:
        names = list(dict.fromkeys(head["name"] for head in heads))
        near = get_close_matches(column, names, n=3, cutoff=0.5)
        raise UnknownName(
            Problem(
                f"{column} is not a column of this result.",
                why=f"Its columns are {', '.join(names)}.",
                todo="",
                suggestions=tuple(
                    Suggestion(label=f"Use {each}", replace=column, by=each, type="column") for each in near
                ),
            )
        )
    if len(found) > 1:
        raise _nothing(f"{len(found)} columns of this result are called {column}.", "Name each in SQL with AS.")
    if found[0]["type"] == "interval":
        raise _nothing(f"{column} holds intervals, which have no axis.", f"Take its seconds in SQL: epoch({column}).")
    if found[0]["type"] in SHAPELESS:
        raise _nothing(
            f"{column} is of the type {found[0]['type']}, which has no axis.",
            "Take one value out of it in SQL, and name that with AS.",
        )


def _nothing(title: str, todo: str) -> Invalid:
    return Invalid(Problem(title, why="Nothing was drawn.", todo=todo))
