"""When a report is due, and which period each of its due times is about.  Pure values.

A local time that daylight saving skips comes at the next valid minute; one that occurs twice counts once.  Where every
hour counts, it is every real hour.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final, Self
from zoneinfo import ZoneInfo

from swap.client.period import Interval, days_before
from swap.errors import Invalid, Problem
from swap.reports import cron
from swap.reports.cron import Cron

_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
_MONDAY: Final = 1
_SUNDAY: Final = 7
_YEARS: Final = 9
"""A leap day can be as far away as eight."""
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DATE: Final = re.compile(r"(19[7-9][0-9]|20[0-9]{2})-([0-9]{2})(?:-([0-9]{2}))?", re.ASCII)
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class Every(StrEnum):
    """How often."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    CRON = "cron"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often, at which local time; `day` is of the month, or of the week from 1 for Monday on.

    Weeks begin on the day `first`, which is Monday or, for who counts so, Sunday.
    """

    every: Every
    zone: ZoneInfo
    at: time = time()
    day: int = 1
    fields: str = ""
    """Five fields of cron."""
    first: int = _MONDAY

    @classmethod
    def read(cls, text: str, zone: str) -> Self:
        """Return the schedule that `str` wrote, or somebody typed.  Raises Invalid.

        >>> str(Schedule.read("month 31 06:00", "Europe/Berlin"))
        'month 31 06:00'
        """
        every, _, rest = text.partition(" ")
        where = zone_of(zone)
        if every == Every.CRON:
            cron.read(rest)
            return cls(Every.CRON, where, fields=" ".join(rest.lower().split()))
        if every not in set(Every):
            raise _wrong()
        first = _MONDAY
        if every == Every.WEEK and rest.endswith(f" {_SUNDAY}"):
            rest, first = rest.removesuffix(f" {_SUNDAY}"), _SUNDAY
        day, at = rest.split() if rest.count(" ") == 1 else ("1", rest)
        found = _TIME.fullmatch(at)
        most = {Every.WEEK: 7, Every.MONTH: 31}.get(Every(every), 1)
        if found is None or not (day.isascii() and day.isdigit() and 1 <= int(day) <= most):
            raise _wrong()
        return cls(Every(every), where, time(int(found[1]), int(found[2])), int(day), first=first)

    def __str__(self) -> str:
        """Return it as it is kept."""
        if self.every is Every.CRON:
            return f"cron {self.fields}"
        day = f"{self.day} " if self.every in {Every.WEEK, Every.MONTH} else ""
        return f"{self.every} {day}{self.at:%H:%M}" + (f" {self.first}" if self.first != _MONDAY else "")

    @property
    def words(self) -> str:
        """Return it in words.

        >>> Schedule.read("month 31 06:00", "UTC").words, Schedule.read("week 1 06:00", "UTC").words
        ('every month on its last day at 06:00', 'every Monday at 06:00')
        """
        at = f"{self.at:%H:%M}"
        if self.every is Every.HOUR:
            return f"every hour at minute {self.at.minute}"
        if self.every is Every.DAY:
            return f"every day at {at}"
        if self.every is Every.WEEK:
            weeks = ", weeks from Sunday on" if self.first == _SUNDAY else ""
            return f"every {WEEKDAYS[self.day - 1]} at {at}{weeks}"
        if self.every is Every.MONTH:
            on = "its last day" if self.day == 31 else f"day {self.day}"
            return f"every month on {on} at {at}"
        return f"as cron has it: {self.fields}"

    def due(self, after: datetime) -> Iterator[datetime]:
        """Yield the moments after one at which it is due, in UTC, the first first, for the next years."""
        said = cron.read(self.fields) if self.every is Every.CRON else self._fields()
        day = after.astimezone(self.zone).date() - _DAY
        last = date(min(day.year + _YEARS + 1, date.max.year - 1), 1, 1)
        seen = after
        while day < last:
            if self._has(said, day):
                for moment in sorted(set(_moments(said, day, self.zone))):
                    if moment > seen:
                        seen = moment
                        yield moment
            day += _DAY

    def next(self, after: datetime) -> datetime:
        """Return the first moment after one at which it is due.  Raises Invalid if there is none."""
        found = next(self.due(after), None)
        if found is None:
            raise Invalid(Problem("This day never comes.", todo="Choose another schedule."))
        return found

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield what is due in (after, until]."""
        for moment in self.due(after):
            if moment > until:
                return
            yield moment

    def periods(self, within: Interval) -> Iterator[Interval]:
        """Yield the periods that lie within another one, each once, the first first."""
        if self.every is Every.CRON:
            found = (Interval(*both) for both in pairwise(self._ever(within.start - datetime.resolution)))
        else:
            found = (self.interval(due_at) for due_at in self._ever(within.start))
        over = within.start
        for each in found:
            if each.end > within.end:
                return
            if each.start >= over:
                over = each.end
                yield each

    def interval(self, due_at: datetime) -> Interval:
        """Return the last period that is complete at a due time, or at any other moment."""
        local = due_at.astimezone(self.zone)
        if self.every is Every.CRON:
            return self._between_due(due_at)
        if self.every is Every.HOUR:
            end = _hour(due_at, self.zone)
            return Interval(_hour(end - datetime.resolution, self.zone), end)
        begin, over = days_before(self.every, local.date(), self.first)
        return Interval(_first(begin, self.zone), _first(over, self.zone))

    def _ever(self, after: datetime) -> Iterator[datetime]:
        """Yield what `due` does, also behind the years that it looks ahead."""
        last: datetime | None = after
        while last is not None:
            after, last = last, None
            for last in self.due(after):
                yield last

    def _between_due(self, moment: datetime) -> Interval:
        """Return from one due time to the next, of which the second is the last until a moment."""
        for days in (2, 40, 400, 366 * _YEARS):
            found = list(pairwise(self.between(moment - timedelta(days=days), moment)))
            if found:
                return Interval(*found[-1])
        raise Invalid(Problem("This schedule has no period.", todo="Choose one that comes more often."))

    def _fields(self) -> Cron:
        hours = tuple(range(24)) if self.every is Every.HOUR else (self.at.hour,)
        weekdays = frozenset({self.day % 7}) if self.every is Every.WEEK else frozenset(range(7))
        return Cron((self.at.minute,), hours, frozenset(range(1, 32)), frozenset(range(1, 13)), weekdays, either=False)

    def _has(self, said: Cron, day: date) -> bool:
        if self.every is Every.MONTH:
            return day.day == min(self.day, calendar.monthrange(day.year, day.month)[1])
        return said.has(day)


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name.  Raises Invalid."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise Invalid(Problem("There is no such time zone.", todo="Write it as Europe/Berlin, or UTC.")) from error


def _moments(said: Cron, day: date, zone: ZoneInfo) -> Iterator[datetime]:
    for hour in said.hours:
        for minute in said.minutes:
            wall = datetime.combine(day, time(hour, minute))
            if _is_there(wall, zone):
                yield wall.replace(tzinfo=zone).astimezone(UTC)
                if said.is_hourly:
                    yield wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
            elif not said.is_hourly:
                yield _valid(wall, zone)


def _is_there(wall: datetime, zone: ZoneInfo) -> bool:
    """Tell whether clocks ever show a local time."""
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall


def _valid(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment whose local time is not before another."""
    while not _is_there(wall, zone):
        wall += _MINUTE
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _hour(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the last moment, up to another, at which local clocks show a full hour."""
    local = moment.astimezone(zone)
    found = moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    # Where a change of clocks is of half an hour, the hour of that change is one and a half.
    while minute := found.astimezone(zone).minute:
        found -= timedelta(minutes=minute)
    return found


def _first(day: date, zone: ZoneInfo) -> datetime:
    """Return when a local day begins."""
    return _valid(datetime.combine(day, time()), zone)


def spoken(interval: Interval, zone: ZoneInfo) -> str:
    """Return a period in words.

    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> spoken(Interval(datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)), berlin)
    'October 2026'
    """
    start, end = interval.start.astimezone(zone), interval.end.astimezone(zone)
    days, midnights = end.date() - start.date(), _first(start.date(), zone) == interval.start
    if midnights and _first(end.date(), zone) == interval.end:
        if start.day == end.day == 1 and (start.date() + timedelta(days=31)).replace(day=1) == end.date():
            return f"{start:%B %Y}"
        if days == _DAY:
            return _day(start)
        last = end - _DAY
        return f"{_day(start)} to {_day(last)}"
    if interval.end - interval.start <= _DAY:
        ends = f"{end:%H:%M}" if days < _DAY else f"{_day(end)}, {end:%H:%M}"
        return f"{_day(start)}, {start:%H:%M} to {ends}"
    return f"{_day(start)}, {start:%H:%M} to {_day(end)}, {end:%H:%M}"


def span(since: str, until: str, zone: ZoneInfo, now: datetime) -> Interval:
    """Return from the beginning of a day or month to the end of another, at most until now.  Raises Invalid.

    >>> spoken(span("2024-01", "2024-02-29", ZoneInfo("UTC"), datetime(2026, 1, 1, tzinfo=UTC)), ZoneInfo("UTC"))
    '1 January 2024 to 29 February 2024'
    """
    first, _ = _days(since)
    _, last = _days(until) if until.strip() else (first, now.astimezone(zone).date())
    found = Interval(_first(first, zone), min(_first(last + _DAY, zone), now))
    if found.start >= found.end:
        raise Invalid(Problem("There is nothing between these days.", todo="Choose a first day before the last one."))
    return found


def _days(text: str) -> tuple[date, date]:
    """Return the first and the last day of what somebody typed."""
    wrong = Invalid(Problem("This is neither a day nor a month.", todo="Write it as 2024-01-31, or 2024-01."))
    said = _DATE.fullmatch(text.strip())
    if said is None:
        raise wrong
    year, month = int(said[1]), int(said[2])
    try:
        first = date(year, month, int(said[3] or 1))
    except ValueError as error:
        raise wrong from error
    return first, first if said[3] else date(year, month, calendar.monthrange(year, month)[1])


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _wrong() -> Invalid:
    return Invalid(
        Problem(
            "This is no schedule.",
            todo="Choose how often, the day, and a time as 06:00.",
        )
    )
