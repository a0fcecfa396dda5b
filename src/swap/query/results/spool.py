"""The spool: one Arrow IPC file for each run, growing while readers follow it, kept for a while.

Writing is as fast as the source; how slowly somebody reads holds nothing up.  Files are private (0600),
within quotas, and gone after `limits.spool_hours`.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa

from swap.arrow_stream import END_OF_STREAM
from swap.connectors.base import Sent
from swap.errors import LimitExceeded, NotFound, Problem, SwapError
from swap.settings import Limits

_CHUNK = 4 << 20
_MOST_SCHEMA_BYTES = 4_000_000


@dataclass(slots=True)
class Written:
    """What of a result is in its file so far."""

    schema: pa.Schema
    offsets: list[int]
    """Where each batch begins; the last entry is where the next one will."""
    rows: list[int] = field(default_factory=lambda: [0])
    """Rows before each batch; the last entry is all of them."""
    complete: bool = False
    """Nothing more comes, and nothing is missing."""
    ended: bool = False
    """Nothing more comes."""

    @property
    def bytes(self) -> int:
        """Bytes of the rows, as an Arrow stream."""
        return self.offsets[-1] - self.offsets[0]

    @property
    def file_bytes(self) -> int:
        """What it takes in the spool, its columns' names too."""
        return self.offsets[-1]


class Parts(NamedTuple):
    """What is sent bit by bit, and its size if that is known before."""

    parts: Iterator[bytes]
    size: int | None = None


class ResultFile:
    """One run's result: written by one process, whose `sink` it is, and read by any number.

    Whoever writes tells where each batch ends; only what was told is ever read.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self._limits = limits
        self._changed = threading.Condition()
        self._written: Written | None = None
        self._ended = False
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    @property
    def sink(self) -> int:
        """The descriptor to write the result to, as one Arrow IPC stream from its beginning."""
        return self._file

    def grew(self, sent: Sent) -> None:
        """Take note of the schema, the first time, and then of one more batch.

        Raises LimitExceeded, naming the setting, for a result that has outgrown it.
        """
        written = self._written
        if written is None:
            head = os.pread(self._file, min(sent.at, _MOST_SCHEMA_BYTES), 0)
            written = Written(pa.ipc.read_schema(pa.py_buffer(head)), [sent.at])
        else:
            if sent.rows > self._limits.rows:
                raise _too_much(
                    f"The result has more than {self._limits.rows:,} rows.", "limits.rows", self._limits.rows
                )
            if sent.at - written.offsets[0] > self._limits.bytes:
                raise _too_much(
                    f"The result is larger than {self._limits.bytes / 1e9:,.2f} GB.", "limits.bytes", self._limits.bytes
                )
        with self._changed:
            if self._written is not None:
                written.offsets.append(sent.at)
                written.rows.append(sent.rows)
            self._written = written
            self._changed.notify_all()

    def end(self, *, complete: bool) -> None:
        """Say that nothing more comes.  Idempotent."""
        if self._ended:
            return
        if complete and self._written is not None:
            _keep_index(self.path, self._written)
        os.close(self._file)
        with self._changed:
            self._ended = True
            if self._written is not None:
                self._written.ended, self._written.complete = True, complete
            self._changed.notify_all()

    @property
    def written(self) -> Written | None:
        """What is there so far; None before the columns are known."""
        return self._written

    def wait_more(self, batches: int, seconds: float) -> Written | None:
        """Wait until there are more than `batches` batches or nothing more comes."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or (self._written is not None and len(self._written.rows) - 1 > batches), seconds
            )
            return self._written

    @property
    def ended(self) -> bool:
        """Tell whether nothing more comes."""
        return self._ended


class Spool:
    """All kept results and uploads of this gateway's directory."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        self.directory = directory
        self._limits = limits
        self._make()
        self._open: dict[str, ResultFile] = {}
        self._counting = threading.Lock()
        self._growing: dict[str, ResultFile] = {}
        self._kept_bytes = self._on_disk()
        """Of what does not grow: counted once and kept up to date, since a look at each file would grow with them."""

    def _make(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, query_id: str) -> ResultFile:
        """Return a new, empty result.  Raises LimitExceeded when the spool is full, SwapError when the disk is."""
        used = self.size_bytes()
        if used > self._limits.spool_bytes:
            raise LimitExceeded(
                Problem(
                    "SWAP's room for results is full.",
                    why=f"{used / 1e9:.1f} GB are kept; the setting is limits.spool_bytes.",
                    todo="Try again later: results are forgotten after a while.",
                    extra={"setting": "limits.spool_bytes", "value": self._limits.spool_bytes},
                )
            )
        try:
            # Whoever tidies up may have taken the directory away.
            self._make()
            result = ResultFile(self.path(query_id), self._limits)
        except OSError as error:
            raise not_kept(error) from None
        self._open[query_id] = result
        with self._counting:
            self._growing[query_id] = result
        return result

    def find(self, query_id: str) -> ResultFile | Path | None:
        """Return a result that is being written or was written completely."""
        path = self.path(query_id)
        if not path.exists():  # forgotten, or taken away by whoever tidies up
            return None
        return self._open.get(query_id) or (path if _index(path).exists() else None)

    def written(self, query_id: str) -> Written:
        """Return what is in a result.  Raises NotFound when it is gone or has no columns yet."""
        found = self.find(query_id)
        written = found.written if isinstance(found, ResultFile) else _read_index(found) if found else None
        if written is None:
            raise NotFound(
                Problem(
                    "This result is gone.",
                    why=(
                        f"Results are kept for {self._limits.spool_hours:g} hours; the oldest go earlier when yours"
                        f" take more than {self._limits.spool_bytes_per_person / 1e9:g} GB."
                    ),
                    todo="Run the query again.",
                )
            )
        return written

    def forget(self, query_id: str) -> None:
        """Delete a result.  Idempotent."""
        result = self._open.pop(query_id, None)
        if result is not None:
            result.end(complete=False)
        with self._counting:
            if self._growing.pop(query_id, None) is None:
                self._kept_bytes -= _size(self.path(query_id))
        for path in (self.path(query_id), _index(self.path(query_id))):
            path.unlink(missing_ok=True)

    def forget_unfinished(self) -> None:
        """Delete what nobody finished: at a gateway's start, what the one before it was writing."""
        for path in self.directory.glob("*.arrow"):
            if not _index(path).exists() and path.stem not in self._open:
                self.forget(path.stem)
        for path in self.directory.glob("*.new"):
            path.unlink(missing_ok=True)

    def settle(self, query_id: str) -> None:
        """Hold a result that has ended on the disk only.  Idempotent."""
        self._open.pop(query_id, None)

    def stream(self, query_id: str, first_batch: int) -> Parts:
        """Return a result as an Arrow IPC stream from a batch on, following it while it grows.

        Raises NotFound at once, not from the iteration.  A result that stays incomplete ends without the
        stream's end marker.
        """
        found = self.find(query_id)
        if isinstance(found, ResultFile) and not (found.written and found.written.complete):
            return Parts(self._follow(found, first_batch))
        written = self.written(query_id)
        start = written.offsets[min(first_batch, len(written.offsets) - 1)]
        size = written.offsets[0] + written.offsets[-1] - start + len(END_OF_STREAM)
        return Parts(self._whole(self.path(query_id).open("rb"), written, start), size)

    def small(self, query_id: str, at_most: int) -> bytes | None:
        """Return a complete result as an Arrow IPC stream if it is not larger; else None.  Raises NotFound."""
        written = self.written(query_id)
        if not written.complete or written.file_bytes > at_most:
            return None
        return b"".join(self.stream(query_id, 0).parts)

    @staticmethod
    def _whole(file: IO[bytes], written: Written, start: int) -> Iterator[bytes]:
        with file:
            head = b"".join(_bytes(file.fileno(), 0, written.offsets[0]))
            # Each part costs whoever sends it more than its bytes do: what is small is one of them.
            first = min(start + _CHUNK, written.offsets[-1])
            small = first == written.offsets[-1]
            yield head + b"".join(_bytes(file.fileno(), start, first)) + (END_OF_STREAM if small else b"")
            if not small:
                yield from _bytes(file.fileno(), first, written.offsets[-1])
                yield END_OF_STREAM

    @staticmethod
    def _follow(result: ResultFile, first_batch: int) -> Iterator[bytes]:
        with result.path.open("rb") as file:
            batch, began = first_batch, False
            while True:
                written = result.wait_more(batch, 5.0)
                ended = result.ended
                if written is not None:
                    if not began:
                        began = True
                        yield from _bytes(file.fileno(), 0, written.offsets[0])
                    count = len(written.rows) - 1
                    if batch < count:
                        yield from _bytes(file.fileno(), written.offsets[batch], written.offsets[count])
                        batch = count
                        continue
                if ended:
                    if written is not None and written.complete:
                        yield END_OF_STREAM
                    return
                yield b""  # lets the HTTP layer notice a reader that has gone

    def batches(self, query_id: str) -> Iterator[pa.RecordBatch]:
        """Yield what is there of a result, batch by batch."""
        written = self.written(query_id)
        for index in range(len(written.rows) - 1):
            yield batch_at(self.path(query_id), written, index)

    def size_bytes(self) -> int:
        """Return the bytes of everything kept."""
        with self._counting:
            for query_id in [each for each, result in self._growing.items() if result.ended]:
                del self._growing[query_id]
                self._kept_bytes += _size(self.path(query_id))
            return self._kept_bytes + sum(_size(self.path(query_id)) for query_id in self._growing)

    def expire(self, keep: set[str], now: datetime) -> list[str]:
        """Delete what is older than it may be, or belongs to no run, and count what is left; return the ids."""
        gone = []
        for path in self.directory.glob("*.arrow"):
            age = now.timestamp() - path.stat().st_mtime
            if path.stem not in keep and age > self._limits.spool_hours * 3600:
                self.forget(path.stem)
                gone.append(path.stem)
        with self._counting:
            self._kept_bytes = self._on_disk()
        return gone

    def _on_disk(self) -> int:
        """Return the bytes of what does not grow."""
        return sum(_size(path) for path in self.directory.glob("*.arrow") if path.stem not in self._growing)

    def path(self, query_id: str) -> Path:
        """Return where a result or an upload lies."""
        assert query_id.isalnum(), "ids are ours and never a path"
        return self.directory / f"{query_id}.arrow"


def batch_at(path: Path, written: Written, index: int) -> pa.RecordBatch:
    """Return one batch of a result."""
    start, size = written.offsets[index], written.offsets[index + 1] - written.offsets[index]
    if not written.ended:
        # A file that is still written could be cut short by its writer: reading a mapped part that is gone is fatal.
        with path.open("rb") as file:
            return _batch(pa.py_buffer(os.pread(file.fileno(), size, start)), written.schema)
    # Mapped, not read: a page of ten rows touches a few kilobytes of a result of gigabytes.
    with pa.memory_map(str(path)) as source:
        source.seek(start)
        return _batch(source.read_buffer(size), written.schema)


def _batch(data: pa.Buffer, schema: pa.Schema) -> pa.RecordBatch:
    return pa.ipc.read_record_batch(pa.ipc.read_message(data), schema)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _keep_index(path: Path, written: Written) -> None:
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump({"offsets": written.offsets, "rows": written.rows}, file)
        draft.replace(_index(path))
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _read_index(path: Path) -> Written | None:
    try:
        kept = json.loads(_index(path).read_text(encoding="ascii"))
        with path.open("rb") as file:
            schema = pa.ipc.read_schema(pa.py_buffer(file.read(kept["offsets"][0])))
    except FileNotFoundError:
        return None
    return Written(schema, kept["offsets"], kept["rows"], complete=True, ended=True)


def _index(path: Path) -> Path:
    return path.with_suffix(".json")


def _bytes(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        part = os.pread(descriptor, min(_CHUNK, end - start), start)
        if not part:
            return
        start += len(part)
        yield part


def not_kept(error: Exception) -> SwapError:
    """Return what a person is told when something of theirs could not be put on the disk."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return full_disk()
    return SwapError(
        Problem("The result could not be kept.", why=f"{type(error).__name__}.", todo="Run the query again.")
    )


def full_disk() -> SwapError:
    """Return what a person is told when the disk is full."""
    return SwapError(
        Problem("The disk that keeps results is full.", todo="Tell whoever runs SWAP; nothing of yours is lost.")
    )


def _too_much(title: str, setting: str, value: int) -> LimitExceeded:
    return LimitExceeded(
        Problem(
            title,
            why=f"The setting is {setting}.",
            todo="Filter, group, or add a LIMIT.",
            extra={"setting": setting, "value": value},
        )
    )
