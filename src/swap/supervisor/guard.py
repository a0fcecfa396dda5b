"""The outermost process: it does one thing, so that it survives what may go wrong inside.

It holds the lock, starts the run in a child, passes signals on, and when the child has ended, by itself
or by a kill, ends everything that is still below.  When the guard itself is killed, the kernel tells the
child, which stops in order.  When both are, `family.Record` tells the next start.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from swap import child
from swap.errors import Conflict, Problem, SwapError, Unavailable
from swap.supervisor import family, say

_STILL_STOPPING_SECONDS: Final = 30.0
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def guarded(state: Path, work: Callable[[], int]) -> int:
    """Run `work` in a child under the state directory's lock; return its exit status.

    Raises Conflict naming the process when another start holds the lock.
    """
    state.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        _enter(stack, state)
        family.adopt_orphans()
        guard = os.getpid()
        # A signal between fork and handler would be lost, or would end us and not the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        pid = os.fork()
        if pid == 0:
            _become_worker(guard, work)
        for number in STOP_SIGNALS:
            signal.signal(number, lambda number, _frame: _pass_on(pid, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        status = _wait(pid)
        if status < 0:
            say.line(f"SWAP's supervisor was ended by {signal.Signals(-status).name}; stopping what it left.")
        family.end(family.below(guard), 5.0)
        family.reap()
        return status if status >= 0 else 1


def _enter(stack: ExitStack, state: Path) -> None:
    """Take the lock; wait for a run that is just ending after its guard was killed."""
    deadline = time.monotonic() + _STILL_STOPPING_SECONDS
    told = False
    while True:
        try:
            stack.enter_context(child.claim(state / "lock", "SWAP"))
        except Conflict as error:
            holder = error.problem.extra["pid"]
            if Path(f"/proc/{holder}").exists() or time.monotonic() > deadline:
                raise
            if not told:
                say.line("  The last run is still stopping; waiting for it.")
                told = True
            time.sleep(0.2)
        else:
            return


def _become_worker(guard: int, work: Callable[[], int]) -> None:
    """Do the work in the child and leave without running anything the guard had prepared for its own end."""
    status = 1
    try:
        # Out of the terminal's foreground group: Ctrl-C reaches the guard alone, which passes it on once.
        os.setpgid(0, 0)
        family.die_with_parent(guard, signal.SIGTERM)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        status = work()
    except SwapError as error:
        say.error(error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            sys.excepthook(type(error), error, error.__traceback__)
        else:
            say.error(Unavailable(Problem(f"The disk is full: {error.filename or 'a file'} could not be written.",
                                          todo="Free some space, then start again; what was half made is made anew.")))
    except BaseException as error:  # noqa: BLE001 — the last place that can say what went wrong
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _pass_on(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _wait(pid: int) -> int:
    """Wait for the child, collecting orphans meanwhile; return its status, negative for a signal."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return os.waitstatus_to_exitcode(status)
