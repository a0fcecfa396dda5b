"""A person's own tables, for an hour: read once by a locked-down combiner, then kept like a result.

What a kernel sends is not trusted to be Arrow: only the child with its memory limit reads it.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable
from datetime import datetime
from typing import IO, Any

import pyarrow as pa

from swap.errors import Invalid, LimitExceeded, NotFound, Problem, SwapError
from swap.identity import Principal
from swap.query.execution.combiner import Combiner, Order
from swap.query.execution.pool import Pool
from swap.query.model import OwnTable
from swap.query.results.spool import ResultFile, Spool, Written, not_kept
from swap.settings import Limits

KEPT_SECONDS = 3600
WAIT_SECONDS = 60.0
"""How long an upload waits for memory."""


class Uploads:
    """The uploads of one gateway's spool."""

    def __init__(
        self, spool: Spool, pool: Pool, limits: Limits, now: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._spool = spool
        self._pool = pool
        self._limits = limits
        self._now = now
        self._new_id = new_id
        self._owners = threading.Lock()
        """Held while it is looked whose uploads there are: what is seen must not be gone a moment later."""

    def add(self, principal: Principal, body: IO[bytes], gone: threading.Event, kernel_id: str = "") -> dict[str, Any]:
        """Keep an Arrow IPC stream, and which kernel it came from.

        Raises Invalid, LimitExceeded, SwapError when the disk is full, and QueryCancelled when whoever sent it has
        `gone` while it waited for memory (say `wake` then).
        """
        upload_id = "u" + self._new_id()
        result = self._spool.create(upload_id)
        try:
            written = self._read(self._combiner(principal, gone), body, result)
            result.end(complete=True)
            with self._owners:
                self._make_room(principal, written.file_bytes)
                self._keep_owner(upload_id, principal, kernel_id)
        except BaseException as error:
            self._forget(upload_id)
            if isinstance(error, OSError):
                raise not_kept(error) from None
            raise
        return {"id": upload_id, "rows": written.rows[-1], "bytes": written.bytes}

    def wake(self, over: threading.Event) -> None:
        """Say that something is over, and let whoever waits for memory look."""
        over.set()
        self._pool.memory.wake()

    def _combiner(self, principal: Principal, gone: threading.Event) -> Combiner:
        """Return a combiner, once there is memory for it.  Raises QueryCancelled, LimitExceeded after a while."""
        late = threading.Event()
        alarm = threading.Timer(WAIT_SECONDS, self.wake, [late])
        alarm.daemon = True
        alarm.start()

        def given_up() -> bool:
            if late.is_set():
                raise _no_memory()
            return gone.is_set()

        try:
            return self._pool.take(principal.id, given_up)
        finally:
            alarm.cancel()

    def _read(self, combiner: Combiner, body: IO[bytes], result: ResultFile) -> Written:
        """Let a combiner read the stream, and keep what it makes of it.  Raises Invalid, LimitExceeded, OSError."""
        alarm = threading.Timer(self._limits.seconds, combiner.kill)
        alarm.daemon = True
        alarm.start()
        try:
            combiner.start(
                Order("SELECT * FROM swap_upload", ["swap_upload"], [body.fileno()], result.sink, streamed=True)
            )
            for sent in combiner.written():
                result.grew(sent)
                if sent.at > self._limits.upload_bytes:
                    raise too_large(self._limits)
            written = _whole(result.written, combiner.rows)
        except LimitExceeded:
            raise
        except (SwapError, pa.ArrowInvalid) as error:
            raise Invalid(
                Problem(
                    "Your table could not be read.", why=str(error), todo="Send an Arrow table with plain column types."
                )
            ) from error
        finally:
            alarm.cancel()
            combiner.close()
        return written

    def table(self, principal: Principal, name: str, upload_id: str) -> OwnTable:
        """Return one of the person's own uploads, under the name a statement gives it.  Raises NotFound."""
        owner = self._owner(upload_id) if upload_id.isalnum() and upload_id.startswith("u") else None
        if owner is None or owner["person_id"] != principal.id:
            raise _gone(f"Your table {name} is gone.")
        return OwnTable(name, upload_id, self._spool.written(upload_id).schema, owner["kernel_id"])

    def open(self, upload_id: str) -> int:
        """Return a descriptor from which an upload can be read as an Arrow IPC stream.  Raises NotFound."""
        try:
            return os.open(self._spool.path(upload_id), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _gone("One of your tables is gone.") from None

    def expire(self, now: datetime) -> None:
        """Forget what is older than an hour."""
        with self._owners:
            self._expire(now)

    def _expire(self, now: datetime) -> None:
        for path in self._spool.directory.glob("u*.owner"):
            if now.timestamp() - path.stat().st_mtime > KEPT_SECONDS:
                self._forget(path.stem)

    def _make_room(self, principal: Principal, size: int) -> None:
        """Forget the person's oldest uploads until one more of this size fits into their room."""
        paths = sorted(self._spool.directory.glob("u*.owner"), key=lambda path: path.stat().st_mtime, reverse=True)
        for upload_id in [path.stem for path in paths if self._is_of(path.stem, principal)]:
            size += self._size(upload_id)
            if size > self._limits.spool_bytes_per_person:
                self._forget(upload_id)

    def _forget(self, upload_id: str) -> None:
        self._spool.forget(upload_id)
        (self._spool.directory / f"{upload_id}.owner").unlink(missing_ok=True)

    def _keep_owner(self, upload_id: str, principal: Principal, kernel_id: str) -> None:
        path = self._spool.directory / f"{upload_id}.owner"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump({"person_id": principal.id, "kernel_id": kernel_id}, file)

    def _size(self, upload_id: str) -> int:
        try:
            return self._spool.path(upload_id).stat().st_size
        except FileNotFoundError:  # a site may keep results, and with them uploads, for less than an hour
            return 0

    def _is_of(self, upload_id: str, principal: Principal) -> bool:
        owner = self._owner(upload_id)
        return owner is not None and owner["person_id"] == principal.id

    def _owner(self, upload_id: str) -> dict[str, str] | None:
        try:
            kept: dict[str, str] = json.loads(
                (self._spool.directory / f"{upload_id}.owner").read_text(encoding="ascii")
            )
        except FileNotFoundError:
            return None
        # One of before kernels were kept is of none that is known.
        return {"kernel_id": ""} | kept


def _whole(written: Written | None, rows: int) -> Written:
    if written is None or written.rows[-1] != rows:
        raise SwapError(Problem("Not all of its rows arrived."))
    return written


def _gone(title: str) -> NotFound:
    return NotFound(
        Problem(
            title,
            why="Tables you bring along are kept for an hour, the newest ones first. Nothing was run.",
            todo="Run the cell again; it sends the table anew.",
        )
    )


def _no_memory() -> LimitExceeded:
    return LimitExceeded(
        Problem(
            f"For {WAIT_SECONDS:g} seconds there was no memory for reading your table.",
            why="Queries use all that there is, or yours the half that one person may have. Nothing was run."
            " The setting is limits.combiners_bytes.",
            todo="Wait until your other queries have ended, or cancel them; then run the cell again.",
            extra={"setting": "limits.combiners_bytes"},
        )
    )


def too_large(limits: Limits) -> LimitExceeded:
    """Return the error for an upload over the limit."""
    return LimitExceeded(
        Problem(
            f"Your table is larger than {limits.upload_bytes / 1e6:,.0f} MB.",
            why="Nothing was run. The setting is limits.upload_bytes.",
            todo="Send only the columns and rows that the query needs.",
            extra={"setting": "limits.upload_bytes", "value": limits.upload_bytes},
        )
    )


def spooled(directory: str | None = None) -> IO[bytes]:
    """Return a private temporary file that is gone when it is closed."""
    return tempfile.TemporaryFile(dir=directory)
