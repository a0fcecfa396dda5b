"""Work that is done once, in a process of its own: what it loads and takes of memory goes with it.

The process that makes the demo's data is the one that then watches SWAP for weeks.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable

from swap.errors import Problem, SwapError, from_json, to_json

_PR_SET_PDEATHSIG = 1


def run(work: Callable[[], object]) -> None:
    """Do the work in a forked process and wait for its end, which also comes when we are interrupted.

    Raises the SwapError that ended it.
    """
    told, tell = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _work(work, tell)
    os.close(tell)
    try:
        with os.fdopen(told, "rb") as pipe:
            error = pipe.read()
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    if error:
        raise from_json(json.loads(error))
    if status:
        raise SwapError(
            Problem(
                "The demo's data could not be made.",
                why=f"The process that makes it ended with status {os.waitstatus_to_exitcode(status)}.",
                todo="Look above for its last words, and start again: it goes on where it stopped.",
            )
        )


def _work(work: Callable[[], object], tell: int) -> None:
    """Do the work and end the process, whatever happens."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        work()
        status = 0
    except SwapError as error:
        os.write(tell, json.dumps(to_json(error)).encode())
    except BaseException:  # noqa: BLE001 — the child's last words
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
