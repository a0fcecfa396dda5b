"""Due times and their periods, over both changes of clocks, leap days and ends of months."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from swap.client.period import Interval
from swap.errors import Invalid
from swap.reports.schedule import Schedule, span, spoken, zone_of


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(text: str, zone: str, after: str, count: int) -> list[str]:
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in islice(Schedule.read(text, zone).due(at(after)), count)]


def about(text: str, zone: str, moment: str) -> tuple[str, str]:
    found = Schedule.read(text, zone).interval(at(moment))
    return f"{found.start:%Y-%m-%d %H:%M}", f"{found.end:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("zone", "before", "skipped", "valid"),
    [
        ("Europe/Berlin", "2026-03-27 12:00", "02:30", ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"]),
        ("America/New_York", "2026-03-06 12:00", "02:30", ["2026-03-07 07:30", "2026-03-08 07:00", "2026-03-09 06:30"]),
        # Half an hour is skipped there.
        (
            "Australia/Lord_Howe",
            "2026-10-02 12:00",
            "02:10",
            ["2026-10-02 15:40", "2026-10-03 15:30", "2026-10-04 15:10"],
        ),
    ],
)
def test_a_time_that_is_skipped_comes_at_the_next_valid_minute(zone: str, before: str, skipped: str, valid: list[str]) -> None:  # fmt: skip
    assert due(f"day {skipped}", zone, before, 3) == valid


@pytest.mark.parametrize(
    ("zone", "before", "doubled", "once"),
    [
        ("Europe/Berlin", "2026-10-23 12:00", "02:30", ["2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"]),
        ("America/New_York", "2026-10-30 12:00", "01:30", ["2026-10-31 05:30", "2026-11-01 05:30", "2026-11-02 06:30"]),
        (
            "Australia/Lord_Howe",
            "2026-04-03 00:00",
            "01:45",
            ["2026-04-03 14:45", "2026-04-04 14:45", "2026-04-05 15:15"],
        ),
    ],
)
def test_a_time_that_occurs_twice_counts_once(zone: str, before: str, doubled: str, once: list[str]) -> None:
    assert due(f"day {doubled}", zone, before, 3) == once


@pytest.mark.parametrize("text", ["hour 00:15", "cron 15 * * * *"])
@pytest.mark.parametrize("change", ["2026-03-28 23:00", "2026-10-24 22:00"])
def test_each_hour_is_each_real_hour_over_a_change_of_clocks(text: str, change: str) -> None:
    moments = list(islice(Schedule.read(text, "Europe/Berlin").due(at(change)), 6))
    assert [(later - one).total_seconds() for one, later in pairwise(moments)] == [3600] * 5


def test_a_month_without_that_day_has_it_on_its_last() -> None:
    assert due("month 31 06:00", "UTC", "2028-01-01 00:00", 4) == [
        "2028-01-31 06:00",
        "2028-02-29 06:00",
        "2028-03-31 06:00",
        "2028-04-30 06:00",
    ]
    assert due("month 30 06:00", "UTC", "2027-02-01 00:00", 1) == ["2027-02-28 06:00"]


def test_a_leap_day_of_cron_comes_when_there_is_one_and_a_day_that_never_comes_is_refused() -> None:
    assert due("cron 0 0 29 2 *", "UTC", "2097-01-01 00:00", 1) == ["2104-02-29 00:00"]
    with pytest.raises(Invalid, match="never comes"):
        Schedule.read("cron 0 0 30 2 *", "UTC").next(at("2026-01-01 00:00"))


def test_cron_lets_a_day_count_that_is_in_one_of_its_two_fields() -> None:
    assert due("cron 0 6 13 * fri", "UTC", "2026-11-10 00:00", 3) == ["2026-11-13 06:00", "2026-11-20 06:00", "2026-11-27 06:00"]  # fmt: skip
    assert due("cron 0 6 1 * *", "UTC", "2026-11-10 00:00", 2) == ["2026-12-01 06:00", "2027-01-01 06:00"]
    assert due("cron */20 8-9 * jan sun", "UTC", "2027-01-01 00:00", 3) == ["2027-01-03 08:00", "2027-01-03 08:20", "2027-01-03 08:40"]  # fmt: skip
    assert due("cron 0 0 * * 7", "UTC", "2026-11-30 00:00", 1) == ["2026-12-06 00:00"], "7 is Sunday, as 0 is"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ("60 * * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day of the month"),
        ("0 0 1 13 *", "month"),
        ("0 0 * * 8", "day of the week"),
        ("0 0 * * someday", "day of the week"),
        ("*/0 * * * *", "minute"),
        ("5-1 * * * *", "minute"),
        ("*-5 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("0 0 * *", "five"),
        ("0 0 * * * *", "five"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(fields: str, named: str) -> None:
    with pytest.raises(Invalid) as refused:
        Schedule.read(f"cron {fields}", "UTC")
    assert named in str(refused.value)


@pytest.mark.parametrize("text", ["", "month", "month 0 06:00", "month 32 06:00", "week 8 06:00", "day 24:00", "day 6:00", "year 06:00", "month x 06:00", "day 1 2 06:00"])  # fmt: skip
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Schedule.read(text, "UTC")


@pytest.mark.parametrize("zone", ["", "Europe/Atlantis", "../etc/passwd", "/etc/localtime", "UTC\0"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(Invalid, match="no such time zone"):
        zone_of(zone)


@pytest.mark.parametrize("text", ["hour 00:15", "day 06:00", "week 7 23:59", "month 31 00:00", "cron 0 6 * * mon"])
def test_a_schedule_is_read_as_it_was_kept(text: str) -> None:
    made = Schedule.read(text, "Asia/Kolkata")
    assert str(made) == text
    assert Schedule.read(str(made), "Asia/Kolkata") == made


def test_a_due_time_is_about_the_last_period_that_is_complete() -> None:
    assert about("month 5 06:00", "Europe/Berlin", "2026-11-05 05:00") == ("2026-09-30 22:00", "2026-10-31 23:00")
    assert about("month 1 00:30", "UTC", "2028-03-01 00:30") == ("2028-02-01 00:00", "2028-03-01 00:00")
    assert about("week 3 06:00", "UTC", "2026-11-25 06:00") == ("2026-11-16 00:00", "2026-11-23 00:00")
    assert about("day 06:00", "Europe/Berlin", "2026-03-30 04:00") == ("2026-03-28 23:00", "2026-03-29 22:00")
    assert about("hour 00:15", "Asia/Kolkata", "2026-11-25 05:45") == ("2026-11-25 04:30", "2026-11-25 05:30")
    assert about("cron 0 6 * * mon", "UTC", "2026-11-23 06:00") == ("2026-11-16 06:00", "2026-11-23 06:00")
    assert about("cron 0 0 29 2 *", "UTC", "2028-02-29 00:00") == ("2024-02-29 00:00", "2028-02-29 00:00")


def test_a_day_begins_with_its_first_minute_where_midnight_is_skipped() -> None:
    assert about("day 06:00", "Asia/Beirut", "2026-03-30 03:00") == ("2026-03-28 22:00", "2026-03-29 21:00")


def test_periods_follow_one_another_without_a_gap() -> None:
    for text in ("hour 00:15", "day 02:30", "week 7 02:30", "month 31 02:30", "cron 30 2 * * *"):
        made = Schedule.read(text, "Europe/Berlin")
        found = [made.interval(moment) for moment in islice(made.due(at("2026-03-01 00:00")), 40)]
        assert all(one.end == later.start for one, later in pairwise(found)), text


@pytest.mark.parametrize("change", ["2026-04-04", "2026-10-03"])
@pytest.mark.parametrize("text", ["hour 00:15", "hour 00:45"])
def test_no_data_are_lost_or_counted_twice_where_clocks_change_by_half_an_hour(text: str, change: str) -> None:
    made = Schedule.read(text, "Australia/Lord_Howe")
    found = [made.interval(moment) for moment in islice(made.due(at(f"{change} 06:00")), 24)]
    different = list(dict.fromkeys(found))
    assert all(one.end == later.start for one, later in pairwise(different))
    assert len(different) >= 23


def test_a_period_has_a_name() -> None:
    berlin, utc = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")

    def named(start: str, end: str, zone: ZoneInfo = utc) -> str:
        return spoken(Interval(at(start), at(end)), zone)

    assert named("2026-10-31 23:00", "2026-11-30 23:00", berlin) == "November 2026"
    assert named("2026-10-31 23:00", "2026-11-01 23:00", berlin) == "1 November 2026"
    assert named("2026-11-16 00:00", "2026-11-23 00:00") == "16 November 2026 to 22 November 2026"
    assert named("2026-11-16 05:00", "2026-11-16 06:00") == "16 November 2026, 05:00 to 06:00"
    assert named("2026-11-16 23:30", "2026-11-17 00:30") == "16 November 2026, 23:30 to 17 November 2026, 00:30"
    assert named("2026-11-16 06:00", "2026-11-23 06:00") == "16 November 2026, 06:00 to 23 November 2026, 06:00"


# ── Periods between two days ────────────────────────────────────────────────────────────────────────
def periods(text: str, zone: str, since: str, until: str, now: str = "2026-11-15 12:00") -> list[str]:
    schedule = Schedule.read(text, zone)
    return [spoken(each, schedule.zone) for each in schedule.periods(span(since, until, schedule.zone, at(now)))]


def test_the_periods_between_two_days_are_those_that_are_whole_and_over() -> None:
    assert periods("month 5 06:00", "Europe/Berlin", "2026-01", "2026-03") == [
        "January 2026",
        "February 2026",
        "March 2026",
    ]
    assert periods("month 31 06:00", "UTC", "2026-01-02", "2026-03-30") == ["February 2026"]
    assert periods("month 20 06:00", "UTC", "2026-09", "") == ["September 2026", "October 2026"], (
        "that it is due later is no matter"
    )
    assert periods("week 5 06:00", "UTC", "2026-11-02", "2026-11-15") == ["2 November 2026 to 8 November 2026"]


def test_each_hour_of_a_change_of_clocks_is_a_period_of_its_own() -> None:
    assert len(periods("hour 00:15", "Europe/Berlin", "2026-10-25", "2026-10-25")) == 25
    assert len(periods("hour 00:15", "Europe/Berlin", "2026-03-29", "2026-03-29")) == 23
    assert len(periods("day 02:30", "Europe/Berlin", "2026-03-28", "2026-03-30")) == 3


def test_periods_of_cron_are_from_one_due_time_to_the_next() -> None:
    found = Schedule.read("cron 0 6 * * 1", "UTC").periods(Interval(at("2026-11-02 06:00"), at("2026-11-16 06:00")))
    assert [(f"{each.start:%d %H}", f"{each.end:%d %H}") for each in found] == [("02 06", "09 06"), ("09 06", "16 06")]


def test_periods_go_back_further_than_due_times_are_looked_for_ahead() -> None:
    found = periods("month 1 06:00", "UTC", "2001-01", "2025-12")
    assert (len(found), found[0], found[-1]) == (300, "January 2001", "December 2025")
    assert len(periods("cron 0 0 1 1 *", "UTC", "1970-01", "2026-01-01")) == 56


def test_a_long_list_of_short_periods_is_begun_at_once() -> None:
    schedule = Schedule.read("cron * * * * *", "UTC")
    assert len(list(islice(schedule.periods(span("1970-01", "", schedule.zone, at("2026-11-15 12:00"))), 1001))) == 1001


@pytest.mark.parametrize(
    ("since", "until"),
    [("2026", ""), ("2026-13", ""), ("2026-02-30", ""), ("١٩٧٠-01", ""), ("2026-03", "2026-02"), ("2027-01", ""), ("", "2026-01"), ("0001-01", "")],
)  # fmt: skip
def test_what_is_no_span_of_days_is_refused(since: str, until: str) -> None:
    with pytest.raises(Invalid):
        span(since, until, ZoneInfo("UTC"), at("2026-11-15 12:00"))
