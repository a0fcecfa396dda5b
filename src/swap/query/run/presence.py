"""Which programs are still there to take their queries' answers: each holds a line to the gateway open.

A kernel that is killed or restarted loses its line at once, whatever it was doing; a browser, a laptop or a tunnel that
closes does not concern it.  The time is for a line that is opened anew, also after a restart of the gateway.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GONE_SECONDS = 60.0
"""After how long without a line a program counts as gone."""


class Presence:
    """The lines of one gateway, by the key of the program that holds them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: dict[str, int] = {}
        self._lost: dict[str, float] = {}

    @contextmanager
    def of(self, program: str) -> Iterator[None]:
        """Count a line during the block."""
        with self._lock:
            self._lines[program] = self._lines.get(program, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._lines[program] -= 1
                if not self._lines[program]:
                    del self._lines[program]
                    self._lost[program] = self._clock()

    def gone(self, asked: dict[str, float]) -> set[str]:
        """Return which of these programs are gone; each asked something last at the given moment.

        What is not asked for is forgotten: nobody waits for its answers.
        """
        with self._lock:
            self._lost = {program: at for program, at in self._lost.items() if program in asked}
            late = self._clock() - GONE_SECONDS
            return {
                program
                for program, at in asked.items()
                if program not in self._lines and max(at, self._lost.get(program, at)) <= late
            }
