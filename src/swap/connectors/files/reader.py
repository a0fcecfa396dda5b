"""The child process that reads Parquet, and writes the rows as an Arrow stream to a descriptor it is given.

It answers one request at a time and keeps nothing of it.  It runs in a closed environment and opens files
below one root only, out of which no link leads.  The pipe bounds its memory, and killing it is how a read is
cancelled.  With every batch it tells how many files were opened so far.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from swap import logs
from swap.arrow_stream import StreamWriter, typed
from swap.connectors.base import Column, Comparison, Dataset, Fragment, rows_without_columns
from swap.connectors.files import layout
from swap.connectors.files.layout import BrokenError, DataFile, Directory
from swap.connectors.files.partitions import Rows, divided
from swap.connectors.filters import expression, passes_nan
from swap.connectors.messages import DATASETS, decode_fragment, encode_dataset
from swap.connectors.process import Tell, ToldError, serve

_SCAN_ROWS = 16_384
_BUFFER_BYTES = 1_000_000
_AHEAD_BATCHES = 4
_AHEAD_BYTES = 1_000_000
"""Of files that are read in a thread of its own."""
_SEND_ROWS = 8_192
_SEND_SECONDS = 0.1
_TELL_TABLES = 500
_TELL_SECONDS = 1.0
"""How many tables a harvest tells of at once, and how long the first of them waits: each telling is a transaction."""
_NEWEST_FOOTERS = 300
_OLDER_FOOTERS = 50
"""Footers a harvest reads of one table.

Of its newest files all, of the older ones some, from which their rows are guessed by size.
"""

_FORMAT = ds.ParquetFileFormat(coerce_int96_timestamp_unit="us")


@dataclass(slots=True)
class Opened:
    """What the reader has opened so far."""

    files: int = 0
    files_to_read: int = 0
    row_groups: int = 0


class Answer:
    """The stream of rows: gathers small batches, and tells what was done so far with each it sends."""

    def __init__(self, sink: int, schema: pa.Schema, tell: Tell, *, even: bool = False) -> None:
        self.opened = Opened()
        self._sent = (0, 0)
        self._tell = tell
        self._even = even
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._read_before = _read_bytes()
        self._sent_at = time.monotonic()
        self._writer = StreamWriter(sink, schema, self._told)
        self._schema = schema

    def add(self, batch: pa.RecordBatch) -> None:
        """Send a batch, with those that wait, unless they are few and the last was sent just now."""
        if batch.num_rows:
            self._waiting.append(batch)
            self._rows += batch.num_rows
        if self._even:
            self._send_even()
        elif self._rows >= _SEND_ROWS or time.monotonic() - self._sent_at > _SEND_SECONDS:
            self.flush()

    def _send_even(self) -> None:
        # Batches as large as they come would end where a file ends.
        if self._rows < _SEND_ROWS:
            return
        whole = pa.concat_batches(self._waiting)
        for start in range(0, whole.num_rows - _SEND_ROWS + 1, _SEND_ROWS):
            self._waiting = [whole.slice(start, _SEND_ROWS)]
            self.flush()
        rest = whole.slice(whole.num_rows - whole.num_rows % _SEND_ROWS)
        self._waiting, self._rows = [rest], rest.num_rows

    def flush(self) -> None:
        """Send what waits; without rows, tell of the progress alone."""
        waiting, self._waiting, self._rows = self._waiting, [], 0
        if any(batch.num_rows for batch in waiting):
            whole = waiting[0] if len(waiting) == 1 else pa.concat_batches(waiting)
            self._writer.write(typed(whole, self._schema))
        else:
            self._told(*self._sent)
        self._sent_at = time.monotonic()

    def end(self) -> int:
        """Send the rest and the end mark; return the rows."""
        self.flush()
        return self._writer.end()

    def _told(self, rows: int, at: int) -> None:
        self._sent = rows, at
        read = _read_bytes() - self._read_before
        self._tell({"rows": rows, "at": at, "read_bytes": read, **asdict(self.opened)})


def read(root: str | int, fragment: Fragment, answer: Answer) -> None:
    """Answer one fragment.  Raises BrokenError."""
    with Directory.root(root) as below, layout.open_table(below, fragment.schema, fragment.table) as table:
        files = list(layout.data_files(table, fragment.predicates))
        if fragment.scattered:
            random.SystemRandom().shuffle(files)
        answer.opened.files_to_read = len(files)
        with contextlib.ExitStack() as held:
            coming = held.enter_context(contextlib.closing(_rows_of(table, files, fragment, answer.opened)))
            # Whoever wants a few rows does not want what comes after them to be read, nor to wait for a thread.
            if fragment.limit is None and sum(file.size_bytes for file in files) >= _AHEAD_BYTES:
                coming = held.enter_context(contextlib.closing(_ahead(coming)))
            _pass_on(coming, answer, fragment.limit)


def _pass_on(batches: Iterable[pa.RecordBatch], answer: Answer, limit: int | None) -> None:
    """Send batches until so many rows are sent."""
    left = limit
    for batch in batches:
        taken = batch if left is None else batch.slice(0, left)
        answer.add(taken)
        if left is not None:
            left -= taken.num_rows
            if left <= 0:
                break


def _ahead(batches: Iterator[pa.RecordBatch]) -> Generator[pa.RecordBatch]:
    """Yield the batches, made in a thread of their own: the next is decoded while the last is written."""
    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(next, batches, None) for _ in range(_AHEAD_BATCHES))
        try:
            while (batch := coming.popleft().result()) is not None:
                coming.append(pool.submit(next, batches, None))
                yield batch
        finally:
            pool.shutdown(cancel_futures=True)


def _rows_of(table: Directory, files: Sequence[DataFile], asked: Fragment, opened: Opened) -> Generator[pa.RecordBatch]:
    """Open one file after the other and yield the matching rows in the types asked for."""
    for file in files:
        yield from _rows_of_file(table, file, asked, opened)


def _rows_of_file(table: Directory, file: DataFile, asked: Fragment, opened: Opened) -> Iterator[pa.RecordBatch]:
    parts = dict(file.partitions)
    with _opened(table, file.path) as source:
        opened.files += 1
        try:
            yield from _scan(source, parts, asked, opened)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise BrokenError(f"cannot be read: {logs.told(error)}", table.below(file.path)) from None


def _scan(source: pa.NativeFile, parts: dict[str, str], asked: Fragment, opened: Opened) -> Iterator[pa.RecordBatch]:
    """Yield a file's matching rows, one row group after the other, so that no more than one is in memory."""
    fragment = _FORMAT.make_fragment(source)
    file = pq.ParquetFile(
        source, metadata=fragment.metadata, coerce_int96_timestamp_unit="us", buffer_size=_BUFFER_BYTES
    )
    types = {each.name: plain(each.type) for each in file.schema_arrow}
    predicates = [each for each in asked.predicates if each.column not in parts]
    if any(each.column not in types and each.comparison is not Comparison.IS_NULL for each in predicates):
        return  # a column this file does not have is null
    predicates = [each for each in predicates if each.column in types]
    chosen = expression(predicates, types)
    columns = asked.columns_as(())
    wanted = [name for name in columns.names if name in types and name not in parts]
    read = wanted + sorted({each.column for each in predicates} - set(wanted))
    # Statistics rule row groups out; they know nothing of NaN.
    sure = expression([each for each in predicates if not passes_nan(each, types[each.column])], types)
    if sure is not None:
        fragment = fragment.subset(sure, schema=file.schema_arrow)
    opened.row_groups += len(fragment.row_groups)
    for row_group in fragment.row_groups:
        for batch in file.iter_batches(_SCAN_ROWS, [row_group.id], read):
            yield _shaped(batch if chosen is None else batch.filter(chosen), parts, columns)


def _shaped(batch: pa.RecordBatch, parts: dict[str, str], columns: pa.Schema) -> pa.RecordBatch:
    """Return the batch with the columns asked for, in their order and types; partition keys filled in."""
    if not columns.names:
        return rows_without_columns(batch.num_rows)
    arrays: list[pa.Array] = []
    for column in columns:
        if column.name in parts:
            value = layout.partition_value(parts[column.name], column.type, column.name)
            arrays.append(pa.repeat(pa.scalar(value, column.type), batch.num_rows))
        elif column.name in batch.schema.names:
            array = batch.column(column.name)
            arrays.append(array if array.type == column.type else array.cast(column.type))
        else:
            arrays.append(pa.nulls(batch.num_rows, column.type))
    return pa.RecordBatch.from_arrays(arrays, schema=columns)


def plain(type_: pa.DataType) -> pa.DataType:
    """Return the type without what is only a way to store it: dictionaries, long offsets, views, half floats."""
    if pa.types.is_dictionary(type_):
        return plain(type_.value_type)
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    if pa.types.is_large_binary(type_) or pa.types.is_binary_view(type_):
        return pa.binary()
    if pa.types.is_float16(type_):
        return pa.float32()
    if pa.types.is_large_list(type_):
        return pa.list_(type_.value_field)
    return type_


def harvest(root: str | int, tell: Tell) -> int:
    """Tell of the tables, some at a time; return how many there are.

    One that cannot be read is told on stderr and left out.
    """
    count, told_at = 0, time.monotonic()
    found: list[dict[str, Any]] = []
    with Directory.root(root) as below:
        for schema, name in layout.tables(below):
            try:
                with layout.open_table(below, schema, name) as table:
                    dataset = _dataset(table, schema, name)
            except (BrokenError, pa.ArrowException) as error:
                sys.stderr.write(f"files: {schema}.{name} is left out: {_words(error)}\n")
                continue
            if dataset is not None:
                found.append(encode_dataset(dataset))
                count += 1
            if found and (len(found) >= _TELL_TABLES or time.monotonic() - told_at > _TELL_SECONDS):
                tell({DATASETS: found})
                found, told_at = [], time.monotonic()
    if found:
        tell({DATASETS: found})
    return count


def _dataset(table: Directory, schema: str, name: str) -> Dataset | None:
    files = list(layout.data_files(table))
    if not files:
        return None
    about = layout.read_about(table)
    keys = layout.partition_types(files, about)
    schemas: list[pa.Schema] = []
    counted: dict[str, int] = {}
    problem: BrokenError | None = None
    for file in _sample(files):
        try:
            with _opened(table, file.path) as source:
                fragment = _FORMAT.make_fragment(source)
                schemas.append(pa.schema([(each.name, plain(each.type)) for each in fragment.physical_schema]))
                counted[file.path] = fragment.metadata.num_rows
        except (pa.ArrowException, OSError, BrokenError) as error:
            problem = (
                error
                if isinstance(error, BrokenError)
                else BrokenError(f"cannot be read: {logs.told(error)}", table.below(file.path))
            )
    if not schemas:
        raise problem or BrokenError(f"{name} has no file")
    whole = pa.unify_schemas(schemas, promote_options="permissive")
    columns = [_column(each.name, each.type, about) for each in whole if each.name not in keys]
    columns += [replace(_column(key, type_, about), partition=True) for key, type_ in keys.items()]
    rows, exact = Rows(files, counted).of(files)
    return Dataset(
        schema,
        name,
        tuple(columns),
        about.comment,
        about.owner,
        rows,
        sum(file.size_bytes for file in files),
        about.newest or layout.newest(files),
        exact,
        divided(files, counted),
    )


def _sample(files: list[DataFile]) -> list[DataFile]:
    """Return the files whose footers are read, from the newest, whose columns are the table's columns first of all."""
    newest_first = files[::-1]
    older = newest_first[_NEWEST_FOOTERS:]
    return newest_first[:_NEWEST_FOOTERS] + older[:: max(1, -(-len(older) // _OLDER_FOOTERS))]


def _column(name: str, type_: pa.DataType, about: layout.About) -> Column:
    return Column(name, type_, about.comments.get(name, ""), sensitivity=about.sensitivity.get(name, ""))


@contextlib.contextmanager
def _opened(table: Directory, path: str) -> Iterator[pa.NativeFile]:
    """Open a file below the table, part by part."""
    *directories, name = path.split("/")
    with contextlib.ExitStack() as held:
        inside = table
        for each in directories:
            inside = held.enter_context(inside.enter(each))
        descriptor = inside.open_file(name)
    try:
        # The name of an open descriptor: Arrow opens the very file that was checked.
        source = pa.OSFile(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    with source:
        yield source


def _read_bytes() -> int:
    """Return how many bytes this process has read from files so far, as the kernel counts them."""
    with open("/proc/self/io", encoding="ascii") as counters:  # noqa: PTH123 — read before every batch sent
        return int(counters.readline().partition(":")[2])


def _words(error: BaseException) -> str:
    """Return what may be told of it: our own words, which name a file; Arrow's may quote what is in it."""
    return str(error) if isinstance(error, BrokenError) else logs.told(error)


def answer(asked: Mapping[str, Any], descriptors: Sequence[int], tell: Tell) -> int:
    """Answer one request.  The root is a path, or the last descriptor where paths lead nowhere."""
    *sinks, root = descriptors if asked["root"] is None else (*descriptors, asked["root"])
    try:
        if not sinks:
            return harvest(root, tell)
        fragment = decode_fragment(asked["fragment"])
        sent = Answer(sinks[0], fragment.columns_as(asked["names"]), tell, even=fragment.scattered)
        read(root, fragment, sent)
        return sent.end()
    except BrokenError as error:
        sys.stderr.write(f"files: {error}\n")
        raise ToldError(error.told) from None


def prepare() -> Callable[[socket.socket], None]:
    """Return what a forked process is to do."""
    return main


def main(control: socket.socket) -> None:
    """Answer requests, one after the other, until there are no more."""
    pa.set_io_thread_count(2)
    serve(answer, control, threads=2)
