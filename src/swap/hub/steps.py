"""The steps of one start, as they really happen: begun, done, failed; followed by any number of pages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

ALL = ("home", "process", "answer", "route")
"""The keys of the steps, in their order."""


@dataclass(slots=True)
class Step:
    """One step; `end` is None while it goes on."""

    key: str
    label: str
    detail: str
    start: float
    end: float | None = None
    failed: bool = False


@dataclass(slots=True)
class Steps:
    """The steps so far.  Seconds count from the first one."""

    steps: list[Step] = field(default_factory=list)
    why: str = ""
    log: str = ""
    _began: float = field(default_factory=time.monotonic)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, key: str, label: str, detail: str = "") -> None:
        """End the step before and begin the next."""
        now = time.monotonic() - self._began
        if self.steps and self.steps[-1].end is None:
            self.steps[-1].end = now
        self.steps.append(Step(key, label, detail, now))
        self._tell()

    def fail(self, why: str, log: str) -> None:
        """End the step that goes on as failed."""
        self.why, self.log = why, log
        if self.steps:
            self.steps[-1].end = time.monotonic() - self._began
            self.steps[-1].failed = True
        self._tell()

    def _tell(self) -> None:
        """Wake who follows; who comes later waits for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the state now and after each change, until a step fails; the hub ends it when the start is over."""
        while True:
            changed = self._changed
            yield self.event()
            if self.steps and self.steps[-1].failed:
                return
            await changed.wait()

    def event(self) -> dict[str, Any]:
        """Return the state as the hub's progress event; `steps`, `why` and `log` are ours beside the hub's own fields."""
        last = self.steps[-1] if self.steps else None
        return {
            "progress": round(100 * max(0, len(self.steps) - 1) / len(ALL)),
            "message": "" if last is None else f"{last.label} ({last.detail})" if last.detail else last.label,
            "steps": [
                {"key": step.key, "label": step.label, "detail": step.detail, "start": round(step.start, 2),
                 "end": None if step.end is None else round(step.end, 2), "state": _state(step)}
                for step in self.steps
            ],
            "why": self.why, "log": self.log,
        }


def _state(step: Step) -> str:
    if step.failed:
        return "failed"
    return "active" if step.end is None else "done"
