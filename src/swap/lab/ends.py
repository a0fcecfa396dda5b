"""Which limit ended something of this server's, or refused it something, and what its person can do.

The kernel of the operating system counts how often it ended a program for want of memory, and does not say which.  A
Jupyter kernel that was killed while that count rose is one; what is left of the count are other programs.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping

from swap.errors import Problem
from swap.usage import Part, Use

PATIENCE_SECONDS = 5.0
"""Jupyter looks every 3 s whether its kernels live: before that nobody knows whether it was one that was ended."""
ROOM_BYTES = 1_000_000
ROOM_FILES = 16
"""Less than this is a full disk: what did not fit was larger, and a few blocks are always left."""
SHARED = "All your kernels, terminals and the programs that they start share it."


class Ends:
    """Who was ended for want of memory, and whether a process was refused, since the server started."""

    def __init__(self, met: Callable[[], Mapping[str, int]], now: Callable[[], float] = time.monotonic) -> None:
        self._met = met
        self._now = now
        before = met()
        self._ended = before.get("memory", 0)
        self._refused = before.get("processes", 0)
        self._risen_at: float | None = None
        self._programs = 0
        self._kernels: set[str] = set()

    def died(self, kernel_id: str, status: int | None) -> None:
        """Take in the death of a kernel, with the status or the negative signal it ended with."""
        ended = self._met().get("memory", 0)
        self._kernels.discard(kernel_id)
        if status == -signal.SIGKILL and ended > self._ended:
            self._kernels.add(kernel_id)
            self._ended, self._risen_at = ended, None

    def by_memory(self, kernel_id: str) -> bool:
        """Tell whether it was for want of memory that a kernel last died."""
        return kernel_id in self._kernels

    def programs(self) -> int:
        """Return how many other programs were ended for want of memory."""
        ended = self._met().get("memory", 0)
        if ended <= self._ended:
            self._risen_at = None
        elif self._risen_at is None:
            self._risen_at = self._now()
        elif self._now() - self._risen_at >= PATIENCE_SECONDS:
            self._programs += ended - self._ended
            self._ended, self._risen_at = ended, None
        return self._programs

    def refused(self) -> bool:
        """Tell whether a process was refused since this was last asked."""
        before, self._refused = self._refused, self._met().get("processes", 0)
        return self._refused > before


def memory_problem(use: Use) -> Problem:
    """Return what is said of a kernel that was ended for want of memory."""
    limit = use.memory.limit if use.memory else None
    size = f" of {limit / 1e9:.3g} GB" if limit else ""
    return Problem(
        f"This kernel was ended: your programs met your limit{size} of memory.",
        why=f"{SHARED} What this notebook held in memory is gone; its file is as it was last saved.",
        todo="Shut down kernels that you do not need (Running, at the left), ask for fewer rows or columns, or let SQL "
        "count. Then run the cells again, from the first.",
    )


def processes_problem(use: Use) -> Problem:
    """Return what is said of a process that was refused."""
    limit = use.processes.limit if use.processes else None
    number = f" of {limit:.0f}" if limit else ""
    return Problem(
        f"Your programs met your limit{number} processes and threads.",
        why=SHARED,
        todo="Start fewer at a time, and shut down kernels and terminals that you do not need (Running, at the left).",
    )


def disk_problem(use: Use) -> Problem | None:
    """Return what is said of a disk of a person's own that is full; None when there is none, or room on it."""
    if _is_full(use.disk, ROOM_BYTES):
        assert use.disk is not None
        title = f"Your disk of {(use.disk.limit or 0) / 1e9:.3g} GB is full."
    elif _is_full(use.files, ROOM_FILES):
        assert use.files is not None
        title = f"Your disk holds as many files as it can, {use.files.limit:,.0f}."
    else:
        return None
    return Problem(
        title,
        why="Your home and /tmp are on it. What did not fit was not written.",
        todo="Delete files that you do not need, in the file browser or a terminal: du -sh ~/* shows what is large.",
    )


def _is_full(part: Part | None, room: float) -> bool:
    return part is not None and part.limit is not None and part.limit - (part.used or 0) < room
