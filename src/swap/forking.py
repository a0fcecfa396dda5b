"""The gateway's side of the fork server: processes that were forked there, killed and collected from here."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from swap import bare
from swap.fork_server import ANSWER, FORK, REAP, REQUEST
from swap.walls.cell import Cell

_ANSWER_SECONDS = 10.0
"""A fork server that is silent for longer is replaced."""
_STANDARD_ERROR = 2
_PIECE_BYTES = 65_536


def server_of(*modules: str, needs: Collection[str] = ()) -> Sequence[str]:
    """Return the program that processes are forked from which do what a module's `prepare` returns."""
    return bare.command("swap.fork_server", ",".join(modules), needs=needs)


_shared: dict[tuple[Sequence[str], frozenset[tuple[str, str]], Cell | None], ForkServer] = {}


def shared(program: Sequence[str], environment: Mapping[str, str] = {}, cell: Cell | None = None) -> ForkServer:
    """Return this process's fork server for a program: whoever forks from it finds nothing of others there.

    It ends when this process does.
    """
    key = tuple(program), frozenset(environment.items()), cell
    return _shared.setdefault(key, ForkServer(tuple(program), environment, cell))


class ForkServer:
    """One fork server, started when it is first needed and again when it has died; in a cell, if it is given one."""

    def __init__(self, program: Sequence[str], environment: Mapping[str, str] = {}, cell: Cell | None = None) -> None:
        self._program = program
        self._cell = cell
        self._environment = {**bare.ENVIRONMENT, **environment, **({} if cell is None else cell.environment)}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        process = self._process
        return None if process is None else process.pid

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
            if self._channel is None or forked.server is not self._process:
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

    def _fork(self, place: int) -> Forked:
        channel = self._channel or self._start()
        channel.sendall(REQUEST.pack(FORK, place))
        answer, descriptors, flags, _ = socket.recv_fds(channel, ANSWER.size, 1)
        if len(answer) < ANSWER.size or self._process is None:
            raise ConnectionError("the fork server is gone")
        if flags & socket.MSG_CTRUNC or not descriptors:
            raise OSError(errno.EMFILE, "no descriptor is left for a new process")
        pid, control = int(ANSWER.unpack(answer)[0]), socket.socket(fileno=descriptors[0])
        try:
            # The number is the child's until the fork server collects it, which it does when we say so.
            return Forked(pid, os.pidfd_open(pid), control, self._process)
        except OSError:
            control.close()  # which ends it
            raise

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._words() as words:
                self._process = subprocess.Popen(  # noqa: S603 — our own program with our own arguments
                    [*self._program, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    pass_fds=[theirs.fileno()],
                    cwd="/",
                    env=self._environment,
                    process_group=0,
                )
        except OSError:
            ours.close()
            raise
        ours.settimeout(_ANSWER_SECONDS)
        self._channel = ours
        return ours

    @contextlib.contextmanager
    def _words(self) -> Iterator[int | None]:
        """Yield what its standard error is: ours, or in a cell a socket, through which nobody can open our log."""
        if self._cell is None:
            yield None
            return
        heard, said = socket.socketpair()
        threading.Thread(target=_pass_on, args=(heard,), name="words", daemon=True).start()
        with said:
            yield said.fileno()

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._channel = self._process = None


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
    server: subprocess.Popen[bytes]
    """The fork server it comes from."""

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end; tell whether it came in time."""
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def kill(self) -> None:
        """End it at once.  Idempotent, from any thread."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def close(self) -> None:
        """Let go of it."""
        self.control.close()
        os.close(self.handle)
