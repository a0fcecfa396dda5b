"""The state of one run, as its person watches it: stages that say what really happens, and a revision that grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from swap.errors import SwapError
from swap.identity import Principal
from swap.query.execution.queue import NO_SOURCE
from swap.query.model import Plan, RunState
from swap.query.results import format as shown
from swap.query.results.spool import ResultFile
from swap.query.run import estimates
from swap.query.run.habits import Habit, Span


@dataclass(slots=True)
class Stage:
    """One step, and when it was."""

    key: str
    label: str
    detail: str = ""
    state: str = "todo"
    start: float | None = None
    end: float | None = None


@dataclass(slots=True)
class SourceProgress:
    """What came from one source so far."""

    rows: int = 0
    bytes: int = 0
    total: int | None = None
    """The rows to come in all, as the catalog counts them, when whole tables are asked for."""


_LABELS = {
    "rights": ("Check your rights", "Checking your rights", "Checked your rights"),
    "wait": ("Wait for {0}", "Waiting for {0}", "Waited for {0}"),
    "run": ("Run in {0}", "Running in {0}", "Ran in {0}"),
    "fetch": ("Fetch rows from {0}", "Fetching rows from {0}", "Fetched rows from {0}"),
    "combine": ("Combine", "Combining", "Combined"),
}


class Run:
    """One accepted query.  Changed by its own thread, watched by any number."""

    def __init__(
        self,
        query_id: str,
        principal: Principal,
        statement: str,
        plan: Plan,
        habit: Habit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = query_id
        self.principal = principal
        self.statement = statement
        self.plan = plan
        self.state = RunState.WAITING
        self.error: SwapError | None = None
        self.note = ""
        self.notices = list(plan.notices)
        self.result: ResultFile | None = None
        self.sources = {name: SourceProgress(total=plan.rows_of(name)) for name in plan.sources}
        self.cancelled = threading.Event()
        self.on_cancel: Callable[[], None] = lambda: None
        self.expires_at: datetime | None = None
        self._habit = habit
        self._clock = clock
        self._accepted = clock()
        self._began: float | None = None
        self._ended: float | None = None
        self._revision = 1
        self._changed = threading.Condition(threading.RLock())
        self._stages: dict[str, Stage] = {}
        self.waits_for = plan.sources or (NO_SOURCE,)
        steps = [f"{step}:{name}" for name in plan.sources for step in ("wait", "run", "fetch")] or [
            f"wait:{NO_SOURCE}"
        ]
        for key in ("rights", *steps, "combine"):
            self._stages[key] = Stage(key, _label(key, "todo"))

    # ── What happens to it ──────────────────────────────────────────────────────────────────────
    def begin(self, key: str, detail: str = "") -> None:
        """Say that a step goes on from now."""
        with self._changed:
            stage = self._stages[key]
            if stage.state == "todo":
                stage.state, stage.start = "active", self.elapsed
            stage.label = _label(key, stage.state)
            stage.detail = detail or stage.detail
            self._touch()

    def finish(self, key: str, detail: str = "") -> None:
        """Say that a step is done."""
        with self._changed:
            stage = self._stages[key]
            if stage.state != "done":
                stage.start = self.elapsed if stage.start is None else stage.start
                stage.state, stage.end = "done", self.elapsed
            stage.label = _label(key, "done")
            stage.detail = detail or stage.detail
            self._touch()

    def skip(self, key: str) -> None:
        """Forget a step that does not happen, such as waiting when there was a place at once."""
        with self._changed:
            self._stages.pop(key, None)
            self._touch()

    def fetched(self, source: str, rows: int, size: int) -> None:
        """Count what came from a source."""
        with self._changed:
            progress = self.sources[source]
            progress.rows += rows
            progress.bytes += size
            self._stages[f"fetch:{source}"].detail = f"{progress.rows:,} rows, {_size(progress.bytes)}"
            self._touch()

    def progressed(self, source: str, detail: str) -> None:
        """Say how far a source is that has sent no rows yet."""
        with self._changed:
            stage = self._stages[f"run:{source}"]
            if stage.state == "active" and stage.detail != detail:
                stage.detail = detail
                self._touch()

    def touch(self) -> None:
        """Say that something watchers see has changed."""
        with self._changed:
            self._touch()

    def start(self) -> None:
        """Say that it has its places and runs."""
        with self._changed:
            if not self.state.ended:
                self.state = RunState.RUNNING
                self._began = self.elapsed
            self._touch()

    def end(self, state: RunState, error: SwapError | None, kept_for: timedelta, now: datetime) -> bool:
        """Say how it ended; the first end counts.  Tell whether this was it."""
        with self._changed:
            if self.state.ended:
                return False
            self.state, self.error = state, error
            self._ended = self.elapsed
            self.expires_at = now + kept_for
            self.note = ""
            for stage in self._stages.values():
                if stage.state == "active":
                    stage.end = self._ended
                    if state is RunState.DONE:
                        stage.state, stage.label = "done", _label(stage.key, "done")
            if state is RunState.DONE and self._began is not None:
                self._habit.learn(
                    {
                        stage.key: Span(stage.start - self._began, stage.end - self._began)
                        for stage in self._stages.values()
                        if stage.start is not None and stage.end is not None
                    }
                )
            self._touch()
            return True

    def cancel(self) -> None:
        """Ask it to stop, here and at its sources.  Idempotent."""
        self.cancelled.set()
        self.on_cancel()

    def _touch(self) -> None:
        self._revision += 1
        self._changed.notify_all()

    # ── What is seen of it ──────────────────────────────────────────────────────────────────────
    @property
    def elapsed(self) -> float:
        """Seconds since it was accepted, or that it took."""
        ended = getattr(self, "_ended", None)
        return ended if ended is not None else self._clock() - self._accepted

    @property
    def revision(self) -> int:
        """The number of changes so far."""
        return self._revision

    def details(self, kind: str) -> dict[str, str]:
        """Return what is said beside the stages of one kind, by key."""
        with self._changed:
            return {key: stage.detail for key, stage in self._stages.items() if key.startswith(kind + ":")}

    def wait_change(self, after: int, seconds: float) -> None:
        """Wait until the revision is greater than `after`."""
        with self._changed:
            self._changed.wait_for(lambda: self._revision > after, seconds)

    def view(self) -> dict[str, Any]:
        """Return the state as docs/reference/api.md describes it."""
        with self._changed:
            written = self.result.written if self.result else None
            now, expected = self._expected()
            return {
                "id": self.id,
                "revision": self._revision,
                "state": self.state.value,
                "headline": self._headline(),
                "elapsed": round(now, 3),
                "expected_end": None if expected.end is None else round(expected.end, 3),
                "stages": [self._stage(stage, expected.spans.get(stage.key)) for stage in self._stages.values()],
                "rows": written.rows[-1] if written else 0,
                "bytes": written.bytes if written else 0,
                "source_rows": {name: progress.rows for name, progress in self.sources.items()},
                "source_bytes": {name: progress.bytes for name, progress in self.sources.items()},
                "summary": self._summary(),
                "notices": list(self.notices),
                "note": self.note,
                "columns": [{"name": field.name, "type": shown.sql_type(field.type)} for field in written.schema]
                if written
                else None,
                "error": self.error,
                "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            }

    def _expected(self) -> tuple[float, estimates.Expected]:
        """Return this moment, and what is expected after it."""
        now = self.elapsed
        if self.state.ended:
            return now, estimates.Expected({}, None)
        rated = {}
        for name, progress in self.sources.items():
            stage = self._stages[f"fetch:{name}"]
            if stage.state == "active" and stage.start is not None and progress.total is not None:
                end = estimates.fetched_by(stage.start, now, progress.rows, progress.total)
                if end is not None:
                    rated[stage.key] = end
        return now, estimates.rest(self._stages.values(), now, self._began, self._habit.spans, rated)

    def _stage(self, stage: Stage, expected: Span | None) -> dict[str, Any]:
        detail = stage.detail
        if stage.state == "todo" and expected is not None:
            detail = estimates.roughly(expected.end - expected.start)
        if stage.state == "active" and stage.key.startswith("fetch:"):
            progress = self.sources[stage.key.partition(":")[2]]
            if progress.total is not None and 0 < progress.rows < min(progress.total, estimates.about(progress.total)):
                detail = f"{progress.rows:,} of about {estimates.about(progress.total):,} rows, {_size(progress.bytes)}"
        return {
            "key": stage.key,
            "label": stage.label,
            "detail": detail,
            "state": stage.state,
            "start": None if stage.start is None else round(stage.start, 3),
            "end": None if stage.end is None else round(stage.end, 3),
            "expected": None
            if expected is None
            else {"start": round(expected.start, 3), "end": round(expected.end, 3)},
        }

    def _headline(self) -> str:
        if self.state.ended:
            return {RunState.DONE: "Done", RunState.FAILED: "Failed", RunState.CANCELLED: "Cancelled"}[self.state]
        active = [stage for stage in self._stages.values() if stage.state == "active"]
        for kind in ("wait", "combine", "run", "fetch"):
            for stage in active:
                if stage.key.partition(":")[0] == kind:
                    return f"Waiting, {stage.detail.partition(',')[0]}" if kind == "wait" else stage.label
        return "Starting"

    def _summary(self) -> str:
        parts = []
        waits = [stage for stage in self._stages.values() if stage.key.startswith("wait:") and stage.start is not None]
        if waits:
            waited = max((stage.end if stage.end is not None else self.elapsed) for stage in waits) - min(
                stage.start or 0.0 for stage in waits
            )
            parts.append(f"waited {waited:.1f} s")
        for name in self.plan.sources:
            spans = [
                stage
                for stage in self._stages.values()
                if stage.key in {f"run:{name}", f"fetch:{name}"} and stage.start is not None
            ]
            if spans:
                end = max(stage.end if stage.end is not None else self.elapsed for stage in spans)
                parts.append(f"{name} {end - min(stage.start or 0.0 for stage in spans):.1f} s")
        combine = self._stages["combine"]
        if combine.start is not None:
            parts.append(f"combined {(combine.end if combine.end is not None else self.elapsed) - combine.start:.1f} s")
        return " · ".join(parts)


def _label(key: str, state: str) -> str:
    kind, _, source = key.partition(":")
    todo, active, done = _LABELS[kind]
    return {"todo": todo, "active": active, "done": done}[state].format(source)


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 100 * size else f"{count / size:.0f} {unit}"
    return f"{count} B"
