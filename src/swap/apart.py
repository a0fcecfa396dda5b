"""Work that is done once, in a process of its own: what it loads and takes of memory goes with it.

The process that starts SWAP, or makes the demo's data, is the one that then watches SWAP for weeks.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from swap.errors import Problem, SwapError, from_json, to_json

_PR_SET_PDEATHSIG = 1


def run(work: Callable[[], object]) -> Any:
    """Do the work in a forked process and return what it returned, as JSON has it.

    Our interruption ends it too.  Raises the SwapError that ended it.
    """
    told, tell = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _work(work, tell)
    os.close(tell)
    try:
        with os.fdopen(told, "rb") as pipe:
            answer = pipe.read()
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    if status or not answer:
        raise SwapError(
            Problem(
                "SWAP could not be made ready.",
                why=f"The process that does it ended with status {os.waitstatus_to_exitcode(status)}.",
                todo="Look above for its last words, and start again: it goes on where it stopped.",
            )
        )
    said = json.loads(answer)
    if "error" in said:
        error = from_json(said["error"])
        error.details = said["details"]
        raise error
    return said["value"]


def _work(work: Callable[[], object], tell: int) -> None:
    """Do the work and end the process, whatever happens."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        try:
            said = {"value": work()}
        except SwapError as error:
            # Beside what is sent to people: only whoever runs SWAP reads this.
            said = {"error": to_json(error), "details": error.details}
        with os.fdopen(tell, "wb") as pipe:
            pipe.write(json.dumps(said).encode())
        status = 0
    except BaseException:  # noqa: BLE001 — the child's last words
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
