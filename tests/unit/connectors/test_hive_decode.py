"""Columns as a HiveServer2 sends them, as Arrow columns."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from swap.connectors.hive import decode, thrift
from swap.connectors.hive.decode import UnreadableError
from swap.connectors.hive.session import ColumnBlock
from swap.connectors.hive.thrift import Block, MalformedError


def block(kind: int, values: list[Any], nulls: bytes = b"") -> ColumnBlock:
    """Return a column as it comes: zeros and empty texts where it is null."""
    if kind == thrift.STRING:
        encoded = [value if isinstance(value, bytes) else value.encode() for value in values]
        data = b"".join(struct.pack(">i", len(value)) + value for value in encoded)
    else:
        data = np.array(values, decode._NUMBERS.get(kind, ">u1")).tobytes()
    told = thrift.read(struct.pack(">bhbi", thrift.LIST, 1, kind, len(values)) + data + b"\0")
    assert isinstance(told[1], Block)
    return ColumnBlock(told[1], nulls)


@pytest.mark.parametrize(
    ("kind", "values", "type_", "expected"),
    [
        (thrift.BOOL, [1, 0, 0], pa.bool_(), [True, None, False]),
        (thrift.BYTE, [-128, 0, 127], pa.int8(), [-128, None, 127]),
        (thrift.I64, [2**63 - 1, 0, -(2**63)], pa.int64(), [2**63 - 1, None, -(2**63)]),
        (thrift.DOUBLE, [0.1, 0, float("inf")], pa.float64(), [0.1, None, float("inf")]),
        (thrift.DOUBLE, [0.1, 0, 3.4028235e38], pa.float32(), [np.float32(0.1).item(), None, np.float32(3.4028235e38).item()]),
        (thrift.STRING, ["ä", "", "x" * 300], pa.string(), ["ä", None, "x" * 300]),
        (thrift.STRING, [b"\xff\0", b"", b""], pa.binary(), [b"\xff\0", None, b""]),
        (thrift.STRING, ["1.50", "", "-12345678901234567890.123456789012345678"], pa.decimal128(38, 18), [Decimal("1.500000000000000000"), None, Decimal("-12345678901234567890.123456789012345678")]),
        (thrift.STRING, ["2026-11-28", "", "0001-01-01"], pa.date32(), [date(2026, 11, 28), None, date(1, 1, 1)]),
        (thrift.STRING, ["2026-11-28 01:02:03.5", "", "1969-12-31 23:59:59"], pa.timestamp("us"), [datetime.fromisoformat("2026-11-28 01:02:03.500"), None, datetime.fromisoformat("1969-12-31 23:59:59")]),
        (thrift.STRING, ["2026-11-28 01:02:03.5 UTC", "", "1969-12-31 23:59:59.0 UTC"], pa.timestamp("us", "UTC"), [datetime(2026, 11, 28, 1, 2, 3, 500_000, UTC), None, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)]),
        (thrift.STRING, ['["a","\\"b\\""]', "", "[null]"], pa.list_(pa.string()), [["a", '"b"'], None, [None]]),
    ],
)  # fmt: skip
def test_a_column_comes_back_with_its_nulls(
    kind: int, values: list[Any], type_: pa.DataType, expected: list[Any]
) -> None:
    array = decode.column(block(kind, values, b"\2"), type_)

    assert array.type == type_
    assert array.to_pylist() == expected


def test_nulls_that_are_told_in_fewer_bits_than_rows_are_the_first_rows() -> None:
    array = decode.column(block(thrift.I32, list(range(20)), b"\1"), pa.int32())

    assert array.null_count == 1
    assert array[0].as_py() is None


def test_the_padding_of_a_char_is_no_part_of_it() -> None:
    assert decode.column(block(thrift.STRING, ["a  ", "  "]), pa.string(), padded=True).to_pylist() == ["a", ""]


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (["2026-11-28", "2026-11-29", "31.11.2026", "x"], pa.date32()),
        (["1.5", "2", "1.555", "x"], pa.decimal128(9, 2)),
        (["2026-11-28 00:00:00", "2026-11-28 00:00:00.1", "2026-11-28 00:00:00.1234567", "x"], pa.timestamp("us")),
        (["[1]", "[]", '["a"]', "x"], pa.list_(pa.int32())),
        (["[1]", "[]", "[1", "x"], pa.list_(pa.int32())),
        (["[1]", "[]", "[300]", "[400]"], pa.list_(pa.int8())),
        (["[1]", "[]", "[1.555]", "[1]"], pa.list_(pa.decimal128(9, 2))),
    ],
)
def test_text_that_is_no_value_is_an_error_that_names_the_row(values: list[str], type_: pa.DataType) -> None:
    with pytest.raises(UnreadableError) as raised:
        decode.column(block(thrift.STRING, values), type_)

    assert raised.value.row == 2


@pytest.mark.parametrize(
    ("kind", "type_"), [(thrift.I64, pa.string()), (thrift.DOUBLE, pa.int64()), (thrift.BOOL, pa.int8())]
)
def test_a_column_of_another_type_than_was_declared_is_refused(kind: int, type_: pa.DataType) -> None:
    with pytest.raises(MalformedError):
        decode.column(block(kind, [1]), type_)
