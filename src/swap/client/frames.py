"""A result's rows as pandas and polars frames, and as rows of Python's values.

No value changes on the way: a column gets the type an analyst would choose where that holds each of its values,
and else one that does (docs/reference/client.md has the table).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from swap.errors import Invalid, Problem

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl

DAY_MICROSECONDS = 86_400_000_000
_PYTHON_DAYS = ((date.min - date(1970, 1, 1)).days, (date.max - date(1970, 1, 1)).days)
_MICROSECOND_DAYS = (-100_000_000, 100_000_000)
"""Days from 1970 that surely have a number of microseconds."""
_POLARS_DAYS = (-95_000_000, 95_000_000)
"""Days that polars can surely show."""
_WIDEST = 38
"""Digits of the decimals that every library has."""
_UNITS_A_DAY = {"s": 86_400, "ms": 86_400_000, "us": DAY_MICROSECONDS, "ns": DAY_MICROSECONDS * 1000}

_NULLABLE = {
    pa.bool_(): "boolean",
    pa.int8(): "Int8",
    pa.int16(): "Int16",
    pa.int32(): "Int32",
    pa.int64(): "Int64",
    pa.uint8(): "UInt8",
    pa.uint16(): "UInt16",
    pa.uint32(): "UInt32",
    pa.uint64(): "UInt64",
}
_IN_NUMPY = (
    pa.types.is_floating,
    pa.types.is_timestamp,
    pa.types.is_duration,
    pa.types.is_string,
    pa.types.is_large_string,
)
_AS_OBJECTS = (pa.types.is_nested, pa.types.is_time, pa.types.is_binary, pa.types.is_large_binary)


def to_pandas(table: pa.Table, *, exact: bool = False) -> pd.DataFrame:
    """Return a table as a DataFrame of the types analysts work with, or of Arrow's where NumPy has none of its own."""
    import pandas as pd  # noqa: PLC0415 — when it is wanted

    ways = (_exactly,) if exact else (_usually, _exactly)
    series = {}
    for index, column in enumerate(table.columns):
        if pa.types.is_nested(column.type) and any(map(_is_beyond_python, _leaves(column))):
            raise _not_for(
                "pandas",
                table.column_names[index],
                "It has moments in it that Python cannot hold, such as infinity.",
                "Use to_arrow(), or make it text in the statement: CAST(… AS TEXT).",
            )
        series[index] = next(made for way in ways if (made := way(column)) is not None)
    frame = pd.DataFrame(series, index=pd.RangeIndex(table.num_rows), copy=False)
    frame.columns = pd.Index(table.column_names)  # two columns may have one name
    return frame


def _usually(column: pa.ChunkedArray) -> pd.Series | None:
    """Return a column as analysts expect it, or None where that holds not all of its values or is no different."""
    import pandas as pd  # noqa: PLC0415 — as above

    type_ = column.type
    if pa.types.is_date(type_):
        return _moments(column, "us" if _within(column, _MICROSECOND_DAYS) else "s")
    if pa.types.is_decimal(type_):
        numbers = _as_numbers(column)
        return None if numbers is None else _exactly(numbers)
    if pa.types.is_interval(type_):
        return _exactly(durations) if (durations := _as_durations(column)) is not None else None
    if any(check(type_) for check in _AS_OBJECTS):
        return pd.Series(_objects(column), dtype=object)
    return None


def _objects(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """Return values as Python's own: lists, dicts for structs and maps, and durations where an interval is one."""
    if pa.types.is_interval(column.type):
        column = next((each for each in [_as_durations(column)] if each is not None), column)
    try:
        return list(column.to_pylist(maps_as_pydicts="strict"))
    except (KeyError, TypeError):  # a map whose keys are no keys of a dict
        return list(column.to_pylist())


def _exactly(column: pa.ChunkedArray) -> pd.Series:
    """Return a column with the simplest type that holds all its values exactly."""
    import pandas as pd  # noqa: PLC0415 — as above

    type_ = column.type
    if type_ in _NULLABLE:
        # Without nulls NumPy's own type, which every library takes; with nulls NumPy would turn them into floats
        # or objects.
        if not column.null_count:
            return column.to_pandas()
        dtype = pd.api.types.pandas_dtype(_NULLABLE[type_])
    elif _is_beyond_python(column):
        # pandas can show such moments, but only without a zone.
        return _moments(column, type_.unit if pa.types.is_timestamp(type_) else "s")
    elif pa.types.is_interval(type_) or any(check(type_) for check in _IN_NUMPY):
        return column.to_pandas()
    else:
        dtype = pd.ArrowDtype(type_)
    return column.to_pandas(types_mapper={type_: dtype}.get)


def _moments(column: pa.ChunkedArray, unit: str) -> pd.Series:
    return column.cast(pa.timestamp(unit)).to_pandas()


def _within(column: pa.ChunkedArray | pa.Array, days: tuple[int, int]) -> bool:
    """Tell whether dates or timestamps are all on these days, which count from 1970."""
    type_ = column.type
    a_day = _UNITS_A_DAY[type_.unit] if pa.types.is_timestamp(type_) else 1
    numbers = column.cast(pa.int64()) if pa.types.is_timestamp(type_) else column.cast(pa.date32()).cast(pa.int32())
    ends = pc.min_max(numbers).as_py()
    return ends["min"] is None or bool(days[0] * a_day <= ends["min"] and ends["max"] < (days[1] + 1) * a_day)


def _is_beyond_python(column: pa.ChunkedArray | pa.Array) -> bool:
    """Tell whether moments are not all in the years 1 to 9999."""
    return (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)) and not _within(column, _PYTHON_DAYS)


def _leaves(column: pa.ChunkedArray | pa.Array) -> Iterator[pa.Array]:
    """Yield the values that lists, structs and maps are made of."""
    if isinstance(column, pa.ChunkedArray):
        for chunk in column.chunks:
            yield from _leaves(chunk)
    elif pa.types.is_map(column.type):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif pa.types.is_struct(column.type):
        for part in column.flatten():
            yield from _leaves(part)
    elif pa.types.is_nested(column.type):
        yield from _leaves(column.flatten())
    else:
        yield column


def _as_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return decimals as numbers that hold each of their digits, or None."""
    try:
        if column.type.scale == 0:
            return column.cast(pa.int64())
        numbers = column.cast(pa.float64(), safe=False)
        return numbers if numbers.cast(column.type).equals(column) else None
    except pa.ArrowInvalid:
        return None


def _as_durations(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | None:
    """Return intervals as microseconds, a day being 24 hours; None if one has months, whose length is not fixed."""
    months, days, microseconds = _interval_parts(column)
    if months.any() or (abs(days) > _MICROSECOND_DAYS[1]).any():
        return None
    sums = days * DAY_MICROSECONDS + microseconds
    mask = column.is_null().to_numpy(zero_copy_only=False)
    return pa.chunked_array([pa.array(sums, pa.int64(), mask=mask).cast(pa.duration("us"))])


def _interval_parts(column: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return months, days and microseconds; zeros where there is null."""
    import numpy as np  # noqa: PLC0415 — as above

    array = column if isinstance(column, pa.Array) else pa.concat_arrays([pa.array([], column.type), *column.chunks])
    layout = np.dtype([("months", "i4"), ("days", "i4"), ("nanoseconds", "i8")])
    buffer = array.buffers()[1]
    parts = np.frombuffer(buffer, layout, len(array), array.offset * layout.itemsize) if buffer else np.empty(0, layout)
    there = array.is_valid().to_numpy(zero_copy_only=False)
    return (
        np.where(there, parts["months"], 0).astype("i8"),
        np.where(there, parts["days"], 0).astype("i8"),
        np.where(there, parts["nanoseconds"], 0) // 1000,
    )


def rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    """Yield named tuples of Python's values; a name that Python does not take as one is `_` and its place."""
    row: Any = None
    for batch in batches:
        row = row or namedtuple("Row", batch.schema.names, rename=True)  # noqa: PYI024 — the names are the statement's
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if any(map(_is_beyond_python, _leaves(column))):
                raise _not_for(
                    "Python",
                    name,
                    "It has moments that Python cannot hold, such as infinity.",
                    "Use to_arrow(), or make it text in the statement: CAST(… AS TEXT).",
                )
        yield from map(row._make, zip(*(_objects(column) for column in batch.columns), strict=True))


def portable(table: pa.Table) -> pa.Table:
    """Return a table as every library of frames can read it: each name once, and no interval of Arrow's own kind.

    Intervals become durations; where one has months, structs of months, days and microseconds.  Decimals are no wider
    than their values need.
    """
    columns = [
        _portable(column) if pa.types.is_interval(column.type) else _narrowed(column) for column in table.columns
    ]
    return pa.Table.from_arrays(columns, distinct(table.column_names))


def _portable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    durations = _as_durations(column)
    if durations is not None:
        return durations
    parts = dict(zip(("months", "days", "microseconds"), map(pa.array, _interval_parts(column)), strict=True))
    mask = pa.array(column.is_null().to_numpy())
    return pa.chunked_array([pa.StructArray.from_arrays(list(parts.values()), list(parts), mask=mask)])


def _narrowed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return decimals of up to 76 digits, as a sum of MySQL's is, with 38 where those hold them; else as they are."""
    if not pa.types.is_decimal256(column.type) or column.type.scale > _WIDEST:
        return column
    try:
        return column.cast(pa.decimal128(_WIDEST, column.type.scale))
    except pa.ArrowInvalid:
        return column


def to_polars(table: pa.Table) -> pl.DataFrame:
    """Return a table as a polars DataFrame; of two columns with one name the second gets a number."""
    import polars as pl  # noqa: PLC0415 — when it is wanted

    for name, column in zip(table.column_names, table.columns, strict=True):
        leaves = list(_leaves(column))
        if any(map(_is_beyond_polars, leaves)):
            raise _not_for(
                "polars",
                name,
                "It has moments that polars cannot show, such as infinity.",
                "Use to_arrow(), or leave them out in the statement: WHERE isfinite(…).",
            )
        if pa.types.is_nested(column.type) and _holds_intervals(column.type):
            raise _not_for(
                "polars",
                name,
                "polars has no type for the intervals in it.",
                "Use to_pandas(), or make it text in the statement: CAST(… AS TEXT).",
            )
    plain = portable(table)
    for field in plain.schema:
        if pa.types.is_decimal256(field.type):
            raise _not_for(
                "polars",
                field.name,
                f"It has numbers of more than {_WIDEST} digits.",
                "Use to_pandas(), or make it text in the statement with CAST.",
            )
    frame = pl.from_arrow(plain)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _is_beyond_polars(column: pa.Array) -> bool:
    return (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)) and not _within(column, _POLARS_DAYS)


def _holds_intervals(type_: pa.DataType) -> bool:
    if not pa.types.is_nested(type_):
        return bool(pa.types.is_interval(type_))
    return any(_holds_intervals(type_.field(place).type) for place in range(type_.num_fields))


def _not_for(library: str, name: str, why: str, todo: str) -> Invalid:
    return Invalid(Problem(f"The column {name} cannot be handed to {library}.", why=why, todo=todo))


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names, each once: what comes again gets a number."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        candidate, number = name, 2
        while candidate in taken:
            candidate, number = f"{name}_{number}", number + 1
        taken.add(candidate)
        distinct.append(candidate)
    return distinct
