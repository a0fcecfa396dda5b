"""`swap.expect`: say what a notebook expects, and show in its cell whether that holds.

Nothing is raised for what does not.  In a report SWAP reads it from the executed notebook, and holds the edition.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from swap.client import checks, screen, text
from swap.client.checks import Outcome, Range, Rules
from swap.client.show import Bundle

EXPECTATIONS = "application/vnd.swap.expectations+json"


def expect(
    name: str,
    condition: Any,
    *,
    rows: int | Range | None = None,
    not_null: str | Iterable[str] | None = None,
    unique: str | Iterable[str] | None = None,
    ranges: Mapping[str, Range] | None = None,
    between: Range | None = None,
    within: float | None = None,
    periods: int = checks.PERIODS,
) -> None:
    """Say what is expected of a condition, a number or a table, and show in the cell whether it holds.

    Of a number: `between` two others; of a table: so many `rows`, `not_null` and `unique` columns, `ranges` of columns.
    `within=0.3` is within 30 % of the median of the last `periods` of the report, of a table in its rows.  Ends of
    ranges are inside; None is without an end.  Raises Invalid for what cannot be expected of it.
    """
    rules = Rules(rows, not_null, unique, ranges, between, within, periods)
    _shown.add(checks.outcome(name, condition, rules))


class _Shown:
    """What the cell expects that runs now: one output, however often it is called."""

    def __init__(self) -> None:
        self._place: screen.Screen | None = None
        self._outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Show one more outcome."""
        if self._place is not None and self._place.replace(bundle([*self._outcomes, outcome])):
            self._outcomes.append(outcome)
            return
        self._place, self._outcomes = screen.current(), [outcome]
        if not self._place.replace(bundle([outcome])):
            self._place = None
            sys.stdout.write(f"{_line(outcome)}\n")


_shown = _Shown()


def bundle(outcomes: Sequence[Outcome]) -> Bundle:
    """Return outcomes as a cell shows them."""
    said = {"version": 1, "expectations": [asdict(each) for each in outcomes]}
    plain = "\n".join([_head(outcomes), *map(_line, outcomes)])
    return {EXPECTATIONS: said, "text/html": _html(outcomes), "text/plain": plain}


def _head(outcomes: Sequence[Outcome]) -> str:
    failed = sum(not each.holds for each in outcomes)
    many = text.count(len(outcomes), "expectation")
    if failed:
        return f"{failed:,} of {many} failed"
    compared = sum(each.within is not None for each in outcomes)
    later = f"; {compared:,} to be compared with earlier periods" if compared else ""
    return f"{many} hold{'s' if len(outcomes) == 1 else ''}{later}"


def _line(outcome: Outcome) -> str:
    return text.safe(f"{_mark(outcome)} {outcome.name}: {_said(outcome)}")


def _said(outcome: Outcome) -> str:
    return f"found {outcome.found}; expected {_expected(outcome)}"


def _mark(outcome: Outcome) -> str:
    if not outcome.holds:
        return "✗ FAILED"
    return "·" if outcome.within is not None else "✓"


def _expected(outcome: Outcome) -> str:
    compared = checks.of_median(outcome.within, outcome.periods) if outcome.within is not None else ""
    return "; ".join(part for part in (outcome.expected, compared) if part)


def _html(outcomes: Sequence[Outcome]) -> str:
    # A list: what cleans a notebook for its readers leaves no style, by which alone a table of sentences would be read.
    lines = "".join(
        f"<li><b>{escape(f'{_mark(each)} {each.name}')}</b>: {escape(_said(each))}</li>" for each in outcomes
    )
    failed = any(not each.holds for each in outcomes)
    frame = "border:2px solid #d33;padding:6px 10px" if failed else "padding:0"
    return f'<div style="{frame}"><p><b>{escape(_head(outcomes))}</b></p><ul>{lines}</ul></div>'
