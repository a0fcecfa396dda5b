"""Programs that a test saw, and whether they still run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

import psutil


def still_running(programs: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return those that still run after at most so long.

    One that has ended and whose entry the machine's first process has not collected yet does not run.
    """
    ends = time.monotonic() + seconds
    while (left := [each for each in programs if _runs(each)]) and time.monotonic() < ends:
        time.sleep(0.1)
    return left


def _runs(program: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return program.is_running() and program.status() != psutil.STATUS_ZOMBIE
    return False
