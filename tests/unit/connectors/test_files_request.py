from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.connectors.base import Column, Comparison, Dataset, Partition, Partitions, Predicate
from swap.connectors.files_request import (
    Progress,
    Request,
    decode_dataset,
    decode_progress,
    decode_request,
    encode_dataset,
    encode_progress,
    encode_request,
)

MOMENT = dt.datetime.fromisoformat("2026-11-24T10:00:00.000001")


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
    request = Request("/r", "s", "t", pa.schema([("x", pa.int32())]), (Predicate("x", Comparison.EQ, value),), 5)
    line = encode_request(request)

    arrived = decode_request(line)

    assert line.count(b"\n") == 1
    assert arrived == request
    assert repr(arrived.predicates[0].value) == repr(value)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        pa.schema([]),
        pa.schema([("ä", pa.list_(pa.struct([("m", pa.map_(pa.string(), pa.decimal128(38, 10)))])))]),
    ],
)
def test_a_schema_arrives_as_it_was_sent(schema: pa.Schema | None) -> None:
    assert decode_request(encode_request(Request("/r", columns=schema))).columns == schema


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

    assert decode_dataset(*encode_dataset(dataset)) == dataset


def test_progress_arrives_as_it_was_sent() -> None:
    progress = Progress(1, 2, 3, 4, whole=False, error='"ä"')

    assert decode_progress(encode_progress(progress)) == progress
    assert decode_progress(None) == Progress()
