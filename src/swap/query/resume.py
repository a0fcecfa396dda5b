"""What a run of a report takes over: results that an earlier try of it had, or the run that it resumes.

The question is the same word for word, with the same values, and reads the same columns.  Who asks it has just been
held against the rights of this moment, as for any other query, and a result is only ever taken for the same person.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, exists, or_, select, update

from swap.connectors.base import Sent
from swap.db.report_tables import report_run
from swap.db.tables import query_run
from swap.errors import NotFound, Problem, SwapError
from swap.policy.model import Resource
from swap.query import rights
from swap.query.model import RunState, Statement
from swap.query.results.spool import ResultFile, Spool, not_kept
from swap.query.run.run import Run
from swap.settings import Limits

HELD: Final = timedelta(hours=72)
"""How long results are kept for a run that comes after one that failed."""
_OPEN: Final = ("waiting", "running", "failed")
"""States of a run after which another may take results."""
_query = query_run.c
_of = report_run.c
_mine = report_run.alias("mine")
_later = report_run.alias("later")


def fingerprint(statement: Statement, reads: tuple[Resource, ...]) -> bytes | None:
    """Return what tells a question from every other; None for one whose answer depends on tables of its kernel's."""
    return None if statement.tables else _fingerprint(statement.text, statement.params, statement.dialect, reads)


def _fingerprint(text: str, params: Mapping[str, Any], dialect: str, reads: tuple[Resource, ...]) -> bytes:
    values = sorted((name, type(value).__name__, repr(value)) for name, value in params.items())
    return hashlib.sha256(json.dumps([text, values, dialect, rights.encode(reads)]).encode()).digest()


def taken(engine: Engine, spool: Spool, run: Run, now: datetime) -> ResultFile | None:
    """Return the result that a run's query takes over, as its own, if there is one."""
    claimed = run.principal.run
    if claimed is None or run.brought:
        return None
    asked = _fingerprint(run.statement, run.params, run.dialect, run.plan.reads)
    with engine.begin() as conn:
        found = _find(conn, run.principal.id, claimed.id, run.kernel_id, asked, now)
    if found is None:
        return None
    query_id, read_at = found
    try:
        result = _copy(spool, query_id, run.id)
    except SwapError:  # it is gone, or has no room: it is asked as any other
        return None
    with engine.begin() as conn:
        conn.execute(update(query_run).where(_query.id == run.id).values(taken_from=query_id))
    for kind in ("run", "fetch"):
        for source in run.sources:
            run.skip(f"{kind}:{source}")
    run.skip("combine")
    run.remark(f"Taken over from a run that failed, which had it on {read_at:%d %B %Y at %H:%M} UTC.")
    return result


def _copy(spool: Spool, query_id: str, to: str) -> ResultFile:
    """Return a new result with all that is in another, which is complete.  Raises SwapError."""
    written = spool.written(query_id)
    result = spool.create(to)
    try:
        with spool.path(query_id).open("rb") as file:
            at, size = 0, written.offsets[-1]
            while at < size and (count := os.sendfile(result.sink, file.fileno(), at, size - at)):
                at += count
        if at < size or not written.complete:
            raise NotFound(Problem("This result is gone."))
        for end, rows in zip(written.offsets, written.rows, strict=True):
            result.grew(Sent(rows, end))
        result.end(complete=True)
    except OSError as error:
        spool.forget(to)
        raise not_kept(error) from None
    except SwapError:
        spool.forget(to)
        raise
    return result


def _find(
    conn: Connection, person_id: str, run_id: str, kernel_id: str, asked: bytes, now: datetime
) -> tuple[str, datetime] | None:
    """Return a query with a result that may be taken, and when it was read."""
    same = and_(
        _mine.c.report_id == _of.report_id,
        _mine.c.period_start == _of.period_start,
        _mine.c.period_end == _of.period_end,
        or_(_of.id == _mine.c.id, _of.id == _mine.c.resumes),
    )
    wanted = (
        select(_query.id, _query.ended_at)
        .select_from(query_run)
        .join(report_run, _of.id == _query.run_id)
        .join(_mine, same)
        .where(
            _mine.c.id == run_id,
            _query.person_id == person_id,
            _query.fingerprint == asked,
            _query.state == RunState.DONE.value,
            _query.kernel_id != kernel_id,
            _query.expires_at > now,
        )
        .order_by(_query.ended_at.desc())
        .limit(1)
    )
    row = conn.execute(wanted).one_or_none()
    return None if row is None else (row.id, row.ended_at)


def kept_for(run: Run, limits: Limits) -> timedelta:
    """Return how long a result is kept: that of a run of a report at least as long as one after it may take it."""
    usual = timedelta(hours=limits.spool_hours)
    return usual if run.principal.run is None else max(usual, HELD)


def held(engine: Engine, limits: Limits, now: datetime) -> set[str]:
    """Return the queries whose results are kept for runs to come; let go of those that no run will take any more."""
    went_well = (
        exists()
        .where(
            _later.c.report_id == _of.report_id,
            _later.c.period_start == _of.period_start,
            _later.c.period_end == _of.period_end,
            _later.c.state == "done",
            _later.c.ended_at > _query.ended_at,
        )
        .correlate(report_run, query_run)
    )
    wanted = exists().where(_of.id == _query.run_id, _of.state.in_(_OPEN), ~went_well)
    usual = _query.ended_at + timedelta(hours=limits.spool_hours)
    of_runs = _query.run_id.is_not(None), _query.state == RunState.DONE.value
    with engine.begin() as conn:
        conn.execute(update(query_run).where(*of_runs, _query.expires_at > usual, ~wanted).values(expires_at=usual))
        return set(conn.scalars(select(_query.id).where(*of_runs, _query.expires_at > now)))
