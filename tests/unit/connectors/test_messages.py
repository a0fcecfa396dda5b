from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.connectors.base import NULL_TESTS, Column, Comparison, Dataset, Fragment, Partition, Partitions, Predicate
from swap.connectors.messages import decode_dataset, decode_fragment, encode_dataset, encode_fragment

MOMENT = dt.datetime.fromisoformat("2026-11-24T10:00:00.000001")


def sent(message: dict[str, Any]) -> Any:
    """Return a message as it arrives."""
    return json.loads(json.dumps(message))


def test_a_dataset_arrives_as_it_was_sent() -> None:
    dataset = Dataset(
        "s",
        "t",
        (
            Column("a", pa.int32(), "x", partition=True),
            Column("b", pa.null(), sensitivity="personal", inexact=NULL_TESTS),
        ),
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


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        -(2**63),
        0.1,
        float("inf"),
        -0.0,
        "o'b\n\"",
        Decimal("-1.20"),
        b"\0\xff",
        dt.date(1, 1, 1),
        dt.time(1, 2, 3, 4),
        MOMENT,
        MOMENT.replace(tzinfo=dt.UTC),
        (),
        (1, 2),
        ("a",),
        (Decimal(1), Decimal("2.5")),
    ],
)
def test_a_value_arrives_as_it_was_sent(value: Any) -> None:
    fragment = Fragment("s", "t", (Column("x", pa.int32()),), (Predicate("x", Comparison.EQ, value),), 5)

    arrived = decode_fragment(sent(encode_fragment(fragment)))

    assert arrived == fragment
    assert repr(arrived.predicates[0].value) == repr(value)


@pytest.mark.parametrize(
    "columns", [(), (Column("ä", pa.list_(pa.struct([("m", pa.map_(pa.string(), pa.decimal128(38, 10)))]))),)]
)
def test_columns_arrive_as_they_were_sent(columns: tuple[Column, ...]) -> None:
    fragment = Fragment("s", "t", columns)

    assert decode_fragment(sent(encode_fragment(fragment))) == fragment
