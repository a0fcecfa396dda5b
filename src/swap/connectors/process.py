"""Reader processes: what holds a store's rows, and its credentials, runs apart from the gateway.

A request goes to a child with the descriptor it is to write the rows to, and the child tells how far it is until
it ends.  One that has answered wholly is kept for the next request; killing one is how a read is cancelled.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from swap.channel import receive, send
from swap.connectors.base import Deadline
from swap.errors import Problem, QueryCancelled, QueryTimedOut, SourceFailed, SourceUnavailable, SwapError, to_json
from swap.forking import ForkServer, server_of

MODULES = (
    "swap.connectors.files.reader",
    "swap.connectors.hive.reader",
    "swap.connectors.mysql.reader",
    "swap.connectors.postgres.reader",
)
"""What reader processes run, by the source's kind."""
PROGRAM = server_of(*MODULES, needs=("numpy",))
"""What they are forked from, all from one: it holds Arrow and NumPy once, and nothing of any source."""

KEPT = 4
"""Reader processes of one source that are kept for the next reads."""
ANSWERS = 200
"""Answers after which a reader process is replaced, so that what Arrow leaks stays small."""
END = "end"
"""The key of a request's last message: how many rows were written, None when nobody reads them any more."""
ERROR = "error"
"""The key of its last message instead: what went wrong at the source."""
NO_ROOM = "no_room"
"""The key of its last message instead: the number of the system's error that writing the rows met."""
LAST = frozenset({END, ERROR, NO_ROOM})


class ReaderProcess:
    """One forked process: it answers requests one at a time, and dies when its socket does.

    Making one raises OSError when there can be none.  With `grace_seconds` it may end by itself first, when what it
    began at its store ends no sooner by its death.
    """

    def __init__(self, server: ForkServer, place: int, grace_seconds: float = 0.0) -> None:
        self.answers = 0
        self._grace_seconds = grace_seconds
        self._server = server
        self._forked = server.fork(place)
        self._control = self._forked.control

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._forked.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return not self._forked.wait(0)

    def ask(self, request: Mapping[str, Any], sinks: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Send a request and yield what is told, to the last message.  Raises OSError, EOFError when it is gone."""
        self.answers += 1
        send(self._control, request, sinks)
        while True:
            told, _ = receive(self._control)
            yield told
            if told.keys() & LAST:
                return

    def kill(self) -> None:
        """End it; what waits for its answer fails at once.  Idempotent, from any thread, until `end`."""
        if not self._grace_seconds:
            self._forked.kill()
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    def end(self) -> int:
        """End it, collect it and return its status; call it once."""
        self.kill()
        self._forked.wait(self._grace_seconds)
        self._forked.kill()
        self._forked.wait()
        status = self._server.reap(self._forked)
        self._forked.close()
        return -signal.SIGKILL if status is None else status


class Readers:
    """The reader processes of one source, which run the module at that place of the fork server's."""

    def __init__(self, source: str, server: ForkServer, place: int, grace_seconds: float = 0.0) -> None:
        self.source = source
        self._server = server
        self._place = place
        self._grace_seconds = grace_seconds
        self._spares: list[ReaderProcess] = []
        self._asked: set[Asked] = set()
        self._lock = threading.Lock()
        self._closed = False

    def prepare(self) -> None:
        """See to it that one waits for a request.  Raises SourceUnavailable."""
        with self._lock:
            if not self._spares and not self._closed:
                self._spares.append(self._start())

    def ask(self, deadline: Deadline, failed: Callable[[Any], SwapError]) -> Asked:
        """Return a request to be made; `failed` makes an error of what the child tells of one."""
        asked = Asked(self, deadline, failed)
        with self._lock:
            self._asked.add(asked)
        return asked

    def forget(self, asked: Asked) -> None:
        """Forget a request that is over."""
        with self._lock:
            self._asked.discard(asked)

    def take(self) -> ReaderProcess:
        """Return one that waits for a request.  Raises SourceUnavailable."""
        while True:
            with self._lock:
                taken = self._spares.pop() if self._spares else self._start()
            if taken.alive:
                return taken
            taken.end()

    def give_back(self, process: ReaderProcess) -> None:
        """Keep one that has answered wholly for the next read, or end it."""
        with self._lock:
            if not self._closed and len(self._spares) < KEPT and process.answers < ANSWERS:
                self._spares.append(process)
                return
        process.end()

    def close(self) -> None:
        """End all: requests under way are cancelled."""
        with self._lock:
            self._closed = True
            spares, self._spares = self._spares, []
            asked = tuple(self._asked)
        for spare in spares:
            spare.end()
        for each in asked:
            each.stop(QueryCancelled())

    def _start(self) -> ReaderProcess:
        try:
            return ReaderProcess(self._server, self._place, self._grace_seconds)
        except OSError as error:
            why = f"Its reader process could not be started: {error.strerror or error}."
            raise unavailable(self.source, why) from None


class Asked:
    """One request to a reader process, followed on one thread and ended from any."""

    def __init__(self, readers: Readers, deadline: Deadline, failed: Callable[[Any], SwapError]) -> None:
        self._readers = readers
        self._deadline = deadline
        self._failed = failed
        self._lock = threading.Lock()
        self._process: ReaderProcess | None = None
        self._whole = False
        self._over: SwapError | None = None
        """Why it was ended from outside."""

    @property
    def pid(self) -> int | None:
        """The process that answers, while it does."""
        process = self._process
        return None if process is None else process.pid

    def follow(self, request: Mapping[str, Any], *sinks: int) -> Iterator[dict[str, Any]]:
        """Send the request and yield what is told, to its end.

        Raises SourceUnavailable when there is no process, SourceFailed when it is gone, what `failed` made of its
        error, QueryCancelled, QueryTimedOut, and OSError when a sink has no room.
        """
        timer = threading.Timer(max(0.0, self._deadline.at - time.monotonic()), self.stop, [QueryTimedOut()])
        timer.daemon = True
        timer.start()
        try:
            process = self._readers.take()  # which may take long: nobody who stops this waits for it
            with self._lock:
                if self._over is None:
                    self._process = process
            if self._over is not None:
                self._readers.give_back(process)
                raise self._over
            for told in self._heard(process, request, sinks):
                self._whole = bool(told.keys() & LAST)
                if ERROR in told:
                    raise self._failed(told[ERROR])
                if NO_ROOM in told:
                    raise OSError(told[NO_ROOM], os.strerror(told[NO_ROOM]))
                yield told
        finally:
            timer.cancel()
            self.close()

    def _heard(
        self, process: ReaderProcess, request: Mapping[str, Any], sinks: Sequence[int]
    ) -> Iterator[dict[str, Any]]:
        try:
            yield from process.ask(request, sinks)
        except (OSError, EOFError):
            ended = self._let_go()
            status = ended.end() if ended else 0
            raise self._over or _gone(self._readers.source, status) from None

    def stop(self, why: SwapError) -> None:
        """Kill the process, unless it has ended; the iteration then raises why."""
        with self._lock:
            if self._over is None:
                self._over = why
                if self._process is not None:
                    self._process.kill()

    def close(self) -> None:
        """Give the process back when it has answered wholly, else end it."""
        process = self._let_go()
        with self._lock:
            reusable = self._whole and self._over is None
            self._over = self._over or QueryCancelled()
        if process is not None:
            self._readers.give_back(process) if reusable else process.end()
        self._readers.forget(self)

    def _let_go(self) -> ReaderProcess | None:
        """Return the process, once: whoever gets it ends it or gives it back, and nobody else may touch it."""
        with self._lock:
            process, self._process = self._process, None
        return process


def unavailable(source: str, why: str) -> SourceUnavailable:
    """Return the error for a source that cannot be asked."""
    todo = f"Other sources keep working. SWAP's administrator finds the setting in [sources.{source}]."
    return SourceUnavailable(Problem(f"{source} does not answer.", why, todo, source=source))


def _gone(source: str, status: int) -> SourceFailed:
    """Return why an answer ended before it was whole."""
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    return SourceFailed(
        Problem(
            f"{source} stopped answering.",
            f"The reader process is gone: it ended {how}.",
            "Run the query again; if it fails again, tell SWAP's administrator.",
            source=source,
        )
    )


# ── The child's side ────────────────────────────────────────────────────────────────────────────
Tell = Callable[[Mapping[str, Any]], None]


MEMORY_BYTES = 4 * 2**30
"""Memory that a reader process may have: a value made to burst ends it, not the machine."""


def serve(
    answer: Callable[[dict[str, Any], Sequence[int], Tell], int], control: socket.socket, *, threads: int = 1
) -> None:
    """Answer requests, one after the other, until there are no more, with so many threads of Arrow's.

    `answer` writes rows to the first descriptor, if it is given one, and returns how many; it tells what goes wrong at
    the source by raising SwapError or ToldError.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # What crashes leaves nothing of it on a disk: it holds rows, and the password of a store.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pa.set_cpu_count(threads)

    def tell(message: Mapping[str, Any]) -> None:
        send(control, message)

    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            request, descriptors = receive(control)
            try:
                last = _answered(answer, request, descriptors, tell)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            tell(last)


def _answered(
    answer: Callable[[dict[str, Any], Sequence[int], Tell], int],
    request: dict[str, Any],
    descriptors: Sequence[int],
    tell: Tell,
) -> dict[str, Any]:
    try:
        return {END: answer(request, descriptors, tell)}
    except BrokenPipeError:
        return {END: None}
    except ToldError as error:
        return {ERROR: error.told}
    except SwapError as error:
        return {ERROR: to_json(error)}
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            return {NO_ROOM: error.errno}
        raise


class ToldError(Exception):
    """What a source's reader could not do, as people may read it."""

    def __init__(self, told: Any) -> None:
        super().__init__(told)
        self.told = told
