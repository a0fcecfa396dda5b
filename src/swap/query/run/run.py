"""One run, from its acceptance to its end: what happens to it, and who waits for news of it.

With every change its revision grows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from swap.errors import QueryCancelled, SwapError
from swap.identity import Principal
from swap.query.model import NO_SOURCE, Plan, RunState, Statement
from swap.query.results.spool import ResultFile
from swap.query.run import estimates, stages, view
from swap.query.run.habits import Habit
from swap.query.run.news import RunNews
from swap.query.run.state import RunView, Span


class Run:
    """One accepted query.  Changed by its own thread, watched by any number."""

    def __init__(
        self,
        query_id: str,
        principal: Principal,
        statement: Statement,
        plan: Plan,
        habit: Habit,
        clock: Callable[[], float] = time.monotonic,
        news: RunNews | None = None,
    ) -> None:
        self.id = query_id
        self.principal = principal
        self.statement = statement.text
        self.params = statement.params
        self.brought = bool(statement.tables)
        """Whether rows of a kernel's own may be in the answer."""
        self.dialect = statement.dialect
        self.kernel_id = statement.kernel_id
        self.program = statement.program and f"{principal.id} {statement.kernel_id} {statement.program}"
        """Who waits for the answer, as `Presence` knows them; "" for nobody."""
        self.plan = plan
        self.state = RunState.WAITING
        self.error: SwapError | None = None
        self.note = ""
        self.result: ResultFile | None = None
        self.sources = {name: stages.SourceProgress(total=plan.rows_of(name)) for name in plan.sources}
        self.cancelled = threading.Event()
        self.why_cancelled: QueryCancelled | None = None
        self.on_cancel: Callable[[], None] = lambda: None
        self.ended_at: datetime | None = None
        self.expires_at: datetime | None = None
        self._habit = habit
        self._news = news or RunNews()
        self._clock = clock
        self._accepted = clock()
        self._began: float | None = None
        self._ended: float | None = None
        self._revision = 1
        self._changed = threading.Condition(threading.RLock())
        self._stages = stages.of(plan)
        self._remarks: list[str] = []
        self.waits_for = plan.sources or (NO_SOURCE,)

    # ── What happens to it ──────────────────────────────────────────────────────────────────────
    def begin(self, key: str, detail: str = "") -> None:
        """Say that a step goes on from now."""
        with self._changed:
            self._stages[key].begin(self.elapsed, detail)
            self._touch()

    def finish(self, key: str, detail: str = "") -> None:
        """Say that a step is done."""
        with self._changed:
            self._stages[key].finish(self.elapsed, detail)
            self._touch()

    def remark(self, notice: str) -> None:
        """Say, once, what must be known of the answer."""
        with self._changed:
            if notice not in self._remarks:
                self._remarks.append(notice)
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
            self._stages[f"fetch:{source}"].detail = view.fetched(progress)
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
            self.ended_at, self.expires_at = now, now + kept_for
            self.note = ""
            for stage in self._stages.values():
                if stage.state == "active":
                    stage.end = self._ended
                    if state is RunState.DONE:
                        stage.state = "done"
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

    @property
    def accepted_at(self) -> float:
        """When it was accepted, on its clock."""
        return self._accepted

    def cancel(self, why: QueryCancelled | None = None) -> None:
        """Ask it to stop, here and at its sources, and say why if its person did not ask for it.  Idempotent."""
        self.why_cancelled = self.why_cancelled or why
        self.cancelled.set()
        self.on_cancel()

    def _touch(self) -> None:
        self._revision += 1
        self._changed.notify_all()
        self._news.changed(self)

    # ── What is seen of it ──────────────────────────────────────────────────────────────────────
    @property
    def elapsed(self) -> float:
        """Seconds since it was accepted, or that it took."""
        return self._clock() - self._accepted if self._ended is None else self._ended

    @property
    def revision(self) -> int:
        """The number of changes so far."""
        return self._revision

    def details(self, kind: str) -> dict[str, str]:
        """Return what is said beside the stages of one kind, by source."""
        with self._changed:
            return {stage.source: stage.detail for stage in self._stages.values() if stage.kind == kind}

    def wait_change(self, after: int, seconds: float) -> None:
        """Wait until the revision is greater than `after`."""
        with self._changed:
            self._changed.wait_for(lambda: self._revision > after, seconds)

    def wait_end(self, seconds: float) -> None:
        """Wait until nothing will happen any more."""
        with self._changed:
            self._changed.wait_for(lambda: self.state.ended, seconds)

    def view(self) -> RunView:
        """Return what is seen of it at this moment."""
        with self._changed:
            now = self.elapsed
            steps = self._stages.values()
            expected = self._expected(now)
            written = self.result.written if self.result else None
            return RunView(
                id=self.id,
                revision=self._revision,
                state=self.state,
                headline=view.headline(self.state, steps),
                elapsed=round(now, 3),
                expected_end=view.rounded(expected.end),
                stages=view.stages(steps, self.sources, expected.spans),
                rows=written.rows[-1] if written else 0,
                bytes=written.bytes if written else 0,
                source_rows={name: progress.rows for name, progress in self.sources.items()},
                source_bytes={name: progress.bytes for name, progress in self.sources.items()},
                summary=view.summary(steps, now),
                notices=(*self.plan.notices, *self._remarks),
                note=self.note,
                columns=view.columns(written),
                error=self.error,
                expires_at=self.expires_at,
            )

    def _expected(self, now: float) -> estimates.Expected:
        if self.state.ended:
            return estimates.Expected({}, None)
        steps = self._stages.values()
        return estimates.rest(steps, now, self._began, self._habit.spans, estimates.rated(steps, self.sources, now))
