from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from swap.connectors.base import Column, Comparison, Dataset, Fragment, Partition, Partitions, Predicate
from swap.connectors.messages import decode_dataset, decode_fragment, encode_dataset, encode_fragment


def sent(message: dict[str, Any]) -> Any:
    """Return a message as it arrives."""
    return json.loads(json.dumps(message))


def test_a_dataset_arrives_as_it_was_sent() -> None:
    dataset = Dataset(
        "s",
        "t",
        (Column("a", pa.int32(), "x", partition=True), Column("b", pa.null(), sensitivity="personal")),
        "c",
        "o",
        5,
        None,
        "now",
        rows_exact=True,
        partitions=Partitions(("a",), "", 1, (Partition((None,), 1, 5, exact=True),)),
    )

    assert decode_dataset(sent(encode_dataset(dataset))) == dataset


def test_a_fragment_arrives_as_it_was_sent() -> None:
    columns = (Column("ä", pa.decimal128(9, 2)), Column("b", pa.list_(pa.string())))
    fragment = Fragment("s", "t", columns, (Predicate("b", Comparison.NOT_NULL),), 7, "q1", scattered=True)

    assert decode_fragment(sent(encode_fragment(fragment))) == fragment
