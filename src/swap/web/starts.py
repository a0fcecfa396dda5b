"""Starts of people's servers, followed from the hub's own progress events.

One record for each person's latest start.  Everything here runs on the event loop, so nothing locks;
browsers only watch: closing a page ends nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from swap.errors import Problem, SwapError
from swap.launch import start as told
from swap.web.hub import NO_REASON, Hub, ServerKind

USUAL_SECONDS = 5.0
"""Said until this portal has seen starts of its own."""
RETRY_SECONDS = 0.15
LEARN_TRIES = 5
STOP_SECONDS = 60.0
KEPT_SECONDS = 600.0
STOPPING = "stop"
"""The step of ours that goes before the hub's own when a server is started again."""
_WORDS = {
    STOPPING: ("Stopping your server", "Stopped your server"),
    told.Step.TURN: ("Waiting for your turn", "Waited for your turn"),
    told.Step.HOME: ("Opening your home directory", "Opened your home directory"),
    told.Step.PROCESS: ("Starting your Jupyter server", "Started your Jupyter server"),
    told.Step.ANSWER: ("Waiting for it to answer", "It answered"),
    told.Step.ROUTE: ("Opening the way to it", "Opened the way to it"),
}


@dataclass(slots=True)
class Step:
    """Something the start really did; `ended` is None while it goes on.  Seconds since the start began."""

    key: str
    began: float
    ended: float | None = None
    pid: int | None = None
    ahead: int | None = None

    @property
    def label(self) -> str:
        """What is to happen."""
        return _WORDS[self.key][0]

    @property
    def said(self) -> str:
        """What happens, or, once it is over, what happened."""
        return _WORDS[self.key][0 if self.ended is None else 1]

    def detail(self, limit: float) -> str:
        """Return what is known of it; it is given up after `limit` seconds, but for waiting."""
        known = "" if self.pid is None else f"process {self.pid}"
        if self.ended is not None:
            return known
        then = _ahead(self.ahead or 0) if self.key == told.Step.TURN else f"Gives up after {limit:.0f} s and says why."
        return f"{known}. {then}" if known else then


@dataclass(slots=True)
class Start:
    """One start: its steps so far, and how it ended."""

    person_id: str
    began: float
    state: str = "starting"
    progress: int = 0
    steps: list[Step] = field(default_factory=list)
    problem: Problem | None = None
    log: str = ""
    reference: str = ""
    ended: float | None = None
    limit: asyncio.Timeout | None = None
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

    def waited(self, start: Start) -> float:
        """Return the seconds of it in which it was not its turn."""
        turn = next((step for step in start.steps if step.key == told.Step.TURN), None)
        return 0.0 if turn is None else (self.elapsed(start) if turn.ended is None else turn.ended) - turn.began

    def begin(self, person_id: str, *, request: bool = True, after: Callable[[], Any] | None = None) -> Start:
        """Start a server, or join the start that runs.  `request` False only follows one that others asked for.

        `after` is awaited first: what must end before the start (a stop).
        """
        running = self._latest.get(person_id)
        if running is not None and running.state == "starting":
            return running
        start = Start(person_id, self._monotonic(), reference=f"srv-{self._short()}")
        if after is not None:
            start.steps.append(Step(STOPPING, 0.0))
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

    @property
    def _patience(self) -> float:
        """Seconds after which this portal gives up on the hub, which has limits of its own."""
        return self._seconds + 2 * told.SPARE_SECONDS

    async def _run(self, start: Start, *, request: bool, after: Callable[[], Any] | None) -> None:
        """Ask for the start, then follow it."""
        try:
            if after is not None:
                async with asyncio.timeout(STOP_SECONDS):
                    await after()
                start.steps[-1].ended = self.elapsed(start)
                start.touch()
            async with asyncio.timeout(self._patience) as start.limit:
                if not request or await self._hub.start(start.person_id):
                    await self._follow(start)
                else:
                    await self._learn(start)
        except SwapError as error:
            self._fail(start, error.problem)
        except TimeoutError:
            self._fail(
                start,
                Problem("Your server did not start.", why=f"It gave no answer within {self._seconds:.0f} seconds."),
            )

    async def _follow(self, start: Start) -> None:
        """Read progress until the start ends, also across a stream that breaks or a hub that is away for a moment."""
        while start.state == "starting":
            try:
                await self._read(start)
                if start.state == "starting":
                    await self._settle(start)
            except httpx.HTTPError:
                pass  # asked again, the hub also tells how a start has ended
            await asyncio.sleep(RETRY_SECONDS)

    async def _learn(self, start: Start) -> None:
        """Ask why a start has failed, again where the answer does not come: the hub keeps it."""
        for _ in range(LEARN_TRIES):
            with contextlib.suppress(httpx.HTTPError):
                await self._read(start)
                break
            await asyncio.sleep(RETRY_SECONDS)
        self._fail(start, NO_REASON)

    async def _read(self, start: Start) -> None:
        """Take what the hub tells of a start, to the end of its stream.  Raises httpx.HTTPError."""
        async with self._hub.progress(start.person_id) as events:
            async for event in events:
                self._note(start, event)

    async def _settle(self, start: Start) -> None:
        """Look at the server itself when the hub tells of no start: it runs, or others stopped it."""
        kind = await self._hub.state(start.person_id)
        if kind is ServerKind.RUNNING:
            self._end(start, "ready")
        elif kind is ServerKind.STOPPED:
            self._end(start, "cancelled")

    def _note(self, start: Start, event: dict[str, Any]) -> None:
        """Take one event of the hub; steps are only what was told."""
        if start.state != "starting":
            return
        if event.get("ready"):
            self._end(start, "ready")
        elif event.get("failed"):
            failure = told.failure(event)
            start.log = failure.log if failure else ""
            self._fail(start, Problem("Your server did not start.", why=failure.why) if failure else NO_REASON)
        elif (begun := told.begun(event)) is not None:
            start.progress = max(start.progress, begun.progress)
            self._step(start, begun)
            start.touch()

    def _step(self, start: Start, begun: told.Begun) -> None:
        """Begin a step, which ends the one before it.  A stream that was broken tells the first ones again."""
        known = next((step for step in start.steps if step.key == begun.step), None)
        if known is not None:
            known.ahead = begun.ahead
            return
        began = self.elapsed(start) - begun.seconds
        if not start.steps and began < 0:  # others asked for this start, before we came to follow it
            start.began, began = start.began + began, 0.0
        began = max(0.0, began)
        if start.steps:
            last = start.steps[-1]
            # What the hub says of each is as old as its way here.
            began = max(began, last.began)
            last.ended = began if last.ended is None else last.ended
        start.steps.append(Step(begun.step, began, pid=begun.pid, ahead=begun.ahead))
        if start.limit is not None:
            wait = told.MOST_TURN_SECONDS if begun.step is told.Step.TURN else 0.0
            start.limit.reschedule(asyncio.get_running_loop().time() + wait + self._patience)

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
            self._durations.append(self.elapsed(start) - self.waited(start))
        start.touch()


def _ahead(count: int) -> str:
    """Say how many start before.

    >>> _ahead(0)
    'Yours is the next to start.'
    >>> _ahead(1)
    'One more starts before yours.'
    >>> _ahead(7)
    '7 more start before yours.'
    """
    if count == 0:
        return "Yours is the next to start."
    return "One more starts before yours." if count == 1 else f"{count} more start before yours."
