"""Values on which stores disagree, for each Arrow type, and one table that holds every type."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa

_MOMENTS: list[Any] = [None] + [
    dt.datetime.fromisoformat(f"{text}+00:00")
    for text in (
        "0001-01-01T00:00:00.000001",
        "1582-10-10T00:00:00",
        "1969-12-31T23:59:59.999999",
        "1970-01-01T00:00:00",
        "2000-01-01T00:00:00",
        "2026-03-29T01:30:00",
        "9999-12-31T23:59:59.999999",
    )
]

VALUES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "boolean": (pa.bool_(), [True, False, None]),
    "smallint": (pa.int16(), [-32768, -1, 0, 1, 32767, None]),
    "integer": (pa.int32(), [-(2**31), -1, 0, 7, 2**31 - 1, None]),
    "bigint": (pa.int64(), [-(2**63), -(2**53) - 1, -1, 0, 2**53, 2**53 + 1, 2**63 - 1, None]),
    "real": (pa.float32(), [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.5, 0.1, 1e-45, 3.4e38, None]),
    "double": (pa.float64(), [math.nan, math.inf, -math.inf, 0.0, -0.0, 0.1, 0.1 + 0.2, 5e-324, -1.7e308, 1 / 3, None]),
    "decimal": (
        pa.decimal128(12, 2),
        [Decimal(text) for text in ("0.00", "-0.01", "0.10", "1.10", "9999999999.99", "-9999999999.99")] + [None],
    ),
    "wide": (
        pa.decimal128(38, 10),
        [Decimal("1E-10"), Decimal(0), Decimal("-1234567890123456789012345678.0123456789"), Decimal("1.5"), None],
    ),
    "text": (
        pa.string(),
        [
            "",
            " ",
            "a",
            "a ",
            " a",
            "A",
            "b",
            "Z",
            "z",
            "ä",
            "a\u0308",
            "ß",
            "ss",
            "İ",
            "é",
            "o'brien",
            "back\\slash",
            "50%",
            "_",
            '"',
            "a\nb",
            "a\tb",
            "\\N",
            "NULL",
            "\\.",
            "\uffff",
            "\U00010000",
            "日本語",
            "a\u200bb",
            "$$",
            "'; DROP TABLE x; --",
            "x" * 5000,
            None,
        ],
    ),
    "binary": (pa.binary(), [b"", b"\x00", b"\xff", b"a\x00b", b"a", b"\\x61", bytes(range(256)), None]),
    "date": (
        pa.date32(),
        [
            dt.date(1, 1, 1),
            dt.date(1582, 10, 10),
            dt.date(1969, 12, 31),
            dt.date(1970, 1, 1),
            dt.date(2024, 2, 29),
            dt.date(9999, 12, 31),
            None,
        ],
    ),
    "time": (pa.time64("us"), [dt.time(0, 0), dt.time(0, 0, 0, 1), dt.time(12, 0), dt.time(23, 59, 59, 999_999), None]),
    "timestamp": (pa.timestamp("us"), [each and each.replace(tzinfo=None) for each in _MOMENTS]),
    "timestamptz": (pa.timestamp("us", "UTC"), _MOMENTS),
}

FAMILY = {
    name: {"smallint": "integer", "bigint": "integer", "real": "float", "double": "float", "wide": "decimal"}.get(
        name, name
    )
    for name in VALUES
}


def table(name: str) -> pa.Table:
    """Return the values of one kind, numbered."""
    type_, values = VALUES[name]
    return pa.table({"id": pa.array(range(len(values)), pa.int32()), "value": pa.array(values, type_)})


def _row(name: str, row: int) -> Any:
    values = VALUES[name][1]
    return values[row % len(values)]


def every_type() -> pa.Table:
    """Return 40 rows with a column of every type, the nested ones too, each with nulls."""
    rows = range(40)
    columns = {name: pa.array([_row(name, row) for row in rows], type_) for name, (type_, _) in VALUES.items()}
    columns["list"] = pa.array([[1, None, 3], [], None, [2**31 - 1]] * 10, pa.list_(pa.int32()))
    columns["texts"] = pa.array(
        [["ä", None, ""], [], None, ["o'brien", "a,b", '"', "NULL"]] * 10, pa.list_(pa.string())
    )
    columns["amounts"] = pa.array(
        [[Decimal("1.10"), None], [], None, [Decimal("-0.01")]] * 10, pa.list_(pa.decimal128(12, 2))
    )
    columns["struct"] = pa.array(
        [{"a": 1, "b": "ä"}, {"a": None, "b": None}, None, {"a": 2, "b": ""}] * 10,
        pa.struct([("a", pa.int32()), ("b", pa.string())]),
    )
    columns["map"] = pa.array([[("k", 1)], [], None, [("ä", None), ("", 2)]] * 10, pa.map_(pa.string(), pa.int64()))
    columns["null"] = pa.nulls(40)
    columns["timestamp_ns"] = pa.array([1, -1, None, 1_700_000_000_123_456_789] * 10, pa.timestamp("ns"))
    return pa.table(columns)
