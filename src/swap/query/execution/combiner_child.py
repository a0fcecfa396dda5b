"""The combiner: one statement, once, in a locked-down DuckDB, in a process of its own.

It is told what to do on an inherited socket, reads its inputs from inherited descriptors and writes
the result to its standard output, all as Arrow IPC.  It opens no file but DuckDB's own spill files in
an empty directory, and ends when the socket closes.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import pyarrow as pa

MAX_INPUTS = 64
ROWS_PER_BATCH = 16_384
BATCH_BYTES = 16_000_000
"""Bytes of a batch of the result: whoever keeps, pages or sends it holds one at a time.  A single row must fit."""
SCHEMA_BYTES = 1_000_000
"""Bytes of the result's columns: their number, names and types."""
HOLD_SECONDS = 0.2
"""How long rows wait for others, so that they travel together."""
ROOM_BYTES = 3 << 30
"""Address space beside DuckDB's own memory limit: interpreter, libraries, batches under way."""


def main() -> None:
    """Lock down, wait for the statement, run it, say how it ended."""
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        settings, _ = receive(control)
        connection = lock_down(settings)
        send(control, {"ready": True})
        order, descriptors = receive(control)
    except EOFError:
        return
    threading.Thread(target=_end_with, args=(control,), daemon=True).start()
    try:
        rows = run(connection, order, descriptors)
    except BrokenPipeError:
        _leave(1)
    except BaseException as error:  # noqa: BLE001 — whatever happened, the parent is told, in its own words
        send(control, {"error": describe(error)})
        _leave(1)
    send(control, {"rows": rows})
    _leave(0)


def lock_down(settings: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Return a connection that can compute and spill, and nothing else.  The order of the settings matters."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    # COPY inside the temporary directory is not bound by DuckDB's own limit; the system's is.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (settings["spill_bytes"],) * 2)
    space = settings["memory_bytes"] + ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    connection = duckdb.connect(":memory:")
    directory = settings["temp_directory"].replace("'", "''")
    for setting in (
        f"temp_directory='{directory}'",
        f"max_temp_directory_size='{settings['spill_bytes']}B'",
        f"memory_limit='{settings['memory_bytes']}B'",
        f"threads={int(settings['threads'])}",
        "TimeZone='UTC'",
        "autoinstall_known_extensions=false",
        "autoload_known_extensions=false",
        "allow_community_extensions=false",
        "allow_unsigned_extensions=false",
        "allow_persistent_secrets=false",
        "python_enable_replacements=false",
        "python_scan_all_frames=false",
        "allow_extension_repositories='forbidden'",
        "enable_external_access=false",
        # Rows are handed on as they come: by default a whole megabyte would gather first.
        "streaming_buffer_size='256KB'",
        "lock_configuration=true",
    ):
        connection.execute(f"SET {setting}")
    return connection


def run(connection: duckdb.DuckDBPyConnection, order: dict[str, Any], descriptors: list[int]) -> int:
    """Read the inputs, run the statement, write the result; return its rows."""
    inputs = list(zip(order["inputs"], descriptors, strict=True))
    if order["streamed"]:
        name, descriptor = inputs[0]
        connection.register(name, pa.ipc.open_stream(os.fdopen(descriptor, "rb")))
    elif inputs:
        # Each input has a thread of its own: a source that is slow to start holds up no other.
        with ThreadPoolExecutor(len(inputs)) as pool:
            list(pool.map(lambda item: _keep(connection.cursor(), *item), inputs))
    result = connection.sql(order["sql"])
    types = [str(type_) for type_ in result.types]
    reader = result.to_arrow_reader(ROWS_PER_BATCH)
    schema = pa.schema([_plain_field(field, type_) for field, type_ in zip(reader.schema, types, strict=True)])
    if schema.serialize().size > SCHEMA_BYTES:
        raise TooLargeError("columns")
    rows = 0
    with os.fdopen(1, "wb", closefd=False) as out, pa.ipc.new_stream(out, schema) as writer:
        out.flush()
        for batch in _gathered(_plain(batch, schema) for batch in reader):
            writer.write_batch(batch)
            rows += batch.num_rows
            out.flush()
    return rows


def _keep(cursor: duckdb.DuckDBPyConnection, name: str, descriptor: int) -> None:
    reader = pa.ipc.open_stream(os.fdopen(descriptor, "rb"))
    cursor.register(f"{name}_arriving", reader)
    cursor.execute(f'CREATE TABLE "{name}" AS SELECT * FROM "{name}_arriving"')  # noqa: S608 — the name is ours
    cursor.close()


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches of a useful size, but hold none back for longer than a moment."""
    held: list[pa.RecordBatch] = []
    rows, since = 0, time.monotonic()
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= ROWS_PER_BATCH or time.monotonic() - since > HOLD_SECONDS:
            yield from _pieces(held)
            held, rows, since = [], 0, time.monotonic()
    yield from _pieces(held)


def _pieces(held: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    if held:
        for whole in pa.Table.from_batches(held).combine_chunks().to_batches():
            for start in range(0, whole.num_rows, ROWS_PER_BATCH):
                yield from _fitting(whole.slice(start, ROWS_PER_BATCH))


def _fitting(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches that are not too large."""
    if batch.nbytes <= BATCH_BYTES:
        yield batch
        return
    if batch.num_rows == 1:
        raise TooLargeError("row")
    half = batch.num_rows // 2
    yield from _fitting(batch.slice(0, half))
    yield from _fitting(batch.slice(half))


class TooLargeError(Exception):
    """A row, or all of the columns' names and types, is larger than a result may hold."""


def _plain_field(field: pa.Field, sql_type: str) -> pa.Field:
    return pa.field(field.name, _plain_type(field.type, sql_type))


def _plain_type(type_: pa.DataType, sql_type: str) -> pa.DataType:
    """Return a type that every reader of Arrow knows; SUM's HUGEINT is a bigint as long as it fits."""
    if sql_type == "HUGEINT":
        return pa.int64()
    if sql_type in {"UUID", "JSON", "UHUGEINT", "BIT"}:
        return pa.string()
    if pa.types.is_dictionary(type_):
        return type_.value_type
    return type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_


def _plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [_cast(column, field) for column, field in zip(batch.columns, schema, strict=True)], schema=schema
    )


def _cast(column: pa.Array, field: pa.Field) -> pa.Array:
    if column.type == field.type:
        return column
    if (
        isinstance(column, pa.ExtensionArray)
        and not pa.types.is_string(column.storage.type)
        and pa.types.is_string(field.type)
    ):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    try:
        return (column.storage if isinstance(column, pa.ExtensionArray) else column).cast(field.type)
    except pa.ArrowInvalid as error:
        if pa.types.is_int64(field.type):
            raise OverflowError(field.name) from error
        raise


def describe(error: BaseException) -> dict[str, str]:
    """Return an error's kind and its first line; never a stack, a path or a whole statement."""
    message = str(error).strip().split("\n", 1)[0]
    return {"kind": type(error).__name__, "message": message[:500]}


def send(control: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    """Send one message, with open descriptors beside it."""
    body = json.dumps(message).encode()
    header = struct.pack("!I", len(body))
    with contextlib.suppress(BrokenPipeError):
        if descriptors:
            socket.send_fds(control, [header], list(descriptors))
        else:
            control.sendall(header)
        control.sendall(body)


def receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the next message and the descriptors that came with it.  Raises EOFError when there is none."""
    header, descriptors, _, _ = socket.recv_fds(control, 4, MAX_INPUTS)
    if len(header) < 4:
        raise EOFError
    body = b""
    (length,) = struct.unpack("!I", header)
    while len(body) < length:
        part = control.recv(length - len(body))
        if not part:
            raise EOFError
        body += part
    return json.loads(body), list(descriptors)


def _end_with(control: socket.socket) -> None:
    # Nothing more is ever sent to us; what arrives is the end of the gateway that started us.
    control.recv(1)
    _leave(1)


def _leave(code: int) -> None:
    # Not sys.exit: a statement that still runs in another thread must not hold the process.
    os._exit(code)


if __name__ == "__main__":
    main()
