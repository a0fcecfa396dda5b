"""What a table's facts tell somebody who may not read all of it."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from swap.catalog.service import _seen_by
from swap.catalog.store import Harvested
from swap.connectors.base import Column, Dataset, Partition, Partitions
from swap.identity import Principal, Via
from swap.settings import Denial, Grant, Policy

POLICY = Policy(
    grants=(Grant(name="all", groups=("*",), on=("lake",)),),
    denials=(
        Denial(
            name="no-city",
            on=("lake.wmf.*.city",),
            unless_groups=("data-privacy",),
            because="locks cities",
            ask="data-privacy",
        ),
    ),
)
DIVIDED = Partitions(
    ("city",), "", 2, (Partition(("Zagreb",), 1, 5, exact=True), Partition(("Aachen",), 1, 7, exact=True))
)
VIEWS = Dataset(
    "wmf",
    "views",
    (Column("page_id", pa.int64()), Column("city", pa.string(), partition=True)),
    newest="Zagreb",
    partitions=DIVIDED,
)


def seen(*groups: str) -> Dataset:
    found = _seen_by(
        POLICY,
        Principal("paaaaaaaaa", "ann", frozenset(groups), Via.KERNEL),
        Harvested("lake", VIEWS),
    )
    assert found is not None
    return found.dataset


def test_the_newest_partition_is_not_told_to_whom_its_column_is_locked() -> None:
    assert seen("analysts").newest == ""
    assert seen("data-privacy").newest == "Zagreb"


def test_partitions_and_their_rows_are_not_told_to_whom_their_column_is_locked() -> None:
    assert seen("analysts").partitions is None
    assert seen("data-privacy").partitions == DIVIDED


def test_of_a_closed_table_only_the_order_of_its_size_is_told() -> None:
    closed = Policy(grants=(Grant(name="know", groups=("*",), on=("lake",), actions=("discover",)),))
    views = replace(VIEWS, row_estimate=288_046, size_bytes=4_512_345, rows_exact=True)
    found = _seen_by(
        closed,
        Principal("paaaaaaaaa", "ann", frozenset(), Via.KERNEL),
        Harvested("lake", views),
    )
    assert found is not None
    assert not found.read.allowed
    assert (found.dataset.row_estimate, found.dataset.size_bytes, found.dataset.rows_exact) == (
        290_000,
        4_500_000,
        False,
    )
