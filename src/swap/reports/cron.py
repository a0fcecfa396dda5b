"""The five fields of cron: minute, hour, day of the month, month, day of the week.  Pure values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from swap.errors import Invalid, Problem

_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905 — as cron writes them
_DAYS: Final = "sun mon tue wed thu fri sat".split()  # noqa: SIM905 — as cron writes them
_FIELDS: Final[tuple[tuple[str, range, dict[str, int]], ...]] = (
    ("minute", range(60), {}),
    ("hour", range(24), {}),
    ("day of the month", range(1, 32), {}),
    ("month", range(1, 13), {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", range(8), {name: number for number, name in enumerate(_DAYS)}),
)
_PART: Final = re.compile(
    r"(?P<first>\*|[0-9]{1,2}|[a-z]{3})(?:-(?P<last>[0-9]{1,2}|[a-z]{3}))?(?:/(?P<step>[0-9]{1,2}))?"
)
LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Cron:
    """What each field allows."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either: bool
    """Whether a day counts that is in one of the two fields for days, as cron has it where both say something."""

    @property
    def is_hourly(self) -> bool:
        """Whether every hour counts."""
        return len(self.hours) == 24

    def has(self, day: date) -> bool:
        """Tell whether something is due on a day."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either else in_month and in_week


def read(text: str) -> Cron:
    """Return what five fields say.  Raises Invalid that names the field which cannot be read.

    >>> read("0 6 * * mon-fri").weekdays == frozenset({1, 2, 3, 4, 5})
    True
    """
    said = text.lower().split()
    if len(said) != len(_FIELDS) or len(text) > LONGEST:
        raise Invalid(
            Problem(
                "This is no schedule as cron has it.",
                why=f"It has {len(said)} fields and not five.",
                todo="Write minute, hour, day of the month, month, day of the week: 0 6 * * 1 is Mondays at 06:00.",
            )
        )
    minutes, hours, days, months, weekdays = (
        _field(part, name, allowed, names) for part, (name, allowed, names) in zip(said, _FIELDS, strict=True)
    )
    both = not said[2].startswith("*") and not said[4].startswith("*")
    week = frozenset(day % 7 for day in weekdays)
    return Cron(tuple(sorted(minutes)), tuple(sorted(hours)), frozenset(days), frozenset(months), week, both)


def _field(text: str, name: str, allowed: range, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        said = _PART.fullmatch(part)
        if said is None:
            raise _wrong(text, name)
        first, last, step = said["first"], said["last"], int(said["step"] or 1)
        if first == "*":
            begin, end = allowed.start, allowed.stop - 1
        else:
            begin = _number(first, names, text, name)
            # As cron has it: 5/10 is from 5 on.
            end = _number(last, names, text, name) if last else allowed.stop - 1 if said["step"] else begin
        if (first == "*" and last) or step == 0 or begin > end or begin not in allowed or end not in allowed:
            raise _wrong(text, name)
        found.update(range(begin, end + 1, step))
    return found


def _number(text: str, names: dict[str, int], field: str, name: str) -> int:
    if text.isdigit():
        return int(text)
    if text not in names:
        raise _wrong(field, name)
    return names[text]


def _wrong(text: str, name: str) -> Invalid:
    return Invalid(
        Problem(
            f"The {name}, {text}, cannot be read.",
            todo="Write numbers, lists as 1,15, ranges as 1-5, steps as */10, or * for all.",
        )
    )
