"""The gateway's side of the fork server: processes that were forked there, killed and collected from here.

Where the gateway has no power, its warden starts the fork servers that are in cells, and ends what was forked there.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from swap import bare
from swap.fork_server import ANSWER, FORK, REAP, REQUEST
from swap.walls import cell as cells
from swap.walls.cell import CLOSED, Cell
from swap.walls.errands import Errands, Started

_STANDARD_ERROR = 2
_PIECE_BYTES = 65_536


def server_of(*modules: str, needs: Collection[str] = ()) -> Sequence[str]:
    """Return the program that processes are forked from which do what a module's `prepare` returns."""
    return bare.command("swap.fork_server", ",".join(modules), needs=needs)


_shared: dict[tuple[Sequence[str], frozenset[tuple[str, str]], Cell | None], ForkServer] = {}
_warded: dict[tuple[Errands, str], ForkServer] = {}


def shared(program: Sequence[str], environment: Mapping[str, str] = {}, cell: Cell | None = None) -> ForkServer:
    """Return this process's fork server for a program: whoever forks from it finds nothing of others there.

    It ends when this process does.
    """
    key = tuple(program), frozenset(environment.items()), cell
    return _shared.setdefault(key, ForkServer(tuple(program), environment, cell))


@atexit.register
def _end_shared() -> None:
    """End those of this process before Python clears them away: it would find them running, their sockets open."""
    for server in _shared.values():
        server.close()


def warded(errands: Errands, name: str) -> ForkServer:
    """Return this process's fork server for a cell that its warden starts."""
    return _warded.setdefault((errands, name), WardedServer(errands, name))


class ForkServer:
    """One fork server, started when it is first needed and again when it has died; in a cell, if it is given one."""

    answer_seconds: ClassVar[float] = 10.0
    """One that is silent for longer is replaced."""

    def __init__(self, program: Sequence[str], environment: Mapping[str, str] = {}, cell: Cell | None = None) -> None:
        self._program = program
        self._cell = cell
        closed = {CLOSED: os.environ[CLOSED]} if CLOSED in os.environ else {}
        self._environment = {**bare.ENVIRONMENT, **environment, **closed}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._pid

    def fork(self, place: int = 0) -> Forked:
        """Return a new process, of the module at that place.  Raises OSError when there can be none."""
        with self._lock:
            try:
                return self._fork(place)
            except (ConnectionError, TimeoutError):  # it has died: once more, with another
                self._end()
                return self._fork(place)

    def reap(self, forked: Forked) -> int | None:
        """Collect a process that has ended and return its status; None when nobody knows it any more."""
        with self._lock:
            if self._channel is None or forked.channel is not self._channel:
                return None
            try:
                self._channel.sendall(REQUEST.pack(REAP, forked.pid))
                return int(ANSWER.unpack(self._channel.recv(ANSWER.size))[0])
            except (OSError, struct.error):  # it has died, perhaps before it answered
                self._end()
                return None

    def close(self) -> None:
        """End it; what was forked from it goes on."""
        with self._lock:
            self._end()

    def kill(self, process: int) -> None:
        """End a forked process at once, by the handle on it."""
        signal.pidfd_send_signal(process, signal.SIGKILL)

    def _fork(self, place: int) -> Forked:
        channel = self._channel or self._start()
        channel.sendall(REQUEST.pack(FORK, place))
        answer, descriptors, flags, _ = socket.recv_fds(channel, ANSWER.size, 2)
        if len(answer) < ANSWER.size:
            raise ConnectionError("the fork server is gone")
        if flags & socket.MSG_CTRUNC or len(descriptors) < 2:
            for each in descriptors:  # which ends it
                os.close(each)
            raise OSError(errno.EMFILE, "no descriptor is left for a new process")
        control, handle = descriptors
        return Forked(int(ANSWER.unpack(answer)[0]), handle, socket.socket(fileno=control), self, channel)

    def _start(self) -> socket.socket:
        self._pid, channel, words = self._begin()
        channel.settimeout(self.answer_seconds)
        if words is not None:
            threading.Thread(target=_pass_on, args=(words,), name="words", daemon=True).start()
        self._channel = channel
        return channel

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._stop()
        self._channel = self._pid = None

    def _begin(self) -> tuple[int, socket.socket, socket.socket | None]:
        self._process, channel, words = cells.begin(self._program, self._environment, self._cell)
        return self._process.pid, channel, words

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class WardedServer(ForkServer):
    """One that the warden starts and ends."""

    def __init__(self, errands: Errands, name: str) -> None:
        super().__init__(())
        self._errands = errands
        self._name = name

    def kill(self, process: int) -> None:
        """End a forked process at once, by the handle on it."""
        self._errands.kill(process)

    def _begin(self) -> Started:
        return self._errands.start(self._name)

    def _stop(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._errands.end(self._name)


def _pass_on(heard: socket.socket) -> None:
    """Say what processes in a cell say, until the last of them has ended."""
    with heard:
        while piece := heard.recv(_PIECE_BYTES):
            with contextlib.suppress(OSError):  # a full disk
                os.write(_STANDARD_ERROR, piece)


@dataclass(frozen=True, slots=True)
class Forked:
    """One process: its id, a handle on it that can mean no other, and the socket to it."""

    pid: int
    handle: int
    control: socket.socket
    server: ForkServer
    channel: socket.socket
    """To the very fork server that it comes from, and that alone can collect it."""

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end; tell whether it came in time."""
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def kill(self) -> None:
        """End it at once.  Idempotent, from any thread."""
        if not self.wait(0):
            with contextlib.suppress(ProcessLookupError, ConnectionError):  # with the warden, all ends
                self.server.kill(self.handle)

    def close(self) -> None:
        """Let go of it."""
        self.control.close()
        os.close(self.handle)
