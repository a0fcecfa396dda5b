"""Which Python values are exact in an Arrow type, so that whatever compares them compares alike.

What is not certainly exact does not fit: it is compared in the combiner.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa


def type_family(type_: pa.DataType) -> str:
    """Return the name under which capabilities list an Arrow type: 'integer', 'text' and so on.

    >>> type_family(pa.int32()), type_family(pa.timestamp("us", "UTC"))
    ('integer', 'timestamptz')
    """
    checks = (
        ("boolean", pa.types.is_boolean),
        ("integer", pa.types.is_integer),
        ("float", pa.types.is_floating),
        ("decimal", pa.types.is_decimal),
        ("date", pa.types.is_date),
        ("time", pa.types.is_time),
        ("timestamp", pa.types.is_timestamp),
    )
    for family, holds in checks:
        if holds(type_):
            return "timestamptz" if family == "timestamp" and type_.tz is not None else family
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return "text"
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        return "binary"
    return "nested"


def fits(type_: pa.DataType, value: Any) -> bool:
    """Tell whether a Python value is exact in an Arrow type, so that every engine compares it alike.

    >>> fits(pa.int32(), 7), fits(pa.int32(), 7.5), fits(pa.float32(), 0.1), fits(pa.decimal128(9, 2), Decimal("1.25"))
    (True, False, False, True)
    """
    family = type_family(type_)
    if family in _EXACT:
        kind, holds = _EXACT[family]
        # bool is an int and datetime a date to Python, but not to any store.
        return type(value) is kind and holds(type_, value)
    return False


def _float_fits(type_: pa.DataType, value: float) -> bool:
    return value == value and pa.scalar(value, pa.float64()).cast(type_, safe=False).as_py() == value  # noqa: PLR0124 — NaN


def _decimal_fits(type_: pa.DataType, value: Decimal) -> bool:
    if not value.is_finite():
        return False
    exponent = value.normalize().as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= type_.scale and value.adjusted() + 1 + type_.scale <= 38


def _text_fits(_: pa.DataType, value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _moment_fits(type_: pa.DataType, value: datetime) -> bool:
    if (value.tzinfo is None) != (type_.tz is None):
        return False
    if type_.unit == "ns" and not 1678 <= value.year <= 2261:
        return False
    return bool(value.microsecond % {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}[type_.unit] == 0)


def _time_fits(type_: pa.DataType, value: time) -> bool:
    return value.tzinfo is None and value.microsecond % {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}[type_.unit] == 0


_EXACT: dict[str, tuple[type, Callable[[pa.DataType, Any], bool]]] = {
    "boolean": (bool, lambda _type, _value: True),
    "integer": (int, lambda _type, value: -(2**63) <= value < 2**63),
    "float": (float, _float_fits),
    "decimal": (Decimal, _decimal_fits),
    "text": (str, _text_fits),
    "binary": (bytes, lambda _type, _value: True),
    "date": (date, lambda _type, _value: True),
    "time": (time, _time_fits),
    "timestamp": (datetime, _moment_fits),
    "timestamptz": (datetime, _moment_fits),
}
