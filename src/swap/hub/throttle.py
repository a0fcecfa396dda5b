"""Budgets of wrong tries.  A try counts before the password is looked at, so that tries at once gain nothing.

Within any stretch of `seconds` no key has more than `tries`: a directory that locks accounts later than that locks none
by what comes through here.  Kept in memory and bounded: when there are too many keys, those with the fewest tries go
first, so that somebody who types a million names neither fills it nor frees a name that is paused.
"""

from __future__ import annotations

from heapq import nsmallest


class Throttle:
    """Lets each key try `tries` times within `seconds`; each try is forgotten after so long."""

    def __init__(self, tries: int, seconds: float, capacity: int = 10_000) -> None:
        self._tries = tries
        self._seconds = seconds
        self._capacity = capacity
        self._counted: dict[str, list[float]] = {}
        """The moments of a key's tries that are not forgotten, the oldest first."""

    def admit(self, key: str, now: float) -> float:
        """Count a try and return 0, or return the seconds until the key may try again; that try is not counted."""
        counted = self._remembered(key, now)
        if len(counted) >= self._tries:
            return counted[0] + self._seconds - now
        self._counted[key] = [*counted, now]
        if len(self._counted) > self._capacity:
            self._make_room(now)
        return 0.0

    def _remembered(self, key: str, now: float) -> list[float]:
        return [moment for moment in self._counted.get(key, ()) if moment + self._seconds > now]

    def _make_room(self, now: float) -> None:
        # A tenth at once, so that looking for them costs little for each try.
        few = nsmallest(max(1, self._capacity // 10), self._counted, key=lambda key: len(self._remembered(key, now)))
        for key in few:
            del self._counted[key]

    def is_last(self, key: str, now: float) -> bool:
        """Tell whether the key's next try will have to wait."""
        return len(self._remembered(key, now)) >= self._tries

    def forgive(self, key: str) -> None:
        """Take one counted try back: it was right, but says nothing about the key's other tries."""
        counted = self._counted.pop(key, [])[:-1]
        if counted:
            self._counted[key] = counted

    def succeeded(self, key: str) -> None:
        """Forget the key's wrong tries."""
        self._counted.pop(key, None)

    def __len__(self) -> int:
        return len(self._counted)
