"""Rows of `query_run`: what was asked, by whom, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, Row, bindparam, cast, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import JSONB

from swap.db.tables import query_run
from swap.errors import QueryCancelled, from_json, to_json
from swap.identity import Principal
from swap.query import rights
from swap.query.model import End, Plan, RunState, Statement


def add(
    conn: Connection,
    query_id: str,
    principal: Principal,
    statement: Statement,
    plan: Plan,
    now: datetime,
    *,
    starts: bool,
    fingerprint: bytes | None = None,
) -> None:
    """Record a query that was accepted, and starts at once or waits."""
    conn.execute(
        insert(query_run).values(
            id=query_id,
            person_id=principal.id,
            via=principal.via.value,
            kernel_id=statement.kernel_id,
            statement=statement.text,
            sources=list(plan.sources),
            reads=rights.encode(plan.reads),
            state=(RunState.RUNNING if starts else RunState.WAITING).value,
            created_at=now,
            run_id=None if principal.run is None else principal.run.id,
            fingerprint=fingerprint,
        )
    )


def started(conn: Connection, query_id: str) -> None:
    """Record that it runs."""
    conn.execute(update(query_run).where(query_run.c.id == query_id).values(state=RunState.RUNNING.value))


def keep_handle(conn: Connection, query_id: str, source: str, handle: Mapping[str, Any]) -> None:
    """Record by what a query's statement at a source can be ended, until the query has ended."""
    kept = cast([{"source": source, "handle": dict(handle)}], JSONB)
    conn.execute(
        update(query_run)
        .where(query_run.c.id == query_id, query_run.c.ended_at.is_(None))
        .values(handles=query_run.c.handles.op("||")(kept))
    )


def ended(conn: Connection, query_id: str, end: End) -> bool:
    """Record how it ended; tell whether this was it: the first end counts."""
    done = conn.execute(
        update(query_run)
        .where(query_run.c.id == query_id, query_run.c.ended_at.is_(None))
        .values(
            state=end.state.value,
            handles=[],  # who knows one may end what it means: nobody needs to any more
            error=to_json(end.error) if end.error else None,
            row_count=end.rows,
            size_bytes=end.size_bytes,
            ended_at=end.at,
            expires_at=end.expires_at,
        )
    )
    return bool(done.rowcount)


def find(conn: Connection, query_id: str, person_id: str) -> Row[Any] | None:
    """Return a person's own query; there is none of an id that is no text of PostgreSQL's."""
    if "\0" in query_id:
        return None
    return conn.execute(
        select(query_run).where(query_run.c.id == query_id, query_run.c.person_id == person_id)
    ).one_or_none()


def _make_room() -> Executable:
    kept = (
        select(
            query_run.c.id,
            func.sum(query_run.c.size_bytes)
            .over(order_by=query_run.c.expires_at.desc(), rows=(None, 0))
            .label("with_newer"),
        )
        .where(
            query_run.c.person_id == bindparam("of"),
            query_run.c.state == literal_column(f"'{RunState.DONE.value}'"),  # as the index has it
            query_run.c.expires_at > bindparam("now"),
        )
        .subquery()
    )
    over = select(kept.c.id).where(kept.c.with_newer > bindparam("most_bytes"), kept.c.id != bindparam("newest"))
    return (
        update(query_run).where(query_run.c.id.in_(over)).values(expires_at=bindparam("now")).returning(query_run.c.id)
    )


_MAKE_ROOM = _make_room()


def make_room(conn: Connection, person_id: str, newest: str, most_bytes: int, now: datetime) -> Sequence[str]:
    """Record that a person's oldest results are kept no longer where all of them take more than so many bytes.

    Returns which those are; the newest one stays in any case.  One statement, which goes along an index.
    """
    given = {"of": person_id, "newest": newest, "most_bytes": most_bytes, "now": now}
    return conn.scalars(_MAKE_ROOM, given).all()


def unfinished(conn: Connection) -> list[Row[Any]]:
    """Return what has no end yet, the oldest first."""
    return list(conn.execute(select(query_run).where(query_run.c.ended_at.is_(None)).order_by(query_run.c.created_at)))


def cancelled(conn: Connection, query_id: str) -> QueryCancelled | None:
    """Return why a query was cancelled, if the database says that it was."""
    error = conn.scalar(
        select(query_run.c.error).where(query_run.c.id == query_id, query_run.c.state == RunState.CANCELLED.value)
    )
    return QueryCancelled(from_json(error).problem) if error else None
