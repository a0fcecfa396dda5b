from __future__ import annotations

import datetime as dt
import doctest
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from swap.connectors import exact
from swap.connectors.exact import fits

NAIVE = dt.datetime.fromisoformat("2026-11-24T10:00:00.000001")
AWARE = NAIVE.replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (pa.bool_(), True),
        (pa.int16(), 5),
        (pa.int64(), 2**63 - 1),
        (pa.int32(), 2**40),
        (pa.float64(), 0.1),
        (pa.float32(), 0.5),
        (pa.float32(), math.inf),
        (pa.decimal128(9, 2), Decimal("1.2")),
        (pa.decimal128(9, 2), Decimal("-1.250")),
        (pa.decimal128(9, 0), Decimal("1E3")),
        (pa.string(), "ä"),
        (pa.large_string(), ""),
        (pa.binary(), b"\0"),
        (pa.date32(), dt.date(1, 1, 1)),
        (pa.time64("us"), dt.time(1)),
        (pa.timestamp("us"), NAIVE),
        (pa.timestamp("us", "UTC"), AWARE),
        (pa.timestamp("ns"), NAIVE),
        (pa.timestamp("s"), NAIVE.replace(microsecond=0)),
    ],
)
def test_a_value_that_is_exact_in_its_type_fits(type_: pa.DataType, value: Any) -> None:
    assert fits(type_, value)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (pa.bool_(), 1),
        (pa.int32(), True),
        (pa.int32(), 1.0),
        (pa.int32(), Decimal(1)),
        (pa.int64(), 2**63),
        (pa.int32(), "1"),
        (pa.int32(), None),
        (pa.float64(), math.nan),
        (pa.float32(), 0.1),
        (pa.float64(), 1),
        (pa.float64(), Decimal("0.5")),
        (pa.decimal128(9, 2), Decimal("1.234")),
        (pa.decimal128(9, 2), 1),
        (pa.decimal128(9, 2), Decimal("NaN")),
        (pa.decimal128(9, 2), Decimal("Infinity")),
        (pa.decimal128(38, 10), Decimal("1E30")),
        (pa.string(), "a\0b"),
        (pa.string(), "\ud800"),
        (pa.string(), b"a"),
        (pa.binary(), "a"),
        (pa.date32(), NAIVE),
        (pa.timestamp("us"), dt.date(2026, 1, 1)),
        (pa.timestamp("us"), AWARE),
        (pa.timestamp("us", "UTC"), NAIVE),
        (pa.timestamp("ms"), NAIVE),
        (pa.timestamp("ns"), NAIVE.replace(year=1500)),
        (pa.time64("us"), dt.time(1, tzinfo=dt.UTC)),
        (pa.time32("s"), dt.time(1, 0, 0, 1)),
        (pa.list_(pa.int32()), [1]),
        (pa.null(), None),
    ],
)
def test_a_value_that_another_type_would_have_to_round_does_not_fit(type_: pa.DataType, value: Any) -> None:
    assert not fits(type_, value)


def test_examples_in_docstrings_hold() -> None:
    failed, tried = doctest.testmod(exact)

    assert tried
    assert not failed
