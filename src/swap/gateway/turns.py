"""How many requests of one person are answered at a time, so that nobody's many leave no thread for the others.

A request that waits (for a newer state, for more of a result) holds a thread of the gateway meanwhile.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from swap.errors import LimitExceeded, Problem


class Turns:
    """Counts requests under way, by person."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, person_id: str) -> Iterator[None]:
        """Count one more for the block.  Raises LimitExceeded when the person has as many as there may be."""
        with self._lock:
            if self._held[person_id] >= self._most:
                raise LimitExceeded(
                    Problem(
                        f"{self._most} {self._what} of yours are under way already.",
                        why="More of one person are not taken at a time.",
                        todo="Wait until one has ended, or cancel queries that nobody waits for.",
                    )
                )
            self._held[person_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held[person_id] -= 1
                if not self._held[person_id]:
                    del self._held[person_id]
