"""Whom we started, directly or not: people's servers and kernels are the hub's children, not ours.

As sub-reaper we inherit every orphan below us, so the tree under our process is complete even after
the hub died.  The same list goes to a file, so that the next start finds what was left when we were
killed ourselves.  A process is its id *and* its start time; ids alone are given away again.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from swap import child

_PR_SET_CHILD_SUBREAPER: Final = 36


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this boot of the machine."""

    pid: int
    started: int
    """Clock ticks after the boot, which no clock jump changes."""


def adopt_orphans() -> None:
    """Become the parent of every process below us whose own parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def boot_id() -> str:
    """Return what tells this boot of the machine from every other."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def below(pid: int) -> list[Process]:
    """Return every living process below `pid`, children before their own children."""
    children: dict[int, list[Process]] = defaultdict(list)
    for each in psutil.pids():
        if (seen := child.look(each)) is not None:
            children[seen.parent].append(Process(each, seen.started))
    found: list[Process] = []
    waiting = [pid]
    while waiting:
        for process in children.get(waiting.pop(), ()):
            found.append(process)
            waiting.append(process.pid)
    return found


def alive(process: Process) -> bool:
    """Tell whether this very process still runs."""
    seen = child.look(process.pid)
    return seen is not None and seen.started == process.started


def end(processes: Collection[Process], grace_seconds: float, keep: Collection[int] = ()) -> int:
    """Ask each to end, kill what is left after the grace; return how many had to be killed.  `keep` as for `reap`."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    left = [process for process in processes if alive(process)]
    while left and time.monotonic() < deadline:
        reap(keep)
        time.sleep(0.05)
        left = [process for process in left if alive(process)]
    for process in left:
        _signal(process, signal.SIGKILL)
    reap(keep)
    return len(left)


def reap(keep: Collection[int] = ()) -> None:
    """Collect ended orphans; the ended children in `keep` are left to whoever waits for them."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_pid in keep:
                return
            os.waitpid(ended.si_pid, 0)


class Record:
    """The file that tells the next start whom we had started."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: tuple[Process, ...] = ()

    def write(self, processes: Collection[Process]) -> None:
        """Write the list, when it has changed; a disk that is full for the moment leaves the older list."""
        now = tuple(processes)
        if now == self._written:
            return
        draft = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            draft.write_text(
                json.dumps({"boot": boot_id(), "processes": [[p.pid, p.started] for p in now]}), encoding="ascii"
            )
            draft.replace(self._path)
            self._written = now

    def leftovers(self) -> list[Process]:
        """Return which of the recorded processes still run, and everything below them."""
        try:
            recorded = json.loads(self._path.read_text(encoding="ascii"))
            if recorded["boot"] != boot_id():
                return []
            known = [Process(*pair) for pair in recorded["processes"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        running = [process for process in known if alive(process)]
        return list(dict.fromkeys(running + [each for process in running for each in below(process.pid)]))


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if alive(process):
            os.kill(process.pid, number)
