"""What is told of a Hive's partitions, from their names alone."""

from __future__ import annotations

from swap.connectors.base import Partition
from swap.connectors.hive.catalog import partitions
from swap.connectors.partitioned import KEPT, NULL


def test_the_newest_partition_is_a_moment_and_hours_are_counted_by_day() -> None:
    names = [f"year=2026/month={month}/day=1/hour={hour}" for month in (9, 10) for hour in range(24)]

    divided, newest = partitions(["year", "month", "day", "hour"], names, 4800)

    assert newest == "2026-10-01 23:00"
    assert (divided.keys, divided.finer, divided.count) == (("year", "month", "day"), "hour", 48)
    assert divided.newest[0] == Partition(("2026", "10", "1"), 24, 2400, exact=False)


def test_values_are_read_back_from_how_directories_write_them() -> None:
    divided, newest = partitions(["project"], [f"project={NULL}", "project=de%3Awikipedia"], None)

    assert newest == "de:wikipedia"
    assert [part.values for part in divided.newest] == [("de:wikipedia",), (None,)]


def test_of_many_partitions_the_newest_are_kept_whatever_their_order() -> None:
    names = [f"day={day}" for day in range(20_000)]

    divided, newest = partitions(["day"], names[::2] + names[1::2], 20_000)

    assert (divided.count, newest) == (20_000, "19999")
    assert [part.values for part in divided.newest] == [(str(day),) for day in range(19_999, 19_999 - KEPT, -1)]
