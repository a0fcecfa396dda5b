"""How many statements are read and planned at a time.

It is work of this very process, and nobody's may hold up the others.

Further ones wait and are not refused.  Whoever plans least goes first, then whoever has waited longest; a
person's third waits without keeping a place from anybody.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

PLACES = 4
PLACES_PER_PERSON = 2


class Planning:
    """The places where statements are planned."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._numbers = itertools.count()
        self._waiting: dict[int, str] = {}
        self._held: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def place(self, person_id: str) -> Iterator[None]:
        """Wait for a place and keep it for the block."""
        with self._changed:
            number = next(self._numbers)
            self._waiting[number] = person_id
            try:
                self._changed.wait_for(lambda: self._next() == number)
            finally:
                del self._waiting[number]
            self._held[person_id] += 1
            # There may be a place for one more.
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._held[person_id] -= 1
                if not self._held[person_id]:
                    del self._held[person_id]
                self._changed.notify_all()

    def _next(self) -> int | None:
        """Return the number of the one that may have a place now."""
        if self._held.total() >= self._places:
            return None
        able = [
            (self._held[person_id], number)
            for number, person_id in self._waiting.items()
            if self._held[person_id] < PLACES_PER_PERSON
        ]
        return min(able)[1] if able else None
