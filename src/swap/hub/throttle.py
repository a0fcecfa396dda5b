"""Pause after wrong tries in a row.  Counts before the password is looked at, so that tries at once gain nothing.

Kept in memory, bounded, the oldest forgotten first: somebody who types a million names does not fill it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Count:
    tries: int = 0
    last_at: float = 0.0


class Throttle:
    """Lets `tries` wrong tries in a row through for each key, then pauses it for `pause_seconds`."""

    def __init__(self, tries: int, pause_seconds: float, capacity: int = 10_000) -> None:
        self.tries = tries
        self.pause_seconds = pause_seconds
        self._capacity = capacity
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def admit(self, key: str, now: float) -> float:
        """Count a try and return 0, or return the seconds the key is still paused; a try in a pause is not counted."""
        count = self._counts.setdefault(key, _Count())
        self._counts.move_to_end(key)
        while len(self._counts) > self._capacity:
            self._counts.popitem(last=False)
        if count.tries >= self.tries:
            left = count.last_at + self.pause_seconds - now
            if left > 0:
                return left
            count.tries = 0
        count.tries += 1
        count.last_at = now
        return 0.0

    def is_last(self, key: str) -> bool:
        """Tell whether the key's next try will meet a pause."""
        count = self._counts.get(key)
        return count is not None and count.tries >= self.tries

    def forgive(self, key: str) -> None:
        """Take one counted try back: it was right, but says nothing about the key's other tries."""
        count = self._counts.get(key)
        if count is not None:
            count.tries = max(0, count.tries - 1)

    def succeeded(self, key: str) -> None:
        """Forget the key's wrong tries."""
        self._counts.pop(key, None)

    def __len__(self) -> int:
        return len(self._counts)
