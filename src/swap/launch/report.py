"""Runs of reports on this machine, each by the claim that a worker has on it: begin one, end it.

A run is a program of its own in directories of its own, and nothing of its person's home is in them.  Where people have
walls this is root's, and whoever asks has no power: all that is asked for is a person's id and a claim.  The run is
then behind its person's walls, with limits of its own that are as theirs, and its network reaches the gateway alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import psutil

from swap import child, disks, homes
from swap.errors import Forbidden, Invalid, Problem
from swap.launch.forks import Forks
from swap.launch.keeper import tail
from swap.launch.limits import Groups, Limits, find, sentences, whose
from swap.launch.model import Launch, Rules, Seat
from swap.launch.process import Process
from swap.launch.spawn import spawn
from swap.launch.view import RUN, home_seen, view
from swap.launch.walled import LOOPBACK, VIEWS, Plan, run

FOLDER: Final = "runs"
"""The directory of the state directory, and of a person's own disk, in which each run has one."""
LOCK: Final = "runs.lock"
ARGV: Final = (sys.executable, "-I", "-m", "swap.lab.report")
SAID_BYTES: Final = 10_000
"""Of what a run's programs say, the end."""
WEIGHT: Final = 20
"""Of 100 that a person's server has, where both want all processors."""
_LOG: Final = "log"
_CLAIM: Final = re.compile(r"[0-9a-f]{1,40}-[0-9]{1,9}")
_OLD_SECONDS: Final = 8 * 86_400
"""Longer than a run may take."""
_COLLECT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known of a run that has ended, beside what it answered."""

    said: str
    """The end of what its programs said."""
    met: str = ""
    """A sentence for each limit that they met."""

    @classmethod
    def read(cls, made: Mapping[str, Any]) -> Self:
        """Return what came as JSON."""
        return cls(str(made["said"])[-SAID_BYTES:], str(made["met"])[:SAID_BYTES])


class Going(Protocol):
    """A run that was begun."""

    def end(self) -> Ended:
        """End it, with all that it started, unless it has ended by itself.  Raises SwapError, OSError: it never ran."""


class Begins(Protocol):
    """Whoever begins runs."""

    def begin(self, person_id: str, claim: str, told: int) -> Going:
        """Begin a run, with the socket `told` as its standard input, on which it answers.

        Raises SwapError, OSError.
        """


@dataclass(frozen=True, slots=True)
class Begun:
    """A run of this machine."""

    runs: Runs
    process: Process
    person_id: str
    claim: str

    def end(self) -> Ended:
        """End it, with all that it started, unless it has ended by itself."""
        return self.runs.end(self)


class Runs:
    """All runs that were begun here.  For any number of threads."""

    def __init__(
        self, rules: Rules, uid: Callable[[str], int | None] = lambda _: None, groups: Groups | None = None
    ) -> None:
        """Begin with none; `uid` says whose uid is whose, None for all that are ours."""
        self._rules = rules
        self._uid = uid
        self._groups = find() if groups is None and rules.walls else groups
        self._forks = Forks(rules.environment)
        """Never ready: a run is started."""
        self._going: set[str] = set()
        self._changed = threading.Condition()
        _tidy(rules.state / FOLDER)

    def begin(self, person_id: str, claim: str, told: int) -> Begun:
        """Begin a run, with the socket `told` as its standard input.  Raises SwapError, OSError."""
        if not _CLAIM.fullmatch(claim):
            raise Invalid(Problem("There is no such run."))
        homes.place(self._rules.homes, person_id)
        with self._changed:
            if claim in self._going:
                raise Invalid(Problem("This run goes on already."))
            self._going.add(claim)
        try:
            seat = Seat(person_id, uid=self._uid(person_id))
            place = self._place(seat, claim)
            for folder in (self._rules.state / FOLDER, self._rules.state / FOLDER / claim):
                folder.mkdir(mode=0o700, exist_ok=True)
            launch = self._launch(seat, claim, place)
            if self._rules.walls:
                process = run(launch, self.plan(launch, seat, claim, place), told, self._forks)
            else:
                process = spawn(launch, launch.argv, told, env=launch.env, cwd=launch.cwd)
        except BaseException:
            self._clear(person_id, claim)
            raise
        return Begun(self, process, person_id, claim)

    def end(self, begun: Begun) -> Ended:
        """End a run, with all that it started, and take away what it leaves."""
        try:
            _kill(begun.process)
            said = tail(self._rules.state / FOLDER / begun.claim / _LOG, SAID_BYTES)
            return Ended(said, " ".join(self._limits_met(begun.claim).values()))
        finally:
            self._clear(begun.person_id, begun.claim)

    def clear(self) -> None:
        """Remove what runs have left that others began: nobody else begins any here."""
        own_disks = self._rules.state / disks.FOLDER
        for folder in (self._rules.state / FOLDER, *own_disks.glob(f"p?????????/{FOLDER}")):
            for left in folder.iterdir() if folder.is_dir() else ():
                homes.remove(left)

    def wait(self, seconds: float) -> bool:
        """Wait until none goes on; tell whether it is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._going, seconds)

    # ── What a run is ───────────────────────────────────────────────────────────────────────────────
    def _launch(self, seat: Seat, claim: str, place: Path) -> Launch:
        """Return what is started: `place` has its home and what it calls /tmp."""
        if self._rules.walls:
            home, socket = home_seen(seat.person_id), Path(RUN) / "token.sock"
        else:
            # A socket's path must be short.
            home, socket = place / "home", self._rules.sockets / f"r-{claim[:20]}.sock"
        env = {**self._rules.environment, "HOME": str(home), "SWAP_TOKEN_SOCKET": str(socket)}
        return Launch(argv=ARGV, cwd=home, log=self._rules.state / FOLDER / claim / _LOG, port=0, env=env)

    def plan(self, launch: Launch, seat: Seat, claim: str, place: Path) -> Plan:
        """Return the walls of a run; its control groups are made."""
        assert seat.uid is not None
        assert self._groups is not None
        name = self.group(claim)
        cgroups = tuple(map(str, self._groups.make(name, self.limits)))
        gateway = LOOPBACK, self._rules.gateway_port
        root = self._rules.state / VIEWS
        root.mkdir(mode=0o700, exist_ok=True)
        return Plan(
            root=str(root),
            uid=seat.uid,
            view=view(
                person_id=seat.person_id,
                name=seat.name,
                uid=seat.uid,
                home=place / "home",
                scratch=place / "tmp",
                environments=(Path(sys.prefix), self._rules.kernel_env),
                group=self._groups.group(name),
            ),
            cgroups=cgroups,
            doors_in=(),
            doors_out=((*gateway, *gateway),),
            argv=launch.argv,
            env=launch.env,
            cwd=str(launch.cwd),
            ends_with=os.getpid(),
        )

    def group(self, claim: str) -> str:
        """Return what a run's control group is called."""
        return whose(self._rules.state, f"run-{claim}")

    @property
    def limits(self) -> Limits:
        """What each run's processes may use together: as much as those of a person's server, and after these."""
        return Limits(self._rules.memory_bytes, self._rules.cpus, self._rules.processes, WEIGHT)

    def _limits_met(self, claim: str) -> dict[str, str]:
        return {} if self._groups is None else sentences(self._groups.group(self.group(claim)).met, self.limits)

    # ── Its directories ─────────────────────────────────────────────────────────────────────────────
    def _place(self, seat: Seat, claim: str) -> Path:
        """Make a run's empty home and temporary directory, on its person's own disk where they have one."""
        place = self._on_disk(seat) / claim
        place.mkdir(mode=0o700)
        for name in ("home", "tmp"):
            homes.make_directory(place / name, seat.uid)
        return place

    def _on_disk(self, seat: Seat) -> Path:
        rules = self._rules
        if not (rules.walls and rules.disk_bytes):
            (rules.state / FOLDER).mkdir(mode=0o700, exist_ok=True)
            return rules.state / FOLDER
        if seat.uid is None:
            raise Forbidden(Problem("This system user is nobody's home."))
        folder = disks.opened(rules.state, rules.homes, seat.person_id, seat.uid, rules.disk_bytes) / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        _tidy(folder)
        return folder

    def _clear(self, person_id: str, claim: str) -> None:
        """Take away what a run leaves, once all of it has ended.  No link in it is followed."""
        until = time.monotonic() + _COLLECT_SECONDS
        while self._is_left(claim) and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        try:
            for folder in self._folders(person_id):
                homes.remove(folder / claim)
        finally:
            with self._changed:
                self._going.discard(claim)
                self._changed.notify_all()

    def _is_left(self, claim: str) -> bool:
        """Remove a run's control group; tell whether something of the run is still in it."""
        if self._groups is None:
            return False
        self._groups.remove(self.group(claim))
        return any(place.exists() for place in self._groups.group(self.group(claim)).places.values())

    def _folders(self, person_id: str) -> Iterator[Path]:
        yield self._rules.state / FOLDER
        if self._rules.walls and self._rules.disk_bytes:
            yield homes.place(self._rules.state / disks.FOLDER, person_id) / FOLDER


@contextlib.contextmanager
def alone(state: Path) -> Iterator[None]:
    """Be the one who begins runs in this state directory while the block runs, and clears what others left there.

    Raises Conflict.
    """
    with child.claim(state / LOCK, "A worker of this state directory"):
        yield


def _tidy(folder: Path) -> None:
    """Remove what runs have left here of which nobody knows: they ended with who began them, long ago."""
    until = time.time() - _OLD_SECONDS
    for left in folder.iterdir() if folder.is_dir() else ():
        if left.stat(follow_symlinks=False).st_mtime < until:
            homes.remove(left)


def _kill(process: Process) -> None:
    """End a process with all below it, also those that lead sessions of their own, as kernels do."""
    below: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        below = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for each in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
    _collect(process.pid)


def _collect(group: int) -> None:
    """Wait until what was left to us has ended: the first process of a namespace, and with it all that is in it."""
    until = time.monotonic() + _COLLECT_SECONDS
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < until:
            if os.waitpid(-group, os.WNOHANG)[0] == 0:
                time.sleep(_LOOK_SECONDS)
