"""What a table's facts tell somebody who may not read all of it."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

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


def seen(*groups: str, table: Dataset = VIEWS) -> Dataset:
    found = _seen_by(
        POLICY,
        Principal("paaaaaaaaa", "ann", frozenset(groups), Via.KERNEL),
        Harvested("lake", table),
    )
    assert found is not None
    return found.dataset


def test_the_newest_partition_is_not_told_to_whom_its_column_is_locked() -> None:
    assert seen("analysts").newest == ""
    assert seen("data-privacy").newest == "Zagreb"


@pytest.mark.parametrize(("named", "told"), [("page_id", "2026-11-22"), ("City", ""), ("gone", "")])
def test_the_largest_value_of_a_column_is_told_to_whoever_may_read_it(named: str, told: str) -> None:
    columns = tuple(replace(column, name=column.name.title(), partition=False) for column in VIEWS.columns[1:])
    table = Dataset("wmf", "edits", (VIEWS.columns[0], *columns), newest="2026-11-22", newest_of=named)

    assert seen("analysts", table=table).newest == told
    assert seen("data-privacy", table=table).newest == ("" if named == "gone" else "2026-11-22")


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
