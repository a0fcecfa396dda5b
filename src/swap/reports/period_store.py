"""The SQL of runs that are asked for by period, and of those that wait for data.  Only this feature imports it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, case, exists, func, select, update

from swap.client.period import Interval
from swap.db.report_tables import report, report_run
from swap.errors import Problem
from swap.reports import store
from swap.reports.model import OPEN, Awaited, Run, RunState, Stand, State, kept, kept_stand, waits_of

_run = report_run.c
_OPEN: Final = sorted(state.value for state in OPEN)
_DATA: Final = (RunState.DATA.value, RunState.LATE.value)
_COMES: Final = (*_DATA, RunState.WAITING.value)
_WRONG: Final = (RunState.FAILED.value, RunState.REFUSED.value)


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far the runs are that were asked for together."""

    batch: str
    period: Interval
    """From the first to the last of its periods."""
    asked_at: datetime
    total: int
    done: int
    failed: int
    comes: int
    """That wait for their turn, or for their data."""
    data: int
    """Of these, for their data."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits for its data, held, and what it waits for."""

    run: Run
    person_id: str
    waits: tuple[Awaited, ...]
    is_ended: bool
    """Whether its report is."""


def open_periods(conn: Connection, report_id: str) -> set[Interval]:
    """Return the periods about which a run of a report has not ended."""
    wanted = select(_run.period_start, _run.period_end).where(_run.report_id == report_id, _run.state.in_(_OPEN))
    return {Interval(row.period_start, row.period_end) for row in conn.execute(wanted)}


def had(conn: Connection, report_id: str, within: Interval) -> set[Interval]:
    """Return the periods within another one of which a report has an edition."""
    wanted = select(_run.period_start, _run.period_end).where(
        _run.report_id == report_id,
        _run.edition.is_not(None),
        _run.period_start >= within.start,
        _run.period_end <= within.end,
    )
    return {Interval(row.period_start, row.period_end) for row in conn.execute(wanted)}


def open_runs(conn: Connection, report_id: str, limit: int) -> list[Run]:
    """Return the first runs of a report that have not ended and are of no backfill; the one that goes on first."""
    goes_on = case((_run.state == RunState.RUNNING.value, 0), else_=1)
    wanted = select(report_run).where(_run.report_id == report_id, _run.state.in_(_OPEN), _run.batch.is_(None))
    rows = conn.execute(wanted.order_by(goes_on, _run.start_at, _run.period_start).limit(limit))
    return [store.as_run(row) for row in rows]


def late(conn: Connection, reports: Iterable[str]) -> set[str]:
    """Return those of some reports of which a run is late."""
    wanted = select(_run.report_id).where(_run.report_id.in_(list(reports)), _run.state == RunState.LATE.value)
    return set(conn.scalars(wanted.distinct()))


# ── Backfills ───────────────────────────────────────────────────────────────────────────────────────
def backfill(conn: Connection, report_id: str) -> Backfill | None:
    """Return the backfill of a report that has not ended, if there is one."""
    goes_on = select(_run.batch).where(_run.report_id == report_id, _run.batch.is_not(None), _run.state.in_(_OPEN))
    batch = conn.scalar(goes_on.limit(1))
    if batch is None:
        return None

    def number(states: Sequence[str]) -> Any:
        return func.count().filter(_run.state.in_(states))

    row = conn.execute(
        select(
            func.min(_run.period_start).label("start"),
            func.max(_run.period_end).label("end"),
            func.min(_run.due_at).label("asked_at"),
            func.count().label("total"),
            number([RunState.DONE.value]).label("done"),
            number(_WRONG).label("failed"),
            number(_COMES).label("comes"),
            number(_DATA).label("data"),
        ).where(_run.report_id == report_id, _run.batch == batch)
    ).one()
    counts = (row.total, row.done, row.failed, row.comes, row.data)
    return Backfill(batch, Interval(row.start, row.end), row.asked_at, *counts)


def goes_on(conn: Connection, report_id: str, batch: str) -> bool:
    """Tell whether a run of a backfill has not ended."""
    wanted = select(_run.id).where(_run.report_id == report_id, _run.batch == batch, _run.state.in_(_OPEN))
    return conn.scalar(wanted.limit(1)) is not None


def wrong(conn: Connection, report_id: str, batch: str) -> list[Run]:
    """Return the runs of a backfill that failed, were refused or are held, the last period first."""
    wanted = select(*store.COLUMNS).where(
        _run.report_id == report_id, _run.batch == batch, _run.state.in_(_WRONG) | _run.is_held
    )
    return [store.as_run(row) for row in conn.execute(wanted.order_by(_run.period_end.desc()))]


def failed(conn: Connection, report_id: str) -> list[Run]:
    """Return the runs of the last backfill of a report that failed, by period, once it is over.

    One of their period that came later and is done, or waits or goes on, is in their place.
    """
    asked = select(_run.batch).where(_run.report_id == report_id, _run.batch.is_not(None))
    batch = conn.scalar(asked.order_by(_run.due_at.desc()).limit(1))
    if batch is None or goes_on(conn, report_id, batch):
        return []
    later = report_run.alias().c
    again = exists().where(
        later.report_id == report_id,
        later.period_start == _run.period_start,
        later.period_end == _run.period_end,
        later.due_at > _run.due_at,
        later.edition.is_not(None) | later.state.in_(_OPEN),
    )
    wanted = select(*store.COLUMNS).where(
        _run.report_id == report_id, _run.batch == batch, _run.state.in_(_WRONG), ~again
    )
    return [store.as_run(row) for row in conn.execute(wanted.order_by(_run.period_start))]


def cancel(conn: Connection, report_id: str, batch: str, why: Problem, now: datetime) -> int:
    """Leave out what of a backfill waits; return how many runs these are.  What a worker holds just now goes on."""
    these = select(_run.id).where(_run.report_id == report_id, _run.batch == batch, _run.state.in_(_COMES))
    # Those that nobody else holds: who claims one holds it first and the report then.
    free = list(conn.scalars(these.with_for_update(skip_locked=True)))
    left = {"state": RunState.LEFT.value, "ended_at": now, "said": kept(why)}
    conn.execute(update(report_run).where(_run.id.in_(free)).values(**left))
    return len(free)


# ── Runs that wait for their data ───────────────────────────────────────────────────────────────────
def hold_waiting(conn: Connection, now: datetime, limit: int) -> list[Waiting]:
    """Return runs whose data are to be looked for, held; those that another worker holds are passed over."""
    wanted = (
        select(
            report_run,
            report.c.waits,
            report.c.person_id,
            (report.c.state == State.ENDED.value).label("is_ended"),
        )
        .join(report, report.c.id == _run.report_id)
        .where(_run.state.in_(_DATA), _run.start_at <= now)
        .order_by(_run.start_at)
        .limit(limit)
        .with_for_update(of=report_run, skip_locked=True)
    )
    return [
        Waiting(store.as_run(row), row.person_id, waits_of(row.waits), row.is_ended) for row in conn.execute(wanted)
    ]


def wait_on(conn: Connection, run_id: str, state: RunState, stand: Sequence[Stand], until: datetime) -> None:
    """Let a run wait for its data until it is looked for them again; say how far they are."""
    values = {"state": state.value, "stand": kept_stand(stand), "start_at": until}
    conn.execute(update(report_run).where(_run.id == run_id).values(**values))


def let_run(conn: Connection, run_id: str, now: datetime) -> None:
    """Let a run wait for nothing but its turn."""
    values = {"state": RunState.WAITING.value, "stand": [], "start_at": now}
    conn.execute(update(report_run).where(_run.id == run_id).values(**values))


def leave_out(conn: Connection, run_id: str, why: Problem, now: datetime) -> None:
    """Say that a run which waited for its data is not to be run."""
    values = {"state": RunState.LEFT.value, "ended_at": now, "said": kept(why)}
    conn.execute(update(report_run).where(_run.id == run_id).values(**values))


def hold_one(conn: Connection, report_id: str, run_id: str) -> bool:
    """Hold a run of a report that waits for its data; tell whether it does, and nobody else holds it."""
    wanted = select(_run.id).where(_run.id == run_id, _run.report_id == report_id, _run.state.in_(_DATA))
    return conn.scalar(wanted.with_for_update(skip_locked=True)) is not None


def look_at_once(conn: Connection, report_id: str, now: datetime, deadline: timedelta) -> None:
    """Let all runs of a report that wait for their data be looked at now; they are late after another time."""
    wanted = select(_run.id).where(_run.report_id == report_id, _run.state.in_(_DATA))
    free = list(conn.scalars(wanted.with_for_update(skip_locked=True)))
    values = {"start_at": now, "late_at": _run.due_at + deadline}
    conn.execute(update(report_run).where(_run.id.in_(free)).values(**values))
