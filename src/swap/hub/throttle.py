"""Budgets of wrong tries that fade.  A try counts before the password is looked at, so that tries at once gain nothing.

Kept in memory and bounded: when there are too many keys, those that would be forgotten soonest go first, so that
somebody who types a million names neither fills it nor frees a name that is paused.
"""

from __future__ import annotations

from heapq import nsmallest

SPARE = 1e-6
"""Seconds: what adding moments may lose."""


class Throttle:
    """Lets each key try `tries` times at once; every `fade_seconds` one of them is forgotten."""

    def __init__(self, tries: int, fade_seconds: float, capacity: int = 10_000) -> None:
        self._fade = fade_seconds
        self._span = tries * fade_seconds
        self._capacity = capacity
        self._forgotten_at: dict[str, float] = {}
        """The moment at which all of a key's tries will have faded."""

    def admit(self, key: str, now: float) -> float:
        """Count a try and return 0, or return the seconds until the key may try again; that try is not counted."""
        counted = max(now, self._forgotten_at.get(key, now)) + self._fade
        wait = counted - self._span - now
        if wait > SPARE:
            return wait
        self._forgotten_at[key] = counted
        if len(self._forgotten_at) > self._capacity:
            self._make_room()
        return 0.0

    def _make_room(self) -> None:
        # A tenth at once, so that looking for them costs little for each try.
        for key in nsmallest(max(1, self._capacity // 10), self._forgotten_at, key=self._forgotten_at.__getitem__):
            del self._forgotten_at[key]

    def is_last(self, key: str, now: float) -> bool:
        """Tell whether the key's next try will have to wait."""
        return self._forgotten_at.get(key, now) + self._fade - self._span - now > SPARE

    def forgive(self, key: str) -> None:
        """Take one counted try back: it was right, but says nothing about the key's other tries."""
        if key in self._forgotten_at:
            self._forgotten_at[key] -= self._fade

    def succeeded(self, key: str) -> None:
        """Forget the key's wrong tries."""
        self._forgotten_at.pop(key, None)

    def __len__(self) -> int:
        return len(self._forgotten_at)
