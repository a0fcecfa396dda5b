"""What a harvest tells of a table's partitions, from real files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from conformance.subjects import Files
from swap.connectors.base import Partition


def write(files: Files, path: str, rows: int) -> Path:
    """Write one file of the table `t`."""
    place = files.table("t") / path
    place.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": pa.array(range(rows), pa.int32())}), place)
    return place


def test_a_harvest_counts_the_rows_of_each_day_from_the_footers(files: Files) -> None:
    for day, hour, rows in ((9, 0, 100), (10, 0, 7), (10, 1, 8)):
        write(files, f"year=2026/month=11/day={day}/hour={hour}/part.parquet", rows)

    dataset = files.harvested()[0]

    assert (dataset.row_estimate, dataset.rows_exact) == (115, True)
    assert dataset.partitions is not None
    assert (dataset.partitions.keys, dataset.partitions.finer, dataset.partitions.count) == (
        ("year", "month", "day"),
        "hour",
        3,
    )
    assert dataset.partitions.newest == (
        Partition(("2026", "11", "10"), 2, 15, exact=True),
        Partition(("2026", "11", "9"), 1, 100, exact=True),
    )


def test_a_table_of_too_many_files_to_count_says_that_its_rows_are_a_guess(files: Files) -> None:
    for number in range(400):
        write(files, f"number={number}/part.parquet", 3)

    dataset = files.harvested()[0]

    assert (dataset.row_estimate, dataset.rows_exact) == (1200, False)
    assert dataset.partitions is not None
    assert (dataset.partitions.count, dataset.partitions.newest[0]) == (400, Partition(("399",), 1, 3, exact=True))


def test_a_damaged_file_makes_its_partitions_rows_a_guess(files: Files) -> None:
    write(files, "day=2026-11-22/part.parquet", 3)
    write(files, "day=2026-11-23/part.parquet", 3).write_bytes(b"PAR1")

    dataset = files.harvested()[0]

    assert not dataset.rows_exact
    assert dataset.partitions is not None
    assert [each.exact for each in dataset.partitions.newest] == [False, True]


def test_a_table_without_partitions_is_counted_and_not_divided(files: Files) -> None:
    write(files, "part.parquet", 3)

    dataset = files.harvested()[0]

    assert (dataset.row_estimate, dataset.rows_exact, dataset.partitions) == (3, True, None)
