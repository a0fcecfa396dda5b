"""The end of a server that was asked to end: in order where that is possible, and soon in any case.

Jupyter's own way waits for every kernel, and gives the whole up when one of them is being started again at that
moment: the server then neither serves nor ends.  Here each step has its time, and the last word is the clock's.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Awaitable

import psutil

KERNELS_SECONDS = 6.0
"""Jupyter itself kills a kernel that does not end within 5."""
EXTENSIONS_SECONDS = 2.0
SERVER_SECONDS = 9.0
END_SECONDS = 10.0
_AFTER_SECONDS = 2.0

log = logging.getLogger("swap.lab")


async def within(seconds: float, what: str, step: Awaitable[object]) -> None:
    """Do one step of the end; one that fails, or takes longer, is left, and the next one follows."""
    try:
        async with asyncio.timeout(seconds):
            await step
    except Exception as error:  # noqa: BLE001 — whatever it is, the server ends
        log.warning("%s did not end in order: %s", what, type(error).__name__)


def at_latest(seconds: float = END_SECONDS) -> None:
    """End this process after so long, and what it started, whatever it then waits for."""
    timer = threading.Timer(seconds, _now)
    timer.daemon = True
    timer.start()
    # It needs neither the interpreter nor its lock, and says where the process hung.
    faulthandler.dump_traceback_later(seconds + _AFTER_SECONDS, exit=True)


def _now() -> None:
    log.error("The server was asked to end, and did not: it is ended now.")
    kill_children()
    os._exit(1)


def kill_children() -> None:
    """Kill what this process started, each with its process group, if it leads one."""
    for child in psutil.Process().children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(child.pid) == child.pid:
                os.killpg(child.pid, signal.SIGKILL)
            else:
                os.kill(child.pid, signal.SIGKILL)
