"""What is told of a Hive's partitions, from their names alone."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest

from swap.connectors.base import Column, Dataset, Partition
from swap.connectors.hive.catalog import SAMPLED, Numbers, Sample, guessed, partitions
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


def many(count: int) -> Dataset:
    divided, newest = partitions(["day"], [f"day={day}" for day in range(count)], None)
    return Dataset("wmf", "t", (Column("a", pa.int64()),), newest=newest, partitions=divided)


def test_what_many_partitions_hold_is_guessed_by_some_of_them() -> None:
    sample = [(100 + at, 10 + at % 2) for at in range(SAMPLED)]

    found = guessed(many(2_000), sample)

    assert found.size_bytes == round((100 + (SAMPLED - 1) / 2) * 2_000)
    assert (found.row_estimate, found.rows_exact) == (21_000, False)
    assert found.partitions is not None
    assert {each.rows for each in found.partitions.newest} == {round(10.5)}


@pytest.mark.parametrize(
    ("sample", "size", "rows"),
    [
        ([(100, None)] * SAMPLED, 200_000, None),
        ([(100, 5)] * (SAMPLED - 1) + [(100, None)], 200_000, None),
        ([(100, 5)] * (SAMPLED - 1) + [(None, None)], None, None),
        ([(100, 5)] * (SAMPLED // 2 - 1), None, None),
        ([(0, None)] * SAMPLED, None, None),
        ([(0, None)] * (SAMPLED - 1) + [(10_000, 500)], None, None),
        ([(0, None)] * 4 + [(100, 5)] * (SAMPLED - 4), 150_000, 7_500),
        ([], None, None),
    ],
    ids=["no rows", "rows of some", "not all", "too few", "empty ones", "one alone", "empty ones among them", "none"],
)
def test_partitions_that_tell_too_little_or_differ_too_much_tell_nothing(
    sample: list[Numbers], size: int | None, rows: int | None
) -> None:
    found = guessed(many(2_000), sample)

    assert (found.size_bytes, found.row_estimate) == (size, rows)


def test_a_sample_is_by_chance_and_the_same_for_the_same_partitions() -> None:
    names = [f"day={day}" for day in range(2_000)]
    chosen: Counter[int] = Counter()
    for table in range(200):
        sample = Sample(f"wmf.t{table}")
        assert list(sample.of(names)) == names
        again = Sample(f"wmf.t{table}")
        list(again.of(names))
        assert len(set(sample.names)) == SAMPLED
        assert sample.names == again.names
        chosen.update(names.index(name) * 4 // len(names) for name in sample.names)
    # 800 of each quarter, give or take what chance does.
    assert all(600 < count < 1_000 for count in chosen.values())


def test_of_few_partitions_all_are_in_the_sample() -> None:
    sample = Sample("wmf.t")
    list(sample.of(["day=1", "day=2"]))

    assert sample.names == ["day=1", "day=2"]
