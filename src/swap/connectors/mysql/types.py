"""MySQL's and MariaDB's types as Arrow types, and what of them a column can hold.

A server compares a literal with an index's key as the column would hold the literal: cut, rounded or padded.  So of
each column it is known which values it can hold, and the largest one that is not above another (its floor).
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import pyarrow as pa

from swap.connectors.mysql.decode import Form

_INTEGERS: dict[str, tuple[int, pa.DataType, pa.DataType]] = {
    "tinyint": (8, pa.int8(), pa.uint8()),
    "smallint": (16, pa.int16(), pa.uint16()),
    "mediumint": (24, pa.int32(), pa.uint32()),
    "int": (32, pa.int32(), pa.uint32()),
    "bigint": (64, pa.int64(), pa.uint64()),
}
"""Integer type → its bits; as what it travels signed, unsigned."""
_CHARACTERS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_TEXT = _CHARACTERS | {"enum", "set", "json"}
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_SPATIAL = frozenset(
    {
        *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"),
        *("geometrycollection", "geomcollection"),
    }
)
_NUMBERS = re.compile(r"\((\d+)(?:,(\d+))?\)")
_LARGEST_DECIMAL = 38


@dataclass(frozen=True, slots=True)
class Meanings:
    """What a site says of columns of bytes: patterns of database.table.column that are text, or moments."""

    text: tuple[str, ...] = ()
    timestamps: tuple[str, ...] = ()

    def of(self, schema: str, table: str, column: str) -> tuple[pa.DataType, Form]:
        """Return how a column of bytes is read."""
        name = f"{schema}.{table}.{column}"
        if any(fnmatchcase(name, pattern) for pattern in self.timestamps):
            return pa.timestamp("us"), Form.STAMP
        return pa.string() if any(fnmatchcase(name, pattern) for pattern in self.text) else pa.binary(), Form.PLAIN


Floor = Callable[[Any], Any]
"""Returns the largest value that a column can hold and that is not above another one; None when there is none."""


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as the server describes it now."""

    name: str
    type: pa.DataType
    form: Form
    projection: str
    """The column in a select list."""
    compared: str
    """What of it is compared with a literal."""
    floor: Floor = lambda value: value
    """Of values as they are written: bytes where the column holds bytes, whatever they mean."""
    indexed: bool = False
    """Whether its own collation calls equal, at least, what has the same bytes in UTF-8: an index may be used."""


def column(
    place: tuple[str, str, str], data_type: str, column_type: str, charset: str, meanings: Meanings
) -> SourceColumn:
    """Return how one column travels; `place` is its database, table and name."""
    name = place[-1]
    quoted = identifier(name)
    if data_type in _TEXT:
        by_bytes = f"CAST(CONVERT({quoted} USING utf8mb4) AS BINARY)"
        indexed = charset == "utf8mb4" and data_type in _CHARACTERS
        return SourceColumn(name, pa.string(), Form.PLAIN, quoted, by_bytes, indexed=indexed)
    if data_type in _BYTES:
        type_, form = meanings.of(*place)
        return SourceColumn(name, type_, form, quoted, quoted, _bytes_of(data_type, column_type))
    if (number := _number(data_type, column_type)) is not None:
        type_, floor = number
        return SourceColumn(name, type_, Form.PLAIN, quoted, quoted, floor)
    if data_type in _OTHERS:
        type_, form, projection = _OTHERS[data_type]
        written = projection.format(quoted)
        plain = SourceColumn(name, type_, form, written, written)
        return replace(plain, **_COMPARED[data_type](quoted, column_type)) if data_type in _COMPARED else plain
    # Also a decimal of more digits than any engine behind us has: as text it is exact.
    as_text = f"CAST({quoted} AS CHAR)"
    return SourceColumn(name, pa.string(), Form.PLAIN, as_text, f"CAST(CONVERT({as_text} USING utf8mb4) AS BINARY)")


def _number(data_type: str, column_type: str) -> tuple[pa.DataType, Floor] | None:
    """Return the type and the floor of what travels as the digits it is, if it does."""
    unsigned = "unsigned" in column_type
    if data_type in _INTEGERS:
        bits, *types = _INTEGERS[data_type]
        least = 0 if unsigned else -(2 ** (bits - 1))
        return types[unsigned], _within(least, least + 2**bits - 1)
    precision, scale = _decimal(column_type)
    if data_type != "decimal" or precision > _LARGEST_DECIMAL:
        return None
    most = Decimal((0, (9,) * precision, -scale))
    return pa.decimal128(precision, scale), _within(Decimal(0) if unsigned else most.copy_negate(), most)


_OTHERS: dict[str, tuple[pa.DataType, Form, str]] = {
    # The text of a single has six digits; that of the double it is has all that it takes.
    "float": (pa.float32(), Form.PLAIN, "CAST({} AS DOUBLE)"),
    "double": (pa.float64(), Form.PLAIN, "{}"),
    "date": (pa.date32(), Form.PLAIN, "{}"),
    "datetime": (pa.timestamp("us"), Form.PLAIN, "{}"),
    "timestamp": (pa.timestamp("us", "UTC"), Form.PLAIN, "{}"),
    "time": (pa.duration("us"), Form.TIME, "{}"),
    "year": (pa.int16(), Form.PLAIN, "{}"),
    "bit": (pa.uint64(), Form.PLAIN, "CAST({} AS UNSIGNED)"),
    **dict.fromkeys(_SPATIAL, (pa.binary(), Form.PLAIN, "ST_AsWKB({})")),
}


def _within(least: Any, most: Any) -> Floor:
    return lambda value: None if value < least else min(value, most)


def _bytes_of(data_type: str, column_type: str) -> Floor:
    """Return the floor of bytes: those of BINARY all have one length, those of VARBINARY have no more than theirs."""
    found = _NUMBERS.search(column_type)
    if found is None or data_type not in ("binary", "varbinary"):
        return lambda value: value
    size = int(found[1])

    def floor(value: bytes) -> bytes | None:
        if len(value) >= size or data_type == "varbinary":
            return value[:size]
        # It is before itself with zero bytes added, and after what comes before that.
        padded = int.from_bytes(value.ljust(size, b"\0"))
        return (padded - 1).to_bytes(size) if padded else None

    return floor


def _moments(column_type: str) -> Floor:
    unit = 10 ** (6 - _decimals(column_type))
    return lambda value: value.replace(microsecond=value.microsecond // unit * unit)


def _stamps(column_type: str) -> Floor:
    moments = _moments(column_type)
    return lambda value: None if value < _FIRST_STAMP else moments(value)


_FIRST_STAMP = dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)
_COMPARED: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "float": lambda _, type_: {"floor": _floats(type_)},
    # With decimal places it would round what it is compared with.
    "double": lambda name, type_: {"floor": _floats(type_), "compared": f"({name} + 0e0)" if "(" in type_ else name},
    "datetime": lambda _, type_: {"floor": _moments(type_)},
    "timestamp": lambda _, type_: {"floor": _stamps(type_)},
    # Compared with a column of years, 70 is 1970.
    "year": lambda name, _: {"compared": f"CAST({name} AS UNSIGNED)"},
}


def _floats(column_type: str) -> Floor:
    most = sys.float_info.max
    return _within(0.0 if "unsigned" in column_type else -most, most)


def _decimal(column_type: str) -> tuple[int, int]:
    """Return a decimal's digits, and how many of them are decimal places.

    >>> _decimal("decimal(12,2) unsigned"), _decimal("decimal")
    ((12, 2), (10, 0))
    """
    found = _NUMBERS.search(column_type)
    return (int(found[1]), int(found[2] or 0)) if found else (10, 0)


def _decimals(column_type: str) -> int:
    """Return how many decimal places a moment's seconds have.

    >>> _decimals("datetime"), _decimals("timestamp(6)")
    (0, 6)
    """
    found = _NUMBERS.search(column_type)
    return min(int(found[1]), 6) if found else 0


def identifier(name: str) -> str:
    """Return a name, quoted.

    >>> identifier("a`b")
    '`a``b`'
    """
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """Return text as a literal that no mode and no character set can read otherwise.

    >>> text("a'b")
    "_utf8mb4 X'612762'"
    """
    return f"_utf8mb4 X'{value.encode().hex()}'"
