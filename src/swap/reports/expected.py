"""What a notebook expected in a run, as its executed cells say, and whether its edition is held.  Pure.

It is the author's own check and no evidence of data; so each part may be of any type, and is cut to a size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from statistics import median
from typing import Any, Final

from swap.client import text
from swap.client.checks import MOST_PERIODS, NAME_LENGTH, NEEDED, number, of_median
from swap.client.expect import EXPECTATIONS

MOST: Final = 200
"""Expectations of a run."""
_SAID_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation of a run, what was found, and whether that holds."""

    name: str
    holds: bool
    expected: str
    found: str
    value: float | None = None
    """What later periods are compared with, if it is a number."""


@dataclass(frozen=True, slots=True)
class Stated:
    """An expectation as the notebook says it: with what is still to be compared."""

    expectation: Expectation
    within: float | None = None
    periods: int = 1


def stated(document: Any) -> tuple[Stated, ...]:
    """Return what an executed notebook expected, in the order of its cells.

    One too many fails: what is not looked at may not pass for what holds.
    """
    found: list[Stated] = []
    for said in _said(document):
        if len(found) == MOST:
            least = Expectation(f"at most {MOST} expectations", False, f"{MOST} or less", "more")
            return (*found, Stated(least))
        if (made := _stated(said)) is not None:
            found.append(made)
    return tuple(found)


def _said(document: Any) -> Iterator[Mapping[str, Any]]:
    cells = document.get("cells") if isinstance(document, dict) else None
    for cell in _dicts(cells):
        for output in _dicts(cell.get("outputs")):
            data = output.get("data")
            ours = data.get(EXPECTATIONS) if isinstance(data, dict) else None
            yield from _dicts(ours.get("expectations") if isinstance(ours, dict) else None)


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def _stated(said: Mapping[str, Any]) -> Stated | None:
    name, within = said.get("name"), _number(said.get("within"))
    if not isinstance(name, str) or not name.strip():
        return None
    made = Expectation(
        _text(name)[:NAME_LENGTH],
        said.get("holds") is True,
        _text(said.get("expected")),
        _text(said.get("found")),
        _number(said.get("value")),
    )
    return Stated(made, within if within is not None and within > 0 else None, _periods(said.get("periods")))


def _periods(value: Any) -> int:
    known = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_PERIODS
    return value if known else MOST_PERIODS


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e300 and isfinite(value) else None


def _text(value: Any) -> str:
    said = value[:_SAID_LENGTH] if isinstance(value, str) else ""
    return text.safe(said)[:_SAID_LENGTH]  # some characters the database cannot hold


def judged(found: Sequence[Stated], earlier: Sequence[Sequence[Expectation]]) -> tuple[Expectation, ...]:
    """Return what was expected, compared with what earlier periods found, the last one first."""
    values = [_values(each) for each in earlier[:MOST_PERIODS]]
    return tuple(
        _compared(each, [of[name] for of in values if (name := each.expectation.name) in of]) for each in found
    )


def _values(found: Sequence[Expectation]) -> dict[str, float]:
    """Return the value of each name, the first one of a name that comes twice."""
    return {each.name: each.value for each in reversed(found) if each.value is not None}


def _compared(one: Stated, before: Sequence[float]) -> Expectation:
    made, within = one.expectation, one.within
    if within is None:
        return made
    wanted, last = of_median(within, one.periods), before[: one.periods]
    if len(last) < min(NEEDED, one.periods):
        return _with(made, wanted, f"{len(last)} earlier, too few to compare", holds=True)
    middle = median(last)
    spread = f"{number(middle)} (from {number(min(last))} to {number(max(last))})"
    if made.value is None:
        return _with(made, f"{wanted}, {spread}", "no number to compare", holds=False)
    away = made.value - middle
    how = f"{100 * abs(away / middle):.0f} % {'more' if away > 0 else 'less'}" if middle and away else ""
    return _with(made, f"{wanted}, {spread}", how, holds=abs(away) <= within * abs(middle))


def _with(made: Expectation, expected: str, found: str, *, holds: bool) -> Expectation:
    return replace(
        made,
        holds=made.holds and holds,
        expected="; ".join(part for part in (made.expected, expected) if part),
        found=", ".join(part for part in (made.found, found) if part),
    )


def kept(found: Sequence[Expectation]) -> list[dict[str, Any]] | None:
    """Return expectations as they are kept."""
    return [asdict(each) for each in found] or None


def read(said: Sequence[Mapping[str, Any]] | None) -> tuple[Expectation, ...]:
    """Return what `kept` was given."""
    return tuple(Expectation(**each) for each in said or ())
