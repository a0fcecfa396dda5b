"""The cells of a warden: fork servers behind walls, planned before its program started, and what they forked."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from swap.walls import cell, errands
from swap.walls.cell import Begun, Cell
from swap.walls.warden import whose

Done = tuple[int, tuple[int, ...]]
"""What came of an errand: a process id, or 0, and descriptors to hand over."""

ERRANDS: Final = frozenset({errands.START, errands.END, errands.KILL})


class Program(NamedTuple):
    """A fork server, and the cell that it and all that is forked from it are in."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    cell: Cell


def planned(made: Mapping[str, Any]) -> dict[str, Program]:
    """Return the cells of a plan that came as JSON."""
    return {name: Program(argv, environment, Cell(**about)) for name, (argv, environment, about) in made.items()}


class RefusedError(PermissionError):
    """What was asked for is no errand of a warden's."""

    def __init__(self) -> None:
        super().__init__(errno.EPERM, "refused")


class Cells:
    """The cells by their names.  One errand at a time."""

    def __init__(self, programs: Mapping[str, Program]) -> None:
        self._programs = programs
        self._begun: dict[str, Begun] = {}

    @property
    def users(self) -> set[int]:
        """Who is in them."""
        return {each.cell.uid for each in self._programs.values()}

    def do(self, word: str, name: str, given: Sequence[int]) -> Done:
        """Do one of the ERRANDS.  Raises OSError."""
        if word == errands.START and name in self._programs:
            return self._begin(name)
        if word == errands.END and name in self._programs:
            self._end(name)
        elif word == errands.KILL and given:
            self._kill(given[0])
        else:
            raise RefusedError
        return 0, ()

    def poll(self) -> None:
        """Collect those that have ended."""
        for begun in self._begun.values():
            begun.process.poll()

    def end(self) -> None:
        """End all of them."""
        for name in tuple(self._begun):
            self._end(name)

    def _begin(self, name: str) -> Done:
        self._end(name)
        begun = self._begun[name] = cell.begin(*self._programs[name])
        assert begun.words is not None
        return begun.process.pid, (begun.channel.detach(), begun.words.detach())

    def _end(self, name: str) -> None:
        if (begun := self._begun.pop(name, None)) is not None:
            begun.process.kill()
            begun.process.wait()

    def _kill(self, handle: int) -> None:
        """End a process of a cell: forked from its fork server, or left by one of before."""
        pid = _meant(handle)
        parent, uid = whose(pid)
        parents = {os.getpid(), *(begun.process.pid for begun in self._begun.values())}
        if parent not in parents or uid not in self.users:
            raise RefusedError
        if _meant(handle) == pid:  # so what was looked at was this process
            signal.pidfd_send_signal(handle, signal.SIGKILL)


def answer(to: int, given: Sequence[int], do: Callable[[], Done]) -> None:
    """Do an errand, say on that socket what came of it, and close it with all that came and that is handed over."""
    number, pid = 0, 0
    handed: tuple[int, ...] = ()
    try:
        pid, handed = do()
    except OSError as error:
        number = error.errno or errno.EIO
    try:
        # Whoever does not listen is not waited for.
        with suppress(OSError), socket.socket(fileno=os.dup(to)) as told:
            socket.send_fds(told, [errands.ANSWER.pack(number, pid)], handed, socket.MSG_DONTWAIT)
    finally:
        for each in (to, *given, *handed):
            os.close(each)


def _meant(handle: int) -> int:
    """Return the id of the process that a descriptor is a handle on.  Raises RefusedError, ProcessLookupError."""
    for line in Path(f"/proc/self/fdinfo/{handle}").read_text(encoding="ascii").splitlines():
        if line.startswith("Pid:\t"):
            if (pid := int(line[5:])) > 0:
                return pid
            raise ProcessLookupError(errno.ESRCH, "it has ended")
    raise RefusedError
