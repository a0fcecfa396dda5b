"""The SQL of reports and their runs, as people and workers ask for them.  Only this feature imports it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    func,
    insert,
    not_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.client.period import Interval
from swap.db import many
from swap.db.notebook_tables import notebook
from swap.db.report_tables import report, report_run
from swap.db.tables import person
from swap.reports import expected
from swap.reports.model import (
    Chosen,
    Held,
    Missed,
    Overlap,
    Report,
    Run,
    RunState,
    State,
    Turn,
    kept,
    kept_waits,
    said,
    stand_of,
    waits_of,
)
from swap.reports.schedule import Schedule

CHANNEL: Final = "swap_reports"
"""On which workers hear that something may be due."""
_run = report_run.c
COLUMNS: Final = tuple(column for column in report_run.c if column.name != "log")
"""Of a run, but for what is its person's alone."""
_KEPT = (
    _run.id,
    _run.report_id,
    _run.due_at,
    _run.asked_by,
    _run.period_start,
    _run.period_end,
    _run.version,
    _run.state,
    _run.start_at,
    _run.ended_at,
    _run.said,
    _run.turn,
    _run.batch,
    _run.parameters,
    _run.late_at,
    _run.resumes,
)
"""What is said of a run when it is made."""
HELD_BACK: Final = Turn.FIRST_HELD - Turn.FIRST
"""Between the turn of a run and the one that it has while its report is paused."""
COMES = _run.turn < Turn.FIRST_HELD.value
_WAITS = _run.state.in_((RunState.DATA.value, RunState.LATE.value, RunState.WAITING.value))
HELD = (
    select(
        report,
        notebook.c.person_id.label("owner_id"),
        notebook.c.head,
        notebook.c.deleted_at,
        person.c.groups.label("groups_now"),
        person.c.standing.label("standing_now"),
        person.c.removed_at,
    )
    .join(notebook, notebook.c.id == report.c.notebook_id)
    .join(person, person.c.id == report.c.person_id)
)
"""A report, and what its notebook and its person are now."""


def tell_workers(conn: Connection) -> None:
    """Let workers look, when this transaction commits."""
    conn.execute(text(f"NOTIFY {CHANNEL}"))


def add(conn: Connection, new: Report, now: datetime) -> None:
    """Keep a report."""
    conn.execute(
        insert(report).values(
            id=new.id,
            notebook_id=new.notebook_id,
            version=new.version,
            person_id=new.person_id,
            schedule=str(new.schedule),
            zone=new.schedule.zone.key,
            missed=new.missed.value,
            overlap=new.overlap.value,
            state=new.state.value,
            groups=sorted(new.groups),
            standing=new.standing,
            created_at=now,
            next_due_at=new.next_due_at,
            **chosen(new.chosen),
            run_seconds=new.run_seconds,
            cell_seconds=new.cell_seconds,
        )
    )
    tell_workers(conn)


def chosen(values: Chosen) -> dict[str, Any]:
    """Return what a person chose of a report, as it is kept."""
    return {
        "waits": kept_waits(values.waits),
        "deadline_seconds": int(values.deadline.total_seconds()),
        "parameters": dict(values.parameters),
    }


def change(conn: Connection, report_id: str, **values: Any) -> None:
    """Change a report."""
    conn.execute(update(report).where(report.c.id == report_id).values(**values))
    if values.get("state") == State.PAUSED.value:
        _hold_back(conn, report_id)
    elif "state" in values:
        held = _run.report_id == report_id, _WAITS, ~COMES
        conn.execute(update(report_run).where(*held).values(turn=_run.turn - HELD_BACK))
    tell_workers(conn)


def unowned(conn: Connection, begins: int, limit: int) -> list[Held]:
    """Return reports that have not ended and run as nobody who may let them: the oldest first."""
    able = (
        (notebook.c.person_id == report.c.person_id)
        & person.c.removed_at.is_(None)
        & (person.c.standing == report.c.standing)
        & report.c.groups.contained_by(person.c.groups)
    )
    wanted = HELD.where(report.c.state != State.ENDED.value, notebook.c.deleted_at.is_(None), not_(able))
    rows = conn.execute(wanted.order_by(report.c.created_at, report.c.id).offset(begins).limit(limit))
    return [as_held(row) for row in rows]


def _hold_back(conn: Connection, report_id: str) -> None:
    """Let what was due, or asked for with others, not come."""
    by_itself = _run.asked_by.is_not(None) & _run.batch.is_(None)
    open_ = _run.report_id == report_id, _WAITS, COMES, ~by_itself
    # What a worker looks at just now stays as it is; whoever claims it sees that its report is paused.
    free = list(conn.scalars(select(_run.id).where(*open_).with_for_update(skip_locked=True)))
    conn.execute(update(report_run).where(_run.id.in_(free)).values(turn=_run.turn + HELD_BACK))


def find(conn: Connection, report_id: str, *, hold: bool = False) -> Held | None:
    """Return a report; with `hold` nobody else changes it before the transaction ends."""
    wanted = HELD.where(report.c.id == report_id)
    row = conn.execute(wanted.with_for_update(of=report) if hold else wanted).one_or_none()
    return None if row is None else as_held(row)


def standing(conn: Connection, person_id: str) -> tuple[frozenset[str], int]:
    """Return a person's groups and standing."""
    found = conn.execute(select(person.c.groups, person.c.standing).where(person.c.id == person_id)).one()
    return frozenset(found.groups), found.standing


def of_notebook(conn: Connection, notebook_id: str) -> list[Report]:
    """Return the reports of a notebook that have not ended."""
    wanted = select(report).where(report.c.notebook_id == notebook_id, report.c.state != State.ENDED.value)
    return [_report(row) for row in conn.execute(wanted.order_by(report.c.created_at))]


def listed(conn: Connection, opens: ColumnElement[bool], limit: int) -> list[Report]:
    """Return reports that have not ended, of notebooks for which a condition holds; the next due first."""
    wanted = (
        select(report)
        .join(notebook, notebook.c.id == report.c.notebook_id)
        .where(report.c.state != State.ENDED.value, notebook.c.deleted_at.is_(None), opens)
        .order_by(report.c.next_due_at, report.c.id)
        .limit(limit)
    )
    return [_report(row) for row in conn.execute(wanted)]


def everybodys(conn: Connection) -> list[tuple[Report, str, str]]:
    """Return all reports that have not ended, with their persons' names and notebooks' paths; the next due first."""
    wanted = (
        select(report, person.c.name.label("person_name"), notebook.c.path)
        .join(notebook, notebook.c.id == report.c.notebook_id)
        .join(person, person.c.id == report.c.person_id)
        .where(report.c.state != State.ENDED.value, notebook.c.deleted_at.is_(None))
        .order_by(report.c.next_due_at, report.c.id)
    )
    return [(_report(row), row.person_name, row.path) for row in conn.execute(wanted)]


# ── Runs ────────────────────────────────────────────────────────────────────────────────────────────
def add_run(conn: Connection, new: Run) -> bool:
    """Keep a run, unless one is there that was due at this time; tell whether it is new."""
    return bool(add_runs(conn, [new]))


def add_runs(conn: Connection, new: Iterable[Run]) -> set[str]:
    """Keep runs, without those whose report has one that was due at that time; return the ids of those that are new."""
    rows = many.given(_KEPT, map(_kept_run, new))
    once = upsert(report_run).from_select([each.name for each in _KEPT], select(rows))
    once = once.on_conflict_do_nothing(
        index_elements=[_run.report_id, _run.due_at], index_where=_run.asked_by.is_(None)
    )
    return set(conn.scalars(once.returning(_run.id)))


def _kept_run(new: Run) -> dict[str, Any]:
    return {
        "id": new.id,
        "report_id": new.report_id,
        "due_at": new.due_at,
        "asked_by": new.asked_by,
        "period_start": new.period.start,
        "period_end": new.period.end,
        "version": new.version,
        "state": new.state.value,
        "start_at": new.start_at,
        "ended_at": new.ended_at,
        "resumes": new.resumes,
        "said": None if new.said is None else kept(new.said),
        "turn": new.turn.value,
        "batch": new.batch,
        "parameters": None if new.parameters is None else dict(new.parameters),
        "late_at": new.late_at,
    }


def run(conn: Connection, run_id: str) -> Run | None:
    """Return a run."""
    row = conn.execute(select(*COLUMNS).where(_run.id == run_id)).one_or_none()
    return None if row is None else as_run(row)


def log(conn: Connection, run_id: str) -> str:
    """Return the end of what a run's programs said."""
    return conn.scalar(select(_run.log).where(_run.id == run_id)) or ""


def runs(conn: Connection, report_id: str, begins: int, limit: int) -> list[Run]:
    """Return a report's runs, the last due first."""
    order = (_run.due_at.desc(), _run.period_start.desc(), _run.id)
    wanted = select(*COLUMNS).where(_run.report_id == report_id).order_by(*order)
    return [as_run(row) for row in conn.execute(wanted.offset(begins).limit(limit))]


def runs_since(conn: Connection, report_id: str, since: datetime, limit: int) -> list[Run]:
    """Return a report's runs due since a moment, the last first."""
    wanted = select(*COLUMNS).where(_run.report_id == report_id, _run.due_at >= since)
    return [as_run(row) for row in conn.execute(wanted.order_by(_run.due_at.desc()).limit(limit))]


def last_done(conn: Connection, report_id: str, limit: int) -> list[Run]:
    """Return a report's last runs that went well, the last first."""
    wanted = select(*COLUMNS).where(_run.report_id == report_id, _run.state == RunState.DONE.value)
    return [as_run(row) for row in conn.execute(wanted.order_by(_run.due_at.desc()).limit(limit))]


def last_runs(conn: Connection, reports: Iterable[str], limit: int) -> dict[str, list[Run]]:
    """Return the last runs of each of some reports that are over and of no backfill, the last first."""
    at = func.row_number().over(partition_by=_run.report_id, order_by=_run.due_at.desc()).label("at")
    over = ("done", "failed", "refused", "left", "cancelled")
    wanted = _run.report_id.in_(list(reports)), _run.state.in_(over), _run.batch.is_(None)
    numbered = select(*COLUMNS, at).where(*wanted).subquery()
    found: dict[str, list[Run]] = {}
    for row in conn.execute(select(numbered).where(numbered.c.at <= limit).order_by(numbered.c.due_at.desc())):
        found.setdefault(row.report_id, []).append(as_run(row))
    return found


def goes_on(conn: Connection, report_id: str) -> bool:
    """Tell whether a worker has a run of a report."""
    running = _run.report_id == report_id, _run.state == RunState.RUNNING.value
    return conn.scalar(select(_run.id).where(*running)) is not None


_schedule = lru_cache(maxsize=4096)(Schedule.read)
"""Few differ of many."""


def _report(row: Any) -> Report:
    return Report(
        row.id,
        row.notebook_id,
        row.version,
        row.person_id,
        _schedule(row.schedule, row.zone),
        Missed(row.missed),
        Overlap(row.overlap),
        State(row.state),
        frozenset(row.groups),
        row.standing,
        row.next_due_at,
        Chosen(waits_of(row.waits), timedelta(seconds=row.deadline_seconds), row.parameters),
        row.run_seconds,
        row.cell_seconds,
    )


def as_held(row: Row[Any]) -> Held:
    """Return a report that a row of `HELD` holds."""
    return Held(
        _report(row),
        row.owner_id,
        row.head,
        row.deleted_at is not None,
        frozenset(row.groups_now),
        row.standing_now,
        row.removed_at is not None,
    )


def as_run(row: Any) -> Run:
    """Return a run that a row holds."""
    problem, cell = said(row.said)
    return Run(
        row.id,
        row.report_id,
        row.due_at,
        row.asked_by,
        Interval(row.period_start, row.period_end),
        row.version,
        RunState(row.state),
        row.failures,
        row.start_at,
        row.started_at,
        row.ended_at,
        row.edition,
        None if row.digest is None else row.digest.hex(),
        problem,
        cell,
        Turn(row.turn),
        row.batch,
        row.parameters,
        row.late_at,
        stand_of(row.stand),
        expected.read(row.expected),
        row.is_held,
        row.released_at,
        row.resumes,
        tuple(row.waits_for or ()),
        row.memory_bytes,
        row.row_count,
        row.taken,
    )
