"""A fragment as the SQL that a MySQL or MariaDB is sent: names, literals, comparisons.

Text is compared by its bytes in UTF-8, whatever the column's collation: as DuckDB compares it.  No literal is sent
that the column cannot hold: an index would be searched for what the column makes of it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from swap.connectors.base import Comparison, Fragment, Order, Predicate
from swap.connectors.exact import fits
from swap.connectors.mysql.decode import Form
from swap.connectors.mysql.types import SourceColumn, identifier, text

_OPERATORS = {
    Comparison.EQ: "=",
    Comparison.NE: "<>",
    Comparison.LT: "<",
    Comparison.LE: "<=",
    Comparison.GT: ">",
    Comparison.GE: ">=",
}


def select(fragment: Fragment, columns: Mapping[str, SourceColumn]) -> str:
    """Return the statement of a fragment, named after its query."""
    projections = ", ".join(columns[each.name].projection for each in fragment.columns) or "1"
    parts = [
        f"{comment(fragment.query_id)} SELECT {projections}",
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


def comment(query_id: str) -> str:
    """Return that by which a statement is known as a query's.

    >>> comment("q1 */ DROP")
    '/* swap:q1DROP */'
    """
    return f"/* swap:{re.sub(r'[^A-Za-z0-9_-]', '', query_id)[:40]} */"


def where(predicate: Predicate, of: SourceColumn) -> str:
    """Return one comparison as SQL that the server computes exactly as DuckDB would.

    Raises ValueError for a value that does not fit the column: such a fragment was planned wrongly.
    """
    comparison, value = predicate.comparison, predicate.value
    if comparison is Comparison.IS_NULL:
        # In a column that is never null, `IS NULL` finds dates of zeros.
        return f"{identifier(of.name)} {'<=> NULL' if pa.types.is_temporal(of.type) else 'IS NULL'}"
    if comparison is Comparison.NOT_NULL:
        return f"{identifier(of.name)} IS NOT NULL"
    if comparison is Comparison.IN:
        return _one_of(of, value)
    _demand_fitting(of, value)
    wanted = _written(of, value)
    floor = of.floor(wanted)
    if floor != wanted:
        return _beside(of, comparison, floor)
    exact = f"{of.compared} {_OPERATORS[comparison]} {_literal(wanted)}"
    if of.indexed and comparison is Comparison.EQ:
        return f"({identifier(of.name)} = {text(value)} AND {exact})"
    return exact


def _one_of(of: SourceColumn, values: Sequence[Any]) -> str:
    for value in values:
        _demand_fitting(of, value)
    held = [value for value in values if of.floor(_written(of, value)) == _written(of, value)]
    if not held:
        return "FALSE"
    exact = f"{of.compared} IN ({', '.join(_literal(_written(of, value)) for value in held)})"
    if of.indexed:
        return f"({identifier(of.name)} IN ({', '.join(map(text, held))}) AND {exact})"
    return exact


def _demand_fitting(of: SourceColumn, value: Any) -> None:
    if not fits(of.type, value):
        msg = f"a {type(value).__name__} cannot be compared exactly as {of.type}"
        raise ValueError(msg)


def _beside(of: SourceColumn, comparison: Comparison, floor: Any) -> str:
    """Return a comparison with what the column cannot hold, and of what it can has only `floor` and less below it."""
    if comparison in (Comparison.EQ, Comparison.NE):
        passes = comparison is Comparison.NE
    elif floor is None:
        passes = comparison in (Comparison.GT, Comparison.GE)
    else:
        return f"{of.compared} {'>' if comparison in (Comparison.GT, Comparison.GE) else '<='} {_literal(floor)}"
    return f"{identifier(of.name)} IS NOT NULL" if passes else "FALSE"


def _written(of: SourceColumn, value: Any) -> Any:
    """Return a value as the column's literals are: in UTC, and bytes for what is compared by them."""
    if of.form is Form.STAMP:
        # Digits that go on sort after their beginning, and before the next second.
        fraction = f".{value.microsecond:06}" if value.microsecond else ""
        return f"{value.replace(microsecond=0).isoformat().translate(_NO_MARKS)}{fraction}".encode()
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC)
    return value.encode() if isinstance(value, str) else value


_NO_MARKS = str.maketrans("", "", "-:T")


def _literal(value: Any) -> str:
    return _LITERALS[type(value)](value)


_LITERALS: dict[type, Callable[[Any], str]] = {
    int: str,
    # Written with an exponent a number is a double.
    float: lambda value: f"{value:.17e}",
    Decimal: lambda value: format(value, "f"),
    bytes: lambda value: f"X'{value.hex()}'",
    dt.date: lambda value: f"DATE'{value.isoformat()}'",
    dt.datetime: lambda value: f"TIMESTAMP'{value.replace(tzinfo=None).isoformat(sep=' ', timespec='microseconds')}'",
}
