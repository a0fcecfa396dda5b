"""Reports are due when their period's lag is over, about the days that reportupdater computed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest

from swap.reports.schedule import Interval, Schedule
from swap.reports.tsv import Unit, following
from swap.taking_in.updater.config import Left
from swap.taking_in.updater.times import missing, periods, schedule

NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("unit", "lag", "text"),
    [
        (Unit.DAYS, 0, "day 00:00"),
        (Unit.DAYS, 18_000, "day 05:00"),
        (Unit.DAYS, 86_340, "day 23:59"),
        (Unit.WEEKS, 0, "week 7 00:00 7"),
        (Unit.WEEKS, 86_400, "week 1 00:00 7"),
        (Unit.WEEKS, 90_001, "week 1 01:01 7"),
        (Unit.MONTHS, 172_800, "month 3 00:00"),
    ],
)
def test_a_report_is_due_when_the_lag_of_its_period_is_over(unit: Unit, lag: int, text: str) -> None:
    made = schedule(unit, lag)
    assert str(made) == text
    assert Schedule.read(str(made), "UTC") == made
    for due in islice(made.due(NOW), 14):
        period = made.interval(due)
        late = due - period.end - timedelta(seconds=lag)
        assert timedelta() <= late < timedelta(minutes=1), "to the minute, and about the period that ended then"
        assert period.end.date() == following(unit, period.start.date())


@pytest.mark.parametrize(("unit", "lag"), [(Unit.DAYS, 86_341), (Unit.WEEKS, 604_800), (Unit.MONTHS, 2_419_200)])
def test_a_lag_as_long_as_a_period_is_left_for_its_person(unit: Unit, lag: int) -> None:
    with pytest.raises(Left, match="as long as a period"):
        schedule(unit, lag)


def test_weeks_from_sunday_on() -> None:
    weeks = Schedule.read("week 1 00:00 7", "UTC")
    assert weeks.words == "every Monday at 00:00, weeks from Sunday on"
    assert weeks.interval(NOW) == Interval(datetime(2026, 2, 22, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
    assert Schedule.read("week 1 00:00", "UTC").interval(NOW).end == datetime(2026, 3, 2, tzinfo=UTC)


def test_periods_are_those_that_are_over() -> None:
    assert list(periods(Unit.DAYS, date(2026, 3, 1), 0, NOW)) == [date(2026, 3, day) for day in (1, 2, 3)]
    assert list(periods(Unit.DAYS, date(2026, 3, 1), 40_000, NOW)) == [date(2026, 3, day) for day in (1, 2)]
    assert list(periods(Unit.WEEKS, date(2026, 2, 18), 0, NOW)) == [date(2026, 2, 15), date(2026, 2, 22)]
    assert list(periods(Unit.MONTHS, date(2025, 12, 31), 0, NOW)) == [
        date(2025, 12, 1),
        date(2026, 1, 1),
        date(2026, 2, 1),
    ]
    assert list(periods(Unit.DAYS, date(2030, 1, 1), 0, NOW)) == []


def test_what_a_file_lacks_is_known_gaps_too() -> None:
    starts = date(2026, 2, 25)
    there = {date(2026, 2, 25), date(2026, 2, 27), date(2026, 3, 3)}
    assert missing(Unit.DAYS, starts, 0, NOW, there) == [
        date(2026, 2, 26),
        date(2026, 2, 28),
        date(2026, 3, 1),
        date(2026, 3, 2),
    ]
    assert missing(Unit.DAYS, starts, 0, NOW, there, most=2) == [date(2026, 3, 2)]
