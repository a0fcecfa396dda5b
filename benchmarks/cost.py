"""What processes cost: seconds of the processor and memory, of a process and all that descend from it.

Seconds include those of descendants that have ended, as long as their parent waited for them.  Memory is the
proportional set size (PSS): a page that several processes share counts once, in parts.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

TICKS = os.sysconf("SC_CLK_TCK")
STILL_SECONDS = 1.0
"""How long a family that rests has done nothing: longer than what it does a moment after an answer waits."""
SAMPLE_SECONDS = 0.02
KINDS = (
    ("swap.supervisor.guard", "guard"),
    ("swap.demo", "supervisor"),
    ("swap.processes.gateway", "gateway"),
    ("swap.processes.web", "portal"),
    ("swap.processes.hub", "hub"),
    ("combiner", "combiner"),
    ("swap.connectors.", "reader"),
    ("ipykernel", "kernel"),
    ("kernel-entry", "kernel"),
    ("swap.launch.loaded", "loaded"),
    ("swap.walls.enter", "walls"),
    ("swap.lab", "server"),
    ("singleuser", "server"),
    ("jupyterhub", "hub"),
    ("traefik", "traefik"),
    ("postgres", "postgres"),
)
"""What a command line holds → what the process is called here; the first that fits."""


def family(root: int) -> list[int]:
    """Return a process and all that descend from it now."""
    try:
        top = psutil.Process(root)
        return [root, *(each.pid for each in top.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def seconds(*roots: int) -> float:
    """Return the seconds of processor that families have used since they began, ended descendants included."""
    return sum(_ticks(pid) for root in roots for pid in family(root)) / TICKS


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return 0  # it ended meanwhile: its parent has its seconds
    return sum(int(value) for value in fields[11:15])  # utime, stime, and those of children that were waited for


def settled(*roots: int, at_most: float = 5.0) -> float:
    """Wait until families rest, so that what a question left to do afterwards counts too; return their seconds."""
    began, last, since = time.monotonic(), seconds(*roots), time.monotonic()
    while time.monotonic() - since < STILL_SECONDS and time.monotonic() - began < at_most:
        time.sleep(0.02)
        now = seconds(*roots)
        if now - last > 0.02:  # threads that renew leases and the like never rest wholly
            last, since = now, time.monotonic()
    return seconds(*roots)


def pss(pid: int) -> float:
    """Return a process's proportional set size in MB; 0 when it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def kind(pid: int) -> str:
    """Return what to call a process."""
    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline())
        name = process.name()
    except psutil.NoSuchProcess:
        return "ended"
    return next((said for part, said in KINDS if part in command), name)


def memory(*roots: int) -> Counter[str]:
    """Return kind → MB of families now."""
    found: Counter[str] = Counter()
    for root in roots:
        for pid in family(root):
            found[kind(pid)] += pss(pid)
    return found


@dataclass
class Peak:
    """Looks at the memory of families again and again while the block runs; keeps the most."""

    roots: Sequence[int]
    every_seconds: float = SAMPLE_SECONDS
    """Looking takes time of the processor itself: what goes on for minutes is looked at less often."""
    most: Counter[str] = field(default_factory=Counter)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            now = memory(*self.roots)
            if now.total() > self.most.total():
                self.most = now
            if self._ended.wait(self.every_seconds):
                return

    def __str__(self) -> str:
        return parts(self.most)


def parts(found: Counter[str]) -> str:
    """Return kinds and MB in words, the largest first."""
    return f"{found.total():.0f} MB ({', '.join(f'{name} {size:.0f}' for name, size in found.most_common())})"
