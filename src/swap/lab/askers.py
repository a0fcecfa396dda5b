"""Which kernel asks on the token socket, found from the asker's process.

A label, not a protection: all processes of a person have the same user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEPTH = 64
"""More parents than this are a loop or nonsense."""


@dataclass(frozen=True, slots=True)
class Process:
    """The part of /proc/<pid>/stat that says where a process comes from."""

    parent: int
    session: int


def read_process(pid: int, proc: Path = Path("/proc")) -> Process | None:
    """Return a process's parent and session, or None when it is gone."""
    try:
        stat = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in brackets may hold anything, brackets and spaces too; the fields after its end do not.
    fields = stat.rpartition(")")[2].split()
    return Process(parent=int(fields[1]), session=int(fields[3]))


def kernel_of(pid: int, claimed: str, kernels: Mapping[int, str], proc: Path = Path("/proc")) -> str:
    """Return the id of the kernel a process belongs to, or "" for a terminal and everything else.

    `kernels` is process id → kernel id. By parents first, then by session (a kernel leads its own), then
    what the asker claims, if this server runs such a kernel: an orphan in a session of its own.
    """
    asker = read_process(pid, proc)
    current, depth = pid, 0
    while current > 1 and depth < DEPTH:
        if current in kernels:
            return kernels[current]
        process = read_process(current, proc)
        if process is None:
            break
        current, depth = process.parent, depth + 1
    if asker is not None and asker.session in kernels:
        return kernels[asker.session]
    return claimed if claimed in set(kernels.values()) else ""
