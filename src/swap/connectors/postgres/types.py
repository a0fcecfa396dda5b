"""PostgreSQL's types as Arrow types, and how each travels.  Nothing is rounded: what does not fit is an error.

A type that Arrow and DuckDB hold exactly travels in PostgreSQL's binary format; every other one travels as
the text PostgreSQL itself writes for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import pyarrow as pa
from psycopg import sql

from swap.connectors.base import Comparison, Order, Predicate
from swap.connectors.exact import fits, type_family

UNCONSTRAINED = pa.decimal128(38, 10)
"""`numeric` without precision and scale: ten decimal places.  A value with more is an error."""

_BINARY: dict[int, pa.DataType] = {
    16: pa.bool_(),
    17: pa.binary(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    25: pa.string(),
    700: pa.float32(),
    701: pa.float64(),
    1043: pa.string(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
}
"""Type oid → the Arrow type its binary format is decoded to.  Oids of built-in types never change."""
_OPERATORS: dict[Comparison, sql.SQL] = {
    Comparison.EQ: sql.SQL("="),
    Comparison.NE: sql.SQL("<>"),
    Comparison.LT: sql.SQL("<"),
    Comparison.LE: sql.SQL("<="),
    Comparison.GT: sql.SQL(">"),
    Comparison.GE: sql.SQL(">="),
}
_NUMERIC = 1700
_OID = 26


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as the catalog of PostgreSQL describes it now."""

    name: str
    type: pa.DataType
    travels_as: pa.DataType
    """The Arrow type of what arrives, before it becomes `type`."""
    cast: sql.SQL | None = None
    """What the column is cast to before it travels; None when its own binary format is decoded."""
    deterministic: bool = True
    """Whether equal text means equal bytes under the column's own collation."""

    @property
    def projection(self) -> sql.Composable:
        """The column in a select list."""
        name = sql.Identifier(self.name)
        return name if self.cast is None else sql.SQL("{}::{}").format(name, self.cast)


def column(name: str, oid: int, typmod: int, element_oid: int, deterministic: bool) -> SourceColumn:
    """Return how one column travels.  `oid` is a domain's base type; `element_oid` is 0 unless it is an array."""
    if oid == _OID:
        return SourceColumn(name, pa.int64(), pa.int64(), sql.SQL("bigint"))
    scalar = element_oid or oid
    type_ = _decimal(typmod) if scalar == _NUMERIC else _BINARY.get(scalar, pa.string())
    as_text = scalar not in _BINARY
    travels_as = pa.string() if as_text else type_
    if element_oid:
        return SourceColumn(name, pa.list_(type_), pa.list_(travels_as), sql.SQL("text[]") if as_text else None)
    return SourceColumn(name, type_, travels_as, sql.SQL("text") if as_text else None, deterministic)


def _decimal(typmod: int) -> pa.DataType:
    """Return the decimal type of a numeric's type modifier.

    >>> str(_decimal(((9 << 16) | 2) + 4)), str(_decimal(-1))
    ('decimal128(9, 2)', 'decimal128(38, 10)')
    """
    if typmod < 4:
        return UNCONSTRAINED
    precision, scale = (typmod - 4) >> 16, (typmod - 4) & 0x7FF
    if scale > 1000:  # PostgreSQL keeps a negative scale in eleven bits
        precision, scale = precision + 2048 - scale, 0
    return pa.decimal128(min(max(precision, scale), 38), min(scale, 38))


def where(predicate: Predicate, columns: Mapping[str, SourceColumn]) -> sql.Composable:
    """Return one comparison as SQL that PostgreSQL computes exactly as DuckDB would.

    Raises ValueError for a value that does not fit the column: such a fragment was planned wrongly.
    """
    of = columns[predicate.column]
    name = sql.Identifier(of.name) if pa.types.is_decimal(of.type) else of.projection
    if predicate.comparison is Comparison.IS_NULL:
        return sql.SQL("{} IS NULL").format(sql.Identifier(of.name))
    if predicate.comparison is Comparison.NOT_NULL:
        return sql.SQL("{} IS NOT NULL").format(sql.Identifier(of.name))
    equality = predicate.comparison in (Comparison.EQ, Comparison.NE, Comparison.IN)
    if pa.types.is_string(of.type) and not (equality and of.deterministic):
        # DuckDB orders text by its bytes, as the collation "C" does.  Equality under a deterministic
        # collation is equality of bytes already, and can use the column's own index.
        name = sql.SQL('{} COLLATE "C"').format(name)
    if predicate.comparison is Comparison.IN:
        if not predicate.value:
            return sql.SQL("FALSE")
        values = sql.SQL(", ").join(literal(of.type, value) for value in predicate.value)
        return sql.SQL("{} IN ({})").format(name, values)
    return sql.SQL("{} {} {}").format(name, _OPERATORS[predicate.comparison], literal(of.type, predicate.value))


def key(order: Order, columns: Mapping[str, SourceColumn]) -> sql.Composable:
    """Return one key of an order as SQL that PostgreSQL sorts by exactly as DuckDB would."""
    of = columns[order.column]
    name = sql.Identifier(of.name) if pa.types.is_decimal(of.type) else of.projection
    if pa.types.is_string(of.type):
        name = sql.SQL('({}) COLLATE "C"').format(name)
    direction = sql.SQL("DESC" if order.descending else "ASC")
    return sql.SQL("{} {} {}").format(name, direction, sql.SQL("NULLS FIRST" if order.nulls_first else "NULLS LAST"))


def literal(type_: pa.DataType, value: Any) -> sql.Composable:
    """Return a value as a quoted literal of the column's own type."""
    if not fits(type_, value):
        msg = f"a {type(value).__name__} cannot be compared exactly as {type_}"
        raise ValueError(msg)
    family = type_family(type_)
    if family == "float" and pa.types.is_float32(type_):
        family = "float32"
    cast, text = _LITERALS[family]
    return sql.SQL("{}::{}").format(sql.Literal(text(value)), sql.SQL(cast))


_LITERALS: dict[str, tuple[LiteralString, Callable[[Any], str]]] = {
    "boolean": ("boolean", lambda value: str(value).lower()),
    "integer": ("bigint", str),
    "float32": ("float4", repr),
    "float": ("float8", repr),
    "decimal": ("numeric", lambda value: format(value, "f")),
    "text": ("text", str),
    "binary": ("bytea", lambda value: "\\x" + value.hex()),
    "date": ("date", dt.date.isoformat),
    "time": ("time", dt.time.isoformat),
    "timestamp": ("timestamp", dt.datetime.isoformat),
    "timestamptz": ("timestamptz", lambda value: value.astimezone(dt.UTC).isoformat()),
}
