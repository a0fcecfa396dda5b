"""Keep the server's secrets from the kernels it starts.

As an unprivileged user a kernel then reads neither this process's environment nor its memory.  Root may
read everything; where SWAP runs as root (a test machine), nothing here hides anything from root's kernels.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import stat
from collections.abc import MutableMapping

from swap.lab.environment import TOLD

PR_SET_DUMPABLE = 4


def seal_process() -> None:
    """Make /proc/<us>/environ and mem unreadable for our own user, and refuse its debuggers.

    Raises OSError. Programs we start get the normal state back by their exec.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def told() -> dict[str, str]:
    """Return what whoever started us sent on our standard input, which then is empty.

    They never stand in what /proc shows of the environment: it is what a process was started with, for ever.
    """
    with contextlib.suppress(OSError, ValueError):
        if stat.S_ISSOCK(os.fstat(0).st_mode):
            with os.fdopen(os.dup(0), "rb") as sent:
                said = json.loads(sent.read())
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.close(nothing)
            return {name: str(said[name]) for name in TOLD if name in said}
    return {}


def forget(environ: MutableMapping[str, str], names: tuple[str, ...]) -> None:
    """Take secrets out of an environment that child processes inherit."""
    for name in names:
        environ.pop(name, None)
