"""Which rows of a result have a text in them, batch by batch: text, numbers, dates and booleans, not what is nested.

A text is found where the cell shows it.  Arrow makes most texts as `format.text` does, for whole columns; the
others are made by `format.text`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from swap.errors import Invalid, LimitExceeded, Problem
from swap.query.language.text import cut
from swap.query.results import format as shown
from swap.query.results.format import is_number, sql_type
from swap.query.results.spool import Written

FILTERED_BYTES = 1_000_000_000
"""Of a result that is looked through at once."""

_THOUSANDS = re.compile(r"(?<=\d),(?=\d)")
_EPOCH = date(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = ((day - _EPOCH).days for day in (date.min, date.max))
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Filter:
    """A text that some value of a row must have in it: of one column, or of any."""

    contains: str
    column: str | None = None


def check(written: Written, only: Filter) -> None:
    """Refuse what cannot be looked through.  Raises Invalid, LimitExceeded."""
    if written.file_bytes > FILTERED_BYTES:
        raise LimitExceeded(
            Problem(
                f"This result has {written.file_bytes / 1e9:,.1f} GB; {FILTERED_BYTES / 1e9:g} GB can be filtered.",
                todo="Use WHERE in the statement.",
            )
        )
    if only.column is None:
        return
    found = [field for field in written.schema if field.name == only.column]
    if not found:
        raise Invalid(Problem(f"There is no column {cut(only.column)} in this result."))
    if not any(_readable(field.type) for field in found):
        raise Invalid(
            Problem(
                f"A column of the type {sql_type(found[0].type)} cannot be filtered.",
                todo="Use WHERE in the statement.",
            )
        )


def matches(batch: pa.RecordBatch, only: Filter) -> pa.Array:
    """Return for each row whether it is left."""
    found = [
        _has(column, only.contains)
        for field, column in zip(batch.schema, batch.columns, strict=True)
        if only.column in {None, field.name} and _readable(field.type)
    ]
    return reduce(pc.or_, found, pa.repeat(pa.scalar(False), batch.num_rows))


def _has(column: pa.Array, text: str) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    # As numbers are shown, so they are typed: 1,204,118.
    sought = _THOUSANDS.sub("", text) if is_number(column.type) else text
    return pc.fill_null(pc.match_substring(texts(column), sought, ignore_case=True), False)


def texts(column: pa.Array) -> pa.Array:  # noqa: PLR0911 — one for each kind of type
    """Return the texts that the cells of a column show, each as `format.text` makes it."""
    type_ = column.type
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return column
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_):
        return column.cast(pa.string())
    if pa.types.is_floating(type_):
        return _floats(column)
    if pa.types.is_date32(type_):
        near = _between(column.cast(pa.int32()), _FIRST_DAY, _LAST_DAY)
        return _with_the_others(column, near, lambda days: days.cast(pa.string()))
    if pa.types.is_timestamp(type_) and type_.unit in _MICROSECONDS and type_.tz in {None, "UTC"}:
        return _moments(column)
    if pa.types.is_decimal(type_) and type_.scale >= 0:
        return _decimals(column)
    return _one_by_one(column)


def _floats(column: pa.Array) -> pa.Array:
    exact = pc.add(column.cast(pa.float64()), 0.0)  # and -0.0 is 0.0
    size = pc.abs(exact)
    # Beyond these Arrow writes an exponent, or none, where Python does not.
    near = pc.or_(pc.equal(size, 0.0), pc.and_(pc.greater_equal(size, 1e-4), pc.less(size, 1e10)))
    return _with_the_others(
        exact, near, lambda values: pc.replace_substring_regex(values.cast(pa.string()), r"^(-?\d+)$", r"\1.0")
    )


def _decimals(column: pa.Array) -> pa.Array:
    if column.type.scale <= 6:
        return column.cast(pa.string())
    # Below this Arrow writes an exponent where Python does not: 1E-7.
    near = pc.greater_equal(pc.abs(column.cast(pa.float64())), 2e-6)
    return _with_the_others(column, near, lambda values: values.cast(pa.string()))


def _moments(column: pa.Array) -> pa.Array:
    second = 1_000_000 // _MICROSECONDS[column.type.unit]
    first, end = (_FIRST_DAY * _DAY_SECONDS * second, (_LAST_DAY + 1) * _DAY_SECONDS * second)
    near = _between(column.cast(pa.int64()), first, end - 1)

    def written(moments: pa.Array) -> pa.Array:
        text = moments.cast(pa.timestamp("us")).cast(pa.string())
        return pc.replace_substring_regex(text, r"\.000000$", "")

    zone = "+00:00" if column.type.tz else ""
    return _with_the_others(column, near, lambda moments: pc.binary_join_element_wise(written(moments), zone, ""))


def _between(values: pa.Array, first: int, last: int) -> pa.Array:
    return pc.and_(pc.greater_equal(values, first), pc.less_equal(values, last))


def _with_the_others(column: pa.Array, near: pa.Array, write: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Let Arrow `write` what is `near`, and make the texts of the others one by one."""
    near = pc.fill_null(near, True)
    written = write(pc.if_else(near, column, pa.scalar(None, column.type)))
    others = pc.invert(near)
    if not pc.any(others).as_py():
        return written
    return pc.replace_with_mask(written, others, _one_by_one(column.filter(others)))


def _one_by_one(column: pa.Array) -> pa.Array:
    """Return texts as `format.text` makes them, each value's once."""
    found = column.dictionary_encode()
    return pa.array([shown.text(value) for value in shown.values(found.dictionary)], pa.string()).take(found.indices)


def _readable(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return bool(
        is_number(type_)
        or pa.types.is_string(type_)
        or pa.types.is_large_string(type_)
        or pa.types.is_boolean(type_)
        or pa.types.is_date(type_)
        or pa.types.is_time(type_)
        or pa.types.is_timestamp(type_)
    )
