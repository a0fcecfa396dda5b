"""The steps of a run, and what came from its sources: facts that grow, changed by its `Run` alone, under its lock."""

from __future__ import annotations

from dataclasses import dataclass

from swap.query.model import NO_SOURCE, Plan
from swap.query.run.state import StageState


@dataclass(slots=True)
class Stage:
    """One step, and when it was: `rights`, `wait:<source>`, `run:<source>`, `fetch:<source>`, `combine`."""

    key: str
    detail: str = ""
    state: StageState = "todo"
    start: float | None = None
    end: float | None = None

    @property
    def kind(self) -> str:
        """What is done in it."""
        return self.key.partition(":")[0]

    @property
    def source(self) -> str:
        """Where it is done; "" for what SWAP does itself."""
        return self.key.partition(":")[2]

    def begin(self, now: float, detail: str) -> None:
        """Say that it goes on, from now unless it did before."""
        if self.state == "todo":
            self.state, self.start = "active", now
        self.detail = detail or self.detail

    def finish(self, now: float, detail: str) -> None:
        """Say that it is done, since now unless it was before."""
        if self.state != "done":
            self.start = now if self.start is None else self.start
            self.state, self.end = "done", now
        self.detail = detail or self.detail


@dataclass(slots=True)
class SourceProgress:
    """What came from one source so far."""

    rows: int = 0
    bytes: int = 0
    total: int | None = None
    """The rows to come in all, as the catalog counts them, when whole tables are asked for."""


def of(plan: Plan) -> dict[str, Stage]:
    """Return the steps a plan will take, in their order."""
    steps = [f"{step}:{name}" for name in plan.sources for step in ("wait", "run", "fetch")] or [f"wait:{NO_SOURCE}"]
    combined = [] if plan.alone else ["combine"]
    return {key: Stage(key) for key in ("rights", *steps, *combined)}
