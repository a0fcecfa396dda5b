"""The outermost process: it does one thing, so that it survives what may go wrong inside.

It holds the lock, starts the run as its child, passes signals on, and when the child has
ended, by itself or by a kill, ends everything that is still below.  When the guard itself is killed, the
kernel tells the child, which stops in order.  When both are, `family.Record` tells the next start.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import psutil

from swap import bare, child, terminal
from swap.errors import Conflict
from swap.supervisor import family, state

_STILL_STOPPING_SECONDS: Final = 30.0
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def become(directory: Path, command: Sequence[str]) -> NoReturn:
    """Become the guard of a state directory, which runs `command`.  By exec, so that nothing of the caller stays."""
    sys.stdout.flush()
    guarded = bare.service("swap.supervisor.guard", str(directory.absolute()), *command)
    os.execv(guarded[0], list(guarded))  # noqa: S606 — as said


def guard(directory: Path, command: Sequence[str]) -> int:
    """Run `command` under the directory's lock; return its exit status.  Raises Conflict naming who holds the lock."""
    state.ready(directory)
    with ExitStack() as stack:
        _lock(stack, directory)
        return _Guarded(command).wait()


class _Guarded:
    """The child, and the signals it is passed."""

    def __init__(self, command: Sequence[str]) -> None:
        self._early: list[int] = []
        self._asked_to_stop = False
        self._pid: int | None = None
        family.adopt_orphans()
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        # A process group of its own: Ctrl-C reaches the guard alone, which passes it on once.
        self._process = child.start(command, log=sys.stdout.fileno(), env=os.environ, cwd=Path.cwd())
        self._pid = self._process.pid
        for early in self._early:
            self._on_signal(early, None)

    def wait(self) -> int:
        """Wait for the child, collecting orphans meanwhile; then end what is left."""
        while True:
            ended, raw = os.waitpid(-1, 0)
            if ended == self._pid:
                break
        status = self._process.returncode = os.waitstatus_to_exitcode(raw)
        if status < 0 and not self._asked_to_stop:
            terminal.line(f"SWAP's supervisor was ended by {signal.Signals(-status).name}; stopping what it left.")
        family.end(family.below(os.getpid()), 5.0)
        family.reap()
        if status < 0:
            return 0 if self._asked_to_stop else 1
        return status

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._pid is None:
            self._early.append(number)
            return
        self._asked_to_stop = True
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)


def _lock(stack: ExitStack, directory: Path) -> None:
    """Take the lock; wait for a run that is just ending after its guard was killed."""
    deadline = time.monotonic() + _STILL_STOPPING_SECONDS
    told = False
    while True:
        try:
            stack.enter_context(child.claim(directory / "lock", "SWAP"))
        except Conflict as error:
            holder = error.problem.extra["pid"]
            if (holder.isdigit() and psutil.pid_exists(int(holder))) or time.monotonic() > deadline:
                raise
            if not told:
                terminal.line("  The last run is still stopping; waiting for it.")
                told = True
            time.sleep(0.2)
        else:
            return


def main() -> None:
    """Guard until the command has ended."""
    terminal.leave(lambda: guard(Path(sys.argv[1]), sys.argv[2:]))


if __name__ == "__main__":
    main()
