"""How a report has been doing: a calendar of its runs, and how long they take now against before.  Pure values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from swap.reports.model import Run, RunState

WEEKS: Final = 5
RECENT: Final = 5
"""Runs that are held against as many before them."""
TWICE: Final = 2.0
"""From here on a run is slow, or fast."""
LEAST_SECONDS: Final = 5.0
"""What is shorter varies by itself."""
_WORST: Final = (
    RunState.FAILED,
    RunState.REFUSED,
    RunState.RUNNING,
    RunState.WAITING,
    RunState.CANCELLED,
    RunState.LEFT,
    RunState.DONE,
)


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the report's time zone, and the runs that were due on it."""

    date: date
    runs: tuple[Run, ...]

    @property
    def state(self) -> RunState | None:
        """What is to be known first of its runs."""
        return min((run.state for run in self.runs), key=_WORST.index, default=None)


def first_day(now: datetime, zone: ZoneInfo) -> date:
    """Return the Monday on which a calendar begins that ends with this week."""
    today = now.astimezone(zone).date()
    return today - timedelta(days=today.weekday(), weeks=WEEKS - 1)


def calendar(runs: Iterable[Run], now: datetime, zone: ZoneInfo) -> list[list[Day]]:
    """Return the last weeks, from Monday on, this one last, with their runs.

    >>> weeks = calendar([], datetime(2026, 11, 24, 12, tzinfo=ZoneInfo("UTC")), ZoneInfo("UTC"))
    >>> len(weeks), str(weeks[0][0].date), str(weeks[-1][-1].date)
    (5, '2026-10-26', '2026-11-29')
    """
    by_day: dict[date, list[Run]] = {}
    for run in runs:
        by_day.setdefault(run.due_at.astimezone(zone).date(), []).append(run)
    begins = first_day(now, zone)
    days = [begins + timedelta(days=number) for number in range(7 * WEEKS)]
    made = [Day(day, tuple(by_day.get(day, ()))) for day in days]
    return [made[at : at + 7] for at in range(0, len(made), 7)]


@dataclass(frozen=True, slots=True)
class Trend:
    """Seconds of the runs that went well, the oldest first, and of the last ones the median against those before."""

    seconds: tuple[float, ...]
    usual: float
    before: float | None
    since: datetime | None
    """When the middle one of those before was due."""

    @property
    def words(self) -> str:
        """Say it where it has changed much.

        >>> Trend((), 20.0, 10.0, datetime(2026, 3, 1)).words
        '2.0 times as slow as around 1 March 2026'
        """
        if self.before is None or self.since is None or max(self.usual, self.before) < LEAST_SECONDS:
            return ""
        than = f"around {self.since.day} {self.since:%B %Y}"
        if self.usual >= TWICE * self.before:
            return f"{self.usual / max(self.before, 0.1):.1f} times as slow as {than}"
        if self.before >= TWICE * self.usual:
            return f"{self.before / max(self.usual, 0.1):.1f} times as fast as {than}"
        return ""


def trend(done: Sequence[Run]) -> Trend | None:
    """Return how long runs take, of those that went well, the last first; None where there is none."""
    took = [(run, run.seconds) for run in done]
    timed = [(run, seconds) for run, seconds in took if seconds is not None]
    if not timed:
        return None
    recent, earlier = timed[:RECENT], timed[RECENT : 2 * RECENT]
    is_whole = len(earlier) == RECENT
    return Trend(
        tuple(seconds for _, seconds in reversed(timed)),
        median(seconds for _, seconds in recent),
        median(seconds for _, seconds in earlier) if is_whole else None,
        earlier[RECENT // 2][0].due_at if is_whole else None,
    )
