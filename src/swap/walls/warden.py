"""What every warden does: it starts a program that has no power, does errands for it, and ends with it.

Of the two it alone is root.  Whatever the program asks for, it gets nothing but what was planned before it started:
each warden says what that is.  Nothing that anybody else wrote is read.
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
import stat
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Final, NoReturn, Self

from swap.walls import errands, mounts
from swap.walls.copies import NOTEBOOKS, Copies

VIEW: Final = "view"
"""The directory of the folder over which each view is laid."""
_PR_SET_CHILD_SUBREAPER: Final = 36
_FOLLOW_SECONDS: Final = 0.5
_LOOK_AGAIN_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 5.0
"""How long what the program leaves may take to end by itself: a reader of a server cancels its statement there."""
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a warden does for the program that it starts."""

    argv: Sequence[str]
    """The program; it is called with the descriptors of what it is told, and of its warden."""
    environment: Mapping[str, str]
    told: Mapping[str, Any]
    """What the program is told at its start, for JSON."""
    uid: int
    """The program's user, and the number of that user's group, which has no other member."""
    folder: Path
    """A directory of SWAP's own, for what follows."""
    files: Mapping[str, str]
    """Name of a copy → the file of the site that the program may read."""
    notebooks: str = ""
    """A directory of the site whose notebooks the program may read."""
    needs: str = ""
    """A directory without which there must be another program."""

    paths: ClassVar[tuple[str, ...]] = ("folder",)
    """What of a plan is a path."""

    @classmethod
    def read(cls, made: Mapping[str, Any]) -> Self:
        """Return the plan that came as JSON; the program is told who we are."""
        told = {**made["told"], "warden": os.getpid()}
        return cls(**{**made, "told": told, **{name: Path(made[name]) for name in cls.paths}})

    @property
    def copies(self) -> Path:
        """Where the copies are."""
        return self.folder / "copies"


class Warden(ABC):
    """One run of a program."""

    in_memory: ClassVar[bool] = True
    """Whether the copies lie in memory, in mounts of its own; what it mounts then is seen by nobody else."""

    def __init__(self, plan: Plan, users: Collection[int] = ()) -> None:
        """Plan a run; what the program leaves is of its own user, or of these."""
        self._plan = plan
        self._users = {plan.uid, *users}
        self._copies = Copies(plan.copies, plan.files, plan.uid, plan.notebooks)

    def run(self) -> NoReturn:
        """Run the program to its end, and end as it ended, when nothing of it is left."""
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # It holds what it hands on.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self._make_room()
        self._copies.follow()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                program = self._start(theirs)

            def pass_on(number: int, _frame: FrameType | None) -> None:
                program.send_signal(number)

            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, pass_on)
            threading.Thread(target=self._follow, args=(program,), name="copies", daemon=True).start()
            self._serve(program, ours)
        self._end_all(program)
        _end_as(program.returncode)

    # ── what a warden does for its program ──────────────────────────────────────────────────────────
    @abstractmethod
    def _attend(self, word: str, name: str, answer: int, given: Sequence[int]) -> None:
        """Do an errand, or begin it; the descriptors, of the socket for the answer and of what came, are closed."""

    @abstractmethod
    def _collect(self, program: subprocess.Popen[bytes]) -> None:
        """Collect what has ended of what was left to us."""

    @abstractmethod
    def _end_own(self) -> None:
        """End what was started for the program."""

    def _make_room(self) -> None:
        """Make the directories; what a run before has left in them goes."""
        self._plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in (self._plan.copies, self._plan.folder / VIEW):
            each.mkdir(mode=0o700, exist_ok=True)
        if self.in_memory:
            mounts.lay_memory_over(str(self._plan.copies), self._plan.uid)
        else:
            os.chown(self._plan.copies, 0, self._plan.uid)
            self._plan.copies.chmod(0o750)
            shutil.rmtree(self._plan.copies / NOTEBOOKS, ignore_errors=True)
            for left in self._plan.copies.iterdir():
                if left.name != NOTEBOOKS:
                    left.unlink(missing_ok=True)

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
    def _serve(self, program: subprocess.Popen[bytes], channel: socket.socket) -> None:
        poll, ended = select.poll(), os.pidfd_open(program.pid)
        for each in (channel.fileno(), ended):
            poll.register(each, select.POLLIN)
        while program.poll() is None:
            for descriptor, _ in poll.poll(_LOOK_AGAIN_SECONDS * 1000):
                if descriptor == channel.fileno() and not self._hear(channel):
                    poll.unregister(channel)  # it has let go of us, and is about to end
            self._collect(program)
        os.close(ended)

    def _follow(self, program: subprocess.Popen[bytes]) -> NoReturn:
        while True:
            time.sleep(_FOLLOW_SECONDS)
            self._copies.follow()
            if self._plan.needs and not Path(self._plan.needs).exists():
                # In its view another one would not be the same: it is started again, with one.
                program.terminate()

    def _hear(self, channel: socket.socket) -> bool:
        """Attend to one errand; tell whether there was one."""
        request, descriptors, _, _ = socket.recv_fds(channel, errands.MOST_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
        if not request:
            return False
        if descriptors and stat.S_ISSOCK(os.fstat(descriptors[0]).st_mode):
            word, _, name = request.decode("ascii", "replace").partition(" ")
            answer, *given = descriptors
            self._attend(word, name, answer, given)
        else:  # who waits for no answer gets none
            for each in descriptors:
                os.close(each)
        return True

    # ── its end ─────────────────────────────────────────────────────────────────────────────────────
    def _end_all(self, program: subprocess.Popen[bytes]) -> None:
        """See to it that nothing of the program is left: it may have been another's by then."""
        self._end_own()
        deadline = time.monotonic() + _GRACE_SECONDS
        while left := [pid for pid in self._left() if pid != program.pid]:
            for pid in left:
                with suppress(ProcessLookupError, ChildProcessError):
                    if time.monotonic() > deadline:
                        os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(_LOOK_SECONDS)

    def _left(self) -> Iterator[int]:
        """Yield the ids of our children that are the program's, ended ones too."""
        for each in Path("/proc").iterdir():
            if each.name.isdigit():
                with suppress(OSError):
                    parent, uid = whose(int(each.name))
                    if parent == os.getpid() and uid in self._users:
                        yield int(each.name)


def whose(pid: int) -> tuple[int, int]:
    """Return a process's parent and its user.  Raises ProcessLookupError."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise ProcessLookupError(errno.ESRCH, "it has ended") from None
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return int(told["PPid"]), int(told["Uid"].split()[0])


def _end_as(code: int) -> NoReturn:
    """End as the program ended: with its status, or by its signal."""
    if code < 0:
        if -code not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)
