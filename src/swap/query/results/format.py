"""Names of types and text of values, as cells, pages and errors show them (docs/reference/cell-formats.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from swap.query.results.codes import is_code

MAX_BINARY_BYTES = 64

_NAMES = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.uint8(): "utinyint",
    pa.uint16(): "usmallint",
    pa.uint32(): "uinteger",
    pa.uint64(): "ubigint",
    pa.float16(): "real",
    pa.float32(): "real",
    pa.float64(): "double",
    pa.date32(): "date",
    pa.date64(): "date",
    pa.null(): "null",
}


def sql_type(type_: pa.DataType) -> str:
    """Return an Arrow type's SQL name.

    >>> sql_type(pa.decimal128(10, 2)), sql_type(pa.timestamp("us", "UTC")), sql_type(pa.list_(pa.string()))
    ('decimal(10,2)', 'timestamptz', 'array')
    """
    if type_ in _NAMES:
        return _NAMES[type_]
    if pa.types.is_decimal(type_):
        return f"decimal({type_.precision},{type_.scale})"
    if pa.types.is_timestamp(type_):
        return "timestamptz" if type_.tz else "timestamp"
    if pa.types.is_dictionary(type_):
        return sql_type(type_.value_type)
    families = (
        ("text", (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)),
        (
            "binary",
            (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view),
        ),
        ("time", (pa.types.is_time,)),
        ("interval", (pa.types.is_interval, pa.types.is_duration)),
        ("map", (pa.types.is_map,)),
        ("struct", (pa.types.is_struct,)),
        ("array", (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_list_view)),
    )
    for name, checks in families:
        if any(check(type_) for check in checks):
            return name
    return str(type_)


def is_number(type_: pa.DataType) -> bool:
    """Tell whether values stand at the right of their column."""
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a page's column: its name, SQL type, side, and whether it is a quantity (grouped, measured)."""

    name: str
    type: str
    align: Literal["left", "right"]
    group: bool


def head(field: pa.Field) -> Head:
    """Return a column's head in a page."""
    number = is_number(field.type)
    return Head(field.name, sql_type(field.type), "right" if number else "left", number and not is_code(field.name))


def text(value: Any) -> str | None:  # noqa: PLR0911 — one line for each type
    r"""Return a value exactly as it is to be read, or None for null.

    >>> text(True), text(0.1), text(b"\x00\xff"), text([1, None])
    ('true', '0.1', '\\x00ff', '[1,null]')
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _binary(bytes(value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _float(value: float) -> str:
    if value != value:  # noqa: PLR0124 — the one value that differs from itself
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "Infinity" if value > 0 else "-Infinity"
    return str(int(value)) + ".0" if value.is_integer() and abs(value) < 1e16 else repr(value)


def _binary(value: bytes) -> str:
    return "\\x" + value[:MAX_BINARY_BYTES].hex() + ("…" if len(value) > MAX_BINARY_BYTES else "")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
        return {str(text(key)): _plain(item) for key, item in value}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    return str(value) if isinstance(value, timedelta) else text(value)


def values(column: pa.Array) -> list[Any]:
    """Return a column's values as Python's; moments that Python cannot hold become text."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [_python(value) for value in column]


def _python(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return "out of the years 1 to 9999"
