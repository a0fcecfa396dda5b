"""The programs people started in terminals, also those that their terminal has not outlived.

A process is this server's by the token socket in its environment, which every terminal and kernel of it is given.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

import psutil

from swap.lab.askers import kernel_of

NAME = "SWAP_TOKEN_SOCKET"
COMPUTES = frozenset({psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP})


def running(socket: Path, kernels: Collection[int], shells: Collection[int]) -> list[str]:
    """Return the names of the programs that run beside the kernels and what belongs to them.

    A shell that waits for its next line is none; one that computes is.
    """
    found = []
    known = {pid: str(pid) for pid in kernels}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.environ().get(NAME) != str(socket):
                continue
            if kernel_of(process.pid, "", known):
                continue
            state = process.status()
            if state != psutil.STATUS_ZOMBIE and (process.pid not in shells or state in COMPUTES):
                found.append(process.name())
    return found
