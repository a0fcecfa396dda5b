"""What runs next: reports that are due and runs that are free are held, begun, renewed and ended.

Workers take as many at a time as they have room for: at full hours most reports are due at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, exists, func, select, update

from swap.client.period import Interval
from swap.db import many
from swap.db.report_tables import report, report_run
from swap.reports import store
from swap.reports.model import Held, Run, RunState, State, Turn

_run = report_run.c
_other = report_run.alias()
_GOES_ON = exists().where(
    _other.c.report_id == _run.report_id, _other.c.id != _run.id, _other.c.state == RunState.RUNNING.value
)


@dataclass(frozen=True, slots=True)
class Free:
    """A run that may begin, held with its report; whoever ran it before is gone."""

    run: Run
    epoch: int
    """In which it is begun."""
    held: Held


def hold_due(conn: Connection, now: datetime, limit: int) -> list[Held]:
    """Return active reports that are due, held, the first first; those that another worker holds are passed over."""
    wanted = (
        store.HELD.where(report.c.state == State.ACTIVE.value, report.c.next_due_at <= now)
        .order_by(report.c.next_due_at)
        .limit(limit)
        .with_for_update(of=report, skip_locked=True)
    )
    return [store.as_held(row) for row in conn.execute(wanted)]


def put_due(conn: Connection, next_due: Mapping[str, datetime]) -> None:
    """Say when each of some reports is due next."""
    rows = [{"id": report_id, "next_due_at": at} for report_id, at in next_due.items()]
    given = many.given((report.c.id, report.c.next_due_at), rows)
    conn.execute(update(report).where(report.c.id == given.c.id).values(next_due_at=given.c.next_due_at))


def open_reports(conn: Connection, reports: Collection[str]) -> set[str]:
    """Return of which of some reports a run waits for its turn or goes on, one of a backfill aside."""
    open_ = _run.state.in_((RunState.WAITING.value, RunState.RUNNING.value)), _run.batch.is_(None)
    return set(conn.scalars(select(_run.report_id).where(_run.report_id.in_(reports), *open_).distinct()))


def hold_free(conn: Connection, now: datetime, limit: int) -> list[Free]:
    """Return the first runs that wait for nothing, or whose lease is over, held with their reports; of each one.

    One that is overtaken by no other run of its report: these come one after the other.  Of a backfill the oldest
    period comes first, when nothing else is to be run.
    """
    lost = (_run.state == RunState.RUNNING.value) & (_run.lease_until <= now)
    waits = (_run.state == RunState.WAITING.value) & store.COMES & (_run.start_at <= now) & ~_GOES_ON
    order = (_run.turn, _run.start_at, _run.period_start, _run.id)
    # Two questions, each answered from its index in this order: one for both would sort all that waits.
    ids = _held_ids(conn, select(_run.id).where(lost).order_by(_run.lease_until), limit)
    ids += _held_ids(conn, select(_run.id).where(waits).order_by(*order), limit - len(ids))
    rows = conn.execute(select(report_run).where(_run.id.in_(ids)).order_by(*order)).all() if ids else []
    its = store.HELD.where(report.c.id.in_({row.report_id for row in rows}))
    held = {each.report.id: each for each in map(store.as_held, conn.execute(its))}
    first = {row.report_id: row for row in reversed(rows)}
    return [_free(row, held[row.report_id]) for row in rows if row is first[row.report_id]]


def _held_ids(conn: Connection, wanted: Select[tuple[str]], limit: int) -> list[str]:
    held = wanted.join(report, report.c.id == _run.report_id).limit(limit)
    return list(conn.scalars(held.with_for_update(of=(report_run, report), skip_locked=True)))


def _free(row: Any, held: Held) -> Free:
    run = store.as_run(row)
    failures = run.failures + (run.state is RunState.RUNNING)
    return Free(replace(run, failures=failures), row.epoch + 1, held)


def begin(conn: Connection, runs: Collection[str], now: datetime, lease_until: datetime) -> None:
    """Let runs that are held be run, in an epoch of their own, with the version and the values of their reports."""
    own = func.jsonb_typeof(_run.parameters) == "object"
    conn.execute(
        update(report_run)
        .where(_run.id.in_(runs), report.c.id == _run.report_id)
        .values(
            state=RunState.RUNNING.value,
            epoch=_run.epoch + 1,
            failures=_run.failures + case((_run.state == RunState.RUNNING.value, 1), else_=0),
            lease_until=lease_until,
            started_at=now,
            version=report.c.version,
            parameters=case((own, _run.parameters), else_=report.c.parameters),
        )
    )


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


def hold_back(conn: Connection, run: Run, epoch: int) -> None:
    """Let a claimed run wait until its paused report goes on."""
    turn = run.turn % store.HELD_BACK + store.HELD_BACK
    end(conn, run.id, epoch, RunState.WAITING, turn=turn, started_at=None)


def next_edition(conn: Connection, report_id: str, period: Interval) -> int:
    """Return the number of a period's next edition; the report is held by whoever asks."""
    last = conn.scalar(
        select(func.max(_run.edition)).where(
            _run.report_id == report_id, _run.period_start == period.start, _run.period_end == period.end
        )
    )
    return (last or 0) + 1


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
