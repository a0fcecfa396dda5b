"""Directories of Parquet as a source.  Reading happens in a child process that is killed to cancel.

The parent opens no data file.  A child answers one request and ends; one spare is kept ready, so that a
read does not wait for Python and Arrow to start.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from swap.connectors.base import Capabilities, Dataset, Deadline, Fragment, ReadStats
from swap.connectors.files_request import Progress, Request, decode_dataset, decode_progress, encode_request
from swap.connectors.filters import COMPARISONS
from swap.errors import Problem, QueryCancelled, QueryTimedOut, SourceFailed, SourceUnavailable, SwapError
from swap.settings import FilesSource

_COMMAND = (sys.executable, "-E", "-s", "-m", "swap.connectors.files_reader")
_HARVEST_SECONDS = 600.0


class FilesConnector:
    """One directory of schemas of tables of Parquet files."""

    def __init__(self, name: str, source: FilesSource) -> None:
        self.name = name
        self.capabilities = Capabilities(comparisons=COMPARISONS, limit=True)
        self._root = source.root
        self._spare: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._open: set[FilesReader] = set()
        self._closed = False

    def check(self) -> None:
        """Look whether the root is there, and get a reader process ready."""
        try:
            next(self._root.iterdir(), None)
        except OSError as error:
            raise self._unavailable(f"Its directory cannot be read: {error.strerror}.") from None
        self._prepare()

    def harvest(self) -> Sequence[Dataset]:
        """Return every table, described by its newest files and its `_table.toml`."""
        self.check()
        reader = FilesReader(self, Request(str(self._root)), Deadline(time.monotonic() + _HARVEST_SECONDS))
        rows = [row for batch in reader for row in batch.to_pylist()]
        return [decode_dataset(row["dataset"], row["columns"]) for row in rows]

    def read(self, fragment: Fragment, deadline: Deadline) -> FilesReader:
        """Start a fragment."""
        columns = pa.schema([(column.name, column.type) for column in fragment.columns])
        request = Request(str(self._root), fragment.schema, fragment.table, columns, fragment.predicates, fragment.limit)
        reader = FilesReader(self, request, deadline)
        self._open.add(reader)
        return reader

    def close(self) -> None:
        """End all reader processes."""
        with self._lock:
            self._closed = True
            spare, self._spare = self._spare, None
        if spare is not None:
            _end(spare)
        for reader in tuple(self._open):
            reader.cancel()

    # For its readers

    def take(self) -> subprocess.Popen[bytes]:
        """Return a reader process that waits for its request; leave a new spare behind."""
        with self._lock:
            taken, self._spare = self._spare, None
        if taken is None or taken.poll() is not None:
            taken = self._start()
        self._prepare()
        return taken

    def ended(self, reader: FilesReader) -> None:
        """Forget a read that is over."""
        self._open.discard(reader)

    def _prepare(self) -> None:
        with self._lock:
            if self._spare is None and not self._closed:
                self._spare = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 — our own module, and no shell
                _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"})
        except OSError as error:
            raise self._unavailable(f"Its reader process could not be started: {error.strerror}.") from None

    def _unavailable(self, why: str) -> SourceUnavailable:
        todo = f"Other sources keep working. SWAP's administrator finds the setting in [sources.{self.name}]."
        return SourceUnavailable(Problem(f"{self.name} does not answer.", why, todo, source=self.name))


class FilesReader:
    """One request, answered by one child process."""

    def __init__(self, connector: FilesConnector, request: Request, deadline: Deadline) -> None:
        self.stats = ReadStats(statement=_described(request))
        self._connector = connector
        self._request = request
        self._deadline = deadline
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._over: SwapError | None = None

    @property
    def pid(self) -> int | None:
        """The process that reads, while it does."""
        child = self._child
        return None if child is None else child.pid

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the fragment's rows."""
        timer = threading.Timer(max(0.0, self._deadline.at - time.monotonic()), self._stop, [QueryTimedOut()])
        timer.daemon = True
        timer.start()
        try:
            with self._lock:
                if self._over is not None:
                    raise self._over
                self._child = child = self._connector.take()
            yield from self._batches(child)
        finally:
            timer.cancel()
            self.close()

    def cancel(self) -> None:
        """Kill the reader process; the iteration then raises QueryCancelled."""
        self._stop(QueryCancelled())

    def close(self) -> None:
        """End the reader process."""
        with self._lock:
            child, self._child = self._child, None
            self._over = self._over or QueryCancelled()
        if child is not None:
            _end(child)
        self._connector.ended(self)

    def _stop(self, why: SwapError) -> None:
        with self._lock:
            if self._over is None:
                self._over = why
            if self._child is not None:
                self._child.kill()

    def _batches(self, child: subprocess.Popen[bytes]) -> Iterator[pa.RecordBatch]:
        assert child.stdin is not None
        assert child.stdout is not None
        progress = Progress()
        try:
            child.stdin.write(encode_request(self._request))
            child.stdin.close()
            stream = pa.ipc.open_stream(child.stdout)
            self.stats.started = True
            while not progress.whole:
                batch, metadata = stream.read_next_batch_with_custom_metadata()
                progress = self._note(metadata)
                if batch.num_rows:
                    self.stats.rows += batch.num_rows
                    self.stats.bytes += batch.nbytes
                    yield batch
        except (pa.ArrowException, OSError, StopIteration):
            raise self._gone(child) from None

    def _note(self, metadata: pa.KeyValueMetadata | None) -> Progress:
        progress = decode_progress(metadata)
        self.stats.files = progress.files
        self.stats.detail = {"files_to_read": progress.files_to_read, "row_groups": progress.row_groups}
        if progress.error:
            name = self._connector.name
            raise SourceFailed(Problem(f"{name} answered with an error.", f"{progress.error[0].upper()}{progress.error[1:]}.",
                                       "Show this to the source's owner; partitions without the file can still be asked.", source=name))
        return progress

    def _gone(self, child: subprocess.Popen[bytes]) -> SwapError:
        """Return why the answer ended before it was whole."""
        if self._over is not None:
            return self._over
        code = child.wait()
        name = self._connector.name
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        return SourceFailed(Problem(f"{name} stopped answering.", f"The reader process is gone: it ended {how}.",
                                    "Run the query again; if it fails again, tell SWAP's administrator.", source=name))


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    child.wait()


def _described(request: Request) -> str:
    """Return the request in words, for the audit: no value of it is run as text anywhere."""
    if request.columns is None:
        return "harvest"
    wanted = ", ".join(request.columns.names) or "nothing"
    where = " and ".join(f"{each.column} {each.comparison} {each.value!r}" for each in request.predicates)
    limit = "" if request.limit is None else f" limit {request.limit}"
    return f"read {wanted} of {request.schema}/{request.table}" + (f" where {where}" if where else "") + limit
