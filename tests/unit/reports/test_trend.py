"""A calendar of runs in the report's own days, and when a report is said to have become slow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from swap.client.period import Interval
from swap.reports.model import Run, RunState
from swap.reports.trend import calendar, trend

NOW = datetime(2026, 11, 24, 9, 41, tzinfo=UTC)
RUN = Run("r", "p", NOW, None, Interval(NOW, NOW), 1, RunState.DONE, 0, NOW, NOW, NOW, 1, None, None, None)


def run(due: datetime, state: RunState = RunState.DONE, seconds: float = 10) -> Run:
    return replace(RUN, due_at=due, state=state, started_at=due, ended_at=due + timedelta(seconds=seconds))


def took(*seconds: float) -> list[Run]:
    """Return runs of these seconds, one each day, the last first."""
    return [run(NOW - timedelta(days=number), seconds=each) for number, each in enumerate(seconds)]


def test_a_day_is_one_of_the_reports_zone_and_the_last_week_is_this_one() -> None:
    late = run(datetime(2026, 11, 23, 23, 30, tzinfo=UTC))
    utc, berlin = (calendar([late], NOW, ZoneInfo(name)) for name in ("UTC", "Europe/Berlin"))
    assert [(day.date.day, len(day.runs)) for day in utc[-1][:2]] == [(23, 1), (24, 0)]
    assert [(day.date.day, len(day.runs)) for day in berlin[-1][:2]] == [(23, 0), (24, 1)]
    assert [len(week) for week in utc] == [7] * 5
    assert all(week[0].date.weekday() == 0 for week in utc)


def test_of_several_runs_of_a_day_the_worst_is_shown() -> None:
    states = (RunState.DONE, RunState.LEFT, RunState.FAILED, RunState.CANCELLED)
    weeks = calendar([run(NOW, state) for state in states], NOW, ZoneInfo("UTC"))
    assert weeks[-1][1].state is RunState.FAILED
    assert weeks[-1][0].state is None


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_a_change_of_clocks_makes_no_day_twice_and_leaves_none_out(zone: str) -> None:
    for now in (datetime(2026, 4, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)):
        days = [day.date for week in calendar([], now, ZoneInfo(zone)) for day in week]
        assert len(set(days)) == 35
        assert days == sorted(days)


def test_it_is_slow_when_the_last_five_take_twice_what_the_five_before_took() -> None:
    found = trend(took(21, 20, 22, 20, 19, 10, 9, 11, 10, 300))
    assert found is not None
    assert (found.usual, found.before) == (20, 10)
    assert found.words == "2.0 times as slow as around 17 November 2026"
    assert found.seconds[0] == 300, "the oldest first"


@pytest.mark.parametrize(
    "seconds",
    [
        (20, 20, 20, 20, 20, 11, 11, 11, 11, 11),
        (20, 20, 20, 20, 20, 10, 10, 10, 10),
        (300, 20, 20, 20, 20, 20, 20, 20, 20, 20),
        (4, 4, 4, 4, 4, 1, 1, 1, 1, 1),
    ],
)
def test_it_is_not_for_less_for_few_runs_for_one_of_them_or_for_seconds(seconds: tuple[float, ...]) -> None:
    found = trend(took(*seconds))
    assert found is not None
    assert found.words == ""


def test_it_is_fast_the_other_way_and_nothing_where_nothing_went_well() -> None:
    found = trend(took(*[10] * 5, *[40] * 5))
    assert found is not None
    assert found.words == "4.0 times as fast as around 17 November 2026"
    assert trend([]) is None
