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
_DAY = 86_400_000_000
_AGE_DAYS = 146_097
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_INFINITE_DAY = 2**31 - 1
_INFINITE_MOMENT = 2**63 - 1
"""Of a date and a timestamp."""

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


def text(value: Any) -> str | None:  # noqa: C901, PLR0911 — one line for each type
    r"""Return a value exactly as it is to be read, or None for null.

    >>> text(True), text(0.1), text(b"\x00\xff"), text([1, None])
    ('true', '0.1', '\\x00ff', '[1,null]')
    >>> text(pa.MonthDayNano((14, -3, 2_500_000_000)))
    '1 year 2 months -3 days 00:00:02.5'
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
    if isinstance(value, (pa.MonthDayNano, timedelta)):
        return _interval(value)
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _float(value: float) -> str:
    if value != value:  # noqa: PLR0124 — the one value that differs from itself
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "Infinity" if value > 0 else "-Infinity"
    return str(int(value)) + ".0" if value.is_integer() and abs(value) < 1e16 else repr(value)


def _interval(value: pa.MonthDayNano | timedelta) -> str:
    """Return an interval as DuckDB writes it: its months and days are not of a fixed length."""
    months, days, nanoseconds = (
        (0, value.days, (value.seconds * 1_000_000 + value.microseconds) * 1000)
        if isinstance(value, timedelta)
        else value
    )
    sign = -1 if months < 0 else 1
    years, months = sign * (abs(months) // 12), sign * (abs(months) % 12)
    parts = [
        f"{count} {noun}{'' if abs(count) == 1 else 's'}"
        for count, noun in ((years, "year"), (months, "month"), (days, "day"))
        if count
    ]
    if nanoseconds or not parts:
        parts.append(("-" if nanoseconds < 0 else "") + _clock(abs(nanoseconds) // 1000))
    return " ".join(parts)


def _clock(microseconds: int) -> str:
    seconds, rest = divmod(microseconds, 1_000_000)
    fraction = f".{rest:06}".rstrip("0") if rest else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


def _binary(value: bytes) -> str:
    return "\\x" + value[:MAX_BINARY_BYTES].hex() + ("…" if len(value) > MAX_BINARY_BYTES else "")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
        return {str(text(key)): _plain(item) for key, item in value}
    if isinstance(value, (list, tuple)) and not isinstance(value, pa.MonthDayNano):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    return text(value)


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
        if isinstance(value, pa.Date32Scalar):
            return _far(value.value)
        if isinstance(value, pa.TimestampScalar) and value.type.unit == "us":
            day, rest = divmod(value.value, _DAY)
            return _far(day, rest, "+00:00" if value.type.tz else "")
        return "out of the years 1 to 9999"


def _far(days: int, microseconds: int | None = None, zone: str = "") -> str:
    """Return a day from 1970, and a time on it, that Python's calendar does not reach.

    >>> _far(10_237_829), _far(-735_537)
    ('30000-03-23', '0045-03-03 (BC)')
    """
    stamp = days if microseconds is None else days * _DAY + microseconds
    if abs(stamp) == (_INFINITE_DAY if microseconds is None else _INFINITE_MOMENT):
        return "infinity" if stamp > 0 else "-infinity"
    # The calendar repeats itself after 400 years.
    ages = (days + _EPOCH_DAY) // _AGE_DAYS
    near = date.fromordinal(days + _EPOCH_DAY - ages * _AGE_DAYS + _AGE_DAYS)
    year = near.year - 400 + ages * 400
    shown = f"{year:04}-{near:%m-%d}" if year > 0 else f"{1 - year:04}-{near:%m-%d} (BC)"
    if microseconds is None:
        return shown
    return f"{shown} {_clock(microseconds)}{zone}"
