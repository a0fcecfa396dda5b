"""Which kernel asks on the token socket, found from the asker's process.

A label, not a protection: all processes of a person have the same user.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

import psutil


def kernel_of(pid: int, claimed: str, kernels: Mapping[int, str]) -> str:
    """Return the id of the kernel a process belongs to, or "" for a terminal and everything else.

    `kernels` is process id → kernel id. By parents first, then by session (a kernel leads its own), then
    what the asker claims, if this server runs such a kernel: an orphan in a session of its own.
    """
    for each in _family(pid):
        if each in kernels:
            return kernels[each]
    return claimed if claimed in set(kernels.values()) else ""


def _family(pid: int) -> list[int]:
    """Return the process, its parents, and who leads its session."""
    found = [pid]
    with contextlib.suppress(psutil.NoSuchProcess):
        found += [parent.pid for parent in psutil.Process(pid).parents()]
    with contextlib.suppress(ProcessLookupError):
        found.append(os.getsid(pid))
    return found
