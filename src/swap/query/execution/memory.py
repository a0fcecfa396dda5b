"""The memory that all combiners of a gateway share: who comes first has it first, and nobody has all of it."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from swap.errors import QueryCancelled

_GROUP = Path("/sys/fs/cgroup/memory.max")
"""What a container is granted, where there is one."""


class Memory:
    """Room for as many combiners as fit, each as large as it may become; for one in any case.

    A person's combiners have half of it, so that a small query of another's finds room beside long ones.
    """

    def __init__(self, total: int, each: int) -> None:
        self.total = total
        self._places = max(1, total // each)
        self._of_one_person = max(1, self._places // 2)
        self._changed = threading.Condition()
        self._taken: Counter[str] = Counter()
        self._line: list[_Asking] = []

    def take(self, person: str, given_up: Callable[[], bool], waits: Callable[[str], None]) -> None:
        """Return once there is room for one more combiner of this person.  Raises QueryCancelled when given up.

        While there is none, what it waits for is told once; an empty text when it goes on.
        """
        asking = _Asking(person)
        with self._changed:
            self._line.append(asking)
            if self._starts(asking):
                return
        try:
            waits(self._why(person))
            with self._changed:
                while not self._starts(asking):
                    if given_up():
                        raise QueryCancelled
                    self._changed.wait()
            waits("")
        finally:
            with self._changed:
                if asking in self._line:
                    self._line.remove(asking)
                self._changed.notify_all()

    def give_back(self, person: str) -> None:
        """Give back the room of one combiner."""
        with self._changed:
            self._taken[person] -= 1
            if not self._taken[person]:
                del self._taken[person]
            self._changed.notify_all()

    def wake(self) -> None:
        """Let all who wait look whether they still want to."""
        with self._changed:
            self._changed.notify_all()

    def _starts(self, asking: _Asking) -> bool:
        """Take the room if there is some, and nobody came before who could have it."""
        if self._taken.total() >= self._places:
            return False
        first = next((each for each in self._line if self._taken[each.person] < self._of_one_person), None)
        if first is not asking:
            return False
        self._line.remove(asking)
        self._taken[asking.person] += 1
        return True

    def _why(self, person: str) -> str:
        if self._taken[person] >= self._of_one_person:
            return (
                f"There is memory for {self._of_one_person} of your queries at a time. This one goes on when one of"
                " them has ended."
            )
        return (
            f"All of the {self.total / 1e9:.1f} GB of memory for putting results together is in use. Yours goes on"
            " when another query has ended."
        )


class _Asking:
    """One combiner that is wanted, and for whom."""

    def __init__(self, person: str) -> None:
        self.person = person


def half_of_the_machine() -> int:
    """Return half of the bytes of memory that this machine, or its container, has."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        granted = int(_GROUP.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or one without a limit
        return machine // 2
    return min(machine, granted) // 2
