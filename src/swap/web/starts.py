"""Starts of people's servers, followed from the hub's own progress events.

One record for each person's latest start.  Everything here runs on the event loop, so nothing locks;
browsers only watch: closing a page ends nothing.
"""

from __future__ import annotations

import asyncio
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from swap.errors import Problem, SwapError
from swap.web.hub import AWAY, LAST_WORDS, Hub, ServerKind, reason

USUAL_SECONDS = 5.0
"""Said until this portal has seen starts of its own."""
RETRY_SECONDS = 0.15
STOP_SECONDS = 60.0
KEPT_SECONDS = 600.0
_REQUESTED = "Server requested"


@dataclass(slots=True)
class Step:
    """Something the start really did; `ended` is None while it goes on.  Seconds since the start began."""

    label: str
    detail: str
    began: float
    ended: float | None = None

    @property
    def said(self) -> str:
        """What happens, or, once it is over, what happened."""
        return self.label if self.ended is None else _DONE.get(self.label, self.label)


_STOPPING = "Stopping your server"
_DONE = {
    _STOPPING: "Stopped your server",
    "Opening your home directory": "Opened your home directory",
    "Starting your Jupyter server": "Started your Jupyter server",
    "Waiting for it to answer": "It answered",
    "Opening the way to it": "Opened the way to it",
}


@dataclass(slots=True)
class Start:
    """One start: its steps so far, and how it ended."""

    person_id: str
    began: float
    state: str = "starting"
    progress: int = 0
    steps: list[Step] = field(default_factory=list)
    before: list[Step] = field(default_factory=list)
    problem: Problem | None = None
    log: str = ""
    reference: str = ""
    ended: float | None = None
    offset: float | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def touch(self) -> None:
        """Wake whoever watches."""
        self.changed.set()
        self.changed = asyncio.Event()


class Starts:
    """The starts this portal has begun or was told of."""

    def __init__(self, hub: Hub, seconds: float, monotonic: Callable[[], float], short: Callable[[], str]) -> None:
        """Follow starts at `hub`, each for at most `seconds`."""
        self._hub = hub
        self._seconds = seconds
        self._monotonic = monotonic
        self._short = short
        self._latest: dict[str, Start] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._durations: deque[float] = deque(maxlen=20)

    @property
    def usual_seconds(self) -> float:
        """How long a start usually takes here."""
        return statistics.median(self._durations) if self._durations else USUAL_SECONDS

    def latest(self, person_id: str) -> Start | None:
        """Return the person's latest start, unless it ended long ago."""
        start = self._latest.get(person_id)
        if start is not None and start.ended is not None and self._monotonic() - start.ended > KEPT_SECONDS:
            del self._latest[person_id]
            return None
        return start

    def elapsed(self, start: Start) -> float:
        """Return the seconds a start has taken so far, or took."""
        return (start.ended if start.ended is not None else self._monotonic()) - start.began

    def begin(self, person_id: str, *, request: bool = True, after: Callable[[], Any] | None = None) -> Start:
        """Start a server, or join the start that runs.  `request` False only follows one that others asked for.

        `after` is awaited first: what must end before the start (a stop).
        """
        running = self._latest.get(person_id)
        if running is not None and running.state == "starting":
            return running
        start = Start(person_id, self._monotonic(), reference=f"srv-{self._short()}")
        if after is not None:
            start.before = [Step(_STOPPING, "", 0.0)]
            start.steps = list(start.before)
        self._latest[person_id] = start
        self._spawn(self._run(start, request=request, after=after))
        return start

    def cancelled(self, person_id: str) -> None:
        """Note that the person ended the start themselves."""
        start = self._latest.get(person_id)
        if start is not None and start.state == "starting":
            self._end(start, "cancelled")

    def forget(self, person_id: str) -> None:
        """Drop the record: the server was stopped, or runs."""
        start = self._latest.get(person_id)
        if start is not None and start.state != "starting":
            del self._latest[person_id]

    async def close(self) -> None:
        """Stop following; the hub goes on by itself."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, start: Start, *, request: bool, after: Callable[[], Any] | None) -> None:
        """Ask for the start and follow it at the same time: some hubs answer only when the server is ready."""
        try:
            if after is not None:
                async with asyncio.timeout(STOP_SECONDS):
                    await after()
                start.before[-1].ended = self.elapsed(start)
                start.touch()
            async with asyncio.timeout(self._seconds + 15.0):
                asking = asyncio.create_task(self._hub.start(start.person_id, self._seconds)) if request else None
                try:
                    await self._follow(start, asking)
                finally:
                    if asking is not None and not asking.done():
                        asking.cancel()
        except SwapError as error:
            self._fail(start, error.problem)
        except TimeoutError:
            self._fail(
                start,
                Problem("Your server did not start.", why=f"It gave no answer within {self._seconds:.0f} seconds."),
            )
        except httpx.HTTPError:
            self._fail(start, AWAY)

    async def _follow(self, start: Start, asking: asyncio.Task[None] | None) -> None:
        """Read progress until the start ends, also across a hub that is not there yet or goes away for a moment."""
        while start.state == "starting":
            try:
                async with self._hub.progress(start.person_id) as events:
                    if events is not None:
                        first = True
                        async for event in events:
                            if first and event.get("failed") and asking is not None and not asking.done():
                                break  # the hub has not taken our request yet and still tells of the start before
                            first = False
                            self._note(start, event)
            except httpx.HTTPError:
                if asking is not None and asking.done():
                    await self._settle(start)
            if start.state != "starting":
                return
            if asking is not None and asking.done():
                asking.result()
                await self._settle(start)
            elif asking is None:
                await self._settle(start, strict=True)
            await asyncio.sleep(RETRY_SECONDS)

    async def _settle(self, start: Start, *, strict: bool = False) -> None:
        """Look at the server itself: it may have become ready between two events, or never have been asked for."""
        kind = await self._hub.state(start.person_id)
        if kind is ServerKind.RUNNING:
            self._end(start, "ready")
        elif kind is ServerKind.STOPPED and strict:
            self._end(start, "cancelled")

    def _note(self, start: Start, event: dict[str, Any]) -> None:
        """Take one event of the hub; steps are only what was reported."""
        if start.state != "starting":
            return
        progress = event.get("progress")
        if isinstance(progress, int):
            start.progress = max(start.progress, min(progress, 100))
        if event.get("ready"):
            self._end(start, "ready")
        elif event.get("failed"):
            start.log = start.log or str(event.get("message") or "").partition(LAST_WORDS)[2].strip()
            self._fail(start, Problem("Your server did not start.", why=reason(event.get("message"))))
        else:
            start.log = str(event.get("log") or start.log)
            if isinstance(event.get("steps"), list):
                self._steps(start, event["steps"])
            elif event.get("message") != _REQUESTED:
                self._step(start, str(event.get("message") or ""))
            start.touch()

    def _steps(self, start: Start, told: list[Any]) -> None:
        """Take the spawner's own list of steps.  Its seconds count from its first step; ours from the click."""
        told = [step for step in told if isinstance(step, dict)]
        if not told:
            return
        if start.offset is None:
            start.offset = max(0.0, self.elapsed(start) - float(told[-1].get("start") or 0.0))
        shift = start.offset
        start.steps = start.before + [
            Step(
                str(step.get("label") or ""),
                str(step.get("detail") or ""),
                float(step.get("start") or 0.0) + shift,
                None if step.get("end") is None else float(step["end"]) + shift,
            )
            for step in told
        ]

    def _step(self, start: Start, label: str) -> None:
        """Take one message of a spawner that only says what it does: a new message closes the step before it."""
        seconds = self.elapsed(start)
        last = start.steps[-1] if start.steps else None
        if not label or any(step.label == label for step in start.steps):
            return  # also events told again, after the stream broke
        if last is not None:
            last.ended = seconds
        start.steps.append(Step(label, "", seconds))

    def _fail(self, start: Start, problem: Problem) -> None:
        if start.state == "starting":
            start.problem = problem
            self._end(start, "failed")

    def _end(self, start: Start, state: str) -> None:
        start.ended = self._monotonic()
        start.state = state
        if start.steps and start.steps[-1].ended is None:
            start.steps[-1].ended = self.elapsed(start)
        if state == "ready":
            start.progress = 100
            self._durations.append(self.elapsed(start))
        start.touch()
