"""Reader processes: what holds a store's rows, and its credentials, runs apart from the gateway.

A request goes to a child with the descriptor it is to write the rows to, and the child tells how far it is until
it ends.  One that has answered wholly is kept for the next request, so that none waits for Python and Arrow to
start; killing one is how a read is cancelled.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from swap.channel import receive, send
from swap.connectors.base import Deadline
from swap.errors import QueryCancelled, QueryTimedOut, SwapError
from swap.forking import ForkServer, shared

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


class NoProcessError(Exception):
    """A reader process could not be started; the message says why."""


class ReaderProcess:
    """One forked process: it answers requests one at a time, and dies when its socket does.

    With `grace_seconds` it may end by itself first, when what it began at its store ends no sooner by its death.
    """

    def __init__(self, server: ForkServer, grace_seconds: float = 0.0) -> None:
        self.answers = 0
        self._grace_seconds = grace_seconds
        self._server = server
        try:
            self._forked = server.fork()
        except OSError as error:
            raise NoProcessError(error.strerror or str(error)) from None
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
    """The reader processes of one source."""

    def __init__(self, program: Sequence[str], grace_seconds: float = 0.0) -> None:
        self._server = shared(program)
        self._grace_seconds = grace_seconds
        self._spares: list[ReaderProcess] = []
        self._lock = threading.Lock()
        self._closed = False

    def prepare(self) -> None:
        """See to it that one waits for a request.  Raises NoProcessError."""
        with self._lock:
            if not self._spares and not self._closed:
                self._spares.append(self._start())

    def take(self) -> ReaderProcess:
        """Return one that waits for a request.  Raises NoProcessError."""
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
        """End those that are not at work."""
        with self._lock:
            self._closed = True
            spares, self._spares = self._spares, []
        for spare in spares:
            spare.end()

    def _start(self) -> ReaderProcess:
        return ReaderProcess(self._server, self._grace_seconds)


class Asked:
    """One request to a reader process, followed on one thread and ended from any."""

    def __init__(self, readers: Readers, deadline: Deadline) -> None:
        self._readers = readers
        self._deadline = deadline
        self._lock = threading.Lock()
        self._process: ReaderProcess | None = None
        self._whole = False
        self.over: SwapError | None = None
        """Why it was ended from outside."""
        self.status = 0
        """Of the process, if it had to be ended."""

    @property
    def pid(self) -> int | None:
        """The process that answers, while it does."""
        process = self._process
        return None if process is None else process.pid

    def follow(self, request: Mapping[str, Any], sinks: Sequence[int] = ()) -> Iterator[dict[str, Any]]:
        """Send the request and yield what is told.

        Raises EOFError when the process is gone, QueryCancelled or QueryTimedOut when that is why, and NoProcessError
        when none could be started.
        """
        timer = threading.Timer(max(0.0, self._deadline.at - time.monotonic()), self.stop, [QueryTimedOut()])
        timer.daemon = True
        timer.start()
        try:
            with self._lock:
                if self.over is not None:
                    raise self.over
                self._process = process = self._readers.take()
            try:
                for told in process.ask(request, sinks):
                    self._whole = bool(told.keys() & LAST)
                    yield told
            except (OSError, EOFError):
                ended = self._let_go()
                self.status = ended.end() if ended else 0
                raise self.over or EOFError from None
        finally:
            timer.cancel()
            self.close()

    def stop(self, why: SwapError) -> None:
        """Kill the process, unless it has ended; the iteration then raises why."""
        with self._lock:
            if self.over is None:
                self.over = why
                if self._process is not None:
                    self._process.kill()

    def close(self) -> None:
        """Give the process back when it has answered wholly, else end it."""
        process = self._let_go()
        with self._lock:
            reusable = self._whole and self.over is None
            self.over = self.over or QueryCancelled()
        if process is not None:
            self._readers.give_back(process) if reusable else process.end()

    def _let_go(self) -> ReaderProcess | None:
        """Return the process, once: whoever gets it ends it or gives it back, and nobody else may touch it."""
        with self._lock:
            process, self._process = self._process, None
        return process


# ── The child's side ────────────────────────────────────────────────────────────────────────────
Tell = Callable[[Mapping[str, Any]], None]


def serve(answer: Callable[[dict[str, Any], int | None, Tell], int], control: socket.socket) -> None:
    """Answer requests, one after the other, until there are no more.

    `answer` writes rows to the descriptor, if it is given one, and returns how many; it tells what goes wrong at
    the source by raising ToldError.
    """

    def tell(message: Mapping[str, Any]) -> None:
        send(control, message)

    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            request, sinks = receive(control)
            try:
                last = _answered(answer, request, sinks, tell)
            finally:
                for sink in sinks:
                    os.close(sink)
            tell(last)


def _answered(
    answer: Callable[[dict[str, Any], int | None, Tell], int], request: dict[str, Any], sinks: list[int], tell: Tell
) -> dict[str, Any]:
    try:
        return {END: answer(request, sinks[0] if sinks else None, tell)}
    except BrokenPipeError:
        return {END: None}
    except ToldError as error:
        return {ERROR: error.told}
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            return {NO_ROOM: error.errno}
        raise


class ToldError(Exception):
    """What a source's reader could not do, as people may read it."""

    def __init__(self, told: Any) -> None:
        super().__init__(told)
        self.told = told
