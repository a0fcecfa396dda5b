"""Editions in the database: of each period the runs that are done, and those that are held."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, extract, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from swap.client.period import Interval
from swap.db.report_tables import report_run
from swap.errors import Problem
from swap.reports import expected, store
from swap.reports.expected import Expectation
from swap.reports.model import Run, RunState, kept

_run = report_run.c
_NEWEST = (_run.period_end.desc(), _run.period_start.desc(), _run.edition.desc())


def next_edition(conn: Connection, report_id: str, period: Interval) -> int:
    """Return the number of a period's next edition; the report is held by whoever asks."""
    last = conn.scalar(
        select(func.max(_run.edition)).where(
            _run.report_id == report_id, _run.period_start == period.start, _run.period_end == period.end
        )
    )
    return (last or 0) + 1


def editions(conn: Connection, report_id: str, begins: int, limit: int, *, held: bool) -> list[Run]:
    """Return a report's editions, with those that are held or without: by period, and edition, the newest first."""
    wanted = select(*store.COLUMNS).where(_run.report_id == report_id, _run.edition.is_not(None))
    if not held:
        wanted = wanted.where(~_run.is_held)
    return [store.as_run(row) for row in conn.execute(wanted.order_by(*_NEWEST).offset(begins).limit(limit))]


def expected_before(conn: Connection, report_id: str, period: Interval, limit: int) -> list[tuple[Expectation, ...]]:
    """Return what was found in the newest editions of earlier periods that are about as long, the last one first.

    What is held counts for nothing until it is released.
    """
    long = extract("epoch", _run.period_end - _run.period_start)
    seconds = (period.end - period.start).total_seconds()
    newest = (
        select(_run.period_start, _run.period_end, _run.expected)
        .ext(distinct_on(_run.period_end, _run.period_start))
        .where(
            _run.report_id == report_id,
            _run.edition.is_not(None),
            ~_run.is_held,
            _run.period_end <= period.start,
            long.between(seconds / 2, seconds * 2),
        )
        .order_by(*_NEWEST)
        .limit(limit)
    )
    return [expected.read(row.expected) for row in conn.execute(newest)]


def release(conn: Connection, run_id: str, person_id: str, now: datetime) -> bool:
    """Let readers have an edition that is held, and a worker write its data files; tell whether it was."""
    held = update(report_run).where(_run.id == run_id, _run.is_held)
    values = {"is_held": False, "released_by": person_id, "released_at": now, "files_at": now}
    return conn.execute(held.values(**values)).rowcount == 1


def is_held(conn: Connection, run_id: str) -> bool:
    """Tell whether a run's edition is held."""
    return bool(conn.scalar(select(_run.is_held).where(_run.id == run_id)))


def hold_unwritten(conn: Connection, now: datetime) -> Run | None:
    """Return the run of an edition, held for whoever asks, that is released and whose data files are to be written."""
    wanted = select(*store.COLUMNS).where(_run.files_at <= now).order_by(_run.files_at).limit(1)
    row = conn.execute(wanted.with_for_update(skip_locked=True)).one_or_none()
    return None if row is None else store.as_run(row)


def written(conn: Connection, run_id: str) -> None:
    """Say that nothing is to be written of a run into data files."""
    conn.execute(update(report_run).where(_run.id == run_id).values(files_at=None, said=None))


def not_written(conn: Connection, run_id: str, why: Problem, again_at: datetime | None) -> None:
    """Say why a run's data files could not be written, and when it is tried again."""
    conn.execute(update(report_run).where(_run.id == run_id).values(files_at=again_at, said=kept(why)))


def before(conn: Connection, run: Run) -> Run | None:
    """Return the edition of a run's period that readers had before its own."""
    same = _run.report_id == run.report_id, _run.period_start == run.period.start, _run.period_end == run.period.end
    wanted = select(*store.COLUMNS).where(*same, _run.edition < run.edition, ~_run.is_held)
    row = conn.execute(wanted.order_by(_run.edition.desc()).limit(1)).one_or_none()
    return None if row is None else store.as_run(row)


def is_followed(conn: Connection, run: Run) -> bool:
    """Tell whether readers have a newer edition of a run's period."""
    same = _run.report_id == run.report_id, _run.period_start == run.period.start, _run.period_end == run.period.end
    return conn.scalar(select(_run.id).where(*same, _run.edition > run.edition, ~_run.is_held).limit(1)) is not None


def last_well(conn: Connection, report_id: str, but_run: str) -> datetime | None:
    """Return when a run of a report ended well last, and is not held; one of them, and backfills, left out."""
    wanted = select(func.max(_run.ended_at)).where(_run.report_id == report_id, _run.state == RunState.DONE.value)
    found: datetime | None = conn.scalar(wanted.where(_run.id != but_run, ~_run.is_held, _run.batch.is_(None)))
    return found


def is_newest(conn: Connection, report_id: str, period: Interval) -> bool:
    """Tell whether no edition of a report that readers have is about a later period, and none is about to be made."""
    readers_have = _run.edition.is_not(None) & ~_run.is_held
    comes = readers_have | _run.state.in_((RunState.WAITING.value, RunState.RUNNING.value))
    later = select(_run.id).where(_run.report_id == report_id, comes, _run.period_end > period.end)
    return conn.scalar(later.limit(1)) is None
