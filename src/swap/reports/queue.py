"""What runs next: reports that are due and runs that are free are held, begun, renewed and ended.

Workers take as many at a time as they have room for: at full hours most reports are due at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Select, any_, case, exists, func, select, update

from swap.db import many
from swap.db.report_tables import report, report_run
from swap.db.tables import jupyter_server, query_run, source_state
from swap.errors import Problem
from swap.reports import store
from swap.reports.model import OPEN, Asked, Held, Report, Run, RunState, State, Turn, kept

STARTING: Final = timedelta(seconds=10)
"""How long after its start a person's server counts as one that they wait for."""
RESUMED_FOR: Final = timedelta(hours=24)
"""How long a run that failed for a source is resumed when that is back."""
WAITS_AT_MOST: Final = timedelta(minutes=10)
"""After which a run does not wait any more for people whose servers start."""
_run = report_run.c
_other = report_run.alias()
# Those of which one goes on are few, and are hashed once: of many that wait, none is asked about by itself.
_GOES_ON = _run.report_id.in_(select(_other.c.report_id).where(_other.c.state == RunState.RUNNING.value))


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
    rows = conn.execute(select(*store.COLUMNS).where(_run.id.in_(ids)).order_by(*order)).all() if ids else []
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
    end(conn, run.id, epoch, RunState.WAITING, turn=run.turn + store.HELD_BACK, started_at=None)


def gives_way(conn: Connection, now: datetime) -> bool:
    """Tell whether a run waits behind people: somebody's server is starting, and it has not waited for long already."""
    waiting = _run.state == RunState.WAITING.value, store.COMES, ~_GOES_ON
    waits = exists().where(*waiting, _run.start_at <= now)
    overdue = exists().where(*waiting, _run.start_at <= now - WAITS_AT_MOST)
    # Of a server a worker may know no more than these.
    server = jupyter_server.c
    starts = select(server.started_at).where(server.ended_at.is_(None), server.started_at > now - STARTING).exists()
    return bool(conn.scalar(select(waits & ~overdue & starts)))


def cancel(conn: Connection, run_id: str, why: Problem, now: datetime) -> bool:
    """End a run that waits or goes on; tell whether it did.  Whoever holds it finds that it is not theirs any more."""
    open_ = _run.state.in_(sorted(OPEN))
    values = {"state": RunState.CANCELLED.value, "lease_until": None, "ended_at": now, "said": kept(why)}
    return conn.execute(update(report_run).where(_run.id == run_id, open_).values(**values)).rowcount == 1


def asked(conn: Connection, run_id: str, kernel_id: str) -> Asked:
    """Return what a run's kernel has asked."""
    query = query_run.c
    of_it = query.run_id == run_id, query.kernel_id == kernel_id
    counts = conn.execute(
        select(func.coalesce(func.sum(query.row_count), 0), func.count(query.taken_from)).where(*of_it)
    ).one()
    last = select(query.sources).where(*of_it, query.state == "failed").order_by(query.ended_at.desc()).limit(1)
    return Asked(int(counts[0]), int(counts[1]), tuple(conn.scalar(last) or ()))


def hold_answered(conn: Connection, now: datetime) -> tuple[Run, Report] | None:
    """Return a run, held, that failed for sources which all answer again, and its report; none that is over for long.

    One of its period that came later is in its place.
    """
    mine = report_run.alias()
    state = source_state.c
    its = select(state.source).where(state.source == any_(_run.waits_for))
    away, came_back = (
        its.where(state.up.is_(False)).exists(),
        its.where(state.up, state.since >= _run.started_at).exists(),
    )
    same = mine.c.report_id == _run.report_id, mine.c.period_start == _run.period_start
    later = exists().where(*same, mine.c.period_end == _run.period_end, mine.c.due_at > _run.due_at)
    wanted = (
        select(*store.COLUMNS)
        .where(_run.waits_for.is_not(None), _run.ended_at > now - RESUMED_FOR, ~away, came_back, ~later)
        .order_by(_run.ended_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = conn.execute(wanted).one_or_none()
    held = None if row is None else store.find(conn, row.report_id)
    return None if held is None else (store.as_run(row), held.report)


def resumes(conn: Connection, run: Run) -> int:
    """Return how often a run's period was resumed by itself since it was due, or somebody asked for it."""
    by_itself = _run.resumes.is_not(None) & _run.asked_by.is_(None)
    same = (
        _run.report_id == run.report_id,
        _run.period_start == run.period.start,
        _run.period_end == run.period.end,
        _run.due_at <= run.due_at,
    )
    begun = select(func.max(_run.due_at)).where(*same, ~by_itself).scalar_subquery()
    found = conn.scalar(select(func.count()).where(*same, by_itself, _run.due_at >= begun))
    return int(found or 0)


def resumed(conn: Connection, run_id: str) -> None:
    """Say of a run that it is resumed, or is not to be."""
    conn.execute(update(report_run).where(_run.id == run_id).values(waits_for=None))


def put_digest(conn: Connection, run_id: str, digest: str) -> None:
    """Say what a run has executed."""
    conn.execute(update(report_run).where(_run.id == run_id).values(digest=bytes.fromhex(digest)))


def wakes_at(conn: Connection) -> datetime | None:
    """Return when something is due next, waits until, looks for its data, has rows to write, or lost its worker."""
    data = _run.state.in_((RunState.DATA.value, RunState.LATE.value))
    waits = (_run.state == RunState.WAITING.value) & ~_GOES_ON
    moments = (
        select(func.min(report.c.next_due_at)).where(report.c.state == State.ACTIVE.value),
        select(func.min(_run.start_at)).where(waits, _run.turn == Turn.FIRST.value),
        select(func.min(_run.start_at)).where(waits, _run.turn == Turn.BACKFILL.value),
        select(func.min(_run.lease_until)).where(_run.state == RunState.RUNNING.value),
        select(func.min(_run.start_at)).where(data),
        select(func.min(_run.files_at)).where(_run.files_at.is_not(None)),
    )
    found = conn.execute(select(*(moment.scalar_subquery() for moment in moments))).one()
    return min((each for each in found if each is not None), default=None)
