"""Arrow IPC streams, written to a descriptor by whoever has the rows.

It imports nothing of ours: programs that start fast or hold little use it too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import pyarrow as pa

END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class StreamWriter:
    """Writes one stream, and tells after the schema and after each batch its rows and its bytes so far.

    Raises BrokenPipeError when nobody reads it any more, OSError when there is no room.
    """

    def __init__(self, sink: int, schema: pa.Schema, tell: Callable[[int, int], object]) -> None:
        self.rows = 0
        self.at = 0
        self._sink = sink
        self._tell = tell
        self._write(schema.serialize().to_pybytes())
        tell(0, self.at)

    def write(self, batch: pa.RecordBatch) -> None:
        """Write one batch, of the stream's schema."""
        # As one piece: a system call for each of its buffers costs more than putting them together.
        self._write(batch.serialize())
        self.rows += batch.num_rows
        self._tell(self.rows, self.at)

    def end(self) -> int:
        """Write the end mark; return the rows."""
        self._write(END_OF_STREAM)
        return self.rows

    def _write(self, data: bytes | pa.Buffer) -> None:
        view = memoryview(data)
        self.at += len(view)
        while view:
            view = view[os.write(self._sink, view) :]


def write(batches: Iterable[pa.RecordBatch], sink: int, schema: pa.Schema, tell: Callable[[int, int], object]) -> int:
    """Write all batches as one stream, their columns named and typed as the schema says; return the rows."""
    writer = StreamWriter(sink, schema, tell)
    for batch in batches:
        writer.write(typed(batch, schema))
    return writer.end()


def typed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch's columns, in their order, under the schema's names and in its types."""
    if batch.schema.equals(schema):
        return batch
    arrays = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema) if arrays else batch
