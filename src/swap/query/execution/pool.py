"""Give out combiners, each once, and keep one spare ready.

A spare that has already locked itself down waits for the next statement, which hides its start-up.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from swap.forking import shared, warded
from swap.query.execution import combiner_child
from swap.query.execution.combiner import Combiner
from swap.query.execution.memory import Memory, half_of_the_machine
from swap.query.execution.program import ALLOCATORS, PROGRAM
from swap.query.execution.spill import Directories, Given, Spills
from swap.settings import Limits
from swap.walls.errands import COMBINERS, Errands

BUSY_SECONDS = 0.05
"""How long a query that has just taken the spare has the processor for itself, unless it ends before."""


class Pool:
    """All combiners of one gateway."""

    def __init__(self, limits: Limits, directory: Path, errands: Errands | None = None) -> None:
        """Begin; with a warden to do errands, combiners are in a cell and spill into what it makes for them."""
        self.server = shared(PROGRAM, ALLOCATORS) if errands is None else warded(errands, COMBINERS)
        self.memory = Memory(
            limits.combiners_bytes or half_of_the_machine(), combiner_child.ceiling(limits.memory_bytes)
        )
        self._limits = limits
        self._spills = _spills(directory, errands)
        self._lock = threading.Lock()
        self._spare: Combiner | None = None
        self._closed = False
        self._asked = threading.Condition()
        self._due = math.inf
        """When the next spare is to be made."""
        threading.Thread(target=self._keep_spare, name="combiner-spare", daemon=True).start()

    def prepare(self, after_seconds: float = 0.0) -> None:
        """Make the spare ready, in the background."""
        with self._asked:
            self._due = min(self._due, time.monotonic() + after_seconds)
            self._asked.notify()

    def take(
        self,
        person: str = "",
        given_up: Callable[[], bool] = lambda: False,
        waits: Callable[[str], None] = lambda _: None,
    ) -> Combiner:
        """Return a combiner that nobody else uses, once there is memory for it.

        Raises QueryCancelled when given up meanwhile, and OSError when there is no room for one.
        """
        self.memory.take(person, given_up, waits)
        try:
            taken = self._take()
        except BaseException:
            self.memory.give_back(person)
            raise
        taken.on_end = partial(self._ended, person)
        return taken

    def close(self) -> None:
        """End the spare."""
        with self._lock:
            self._closed = True
            spare, self._spare = self._spare, None
        self.prepare()
        if spare is not None:
            spare.close()

    def _take(self) -> Combiner:
        with self._lock:
            spare, self._spare = self._spare, None
        self.prepare(BUSY_SECONDS)
        if spare is not None and spare.alive:
            return spare
        if spare is not None:
            spare.close()
        return self._new()

    def _new(self) -> Combiner:
        return Combiner(self.server, self._limits, self._spills)

    def _ended(self, person: str) -> None:
        self.memory.give_back(person)
        # While the answer is on its way: whoever asks one thing after the other finds it ready.
        self.prepare()

    def _keep_spare(self) -> None:
        while not self._closed:
            with self._asked:
                while (left := self._due - time.monotonic()) > 0:
                    self._asked.wait(None if left == math.inf else left)
                self._due = math.inf
            # Without room for a spare there is none; whoever needs a combiner then is told why.
            with self._lock, contextlib.suppress(OSError):
                if self._spare is None and not self._closed:
                    self._spare = self._new()


def _spills(directory: Path, errands: Errands | None) -> Spills:
    if errands is not None:
        return Given(errands)
    ours = Directories(directory)
    ours.forget_former()
    return ours
