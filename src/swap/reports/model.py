"""The values of reports: what runs when, each run, and why it ended as it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from swap.client.period import Interval
from swap.errors import Problem
from swap.reports.schedule import Schedule, spoken


class Missed(StrEnum):
    """What becomes of due times at which no worker ran."""

    LATEST = "latest"
    ALL = "all"
    NONE = "none"


class Overlap(StrEnum):
    """What becomes of a due time while the run before it goes on."""

    WAIT = "wait"
    SKIP = "skip"


class State(StrEnum):
    """Whether a report runs."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class RunState(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    """Nothing was run: its person may not what they could, or does not own the notebook any more."""
    LEFT = "left"
    """Nothing was run: it was missed, or the run before it went on."""
    CANCELLED = "cancelled"
    """Somebody who may ended it, before or while it ran; nothing is kept of it."""


@dataclass(frozen=True, slots=True)
class Report:
    """A version of a notebook that runs by itself."""

    id: str
    notebook_id: str
    version: int
    person_id: str
    """Whom it runs as."""
    schedule: Schedule
    missed: Missed
    overlap: Overlap
    state: State
    groups: frozenset[str]
    """Of its person, when they scheduled it or accepted the version; with less nothing runs."""
    standing: int
    next_due_at: datetime
    run_seconds: float | None = None
    """What one run may take, if its person has said so; never more than the site lets it."""
    cell_seconds: float | None = None
    """What one cell may take; None is as long as the run may."""

    def seconds(self, most: float) -> float:
        """Return what one run may take where the site lets it take `most`."""
        return most if self.run_seconds is None else min(self.run_seconds, most)


@dataclass(frozen=True, slots=True)
class Held:
    """A report, and what its notebook and its person are now."""

    report: Report
    owner_id: str
    head: int
    is_deleted: bool
    groups: frozenset[str]
    standing: int
    is_removed: bool

    @property
    def refused(self) -> Problem | None:
        """Why nothing may run, if so."""
        accept = "Accept the version again on the report's page, with what you may read now."
        if self.is_deleted:
            return Problem("The notebook was deleted.", todo="Bring it back from Deleted notebooks, or end the report.")
        if self.owner_id != self.report.person_id:
            return Problem(
                "The notebook is not its person's any more.",
                why="A report runs as the person who owns its notebook.",
                todo="End this report; whoever owns the notebook can schedule it.",
            )
        if self.is_removed or self.standing != self.report.standing:
            return Problem(
                "Its person's access has ended since it was scheduled.",
                why="Their password was changed, or they were removed, locked or signed out by those who run SWAP.",
                todo=accept,
            )
        if lost := self.report.groups - self.groups:
            return Problem(
                f"Its person is no longer in {', '.join(sorted(lost))}.",
                why="A report runs with nothing less than its person had when they scheduled it.",
                todo=accept,
            )
        return None


@dataclass(frozen=True, slots=True)
class Run:
    """One run: due, asked for, under way or over."""

    id: str
    report_id: str
    due_at: datetime
    asked_by: str | None
    period: Interval
    version: int
    state: RunState
    failures: int
    start_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    edition: int | None
    digest: str | None
    said: Problem | None
    cell: int | None
    """The cell that failed, from 1, if one did."""
    resumes: str | None = None
    """The run whose queries' results it may take."""
    waits_for: tuple[str, ...] = ()
    """The sources that did not answer when it failed: once they do, it is resumed."""
    memory_bytes: int | None = None
    """What its kernel took at most."""
    row_count: int | None = None
    """Rows of its queries' results."""
    taken: int | None = None
    """How many of these it took over from a run before."""

    @property
    def may_resume(self) -> bool:
        """Whether another run can go on from what it did."""
        return self.state is RunState.FAILED and bool(self.cell)

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    def about(self, schedule: Schedule) -> str:
        """Return its period in words."""
        return spoken(self.period, schedule.zone)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that a worker holds, in an epoch."""

    run: Run
    report: Report
    epoch: int

    @property
    def kernel_id(self) -> str:
        """What its kernel is known by, of this claim alone: what it reads is recorded under it."""
        return f"report-{self.run.id}-{self.epoch}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one execution."""

    document: Any | None
    """The notebook as far as it was executed, if there is one."""
    problem: Problem | None = None
    cell: int | None = None
    may_pass: bool = False
    """Whether it may go well when it is tried again."""
    memory_bytes: int | None = None
    """What its kernel took at most."""
    log: str = ""
    """The end of what its programs said, beside what stands in the notebook."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run's kernel has asked: rows of all results, how many were taken over, and which sources failed last."""

    row_count: int
    taken: int
    failed: tuple[str, ...]


def kept(problem: Problem, cell: int | None = None) -> dict[str, Any]:
    """Return why a run ended, as it is kept."""
    return {"title": problem.title, "why": problem.why, "todo": problem.todo, "cell": cell}


def said(found: Mapping[str, Any] | None) -> tuple[Problem | None, int | None]:
    """Return what `kept` was given."""
    if found is None:
        return None, None
    return Problem(found["title"], why=found["why"], todo=found["todo"]), found["cell"]
