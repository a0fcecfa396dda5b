from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.connectors.base import Comparison, Predicate
from swap.connectors.files_request import Request, decode_request, encode_request

MOMENT = dt.datetime.fromisoformat("2026-11-24T10:00:00.000001")


def sent(message: dict[str, Any]) -> Any:
    """Return a message as it arrives."""
    return json.loads(json.dumps(message))


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

    arrived = decode_request(sent(encode_request(request)))

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
    assert decode_request(sent(encode_request(Request("/r", columns=schema)))).columns == schema
