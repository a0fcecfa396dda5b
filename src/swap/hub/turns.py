"""Turns: only so many starts at a time; whoever comes first goes first, and is told how many go before.

Thirty servers that start at one moment on two processors are each as slow as all of them together; one after the
other, the first is there in seconds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    come: asyncio.Future[None]
    tell: Callable[[int], None]


class Turns:
    """So many turns at a time.  A turn is for pacing, not a lock: who takes long loses it, and goes on without."""

    def __init__(self, at_once: int, seconds: float) -> None:
        """Give `at_once` turns at a time, each for at most `seconds`."""
        self._free = at_once
        self._seconds = seconds
        self._waiting: deque[_Waiting] = deque()

    @asynccontextmanager
    async def turn(self, tell: Callable[[int], None]) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the block; `tell` hears how many are waiting before, on each change.

        It is not called when nobody has to wait.
        """
        if self._free:
            self._free -= 1
        else:
            await self._come(tell)
        held = True

        def give() -> None:
            nonlocal held
            if held:
                held = False
                self._next()

        timer = asyncio.get_running_loop().call_later(self._seconds, give)
        try:
            yield
        finally:
            timer.cancel()
            give()

    async def _come(self, tell: Callable[[int], None]) -> None:
        mine = _Waiting(asyncio.get_running_loop().create_future(), tell)
        self._waiting.append(mine)
        tell(len(self._waiting) - 1)
        try:
            await mine.come
        except asyncio.CancelledError:
            if not mine.come.cancelled():  # it came in the same moment
                self._next()
            elif mine in self._waiting:
                self._waiting.remove(mine)
                self._tell_all()
            raise

    def _next(self) -> None:
        """Hand a turn on to who waits longest."""
        while self._waiting:
            come = self._waiting.popleft().come
            if not come.cancelled():
                come.set_result(None)
                self._tell_all()
                return
        self._free += 1

    def _tell_all(self) -> None:
        for ahead, each in enumerate(self._waiting):
            each.tell(ahead)
