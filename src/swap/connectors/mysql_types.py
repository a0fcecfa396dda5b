"""MySQL's and MariaDB's types as Arrow types, and the SQL that is sent: names, literals, comparisons.

Text is compared by its bytes in UTF-8, whatever the column's collation: as DuckDB compares it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import pyarrow as pa

from swap.connectors.base import Comparison, Fragment, Order, Predicate, fits, type_family
from swap.connectors.mysql_decode import Form

_INTEGERS: dict[str, tuple[pa.DataType, pa.DataType]] = {
    "tinyint": (pa.int8(), pa.uint8()),
    "smallint": (pa.int16(), pa.uint16()),
    "mediumint": (pa.int32(), pa.uint32()),
    "int": (pa.int32(), pa.uint32()),
    "bigint": (pa.int64(), pa.uint64()),
}
"""Integer type → signed, unsigned."""
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
_OPERATORS = {
    Comparison.EQ: "=",
    Comparison.NE: "<>",
    Comparison.LT: "<",
    Comparison.LE: "<=",
    Comparison.GT: ">",
    Comparison.GE: ">=",
}


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
    indexed: bool = False
    """Whether its own collation calls equal, at least, what has the same bytes in UTF-8: an index may be used."""
    microseconds: int = 1
    """What its moments are multiples of."""


def column(
    place: tuple[str, str, str], data_type: str, column_type: str, charset: str, meanings: Meanings
) -> SourceColumn:
    """Return how one column travels; `place` is its database, table and name."""
    name = place[-1]
    quoted = identifier(name)

    def plain(type_: pa.DataType, form: Form = Form.PLAIN, as_: str = quoted) -> SourceColumn:
        return SourceColumn(name, type_, form, as_, as_)

    if data_type in _TEXT:
        by_bytes = f"CAST(CONVERT({quoted} USING utf8mb4) AS BINARY)"
        indexed = charset == "utf8mb4" and data_type in _CHARACTERS
        return SourceColumn(name, pa.string(), Form.PLAIN, quoted, by_bytes, indexed)
    if data_type in _BYTES:
        return plain(*meanings.of(*place))
    if (number := _number(data_type, column_type)) is not None:
        return plain(number)
    if data_type in _OTHERS:
        type_, form, written = _OTHERS[data_type]
        return replace(plain(type_, form, written.format(quoted)), microseconds=10 ** (6 - _decimals(column_type)))
    # Also a decimal of more digits than any engine behind us has: as text it is exact.
    as_text = f"CAST({quoted} AS CHAR)"
    return SourceColumn(name, pa.string(), Form.PLAIN, as_text, f"CAST(CONVERT({as_text} USING utf8mb4) AS BINARY)")


def _number(data_type: str, column_type: str) -> pa.DataType | None:
    """Return the type of what travels as the digits it is, if it does."""
    if data_type in _INTEGERS:
        return _INTEGERS[data_type]["unsigned" in column_type]
    precision, scale = _decimal(column_type)
    return pa.decimal128(precision, scale) if data_type == "decimal" and precision <= _LARGEST_DECIMAL else None


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


def select(fragment: Fragment, columns: Mapping[str, SourceColumn]) -> str:
    """Return the statement of a fragment, named after its query."""
    projections = ", ".join(columns[each.name].projection for each in fragment.columns) or "1"
    named = re.sub(r"[^A-Za-z0-9_-]", "", fragment.query_id)[:40]
    parts = [
        f"/* swap:{named} */ SELECT {projections}",
        f"FROM {identifier(fragment.schema)}.{identifier(fragment.table)}",
    ]
    if fragment.predicates:
        parts.append("WHERE " + " AND ".join(where(each, columns[each.column]) for each in fragment.predicates))
    if fragment.order:
        parts.append("ORDER BY " + ", ".join(key(each, columns[each.column]) for each in fragment.order))
    if fragment.limit is not None:
        parts.append(f"LIMIT {int(fragment.limit)}")
    return " ".join(parts)


def key(order: Order, of: SourceColumn) -> str:
    """Return one key of an order as SQL.

    The server puts nulls before everything, and so last where it sorts downwards; an index serves that order alone.
    """
    direction = f"{of.compared} {'DESC' if order.descending else 'ASC'}"
    if order.nulls_first is not order.descending:
        return direction
    null = "IS NOT NULL" if order.nulls_first else "IS NULL"
    return f"{identifier(of.name)} {null}, {direction}"


def where(predicate: Predicate, of: SourceColumn) -> str:
    """Return one comparison as SQL that the server computes exactly as DuckDB would.

    Raises ValueError for a value that does not fit the column: such a fragment was planned wrongly.
    """
    comparison, value = predicate.comparison, predicate.value
    if comparison is Comparison.IS_NULL:
        return f"{identifier(of.name)} IS NULL"
    if comparison is Comparison.NOT_NULL:
        return f"{identifier(of.name)} IS NOT NULL"
    if comparison is Comparison.IN:
        return _one_of(of, value)
    if not fits(of.type, value):
        msg = f"a {type(value).__name__} cannot be compared exactly as {of.type}"
        raise ValueError(msg)
    if not _held(of, value):
        return _not_held(of, comparison, value)
    exact = f"{of.compared} {_OPERATORS[comparison]} {literal(of, value)}"
    if of.indexed and comparison is Comparison.EQ:
        return f"({identifier(of.name)} = {text(value)} AND {exact})"
    return exact


def _one_of(of: SourceColumn, values: Sequence[Any]) -> str:
    if not all(fits(of.type, value) for value in values):
        msg = f"a value cannot be compared exactly as {of.type}"
        raise ValueError(msg)
    held = [value for value in values if _held(of, value)]
    if not held:
        return "FALSE"
    exact = f"{of.compared} IN ({', '.join(literal(of, value) for value in held)})"
    if of.indexed:
        return f"({identifier(of.name)} IN ({', '.join(map(text, held))}) AND {exact})"
    return exact


def _held(of: SourceColumn, value: Any) -> bool:
    """Tell whether a column can hold a value that its Arrow type can."""
    if isinstance(value, dt.datetime):
        return value.microsecond % of.microseconds == 0
    return not (isinstance(value, float) and math.isinf(value))


def _not_held(of: SourceColumn, comparison: Comparison, value: Any) -> str:
    """Return a comparison with what the column cannot hold: an infinity, or a moment between two of its own.

    Asked with such a moment, the server compares, by an index, with what is left of it in the column's precision.
    """
    upwards = comparison in (Comparison.GT, Comparison.GE)
    if comparison in (Comparison.EQ, Comparison.NE):
        passes = comparison is Comparison.NE
    elif isinstance(value, float):
        passes = upwards == (value < 0)
    else:
        below = value.replace(microsecond=value.microsecond // of.microseconds * of.microseconds)
        return f"{of.compared} {'>' if upwards else '<='} {literal(of, below)}"
    return f"{identifier(of.name)} IS NOT NULL" if passes else "FALSE"


def literal(of: SourceColumn, value: Any) -> str:
    """Return a value as a literal of the column's own type."""
    if of.form is Form.STAMP:
        # Digits that go on sort after their beginning, and before the next second.
        fraction = f".{value.microsecond:06}" if value.microsecond else ""
        return _bytes(f"{value.replace(microsecond=0).isoformat().translate(_NO_MARKS)}{fraction}".encode())
    return _LITERALS[type_family(of.type)](value)


_NO_MARKS = str.maketrans("", "", "-:T")


def _bytes(value: bytes) -> str:
    return f"X'{value.hex()}'"


def _moment(value: dt.datetime) -> str:
    return f"TIMESTAMP'{value.replace(tzinfo=None).isoformat(sep=' ', timespec='microseconds')}'"


_LITERALS: dict[str, Callable[[Any], str]] = {
    "integer": str,
    # Written with an exponent a number is a double.
    "float": lambda value: f"{value:.17e}",
    "decimal": lambda value: format(value, "f"),
    "text": lambda value: _bytes(value.encode()),
    "binary": _bytes,
    "date": lambda value: f"DATE'{value.isoformat()}'",
    "timestamp": _moment,
    "timestamptz": lambda value: _moment(value.astimezone(dt.UTC)),
}
