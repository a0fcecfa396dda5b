"""The warden of the gateway: starts it, does its errands, and ends with it.  It alone of the two is root.

Whatever the gateway asks for, it gets nothing but what was planned before it started: `errands` says what that is.
Nothing but the standard library, and nothing that anybody else wrote is read.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple, NoReturn

from swap.walls import cell, errands, mounts
from swap.walls.cell import Begun, Cell
from swap.walls.copies import Copies

VIEW: Final = "view"
"""The directory of the folder over which each view is laid."""
MOST_SPILLS: Final = 1_000
"""Directories that combiners have at a time: far more than there is memory for combiners."""
SPILL_PREFIX: Final = "spill-"
_PR_SET_CHILD_SUBREAPER: Final = 36
_FOLLOW_SECONDS: Final = 0.5
_REAP_SECONDS: Final = 5.0
_MOST_OPENING: Final = 100
"""Roots that are waited for at a time."""
_GRACE_SECONDS: Final = 5.0
"""How long what the gateway leaves may take to end by itself: a reader of a server cancels its statement there."""
_LOOK_SECONDS: Final = 0.02


class Program(NamedTuple):
    """A fork server, and the cell that it and all that is forked from it are in."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    cell: Cell


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a warden will ever do."""

    argv: Sequence[str]
    """The gateway's program; it is called with the descriptors of what it is told, and of its warden."""
    environment: Mapping[str, str]
    told: Mapping[str, Any]
    """What the gateway is told at its start, for JSON."""
    gid: int
    """The group of the gateway's user."""
    folder: Path
    """A directory of SWAP's own, for what follows."""
    cells: Mapping[str, Program]
    roots: Mapping[str, str]
    """Source → the directory that holds its files."""
    files: Mapping[str, str]
    """Name of a copy → the file of the site that the gateway may read."""
    spool: str = ""
    """The directory that the gateway keeps results in; without it, there must be another gateway."""

    @property
    def copies(self) -> Path:
        """Where the copies are."""
        return self.folder / "copies"

    @property
    def spills(self) -> Path:
        """Where combiners' directories are."""
        return self.folder / "spill"


class RefusedError(PermissionError):
    """What was asked for is no errand of a warden's."""

    def __init__(self) -> None:
        super().__init__(errno.EPERM, "refused")


class Warden:
    """One run of a gateway.  Errands are done one after the other, but for the opening of roots."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._cells: dict[str, Begun] = {}
        self._spilled: dict[tuple[int, int], Path] = {}
        """Device and number of each directory that was given → where it is."""
        self._copies = Copies(plan.copies, plan.files, plan.gid)
        self._opening = threading.Semaphore(_MOST_OPENING)

    def run(self) -> NoReturn:
        """Run the gateway to its end, and end as it ended, when nothing of it is left."""
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # It holds what it hands on.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self._make_room()
        self._copies.follow()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                gateway = self._start(theirs)

            def pass_on(number: int, _frame: FrameType | None) -> None:
                gateway.send_signal(number)

            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, pass_on)
            threading.Thread(target=self._follow, args=(gateway,), name="copies", daemon=True).start()
            self._serve(gateway, ours)
        self._end_all()
        _end_as(gateway.returncode)

    def _make_room(self) -> None:
        """Make the directories; what a run before has left in them goes."""
        self._plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(self._plan.spills, ignore_errors=True)
        for each in (self._plan.spills, self._plan.copies, self._plan.folder / VIEW):
            each.mkdir(mode=0o700, exist_ok=True)
        mounts.lay_memory_over(str(self._plan.copies), self._plan.gid)

    def _start(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        told = os.memfd_create("told")
        with os.fdopen(told, "r+b") as file:
            file.write(json.dumps(dict(self._plan.told)).encode())
            file.flush()
            file.seek(0)
            return subprocess.Popen(  # noqa: S603 — our own program with our own arguments
                [*self._plan.argv, str(told), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[told, theirs.fileno()],
                env=dict(self._plan.environment),
                cwd="/",
            )

    # ── while it runs ───────────────────────────────────────────────────────────────────────────────
    def _serve(self, gateway: subprocess.Popen[bytes], channel: socket.socket) -> None:
        poll, ended = select.poll(), os.pidfd_open(gateway.pid)
        for each in (channel.fileno(), ended):
            poll.register(each, select.POLLIN)
        while gateway.poll() is None:
            for descriptor, _ in poll.poll(_REAP_SECONDS * 1000):
                if descriptor == channel.fileno() and not self._hear(channel):
                    poll.unregister(channel)  # it has let go of us, and is about to end
            self._reap(gateway)
        os.close(ended)

    def _follow(self, gateway: subprocess.Popen[bytes]) -> NoReturn:
        while True:
            time.sleep(_FOLLOW_SECONDS)
            self._copies.follow()
            if self._plan.spool and not Path(self._plan.spool).exists():
                # In its view another one would not be the same: it is started again, with one.
                gateway.terminate()

    def _hear(self, channel: socket.socket) -> bool:
        """Do one errand, or begin it; tell whether there was one."""
        request, descriptors, _, _ = socket.recv_fds(channel, errands.MOST_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
        if not request:
            return False
        if not descriptors:  # who waits for no answer gets none
            return True
        word, _, name = request.decode("ascii", "replace").partition(" ")
        answer, *given = descriptors
        if word == errands.ROOT and self._opening.acquire(blocking=False):
            # What lies on another machine may be away, and is waited for apart.
            threading.Thread(target=self._open, args=(word, name, answer, given), daemon=True).start()
        else:
            self._answer(word, name, answer, given)
        return True

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
            # Whoever does not listen is not waited for; and what came may be no socket.
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
        parent, uid = _whose(pid)
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

    def _reap(self, gateway: subprocess.Popen[bytes]) -> None:
        """Collect what has ended of what was left to us."""
        for begun in self._cells.values():
            begun.process.poll()
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_pid == gateway.pid:
                return
            os.waitpid(ended.si_pid, 0)

    # ── its end ─────────────────────────────────────────────────────────────────────────────────────
    def _end_all(self) -> None:
        """See to it that nothing of the gateway is left: it may have been another's by then."""
        for name in tuple(self._cells):
            self._end(name)
        deadline = time.monotonic() + _GRACE_SECONDS
        while _wait_for_some():
            if time.monotonic() > deadline:
                for pid in _children():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(_LOOK_SECONDS)
        shutil.rmtree(self._plan.spills, ignore_errors=True)


def _meant(handle: int) -> int:
    """Return the id of the process that a descriptor is a handle on.  Raises RefusedError, ProcessLookupError."""
    for line in Path(f"/proc/self/fdinfo/{handle}").read_text(encoding="ascii").splitlines():
        if line.startswith("Pid:\t"):
            if (pid := int(line[5:])) > 0:
                return pid
            raise ProcessLookupError(errno.ESRCH, "it has ended")
    raise RefusedError


def _whose(pid: int) -> tuple[int, int]:
    """Return a process's parent and its user.  Raises ProcessLookupError."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise ProcessLookupError(errno.ESRCH, "it has ended") from None
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return int(told["PPid"]), int(told["Uid"].split()[0])


def _identity(descriptor: int) -> tuple[int, int]:
    seen = os.fstat(descriptor)
    return seen.st_dev, seen.st_ino


def _children() -> Iterator[int]:
    """Yield the ids of our children, ended ones too."""
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            with suppress(OSError):
                if _whose(int(each.name))[0] == os.getpid():
                    yield int(each.name)


def _wait_for_some() -> bool:
    """Collect every child that has ended; tell whether one is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _end_as(code: int) -> NoReturn:
    """End as the gateway ended: with its status, or by its signal."""
    if code < 0:
        if -code not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)
