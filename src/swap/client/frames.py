"""Arrow tables as pandas and polars frames, and a person's own frames as Arrow.

No value changes on the way: where NumPy could not hold one, the column gets a type that can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from swap.errors import Invalid, Problem

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

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
_PLAIN_VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a table as a DataFrame, each column with the simplest type that holds all its values exactly."""
    import pandas as pd  # noqa: PLC0415 — when it is wanted

    def mapped(column: pa.ChunkedArray) -> Any:
        if column.type in _NULLABLE:
            # Without nulls NumPy's own type, which every library takes; with nulls NumPy would turn them into floats
            # or objects.
            return pd.api.types.pandas_dtype(_NULLABLE[column.type]) if column.null_count else None
        return None if any(check(column.type) for check in _IN_NUMPY) else pd.ArrowDtype(column.type)

    series = {}
    for index, column in enumerate(table.columns):
        dtype = mapped(column)
        series[index] = column.to_pandas() if dtype is None else column.to_pandas(types_mapper={column.type: dtype}.get)
    frame = pd.DataFrame(series, index=pd.RangeIndex(table.num_rows), copy=False)
    frame.columns = pd.Index(table.column_names)  # two columns may have one name
    return frame


def to_polars(table: pa.Table) -> pl.DataFrame:
    """Return a table as a polars DataFrame; of two columns with one name the second gets a number."""
    import polars as pl  # noqa: PLC0415 — when it is wanted

    frame = pl.from_arrow(table.rename_columns(_distinct(table.column_names)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def write_arrow(name: str, data: Any, file: IO[bytes]) -> None:
    """Write a person's table as an Arrow IPC stream.  Raises Invalid for what is no table."""
    reader = _reader(name, data)
    schema = pa.schema([pa.field(str(field.name), _plain(field.type)) for field in reader.schema])
    twice = [column for column, times in Counter(map(str.casefold, schema.names)).items() if times > 1]
    if twice:
        raise Invalid(
            Problem(
                f"Your table {name} has two columns called {twice[0]}.",
                why="SQL does not tell them apart. Nothing was run.",
                todo="Rename one of them.",
            )
        )
    if not schema.names:
        raise Invalid(Problem(f"Your table {name} has no columns.", why="Nothing was run."))
    with pa.ipc.new_stream(file, schema) as writer:
        for batch in reader:
            plain = [_undone(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(plain, schema=schema))


def _reader(name: str, data: Any) -> pa.RecordBatchReader:
    try:
        if _is("pandas", "DataFrame", data):
            return _from_pandas(data).to_reader()
        if _is("polars", "LazyFrame", data):
            data = data.collect()
        if isinstance(data, pa.RecordBatchReader):
            return data
        if hasattr(data, "__arrow_c_stream__"):
            return pa.RecordBatchReader.from_stream(data)
        if isinstance(data, pa.RecordBatch):
            return pa.Table.from_batches([data]).to_reader()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise Invalid(
            Problem(
                f"Your table {name} cannot be sent.",
                why=f"{error}. Nothing was run.",
                todo="Give every column one type: df.astype(…).",
            )
        ) from None
    raise Invalid(
        Problem(
            f"tables[{name!r}] is a {type(data).__name__}, not a table.",
            why="Nothing was run.",
            todo="Pass a pandas or polars DataFrame, a pyarrow table or a result of swap.sql.",
        )
    )


def _from_pandas(frame: pd.DataFrame) -> pa.Table:
    """Return a DataFrame as a table; its named index levels become columns, a mere row number does not."""
    named = [level for level in frame.index.names if level is not None]
    if named:
        frame = frame.reset_index(level=named)
    frame = frame.reset_index(drop=True)
    frame.columns = [str(column) for column in frame.columns]
    return pa.Table.from_pandas(frame, preserve_index=False)


def _plain(type_: pa.DataType) -> pa.DataType:
    """Return the type without encodings that only some readers know."""
    return _plain(type_.value_type) if pa.types.is_dictionary(type_) else _PLAIN_VIEWS.get(type_, type_)


def _undone(column: pa.Array, type_: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary.cast(type_).take(column.indices)
    return column if column.type == type_ else column.cast(type_)


def _is(module: str, name: str, data: Any) -> bool:
    return any(each.__name__ == name and each.__module__.partition(".")[0] == module for each in type(data).__mro__)


def _distinct(names: Iterable[str]) -> list[str]:
    taken: set[str] = set()
    distinct = []
    for name in names:
        candidate, number = name, 2
        while candidate in taken:
            candidate, number = f"{name}_{number}", number + 1
        taken.add(candidate)
        distinct.append(candidate)
    return distinct
