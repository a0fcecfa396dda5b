"""Reports are due when their period's lag is over, about the days that reportupdater computed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from swap.reports.backfill import MOST
from swap.reports.schedule import Interval, Schedule, span
from swap.reports.tsv import Unit, following
from swap.taking_in.updater.config import Left
from swap.taking_in.updater.times import missing, periods, schedule, spoken, stretches

NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


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


@pytest.mark.parametrize(("unit", "lag"), [(Unit.DAYS, 18_000), (Unit.WEEKS, 86_400), (Unit.MONTHS, 90)])
def test_earlier_periods_of_these_days_are_those_that_are_missing(unit: Unit, lag: int) -> None:
    """Each stretch, typed as it is said, makes the runs of its periods: no other one, none twice."""
    lacking = missing(unit, date(2024, 1, 31), lag, NOW, {date(2025, 1, 1), date(2025, 6, 1)})
    found = stretches(unit, lacking)
    assert len(found) > 1 or unit is Unit.WEEKS
    ran = [
        period.start.date()
        for first, last in found
        for period in schedule(unit, lag).periods(span(str(first), str(last), UTC_ZONE, NOW))
    ]
    assert ran == lacking


def test_a_stretch_is_as_long_as_a_backfill_may_be() -> None:
    lacking = missing(Unit.DAYS, date(2020, 1, 1), 0, NOW, [])
    counts = [(last - first).days + 1 for first, last in stretches(Unit.DAYS, lacking)]
    assert (counts[0], len(counts), sum(counts)) == (MOST, 3, len(lacking))
    assert spoken(Unit.DAYS, lacking[::2]).endswith(" to 2020-01-05 and 1,124 more times")
