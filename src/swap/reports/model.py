"""The values of reports: what runs when, each run, and why it ended as it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from swap.client.period import Interval
from swap.errors import Problem
from swap.reports.expected import Expectation
from swap.reports.schedule import Schedule, spoken

NAMED: Final = 3
"""Failed expectations that are named where there is no room for all."""


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
    expected: tuple[Expectation, ...] = ()
    is_held: bool = False
    """Whether its edition is not as expected, and nobody has released it: no reader has it."""
    released_at: datetime | None = None

    @property
    def failed_expectations(self) -> tuple[Expectation, ...]:
        """Those of its expectations that do not hold."""
        return tuple(each for each in self.expected if not each.holds)

    @property
    def unmet(self) -> str:
        """The names of these, the first of them."""
        names = [each.name for each in self.failed_expectations]
        more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
        return ", ".join([*names[:NAMED], *more])

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


def kept(problem: Problem, cell: int | None = None) -> dict[str, Any]:
    """Return why a run ended, as it is kept."""
    return {"title": problem.title, "why": problem.why, "todo": problem.todo, "cell": cell}


def said(found: Mapping[str, Any] | None) -> tuple[Problem | None, int | None]:
    """Return what `kept` was given."""
    if found is None:
        return None, None
    return Problem(found["title"], why=found["why"], todo=found["todo"]), found["cell"]
