"""A person's own tables as Arrow, whatever library they come from.  What cannot be sent is refused in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from swap.errors import Invalid, Problem

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_WIDEST = 38
"""Digits of the combiner's decimals."""
_PLAIN_VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}


def write_arrow(name: str, data: Any, file: IO[bytes]) -> None:
    """Write a person's table as an Arrow IPC stream.  Raises Invalid for what is no table."""
    try:
        _write(name, _reader(name, data), file)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        said = ". ".join(str(each) for each in error.args)
        raise Invalid(
            Problem(
                f"Your table {name} cannot be sent.",
                why=f"{said}. Nothing was run.",
                todo="Give every column one type: df.astype(…).",
            )
        ) from None


def is_table(data: Any) -> bool:
    """Tell whether something is a table of a library that we know, or has Arrow's interface."""
    kinds = (("pandas", "Series"), ("pandas", "DataFrame"), ("polars", "LazyFrame"))
    return (
        any(_is(*kind, data) for kind in kinds)
        or isinstance(data, pa.RecordBatch)
        or hasattr(data, "__arrow_c_stream__")
    )


def whole(name: str, data: Any) -> pa.Table:
    """Return a person's table as Arrow.  Raises Invalid for what is no table."""
    try:
        return _reader(name, data).read_all()
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        said = ". ".join(str(each) for each in error.args)
        raise Invalid(
            Problem(f"Your table {name} cannot be read.", why=said, todo="Give every column one type: df.astype(…).")
        ) from None


def _write(name: str, reader: pa.RecordBatchReader, file: IO[bytes]) -> None:
    _demand_names(name, reader.schema.names)
    schema = pa.schema([pa.field(str(field.name), _plain(field.type)) for field in reader.schema])
    with pa.ipc.new_stream(file, schema) as writer:
        for batch in reader:
            plain = [_undone(name, column, field) for column, field in zip(batch.columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(plain, schema=schema))


def _demand_names(name: str, columns: Iterable[Any]) -> None:
    names = [str(column) for column in columns]
    twice = [column for column, times in Counter(map(str.casefold, names)).items() if times > 1]
    if twice:
        raise Invalid(
            Problem(
                f"Your table {name} has two columns called {twice[0]}.",
                why="SQL does not tell them apart. Nothing was run.",
                todo="Rename one of them.",
            )
        )
    if not names:
        raise Invalid(Problem(f"Your table {name} has no columns.", why="Nothing was run."))


def _reader(name: str, data: Any) -> pa.RecordBatchReader:
    if _is("pandas", "Series", data) or _is("polars", "Series", data):
        data = data.to_frame()
    if _is("pandas", "DataFrame", data):
        return _from_pandas(name, data).to_reader()
    if _is("polars", "LazyFrame", data):
        data = data.collect()
    if _is("polars", "DataFrame", data):
        _demand_values(name, data)
    if isinstance(data, pa.RecordBatchReader):
        return data
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data)
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data]).to_reader()
    raise Invalid(
        Problem(
            f"tables[{name!r}] is a {type(data).__name__}, not a table.",
            why="Nothing was run.",
            todo="Pass a pandas or polars DataFrame, a pyarrow table or a result of swap.sql.",
        )
    )


def _demand_values(name: str, frame: pl.DataFrame) -> None:
    """Raise Invalid for Python's objects: polars would hand on where they are in memory."""
    for column, type_ in frame.schema.items():
        if str(type_) == "Object":
            raise _not_sent(name, column, "Python objects", "Make it text or numbers.")


def _not_sent(name: str, column: object, kind: str, todo: str) -> Invalid:
    return Invalid(
        Problem(
            f"The column {column} of your table {name} cannot be sent.",
            why=f"It has {kind}, which no statement knows. Nothing was run.",
            todo=todo,
        )
    )


def _from_pandas(name: str, frame: pd.DataFrame) -> pa.Table:
    """Return a DataFrame as a table; its named index levels become columns, a mere row number does not."""
    named = [level for level in frame.index.names if level is not None]
    if named:
        frame = frame.reset_index(level=named)
    frame = frame.reset_index(drop=True)
    _demand_names(name, frame.columns)
    frame.columns = [str(column) for column in frame.columns]
    for column, type_ in frame.dtypes.items():
        if str(type_).startswith("period["):
            # Arrow would take a month as a bare number.
            raise _not_sent(name, column, "periods", f"Make it timestamps: df[{column!r}].dt.to_timestamp().")
    return pa.Table.from_pandas(frame, preserve_index=False)


def _plain(type_: pa.DataType) -> pa.DataType:
    """Return the type without encodings that only some readers know."""
    if pa.types.is_decimal256(type_) and 0 <= type_.scale <= _WIDEST:
        return pa.decimal128(_WIDEST, type_.scale)
    return _plain(type_.value_type) if pa.types.is_dictionary(type_) else _PLAIN_VIEWS.get(type_, type_)


def _undone(name: str, column: pa.Array, field: pa.Field) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary.cast(field.type).take(column.indices)
    if column.type == field.type:
        return column
    try:
        return column.cast(field.type)
    except pa.ArrowInvalid:
        if not pa.types.is_decimal256(column.type):
            raise
        raise _not_sent(name, field.name, f"numbers of more than {_WIDEST} digits", "Make it text.") from None


def _is(module: str, name: str, data: Any) -> bool:
    return any(each.__name__ == name and each.__module__.partition(".")[0] == module for each in type(data).__mro__)
