"""A result as one Parquet file, written while it is sent.

A file is whole or has no end: rows that stop coming leave one that no reader opens.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from swap.query.results import format as shown

GROUP_BYTES = 16_000_000
"""Of rows that are gathered for one row group."""


class _Parts(io.RawIOBase):
    """Takes what is written and gives it away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def take(self) -> bytes:
        """Return what has been written since."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def flat(schema: pa.Schema) -> pa.Schema:
    """Return the columns that a file has: each name once, and text where Parquet has no such type."""
    return pa.schema([pa.field(name, _kept(field.type)) for name, field in zip(_names(schema), schema, strict=True)])


def parquet(batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[bytes]:
    """Yield a file of so many rows.  Raises EOFError instead of ending one that has fewer."""
    sink, kept = _Parts(), flat(schema)
    with pa.PythonFile(sink, mode="w") as file, pq.ParquetWriter(file, kept) as writer:
        waiting: list[pa.RecordBatch] = []
        waiting_bytes = 0
        for batch in batches:
            columns = [_as(column, field.type) for column, field in zip(batch.columns, kept, strict=True)]
            waiting.append(pa.RecordBatch.from_arrays(columns, schema=kept))
            waiting_bytes += waiting[-1].nbytes
            rows -= batch.num_rows
            if waiting_bytes >= GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting, kept))
                waiting.clear()
                waiting_bytes = 0
                yield sink.take()
        if rows != 0:
            raise EOFError("the rows of a result stopped coming")
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, kept))
    # The writer ends every file; only a whole one's end is given away.
    yield sink.take()


def _kept(type_: pa.DataType) -> pa.DataType:
    """Return the type itself if Parquet has it, else text."""
    try:
        pq.write_table(pa.table({"c": pa.nulls(0, type_)}), io.BytesIO())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return pa.string()
    return type_


def _as(column: pa.Array, type_: pa.DataType) -> pa.Array:
    if column.type == type_:
        return column
    return pa.array([shown.text(value) for value in shown.values(column)], type_)


def _names(schema: pa.Schema) -> list[str]:
    """Return the columns' names, each once: most readers refuse a file that has one twice."""
    names: list[str] = []
    for name in schema.names:
        number, unique = 1, name
        while unique in names or (unique != name and unique in schema.names):
            number += 1
            unique = f"{name}_{number}"
        names.append(unique)
    return names
