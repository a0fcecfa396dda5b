"""Until when a table is complete, told from its partitions or from a column of moments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from swap.catalog import upto
from swap.catalog.upto import Reach


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(*days: tuple[int, int]) -> Reach:
    """Return what is told of a table of hours: days of November 2026 and how many of its hours there are."""
    newest = [(("2026", "11", str(day)), count) for day, count in sorted(days, reverse=True)]
    found = upto.of_partitions(("year", "month", "day"), "hour", newest)
    assert found is not None
    return found


def test_hours_are_complete_when_each_day_has_as_many_as_the_period_needs() -> None:
    reach = hours((9, 3), (10, 24), (11, 24), (12, 5))
    assert reach.until(at("2026-11-10"), at("2026-11-12")) == at("2026-11-12")
    assert reach.until(at("2026-11-10"), at("2026-11-12 05:00")) == at("2026-11-12 05:00")
    assert reach.until(at("2026-11-10"), at("2026-11-13")) == at("2026-11-12 05:00")
    assert reach.until(at("2026-11-10 22:00"), at("2026-11-11 22:00")) == at("2026-11-11 22:00"), "a day of Berlin"
    assert reach.until(at("2026-11-12 05:00"), at("2026-11-12 06:00")) == at("2026-11-12 05:00")
    assert reach.until(at("2026-11-12 07:00"), at("2026-11-12 08:00")) == at("2026-11-12 07:00"), "nothing of it"
    assert reach.until(at("2026-11-13"), at("2026-11-14")) == at("2026-11-13")


def test_a_gap_is_waited_for() -> None:
    assert hours((9, 24), (10, 24), (11, 23), (12, 24)).until(at("2026-11-10"), at("2026-11-13")) == at(
        "2026-11-11 23:00"
    )
    assert hours((9, 24), (10, 24), (12, 24)).until(at("2026-11-10"), at("2026-11-13")) == at("2026-11-11")


def test_what_lies_before_the_first_partition_is_not_waited_for() -> None:
    reach = hours((10, 7), (11, 24))
    assert reach.until(at("2026-11-01"), at("2026-11-12")) == at("2026-11-12")
    assert reach.until(at("2026-09-01"), at("2026-10-01")) == at("2026-10-01")


def test_the_only_day_may_still_fill() -> None:
    assert hours((10, 7)).until(at("2026-11-10"), at("2026-11-11")) == at("2026-11-10 07:00")


@pytest.mark.parametrize(
    ("keys", "values"),
    [(("year", "month"), [("2026", "9"), ("2026", "10")]), (("month",), [("2026-09",), ("2026-10",)]), (("Year", "Month"), [("2026", "09"), ("2026", "10")])],
)  # fmt: skip
def test_months_are_complete_when_they_are_there(keys: tuple[str, ...], values: list[tuple[str, ...]]) -> None:
    reach = upto.of_partitions(keys, "", [(each, 1) for each in values])
    assert reach is not None
    assert reach.until(at("2026-10-01"), at("2026-11-01")) == at("2026-11-01")
    assert reach.until(at("2026-10-05"), at("2026-11-02")) == at("2026-11-01")
    assert reach.until(at("2026-09-30 22:00"), at("2026-10-31 23:00")) == at("2026-10-31 23:00")


def test_a_column_of_moments_tells_its_largest_value() -> None:
    reach = upto.of_column("2026-11-22 05:30")
    assert reach is not None
    assert reach.until(at("2026-11-01"), at("2026-11-22")) == at("2026-11-22")
    assert reach.until(at("2026-11-22"), at("2026-11-23")) == at("2026-11-22 05:30")
    day = upto.of_column("2026-11-22")
    assert day is not None
    assert day.until(at("2026-11-22"), at("2026-11-23")) == at("2026-11-22"), "of that day there may come more"


@pytest.mark.parametrize(
    ("keys", "values"),
    [(("month",), ("7",)), (("wiki", "month"), ("enwiki", "2026-10")), (("year", "month", "day"), ("2026", "13", "1")), (("day",), (None,)), (("year", "month"), ("٢٠٢٦", "1")), (("year", "month", "day"), ("9999", "12", "31"))],
)  # fmt: skip
def test_what_names_no_moments_tells_nothing(keys: tuple[str, ...], values: tuple[str | None, ...]) -> None:
    assert upto.of_partitions(keys, "", [(values, 1)]) is None
    assert upto.of_column("22 November 2026") is None
    assert upto.told({"newest": "2026-11-22", "divided": None}) is None, "of no column, and no partition"


def test_what_the_gateway_tells_is_read_as_what_the_catalog_keeps() -> None:
    newest = [{"values": ("2026", "10"), "parts": 1, "rows": 5, "exact": True}]
    found = upto.told(
        {"divided": {"keys": ("year", "month"), "finer": "", "count": 1, "newest": newest}, "newest": "x"}
    )
    assert found == upto.of_partitions(("year", "month"), "", [(("2026", "10"), 1)])
    assert upto.told({"divided": None, "newest": "2026-11-22", "newest_of": "dt"}) == upto.of_column("2026-11-22")
