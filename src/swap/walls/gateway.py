"""The gateway's warden: six errands, and each gives what was planned before the gateway started, and nothing else.

`errands` says what they are.  Nothing but the standard library.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from swap.walls import cell, errands, mounts, warden
from swap.walls.cell import Begun, Cell
from swap.walls.warden import Warden, whose

MOST_SPILLS: Final = 1_000
"""Directories that combiners have at a time: far more than there is memory for combiners."""
SPILL_PREFIX: Final = "spill-"
_MOST_OPENING: Final = 100
"""Roots that are waited for at a time."""


class Program(NamedTuple):
    """A fork server, and the cell that it and all that is forked from it are in."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(warden.Plan):
    """All that the gateway's warden will ever do."""

    cells: Mapping[str, Program]
    roots: Mapping[str, str]
    """Source → the directory that holds its files."""

    @property
    def spills(self) -> Path:
        """Where combiners' directories are."""
        return self.folder / "spill"


class RefusedError(PermissionError):
    """What was asked for is no errand of a warden's."""

    def __init__(self) -> None:
        super().__init__(errno.EPERM, "refused")


class GatewayWarden(Warden):
    """One run of a gateway.  Errands are done one after the other, but for the opening of roots."""

    _plan: Plan

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, [each.cell.uid for each in plan.cells.values()])
        self._cells: dict[str, Begun] = {}
        self._spilled: dict[tuple[int, int], Path] = {}
        """Device and number of each directory that was given → where it is."""
        self._opening = threading.Semaphore(_MOST_OPENING)

    def _make_room(self) -> None:
        super()._make_room()
        shutil.rmtree(self._plan.spills, ignore_errors=True)
        self._plan.spills.mkdir(mode=0o700)

    def _attend(self, word: str, name: str, answer: int, given: Sequence[int]) -> None:
        if word == errands.ROOT and self._opening.acquire(blocking=False):
            # What lies on another machine may be away, and is waited for apart.
            threading.Thread(target=self._open, args=(word, name, answer, given), daemon=True).start()
        else:
            self._answer(word, name, answer, given)

    def _open(self, word: str, name: str, answer: int, given: Sequence[int]) -> None:
        try:
            self._answer(word, name, answer, given)
        finally:
            self._opening.release()

    def _answer(self, word: str, name: str, answer: int, given: Sequence[int]) -> None:
        number, pid = 0, 0
        handed: tuple[int, ...] = ()
        try:
            pid, handed = self._do(word, name, given)
        except OSError as error:
            number = error.errno or errno.EIO
        try:
            # Whoever does not listen is not waited for.
            with suppress(OSError), socket.socket(fileno=os.dup(answer)) as to:
                socket.send_fds(to, [errands.ANSWER.pack(number, pid)], handed, socket.MSG_DONTWAIT)
        finally:
            for each in (answer, *given, *handed):
                os.close(each)

    def _do(self, word: str, name: str, given: Sequence[int]) -> tuple[int, tuple[int, ...]]:
        """Return a process id and descriptors to hand over.  Raises OSError."""
        if word == errands.START and name in self._plan.cells:
            return self._begin(name)
        if word == errands.END and name in self._plan.cells:
            self._end(name)
            return 0, ()
        if word == errands.ROOT and name in self._plan.roots:
            return 0, (mounts.tree(self._plan.roots[name]),)
        if word == errands.SPILL:
            return 0, (self._spill(),)
        if word == errands.KILL and given:
            self._kill(given[0])
            return 0, ()
        if word == errands.CLEAR and given:
            self._clear(given[0])
            return 0, ()
        raise RefusedError

    def _begin(self, name: str) -> tuple[int, tuple[int, ...]]:
        self._end(name)
        begun = self._cells[name] = cell.begin(*self._plan.cells[name])
        assert begun.words is not None
        return begun.process.pid, (begun.channel.detach(), begun.words.detach())

    def _end(self, name: str) -> None:
        if (begun := self._cells.pop(name, None)) is not None:
            begun.process.kill()
            begun.process.wait()

    def _kill(self, handle: int) -> None:
        """End a process of a cell: forked from its fork server, or left by one of before."""
        pid = _meant(handle)
        parent, uid = whose(pid)
        parents = {os.getpid(), *(begun.process.pid for begun in self._cells.values())}
        if parent not in parents or uid not in {each.cell.uid for each in self._plan.cells.values()}:
            raise RefusedError
        if _meant(handle) == pid:  # so what was looked at was this process
            signal.pidfd_send_signal(handle, signal.SIGKILL)

    def _spill(self) -> int:
        if len(self._spilled) >= MOST_SPILLS:
            raise OSError(errno.ENOSPC, "too many directories")
        path = Path(tempfile.mkdtemp(prefix=SPILL_PREFIX, dir=self._plan.spills))
        uid = self._plan.cells[errands.COMBINERS].cell.uid
        os.chown(path, uid, uid)
        # Whoever holds it can pass it on, and not look into it.
        directory = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._spilled[_identity(directory)] = path
        return directory

    def _clear(self, directory: int) -> None:
        path = self._spilled.pop(_identity(directory), None)
        if path is None:
            raise RefusedError
        shutil.rmtree(path, ignore_errors=True)

    def _collect(self, program: subprocess.Popen[bytes]) -> None:
        """Collect what has ended of what was left to us."""
        for begun in self._cells.values():
            begun.process.poll()
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_pid == program.pid:
                return
            os.waitpid(ended.si_pid, 0)

    def _end_own(self) -> None:
        for name in tuple(self._cells):
            self._end(name)

    def _end_all(self, program: subprocess.Popen[bytes]) -> None:
        super()._end_all(program)
        shutil.rmtree(self._plan.spills, ignore_errors=True)


def _meant(handle: int) -> int:
    """Return the id of the process that a descriptor is a handle on.  Raises RefusedError, ProcessLookupError."""
    for line in Path(f"/proc/self/fdinfo/{handle}").read_text(encoding="ascii").splitlines():
        if line.startswith("Pid:\t"):
            if (pid := int(line[5:])) > 0:
                return pid
            raise ProcessLookupError(errno.ESRCH, "it has ended")
    raise RefusedError


def _identity(descriptor: int) -> tuple[int, int]:
    seen = os.fstat(descriptor)
    return seen.st_dev, seen.st_ino
