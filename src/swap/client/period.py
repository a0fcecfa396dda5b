"""The period that a notebook is about: that of the run in a report, and by hand the last that is complete.

So the same notebook runs by itself and by hand, and its cells hold no arithmetic with today's date.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from swap.errors import Invalid, Problem

START: Final = "SWAP_PERIOD_START"
END: Final = "SWAP_PERIOD_END"
UNITS: Final = ("hour", "day", "week", "month")


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start` until before `end`, both with their time zone."""

    start: datetime
    end: datetime


class Period:
    """The period of the run, asked for anew each time; by hand the last complete month."""

    @property
    def start(self) -> datetime:
        """The first moment of it."""
        return self.or_last("month").start

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return self.or_last("month").end

    def or_last(self, unit: str) -> Interval:
        """Return the period of the run, and by hand the last complete hour, day, week or month.  Raises Invalid."""
        if unit not in UNITS:
            raise Invalid(Problem(f"{unit} is no period.", todo=f"Write one of {', '.join(UNITS)}."))
        return of_run(os.environ) or last(unit, datetime.now().astimezone())

    def __repr__(self) -> str:
        """Return both ends."""
        return f"swap.period from {self.start.isoformat()} until before {self.end.isoformat()}"


def of_run(environ: Mapping[str, str]) -> Interval | None:
    """Return the period that whoever started this kernel named, if one was."""
    if START not in environ or END not in environ:
        return None
    return Interval(datetime.fromisoformat(environ[START]), datetime.fromisoformat(environ[END]))


def last(unit: str, now: datetime) -> Interval:
    """Return the last complete period before a moment; in UTC, or in the system's zone.

    >>> last("month", datetime(2026, 3, 30, 12, tzinfo=UTC)).start.isoformat()
    '2026-02-01T00:00:00+00:00'
    """
    if unit == "hour":
        end = now - timedelta(minutes=now.minute, seconds=now.second, microseconds=now.microsecond)
        return Interval(end - timedelta(hours=1), end)
    days = (datetime.combine(each, time()) for each in days_before(unit, now.date()))
    # The offset of then, which is not always that of now.
    return Interval(*(each.replace(tzinfo=UTC) if now.tzinfo is UTC else each.astimezone() for each in days))


def days_before(unit: str, today: date) -> tuple[date, date]:
    """Return the first day of the last complete day, week or month before a day, and the first day after it.

    >>> days_before("week", date(2026, 11, 30))
    (datetime.date(2026, 11, 23), datetime.date(2026, 11, 30))
    """
    if unit == "day":
        return today - timedelta(days=1), today
    if unit == "week":
        over = today - timedelta(days=today.weekday())
        return over - timedelta(days=7), over
    over = today.replace(day=1)
    return (over - timedelta(days=1)).replace(day=1), over


period: Final = Period()
