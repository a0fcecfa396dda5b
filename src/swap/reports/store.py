"""The SQL of reports and their runs, as people and workers ask for them.  Only this feature imports it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, case, exists, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.client.period import Interval
from swap.db.notebook_tables import notebook
from swap.db.report_tables import report, report_run
from swap.db.tables import person
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
from swap.reports.parameters import Value
from swap.reports.schedule import Schedule

CHANNEL: Final = "swap_reports"
"""On which workers hear that something may be due."""
_run = report_run.c
_other = report_run.alias()
_GOES_ON = exists().where(
    _other.c.report_id == _run.report_id, _other.c.id != _run.id, _other.c.state == RunState.RUNNING.value
)
_HELD_BACK: Final = Turn.FIRST_HELD - Turn.FIRST
"""Between the turn of a run and the one that it has while its report is paused."""
_COMES = _run.turn < Turn.FIRST_HELD.value
_WAITS = _run.state.in_((RunState.DATA.value, RunState.LATE.value, RunState.WAITING.value))
_HELD = (
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
        held = _run.report_id == report_id, _WAITS, ~_COMES
        conn.execute(update(report_run).where(*held).values(turn=_run.turn - _HELD_BACK))
    tell_workers(conn)


def _hold_back(conn: Connection, report_id: str) -> None:
    """Let what was due, or asked for with others, not come."""
    by_itself = _run.asked_by.is_not(None) & _run.batch.is_(None)
    open_ = _run.report_id == report_id, _WAITS, _COMES, ~by_itself
    # Whoever claims one holds it first and the report then, and sees there that it is paused.
    free = list(conn.scalars(select(_run.id).where(*open_).with_for_update(skip_locked=True)))
    conn.execute(update(report_run).where(_run.id.in_(free)).values(turn=_run.turn + _HELD_BACK))


def find(conn: Connection, report_id: str, *, hold: bool = False) -> Held | None:
    """Return a report; with `hold` nobody else changes it before the transaction ends."""
    wanted = _HELD.where(report.c.id == report_id)
    row = conn.execute(wanted.with_for_update(of=report) if hold else wanted).one_or_none()
    return None if row is None else _held(row)


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
    once = upsert(report_run).values(**_columns(new))
    once = once.on_conflict_do_nothing(
        index_elements=[_run.report_id, _run.due_at], index_where=_run.asked_by.is_(None)
    )
    return conn.execute(once).rowcount == 1


def add_runs(conn: Connection, new: Iterable[Run]) -> None:
    """Keep runs that were asked for."""
    conn.execute(insert(report_run), [_columns(each) for each in new])


def _columns(new: Run) -> dict[str, Any]:
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
        "said": None if new.said is None else kept(new.said),
        "turn": new.turn.value,
        "batch": new.batch,
        "parameters": None if new.parameters is None else dict(new.parameters),
        "late_at": new.late_at,
    }


def run(conn: Connection, run_id: str) -> Run | None:
    """Return a run."""
    row = conn.execute(select(report_run).where(_run.id == run_id)).one_or_none()
    return None if row is None else as_run(row)


def runs(conn: Connection, report_id: str, begins: int, limit: int) -> list[Run]:
    """Return a report's runs, the last due first."""
    order = (_run.due_at.desc(), _run.period_start.desc(), _run.id)
    wanted = select(report_run).where(_run.report_id == report_id).order_by(*order)
    return [as_run(row) for row in conn.execute(wanted.offset(begins).limit(limit))]


def last_runs(conn: Connection, reports: Iterable[str], limit: int) -> dict[str, list[Run]]:
    """Return the last runs of each of some reports that are over and of no backfill, the last first."""
    at = func.row_number().over(partition_by=_run.report_id, order_by=_run.due_at.desc()).label("at")
    over = ("done", "failed", "refused", "left")
    wanted = _run.report_id.in_(list(reports)), _run.state.in_(over), _run.batch.is_(None)
    numbered = select(report_run, at).where(*wanted).subquery()
    found: dict[str, list[Run]] = {}
    for row in conn.execute(select(numbered).where(numbered.c.at <= limit).order_by(numbered.c.due_at.desc())):
        found.setdefault(row.report_id, []).append(as_run(row))
    return found


def editions(conn: Connection, report_id: str, begins: int, limit: int) -> list[Run]:
    """Return a report's editions: the newest period first, and of a period the newest edition."""
    wanted = select(report_run).where(_run.report_id == report_id, _run.edition.is_not(None))
    order = (_run.period_end.desc(), _run.period_start.desc(), _run.edition.desc())
    return [as_run(row) for row in conn.execute(wanted.order_by(*order).offset(begins).limit(limit))]


def is_open(conn: Connection, report_id: str) -> bool:
    """Tell whether a run of a report waits for its turn or goes on, one of a backfill aside."""
    open_ = _run.state.in_((RunState.WAITING.value, RunState.RUNNING.value)), _run.batch.is_(None)
    return conn.scalar(select(_run.id).where(_run.report_id == report_id, *open_).limit(1)) is not None


def next_edition(conn: Connection, report_id: str, period: Interval) -> int:
    """Return the number of a period's next edition; the report is held by whoever asks."""
    last = conn.scalar(
        select(func.max(_run.edition)).where(
            _run.report_id == report_id, _run.period_start == period.start, _run.period_end == period.end
        )
    )
    return (last or 0) + 1


# ── What workers ask ────────────────────────────────────────────────────────────────────────────────
def hold_due(conn: Connection, now: datetime) -> Held | None:
    """Return an active report that is due, held; those that another worker holds are passed over."""
    wanted = (
        _HELD.where(report.c.state == State.ACTIVE.value, report.c.next_due_at <= now)
        .order_by(report.c.next_due_at)
        .limit(1)
        .with_for_update(of=report, skip_locked=True)
    )
    row = conn.execute(wanted).one_or_none()
    return None if row is None else _held(row)


def claim(conn: Connection, now: datetime, lease_until: datetime) -> tuple[Run, int] | None:
    """Claim the first run whose lease is over, or that waits for nothing; return it and its epoch.

    One that is overtaken by no other run of its report: these come one after the other.  Of a backfill the oldest
    period comes first, when nothing else is to be run.
    """
    lost = (_run.state == RunState.RUNNING.value) & (_run.lease_until <= now)
    waits = (_run.state == RunState.WAITING.value) & _COMES & (_run.start_at <= now) & ~_GOES_ON
    # Two questions, each answered from its index in this order: one for both would sort all that waits.
    order = (_run.turn, _run.start_at, _run.period_start, _run.id)
    first = (
        select(_run.id).where(lost).order_by(_run.lease_until),
        select(_run.id).where(waits).order_by(*order),
    )
    found = (conn.scalar(each.limit(1).with_for_update(skip_locked=True)) for each in first)
    run_id = next((each for each in found if each is not None), None)
    if run_id is None:
        return None
    row = conn.execute(
        update(report_run)
        .where(_run.id == run_id)
        .values(
            state=RunState.RUNNING.value,
            epoch=_run.epoch + 1,
            # Whoever held it is gone.
            failures=_run.failures + case((_run.state == RunState.RUNNING.value, 1), else_=0),
            lease_until=lease_until,
            started_at=now,
        )
        .returning(report_run)
    ).one()
    return as_run(row), row.epoch


def hold_run(conn: Connection, run_id: str) -> None:
    """Hold a run before its report, as whoever claims it does, so that neither waits for the other."""
    conn.execute(select(_run.id).where(_run.id == run_id).with_for_update())


def renew(conn: Connection, run_id: str, epoch: int, lease_until: datetime) -> bool:
    """Renew the lease of a run; tell whether it is still held in this epoch, and its report has not ended."""
    ours = _run.id == run_id, _run.epoch == epoch, _run.state == RunState.RUNNING.value
    goes_on = exists().where(report.c.id == _run.report_id, report.c.state != State.ENDED.value)
    return conn.execute(update(report_run).where(*ours, goes_on).values(lease_until=lease_until)).rowcount == 1


def end(conn: Connection, run_id: str, epoch: int, state: RunState, **values: Any) -> bool:
    """End a run, or let it wait again, if it is held in this epoch; tell whether it was."""
    ours = _run.id == run_id, _run.epoch == epoch, _run.state == RunState.RUNNING.value
    done = conn.execute(update(report_run).where(*ours).values(state=state.value, lease_until=None, **values))
    return done.rowcount == 1


def take(conn: Connection, run_id: str, version: int, parameters: Mapping[str, Value]) -> None:
    """Say which version a run runs, and with which values for its parameters."""
    values = {"version": version, "parameters": dict(parameters)}
    conn.execute(update(report_run).where(_run.id == run_id).values(**values))


def hold_back(conn: Connection, run: Run, epoch: int) -> None:
    """Let a claimed run wait until its paused report goes on."""
    end(conn, run.id, epoch, RunState.WAITING, turn=run.turn + _HELD_BACK, started_at=None)


def put_digest(conn: Connection, run_id: str, digest: str) -> None:
    """Say what a run has executed."""
    conn.execute(update(report_run).where(_run.id == run_id).values(digest=bytes.fromhex(digest)))


def wakes_at(conn: Connection) -> datetime | None:
    """Return when something is due next, waits until, looks for its data, or is without its worker; ends of indexes."""
    data = _run.state.in_((RunState.DATA.value, RunState.LATE.value))
    waits = (_run.state == RunState.WAITING.value) & ~_GOES_ON
    moments = (
        select(func.min(report.c.next_due_at)).where(report.c.state == State.ACTIVE.value),
        select(func.min(_run.start_at)).where(waits, _run.turn == Turn.FIRST.value),
        select(func.min(_run.start_at)).where(waits, _run.turn == Turn.BACKFILL.value),
        select(func.min(_run.lease_until)).where(_run.state == RunState.RUNNING.value),
        select(func.min(_run.start_at)).where(data),
    )
    found = conn.execute(select(*(moment.scalar_subquery() for moment in moments))).one()
    return min((each for each in found if each is not None), default=None)


def _report(row: Any) -> Report:
    return Report(
        row.id,
        row.notebook_id,
        row.version,
        row.person_id,
        Schedule.read(row.schedule, row.zone),
        Missed(row.missed),
        Overlap(row.overlap),
        State(row.state),
        frozenset(row.groups),
        row.standing,
        row.next_due_at,
        Chosen(waits_of(row.waits), timedelta(seconds=row.deadline_seconds), row.parameters),
    )


def _held(row: Row[Any]) -> Held:
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
    )
