"""The values of reports: what runs when, each run, and why it ended as it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Final

from swap.catalog.model import TableName
from swap.client.period import Interval
from swap.errors import Problem
from swap.reports.expected import Expectation
from swap.reports.parameters import Value
from swap.reports.schedule import Schedule, spoken

DEADLINE: Final = timedelta(hours=6)
"""How long a run waits for its data before it is late, unless its person chose otherwise."""

WAS_ENDED: Final = Problem("The report was ended.")
"""Why a run that waited is left out then."""
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

    DATA = "data"
    """It waits for its data."""
    LATE = "late"
    """It waits for its data longer than it was to; it runs when they come."""
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    """Nothing was run: its person may not what they could, or does not own the notebook any more."""
    LEFT = "left"
    """Nothing was run: it was missed, the one before went on, its backfill was cancelled, or its report was ended."""
    CANCELLED = "cancelled"
    """Somebody who may ended it, before or while it ran; nothing is kept of it."""


OPEN: Final = frozenset({RunState.DATA, RunState.LATE, RunState.WAITING, RunState.RUNNING})
"""In which a run has not ended."""


class Turn(IntEnum):
    """Which runs come first: of those that wait, the lower turn; and which do not come while their report is paused."""

    FIRST = 0
    BACKFILL = 1
    FIRST_HELD = 2
    BACKFILL_HELD = 3


@dataclass(frozen=True, slots=True)
class Awaited:
    """A table that a run waits for, and the columns that tell how far it is: who may not read these is not told."""

    name: TableName
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stand:
    """Until when a table's data are complete, as far as a run needs them; None where nothing is there, or known."""

    name: TableName
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person chooses of a report beside its schedule."""

    waits: tuple[Awaited, ...] = ()
    deadline: timedelta = DEADLINE
    parameters: Mapping[str, Value] = field(default_factory=dict)


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
    chosen: Chosen = field(default_factory=Chosen)
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
            return Problem("The notebook was deleted.", todo="Bring it back from Deleted notebooks.")
        if self.owner_id != self.report.person_id:
            return Problem(
                "The notebook is not its person's any more.",
                why="A report runs as the person who owns its notebook.",
                todo="Whoever owns the notebook can take the report over on its page.",
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
    turn: Turn = Turn.FIRST
    batch: str | None = None
    """The backfill it is of."""
    parameters: Mapping[str, Value] | None = None
    """Values that were asked for, or with which it ran; None for those of the report."""
    late_at: datetime | None = None
    """When it waits for its data too long."""
    stand: tuple[Stand, ...] = ()
    """How far the tables are that are not complete."""
    expected: tuple[Expectation, ...] = ()
    is_held: bool = False
    """Whether its edition is not as expected, and nobody has released it: no reader has it."""
    released_at: datetime | None = None

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


def new_run(run_id: str, report: Report, due_at: datetime, period: Interval, asked_by: str | None = None) -> Run:
    """Return a run that is to come: it waits for its data first, where the report names some."""
    waits = bool(report.chosen.waits)
    return Run(
        id=run_id,
        report_id=report.id,
        due_at=due_at,
        asked_by=asked_by,
        period=period,
        version=report.version,
        state=RunState.DATA if waits else RunState.WAITING,
        failures=0,
        start_at=due_at,
        started_at=None,
        ended_at=None,
        edition=None,
        digest=None,
        said=None,
        cell=None,
        late_at=due_at + report.chosen.deadline if waits else None,
    )


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


def waits_of(found: Iterable[Any]) -> tuple[Awaited, ...]:
    """Return the tables that `kept_waits` was given."""
    return tuple(Awaited(TableName(*name), tuple(columns)) for name, columns in found)


def kept_waits(waits: Iterable[Awaited]) -> list[list[list[str]]]:
    """Return tables that are waited for, as they are kept."""
    return [[list(each.name), list(each.columns)] for each in waits]


def stand_of(found: Iterable[Any] | None) -> tuple[Stand, ...]:
    """Return what `kept_stand` was given."""
    return tuple(Stand(TableName(*name), until and datetime.fromisoformat(until)) for name, until in found or ())


def kept_stand(stand: Iterable[Stand]) -> list[list[Any]]:
    """Return how far tables are, as it is kept."""
    return [[list(each.name), each.until and each.until.isoformat()] for each in stand]


def kept(problem: Problem, cell: int | None = None) -> dict[str, Any]:
    """Return why a run ended, as it is kept."""
    return {"title": problem.title, "why": problem.why, "todo": problem.todo, "cell": cell}


def said(found: Mapping[str, Any] | None) -> tuple[Problem | None, int | None]:
    """Return what `kept` was given."""
    if found is None:
        return None, None
    return Problem(found["title"], why=found["why"], todo=found["todo"]), found["cell"]
