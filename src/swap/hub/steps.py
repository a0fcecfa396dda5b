"""The steps of one start, as they really begin; followed by any number of pages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from swap.launch.start import Begun, Step


@dataclass(slots=True)
class Steps:
    """The steps so far; the last one goes on, until the hub says how the start ended."""

    monotonic: Callable[[], float] = time.monotonic
    _begun: list[tuple[Step, float, int | None, int | None]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, step: Step, pid: int | None = None, ahead: int | None = None) -> None:
        """End the step before and begin this one; or tell more of the one that goes on."""
        moment = self.monotonic()
        if self._begun and self._begun[-1][0] is step:
            moment = self._begun[-1][1]
        self._begun.append((step, moment, pid, ahead))
        # Who follows now is woken; who comes later waits for the next change.
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self) -> AsyncIterator[Begun]:
        """Yield every step, those of before and each as it begins; the hub ends this when the start is over."""
        told = 0
        while True:
            changed = self._changed
            while told < len(self._begun):
                step, moment, pid, ahead = self._begun[told]
                told += 1
                yield Begun(step, round(self.monotonic() - moment, 3), pid, ahead)
            await changed.wait()
