"""What is harvested comes back as it was, types included."""

from __future__ import annotations

import json

import pyarrow as pa

from swap.catalog.store import decode, encode
from swap.connectors.base import Column, Comparison, Dataset, Partition, Partitions


def test_a_dataset_survives_being_kept() -> None:
    dataset = Dataset(
        "wmf",
        "t",
        (
            Column("a", pa.decimal128(10, 2), comment="money", sensitivity="low"),
            Column("b", pa.timestamp("us", "UTC")),
            Column("c", pa.struct([("x", pa.list_(pa.int32()))])),
            Column("year", pa.int32(), partition=True),
            Column("title", pa.string(), inexact=frozenset({Comparison.EQ, Comparison.NE})),
        ),
        comment="É",
        owner="team",
        row_estimate=5,
        size_bytes=9,
        newest="2026-11-23",
        newest_of="b",
        rows_exact=True,
        partitions=Partitions(
            ("year",), "", 2, (Partition(("2026",), 1, 5, exact=True), Partition((None,), 1, 0, exact=False))
        ),
    )

    assert decode("wmf", "t", json.loads(json.dumps(encode(dataset)))) == dataset


def test_what_an_older_swap_has_kept_can_be_read() -> None:
    dataset = Dataset("wmf", "t", (Column("a", pa.int32()),), row_estimate=5)
    kept = encode(dataset)
    del kept["rows_exact"], kept["partitions"], kept["newest_of"], kept["columns"][0]["inexact"]

    assert decode("wmf", "t", kept) == dataset
