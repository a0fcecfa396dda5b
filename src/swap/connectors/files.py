"""Directories of Parquet as a source.  Reading happens in a child process that is killed to cancel.

The parent opens no data file.  A child that answered wholly is kept for the next read, and a spare is kept
ready, so that reads do not wait for Python and Arrow to start.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from swap.connectors.base import Capabilities, Dataset, Deadline, Fragment, OnBehalf, Progress, ReadStats, unheard
from swap.connectors.files_request import Request, decode_dataset, decode_progress, encode_request
from swap.connectors.filters import COMPARISONS
from swap.errors import Problem, QueryCancelled, QueryTimedOut, SourceFailed, SourceUnavailable, SwapError
from swap.settings import FilesSource

_COMMAND = (sys.executable, "-E", "-s", "-P", str(Path(__file__).with_name("files_child.py")))
_HARVEST_SECONDS = 600.0
_SPARES = 2
"""Reader processes kept for the next reads."""
_ANSWERS = 200
"""Answers after which a reader process is replaced, so that what Arrow leaks stays small."""


class ReaderProcess:
    """One child: it answers requests one at a time, and dies when its pipes do."""

    def __init__(self) -> None:
        self.answers = 0
        self._child = subprocess.Popen(  # noqa: S603 — our own module, and no shell
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    def ask(self, request: Request) -> pa.RecordBatchStreamReader:
        """Send a request and return its answer as it comes.

        Raises OSError and ArrowInvalid when the process is gone.
        """
        assert self._child.stdin is not None
        self.answers += 1
        self._child.stdin.write(encode_request(request))
        self._child.stdin.flush()
        return pa.ipc.open_stream(self._child.stdout)

    def kill(self) -> None:
        """End it at once; what waits for its answer then fails.  Idempotent, from any thread."""
        self._child.kill()

    def end(self) -> int:
        """End it, collect it and return its status."""
        self._child.kill()
        status = self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return status


class FilesConnector:
    """One directory of schemas of tables of Parquet files."""

    def __init__(self, name: str, source: FilesSource) -> None:
        self.name = name
        self.capabilities = Capabilities(comparisons=COMPARISONS, limit=True)
        self._root = source.root
        self._spares: list[ReaderProcess] = []
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

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield every table, described by its newest files and its `_table.toml`, as the reader process finds them."""
        self.check()
        reader = FilesReader(self, Request(str(self._root)), Deadline(time.monotonic() + _HARVEST_SECONDS))
        try:
            for batch in reader:
                yield [decode_dataset(row["dataset"], row["columns"]) for row in batch.to_pylist()]
        except QueryTimedOut:
            raise self._unavailable(
                f"Looking through its directories took longer than {_HARVEST_SECONDS:g} s."
            ) from None

    def read(
        self,
        fragment: Fragment,
        on_behalf: OnBehalf,  # noqa: ARG002 — files are read as the gateway
        deadline: Deadline,
        tell: Callable[[Progress], None] = unheard,  # noqa: ARG002 — its first rows come at once
    ) -> FilesReader:
        """Start a fragment."""
        columns = pa.schema([(column.name, column.type) for column in fragment.columns])
        request = Request(
            str(self._root),
            fragment.schema,
            fragment.table,
            columns,
            fragment.predicates,
            fragment.limit,
            fragment.scattered,
        )
        reader = FilesReader(self, request, deadline)
        self._open.add(reader)
        return reader

    def close(self) -> None:
        """End all reader processes."""
        with self._lock:
            self._closed = True
            spares, self._spares = self._spares, []
        for spare in spares:
            spare.end()
        for reader in tuple(self._open):
            reader.cancel()

    # For its readers

    def take(self) -> ReaderProcess:
        """Return a reader process that waits for a request; leave a spare behind."""
        with self._lock:
            taken = self._spares.pop() if self._spares else None
        if taken is None or not taken.alive:
            taken = self._start()
        self._prepare()
        return taken

    def give_back(self, process: ReaderProcess) -> None:
        """Keep a process that has answered wholly for the next read, or end it."""
        with self._lock:
            if not self._closed and len(self._spares) < _SPARES and process.answers < _ANSWERS:
                self._spares.append(process)
                return
        process.end()

    def ended(self, reader: FilesReader) -> None:
        """Forget a read that is over."""
        self._open.discard(reader)

    def _prepare(self) -> None:
        with self._lock:
            if not self._spares and not self._closed:
                self._spares.append(self._start())

    def _start(self) -> ReaderProcess:
        try:
            return ReaderProcess()
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
        self._process: ReaderProcess | None = None
        self._over: SwapError | None = None
        self._whole = False

    @property
    def pid(self) -> int | None:
        """The process that reads, while it does."""
        process = self._process
        return None if process is None else process.pid

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the fragment's rows."""
        timer = threading.Timer(max(0.0, self._deadline.at - time.monotonic()), self._stop, [QueryTimedOut()])
        timer.daemon = True
        timer.start()
        try:
            with self._lock:
                if self._over is not None:
                    raise self._over
                self._process = process = self._connector.take()
            yield from self._batches(process)
        finally:
            timer.cancel()
            self.close()

    def cancel(self) -> None:
        """Kill the reader process; the iteration then raises QueryCancelled."""
        self._stop(QueryCancelled())

    def close(self) -> None:
        """Give the reader process back when it has answered wholly, else end it."""
        with self._lock:
            process, self._process = self._process, None
            reusable = self._whole and self._over is None
            self._over = self._over or QueryCancelled()
        if process is not None:
            self._connector.give_back(process) if reusable else process.end()
        self._connector.ended(self)

    def _stop(self, why: SwapError) -> None:
        with self._lock:
            if self._over is None:
                self._over = why
                if self._process is not None:
                    self._process.kill()

    def _batches(self, process: ReaderProcess) -> Iterator[pa.RecordBatch]:
        try:
            stream = process.ask(self._request)
            while True:
                try:
                    batch, metadata = stream.read_next_batch_with_custom_metadata()
                except StopIteration:
                    break
                self._note(metadata)
                if batch.num_rows:
                    self.stats.rows += batch.num_rows
                    self.stats.bytes += batch.nbytes
                    yield batch
        except (pa.ArrowException, OSError):
            raise self._gone(process) from None
        if not self._whole:
            raise self._gone(process)

    def _note(self, metadata: pa.KeyValueMetadata | None) -> None:
        progress = decode_progress(metadata)
        self.stats.files = progress.files
        self.stats.detail = {
            "files_to_read": progress.files_to_read,
            "row_groups": progress.row_groups,
            "read_bytes": progress.read_bytes,
        }
        self._whole = progress.whole
        if progress.error:
            name = self._connector.name
            raise SourceFailed(
                Problem(
                    f"{name} answered with an error.",
                    f"{progress.error[0].upper()}{progress.error[1:]}.",
                    "Show this to the source's owner; partitions without the file can still be asked.",
                    source=name,
                )
            )

    def _gone(self, process: ReaderProcess) -> SwapError:
        """Return why the answer ended before it was whole."""
        status = process.end()
        if self._over is not None:
            return self._over
        name = self._connector.name
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        return SourceFailed(
            Problem(
                f"{name} stopped answering.",
                f"The reader process is gone: it ended {how}.",
                "Run the query again; if it fails again, tell SWAP's administrator.",
                source=name,
            )
        )


def _described(request: Request) -> str:
    """Return the request in words, for the audit: no value of it is run as text anywhere."""
    if request.columns is None:
        return "harvest"
    wanted = ", ".join(request.columns.names) or "nothing"
    where = " and ".join(f"{each.column} {each.comparison} {each.value!r}" for each in request.predicates)
    limit = "" if request.limit is None else f" limit {request.limit}"
    return f"read {wanted} of {request.schema}/{request.table}" + (f" where {where}" if where else "") + limit
