"""The combiner: one statement, once, in a locked-down DuckDB, in a process of its own.

It is told what to do on a socket, reads its inputs from descriptors that come with the statement and writes
the result to another, all as Arrow IPC.  It opens no file but DuckDB's own spill files in an empty directory,
which comes as a descriptor too, and ends when the socket closes.  Where people have walls it is shut in, before
the first statement, by the program that it is forked from.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pyarrow as pa
from duckdb.sqltypes import DuckDBPyType

from swap.arrow_stream import StreamWriter
from swap.arrow_stream import write as stream_of
from swap.channel import receive, send
from swap.query.execution import priority

ROWS_PER_BATCH = 16_384
BATCH_BYTES = 16_000_000
"""Bytes of a batch of the result: whoever keeps, pages or sends it holds one at a time.  A single row must fit."""
SCHEMA_BYTES = 1_000_000
"""Bytes of the result's columns: their number, names and types."""
HOLD_SECONDS = 0.2
"""How long rows wait for others, so that they travel together."""
BESIDE_SHARE, BESIDE_BYTES = 0.25, 150_000_000
"""What a combiner may hold beside DuckDB's own limit: interpreter, stacks, batches, long values."""
SPILL = "/proc/self/fd/"
"""How the place of the spill files begins: nothing else that a combiner opens is named so."""
STACK_BYTES = 1 << 20
"""The stack of a thread of ours; there is one for each input, and stacks count as memory from their beginning."""


def ceiling(memory_bytes: int) -> int:
    """Return the bytes of memory that a combiner cannot exceed, with this setting."""
    return memory_bytes + int(memory_bytes * BESIDE_SHARE) + BESIDE_BYTES


def prepare() -> Callable[[socket.socket], None]:
    """Return what a forked process is to do, with a DuckDB that was opened, and has answered something, before."""
    database = opened()
    rehearse(database)
    # When the machine runs out of memory, combiners go first.
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    return partial(main, database=database)


REHEARSED = (
    "SELECT count(*) AS n, sum(a) AS s, min(b) AS m FROM i0 WHERE a > 0 GROUP BY b ORDER BY n DESC LIMIT 1",
    "SELECT x.a, y.b FROM i0 x JOIN i0 y ON x.a = y.a WHERE x.b = 'x' ORDER BY x.a",
    "SELECT a, b FROM i0 WHERE a BETWEEN 0 AND 9 ORDER BY a LIMIT 10",
)


def rehearse(database: duckdb.DuckDBPyConnection) -> None:
    """Answer a few statements about nothing: what is loaded or made with the first is then there before the fork."""
    rows = pa.record_batch({"a": pa.array([1], pa.int64()), "b": ["x"]})
    sink = os.open(os.devnull, os.O_WRONLY)
    for streamed in (False, True):
        for statement in REHEARSED[-1:] if streamed else REHEARSED:
            connection = database.cursor()
            _set(connection, *_OF_ONE_CONNECTION)
            ours, theirs = os.pipe()
            stream_of([rows], theirs, rows.schema, lambda _rows, _at: None)
            os.close(theirs)
            run(connection, {"sql": statement, "inputs": ["i0"], "streamed": streamed}, [ours, sink], lambda _: None)
            if not streamed:
                connection.execute('DROP TABLE "i0"')
            connection.close()
    os.close(sink)


def main(control: socket.socket, database: duckdb.DuckDBPyConnection) -> None:
    """Lock down, wait for the statement, run it, say how it ended.  Does not return."""
    try:
        settings, (directory,) = receive(control)
        # By its descriptor it can be reached from where its path leads nowhere.
        connection = lock_down(database, settings | {"temp_directory": f"{SPILL}{directory}"})
        heard = _heard()
        send(control, {"ready": True}, [heard])
        os.close(heard)
        order, descriptors = receive(control)
    except EOFError:
        _leave(1)
    threading.Thread(target=_end_with, args=(control,), daemon=True).start()
    threading.Thread(target=priority.give_way, daemon=True).start()
    try:
        ended = run(connection, order, descriptors, partial(_tell, control))
    except BrokenPipeError:
        _leave(1)
    except BaseException as error:  # noqa: BLE001 — whatever happened, the parent is told, in its own words
        _tell(control, {"error": describe(error)})
        _leave(1)
    _tell(control, ended)
    _leave(0)


def _heard() -> int:
    """Return the other end of our standard error: whoever started us can read what C++ says as it gives up."""
    heard, ours = os.pipe2(os.O_NONBLOCK)  # what is too much is dropped, and holds nobody up
    os.dup2(ours, 2)
    os.close(ours)
    return heard


def opened() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB that is empty, and has started no thread: a process that holds it may still fork."""
    connection = duckdb.connect(":memory:", config={"threads": 1, "async_threads": 0})
    _set(
        connection,
        "autoinstall_known_extensions=false",
        "autoload_known_extensions=false",
        "allow_community_extensions=false",
        "allow_unsigned_extensions=false",
        "allow_persistent_secrets=false",
        "allow_extension_repositories='forbidden'",
    )
    return connection


_OF_ONE_CONNECTION = (
    "TimeZone='UTC'",
    "python_enable_replacements=false",
    "python_scan_all_frames=false",
    # Rows are handed on as they come: by default a whole megabyte would gather first.
    "streaming_buffer_size='256KB'",
)


def lock_down(database: duckdb.DuckDBPyConnection, settings: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Return a connection that can compute and spill, and nothing else.  The order of the settings matters."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    # COPY inside the temporary directory is not bound by DuckDB's own limit; the system's is.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (settings["spill_bytes"],) * 2)
    # Not the address space: what is mapped and shared, or only reserved, takes no memory.
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling(settings["memory_bytes"]),) * 2)
    threading.stack_size(STACK_BYTES)
    os.chdir(settings["temp_directory"])
    # A connection of our own, made after the fork: what random() and gen_random_uuid() give begins with it.
    connection = database.cursor()
    directory = settings["temp_directory"].replace("'", "''")
    _set(
        connection,
        f"temp_directory='{directory}'",
        f"max_temp_directory_size='{settings['spill_bytes']}B'",
        f"memory_limit='{settings['memory_bytes']}B'",
        f"threads={int(settings['threads'])}",
        *_OF_ONE_CONNECTION,
        "enable_external_access=false",
        "lock_configuration=true",
    )
    return connection


def _set(connection: duckdb.DuckDBPyConnection, *settings: str) -> None:
    for setting in settings:
        connection.execute(f"SET {setting}")


class Counted:
    """An input that is read once, batch by batch: its rows so far, and whether it came to its end."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self.rows = 0
        self.whole = False
        self._reader = reader

    def reader(self) -> pa.RecordBatchReader:
        """Return the same batches, counted as they pass."""
        return pa.RecordBatchReader.from_batches(self._reader.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for batch in self._reader:
            self.rows += batch.num_rows
            yield batch
        self.whole = True


def run(
    connection: duckdb.DuckDBPyConnection,
    order: dict[str, Any],
    descriptors: list[int],
    tell: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Read the inputs, run the statement, write the result, telling where each batch of it ends.

    Returns its rows, and for each input the rows that were read of it and whether those were all that came.
    """
    *readable, sink = descriptors
    inputs = list(zip(order["inputs"], readable, strict=True))
    read: dict[str, tuple[int, bool]] = {}
    counted = None
    if order["streamed"]:
        name, descriptor = inputs[0]
        counted = Counted(pa.ipc.open_stream(os.fdopen(descriptor, "rb")))
        connection.register(name, counted.reader())
    elif inputs:
        # Each input has a thread of its own: a source that is slow to start holds up no other.
        with ThreadPoolExecutor(len(inputs)) as pool:
            kept = pool.map(lambda item: _keep(connection.cursor(), *item), inputs)
        read = {name: (rows, True) for (name, _), rows in zip(inputs, kept, strict=True)}
    rows = _write(connection.sql(order["sql"]), sink, tell)
    if counted is not None:
        read[inputs[0][0]] = (counted.rows, counted.whole)
    return {"done": rows, "read": read}


def _keep(cursor: duckdb.DuckDBPyConnection, name: str, descriptor: int) -> int:
    """Keep all rows of an input; return how many they are."""
    reader = pa.ipc.open_stream(os.fdopen(descriptor, "rb"))
    cursor.register(f"{name}_arriving", reader)
    kept = cursor.execute(f'CREATE TABLE "{name}" AS SELECT * FROM "{name}_arriving"').fetchone()  # noqa: S608 — ours
    cursor.close()
    return kept[0] if kept else 0


def _write(result: duckdb.DuckDBPyRelation, sink: int, tell: Callable[[dict[str, Any]], None]) -> int:
    """Write a result, in types that every reader of Arrow knows; return its rows."""
    result = _told(result)
    types = [str(type_) for type_ in result.types]
    reader = result.to_arrow_reader(ROWS_PER_BATCH)
    schema = pa.schema([_plain_field(field, type_) for field, type_ in zip(reader.schema, types, strict=True)])
    if schema.serialize().size > SCHEMA_BYTES:
        raise TooLargeError("columns")
    writer = StreamWriter(sink, schema, lambda rows, at: tell({"rows": rows, "at": at}))
    for batch in _gathered(_plain(batch, schema) for batch in reader):
        writer.write(batch)
    return writer.end()


_AS_TEXT = frozenset({"bignum", "bit", "enum", "time with time zone", "uhugeint"})
"""Types whose values Arrow has no exact form for that every reader knows: they are told as DuckDB writes them."""


def _told(result: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return the result with text in the place of such types, wherever they stand."""
    types = [_type_told(type_) for type_ in result.types]
    if not any(types):
        return result
    columns = [
        f"CAST(#{place} AS {type_}) AS {_quoted(name)}" if type_ else f"#{place} AS {_quoted(name)}"
        for place, (name, type_) in enumerate(zip(result.columns, types, strict=True), 1)
    ]
    return result.project(", ".join(columns))


def _type_told(type_: DuckDBPyType) -> str:
    """Return the type, as SQL, that a type is told in; empty when it is its own."""
    if type_.id in _AS_TEXT:
        return "VARCHAR"
    if type_.id not in {"list", "array", "map", "struct"}:
        return ""
    parts = [(name, part, _type_told(part)) for name, part in type_.children if isinstance(part, DuckDBPyType)]
    if not any(told for _, _, told in parts):
        return ""
    told = [told or str(part) for _, part, told in parts]
    if type_.id == "map":
        return f"MAP({', '.join(told)})"
    if type_.id == "struct":
        fields = zip((_quoted(name) for name, _, _ in parts), told, strict=True)
        return f"STRUCT({', '.join(map(' '.join, fields))})"
    size = next((size for name, size in type_.children if name == "size"), "")
    return f"{told[0]}[{size}]"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


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
    if sql_type == "JSON":
        return pa.string()
    return type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_


def _plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [_cast(column, field) for column, field in zip(batch.columns, schema, strict=True)], schema=schema
    )


def _cast(column: pa.Array, field: pa.Field) -> pa.Array:
    if column.type == field.type:
        return column
    try:
        return (column.storage if isinstance(column, pa.ExtensionArray) else column).cast(field.type)
    except pa.ArrowInvalid as error:
        if pa.types.is_int64(field.type):
            raise OverflowError(field.name) from error
        raise


def describe(error: BaseException) -> dict[str, Any]:
    """Return an error's kind and its first line; never a stack, a path or a whole statement."""
    message = str(error).strip().split("\n", 1)[0]
    return {"kind": type(error).__name__, "message": message[:500], "errno": getattr(error, "errno", None)}


def _tell(control: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        send(control, message)


def _end_with(control: socket.socket) -> None:
    # Nothing more is ever sent to us; what arrives is the end of the gateway that started us.
    control.recv(1)
    _leave(1)


def _leave(code: int) -> NoReturn:
    # Not sys.exit: a statement that still runs in another thread must not hold the process.
    os._exit(code)
