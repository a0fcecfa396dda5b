"""Which rows of a result have a text in them, batch by batch: text, numbers, dates and booleans, not what is nested."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from swap.errors import Invalid, LimitExceeded, Problem
from swap.query.language.text import cut
from swap.query.results.format import is_number, sql_type
from swap.query.results.spool import Written

FILTERED_BYTES = 1_000_000_000
"""Of a result that is looked through at once."""


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
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp(column.type.unit))
    # As numbers are shown, so they are typed: 1,204,118.
    sought = text.replace(",", "") if is_number(column.type) else text
    return pc.fill_null(pc.match_substring(column.cast(pa.string()), sought, ignore_case=True), False)


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
