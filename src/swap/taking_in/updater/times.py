"""When a report of reportupdater's ran, and about which days: as a schedule of SWAP's, and periods that are missing.

Pure values.  All of it is in UTC, and weeks begin on Sunday, as there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from swap.reports.backfill import MOST
from swap.reports.schedule import Schedule
from swap.reports.tsv import Unit, begins, following
from swap.taking_in.updater.config import Left

ZONE: Final = ZoneInfo("UTC")
_DAY_SECONDS: Final = 86_400
_DAY: Final = timedelta(days=1)
SHOWN: Final = 3
"""Stretches of missing periods that are named."""
SUNDAY: Final = 7
_LONGEST: Final = {Unit.DAYS: 1, Unit.WEEKS: 7, Unit.MONTHS: 28}
"""Days after a period's end until which a report is about it; later, it would be about the next one."""


def schedule(unit: Unit, lag_seconds: int) -> Schedule:
    """Return when a report is due so that it is about the period which then ended `lag_seconds` ago.  Raises Left.

    >>> str(schedule(Unit.WEEKS, 86_400)), str(schedule(Unit.DAYS, 18_000)), str(schedule(Unit.MONTHS, 90))
    ('week 1 00:00 7', 'day 05:00', 'month 1 00:02')
    """
    days, seconds = divmod(lag_seconds, _DAY_SECONDS)
    minutes = -(-seconds // 60)
    if minutes == _DAY_SECONDS // 60:
        days, minutes = days + 1, 0
    if days >= _LONGEST[unit]:
        raise Left(
            f"its lag of {lag_seconds:,} seconds is as long as a period, and SWAP's schedules are about the last one:"
            " schedule it by hand, and choose the period in the notebook"
        )
    at = f"{minutes // 60:02}:{minutes % 60:02}"
    if unit is Unit.DAYS:
        return Schedule.read(f"day {at}", ZONE.key)
    if unit is Unit.MONTHS:
        return Schedule.read(f"month {days + 1} {at}", ZONE.key)
    return Schedule.read(f"week {days or SUNDAY} {at} {SUNDAY}", ZONE.key)


def periods(unit: Unit, starts: date, lag_seconds: int, now: datetime) -> Iterator[date]:
    """Yield the first day of each period that is over for the lag, the first first, as reportupdater counted them."""
    over = now.astimezone(UTC) - timedelta(seconds=lag_seconds)
    day = begins(unit, starts)
    while (after := following(unit, day)) <= over.date():
        yield day
        day = after


def missing(
    unit: Unit, starts: date, lag_seconds: int, now: datetime, there: Collection[date], most: int | None = None
) -> list[date]:
    """Return the first days of the periods that a file lacks; with `most`, of the last so many."""
    wanted = list(periods(unit, starts, lag_seconds, now))
    return [day for day in wanted[-most if most else 0 :] if day not in there]


def stretches(unit: Unit, days: Iterable[date]) -> list[tuple[date, date]]:
    """Return the first and the last day of periods that follow one another, as many as one backfill may be about.

    >>> stretches(Unit.WEEKS, [date(2026, 3, 1), date(2026, 3, 8), date(2026, 3, 22)])[1]
    (datetime.date(2026, 3, 22), datetime.date(2026, 3, 28))
    """
    found: list[list[date]] = []
    for day in sorted(days):
        if found and len(found[-1]) < MOST and day == following(unit, found[-1][-1]):
            found[-1].append(day)
        else:
            found.append([day])
    return [(each[0], following(unit, each[-1]) - _DAY) for each in found]


def spoken(unit: Unit, days: Collection[date]) -> str:
    """Return what is to be typed as *Earlier periods* so that a report runs about the periods that begin on these days.

    >>> spoken(Unit.DAYS, [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 4)])
    'from 2026-03-01 to 2026-03-02, from 2026-03-04 to 2026-03-04'
    """
    found = stretches(unit, days)
    more = f" and {len(found) - SHOWN:,} more times" if len(found) > SHOWN else ""
    return ", ".join(f"from {first} to {last}" for first, last in found[:SHOWN]) + more
