"""Predicates as Arrow expressions, with DuckDB's meaning.

Both connectors that filter Arrow data themselves use this one translation.  Arrow compares floats as
IEEE does (NaN equals nothing); DuckDB puts NaN above everything and equal to itself, so a NaN in a
column passes `>` and `>=` here too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from swap.connectors.base import NULL_TESTS, Comparison, Predicate
from swap.connectors.exact import fits, type_family

_FAMILIES = ("boolean", "integer", "decimal", "text", "binary", "date", "time", "timestamp", "timestamptz")
_ALL = tuple(Comparison)
_UNORDERED = (Comparison.EQ, Comparison.NE, Comparison.IN, Comparison.IS_NULL, Comparison.NOT_NULL)

COMPARISONS = frozenset(
    [(family, comparison) for family in _FAMILIES if family != "boolean" for comparison in _ALL]
    + [("boolean", comparison) for comparison in _UNORDERED]
    + [("float", comparison) for comparison in _ALL]
    + [("nested", comparison) for comparison in NULL_TESTS]
)
"""What the expressions below compute exactly as DuckDB would; the conformance suite proves each pair."""


def expression(predicates: Iterable[Predicate], types: Mapping[str, pa.DataType]) -> pc.Expression | None:
    """Return the conjunction of the predicates, or None when there are none.

    Raises ValueError for a predicate whose value does not fit: such a fragment was planned wrongly.
    """
    whole: pc.Expression | None = None
    for predicate in predicates:
        part = _one(predicate, types[predicate.column])
        whole = part if whole is None else whole & part
    return whole


def passes_nan(predicate: Predicate, type_: pa.DataType) -> bool:
    """Tell whether NaN passes: then Parquet's statistics, which leave NaN out, must not be asked.

    A row group of 5.0 and NaN has the statistics of one that holds 5.0 alone; `> 9` would skip it.
    """
    return type_family(type_) == "float" and predicate.comparison in (Comparison.NE, Comparison.GT, Comparison.GE)


def _one(predicate: Predicate, type_: pa.DataType) -> pc.Expression:
    field = pc.field(predicate.column)
    if predicate.comparison is Comparison.IS_NULL:
        return field.is_null()
    if predicate.comparison is Comparison.NOT_NULL:
        return field.is_valid()
    if predicate.comparison is Comparison.IN:
        return _in(field, predicate, type_)
    found = _OPERATORS[predicate.comparison](field, pc.scalar(_scalar(predicate, predicate.value, type_)))
    return found | pc.is_nan(field) if passes_nan(predicate, type_) else found


_OPERATORS: dict[Comparison, Callable[[pc.Expression, pc.Expression], pc.Expression]] = {
    Comparison.EQ: operator.eq,
    Comparison.NE: operator.ne,
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
    Comparison.GT: operator.gt,
    Comparison.GE: operator.ge,
}


def _in(field: pc.Expression, predicate: Predicate, type_: pa.DataType) -> pc.Expression:
    values = [_scalar(predicate, value, type_) for value in predicate.value]
    # Hashing tells 0.0 from -0.0 and wants values of the column's own width; comparing does neither.
    if type_family(type_) in ("float", "integer", "decimal") or len(values) <= 1:
        whole = pc.scalar(False) if not values else field == pc.scalar(values[0])
        for value in values[1:]:
            whole = whole | (field == pc.scalar(value))
        return whole & field.is_valid() if not values else whole
    return field.isin(pa.array(values, type_))


def _comparable(type_: pa.DataType) -> pa.DataType:
    return pa.decimal128(38, type_.scale) if pa.types.is_decimal(type_) else type_


def _scalar(predicate: Predicate, value: Any, type_: pa.DataType) -> pa.Scalar:
    if not fits(type_, value):
        msg = f"{predicate.column} {predicate.comparison} cannot be compared exactly as {type_}"
        raise ValueError(msg)
    if type_family(type_) == "integer":
        return pa.scalar(value, pa.int64())
    return pa.scalar(value, _comparable(type_))
