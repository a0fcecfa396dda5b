"""Why a combiner died: at its limit, because the machine had no memory left, by somebody's hand, or of itself.

Nothing is guessed: what is told as a limit was one.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from enum import Enum, auto
from pathlib import Path

GROUPS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
MACHINE = Path("/proc/vmstat")
MOST_WORDS = 4000
_WANT = re.compile(
    # An allocation that failed where nobody expects it, or a thread for which there was no stack.
    r"bad_alloc|bad_array_new_length|out of memory|cannot allocate memory|MemoryError|resource temporarily unavailable",
    re.IGNORECASE,
)


class Death(Enum):
    """What a process died of."""

    LIMIT = auto()
    """It was refused more memory."""
    MACHINE = auto()
    """The system ended it, to have its memory."""
    OUTSIDE = auto()
    """Somebody ended it."""
    ITSELF = auto()
    """It ended, and did not say why."""


def cause(status: int | None, words: str, *, killed_for_memory: bool) -> Death:
    """Return what a process died of, by its status, what it wrote last, and whether the system killed any meanwhile."""
    if status == -signal.SIGABRT and _WANT.search(words):
        return Death.LIMIT
    if status == -signal.SIGKILL and killed_for_memory:
        return Death.MACHINE
    if status in {-signal.SIGKILL, -signal.SIGTERM}:
        return Death.OUTSIDE
    return Death.ITSELF


def killed_for_memory() -> int:
    """Return how many processes the system has killed to have their memory: of our control group, or at all."""
    for path in (*_counters(), MACHINE):
        with contextlib.suppress(OSError):
            counted = re.search(r"^oom_kill (\d+)$", path.read_text(encoding="ascii"), re.MULTILINE)
            if counted:
                return int(counted.group(1))
    return 0


def _counters() -> list[Path]:
    """Return where our control group counts; in a container its own group stands at the root of the mount."""
    found: list[Path] = []
    with contextlib.suppress(OSError):
        for line in GROUPS.read_text(encoding="ascii").splitlines():
            _, kinds, path = line.split(":", 2)
            if not kinds:
                found += [MOUNT / path.lstrip("/") / "memory.events", MOUNT / "memory.events"]
            elif "memory" in kinds.split(","):
                found += [
                    MOUNT / "memory" / path.lstrip("/") / "memory.oom_control",
                    MOUNT / "memory/memory.oom_control",
                ]
    return found


def last_words(descriptor: int) -> str:
    """Return the end of what a process has written to its standard error, of which this is the other end."""
    written = b""
    with contextlib.suppress(OSError):
        while part := os.read(descriptor, MOST_WORDS):
            written = (written + part)[-MOST_WORDS:]
    return written.decode(errors="replace").strip()
