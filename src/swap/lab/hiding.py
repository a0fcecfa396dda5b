"""Keep the server's secrets from the kernels it starts.

As an unprivileged user a kernel then reads neither this process's environment nor its memory.  Root may
read everything; where SWAP runs as root (a test machine), nothing here hides anything from root's kernels.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import MutableMapping

PR_SET_DUMPABLE = 4


def seal_process() -> None:
    """Make /proc/<us>/environ and mem unreadable for our own user, and refuse its debuggers.

    Raises OSError. Programs we start get the normal state back by their exec.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def forget(environ: MutableMapping[str, str], names: tuple[str, ...]) -> None:
    """Take secrets out of an environment that child processes inherit."""
    for name in names:
        environ.pop(name, None)
