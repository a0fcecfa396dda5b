"""The steps of one start, as they really happen: begun, done, failed; followed by any number of pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

COUNT = 4
"""How many steps a start has."""


@dataclass(slots=True)
class Step:
    """One step, in words for a person."""

    label: str
    detail: str


@dataclass(slots=True)
class Steps:
    """The steps so far; the last one goes on, or failed."""

    steps: list[Step] = field(default_factory=list)
    failed: bool = False
    log: str = ""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, label: str, detail: str = "") -> None:
        """End the step before and begin the next."""
        self.steps.append(Step(label, detail))
        self._tell()

    def fail(self, log: str) -> None:
        """End the step that goes on as failed; `log` is the end of what the server said."""
        self.failed, self.log = True, log
        self._tell()

    def _tell(self) -> None:
        """Wake who follows; who comes later waits for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        """Yield every step as it begins, and the end of one that failed; the hub ends this when the start is over."""
        told = 0
        while True:
            changed = self._changed
            while told < len(self.steps):
                told += 1
                yield self.event(told)
            if self.failed:
                yield self.event(told)
                return
            await changed.wait()

    def event(self, number: int) -> dict[str, Any]:
        """Return a step as the hub's progress event; `detail` and `log` are ours beside the hub's own fields."""
        step = self.steps[number - 1] if number else Step("", "")
        return {
            "progress": round(100 * max(0, number - 1) / COUNT),
            "message": step.label,
            "detail": step.detail,
            "log": self.log,
        }
