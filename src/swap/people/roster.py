"""Everybody and what they have open, at a glance, for those who run SWAP.  Reads only; no statement, no secret.

Each list comes a page at a time, with how many there are in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Select, Subquery, any_, exists, func, select

from swap.db.tables import jupyter_server, person, query_run, sign_in

PAGE = 50
"""Rows of a page."""
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list: those from `begins` on, the first being 0, of `total`."""

    rows: Sequence[Row]
    begins: int
    total: int

    @property
    def ends(self) -> int:
        """How many rows there are up to the last one here."""
        return self.begins + len(self.rows)


@dataclass(frozen=True, slots=True)
class Known:
    """A person, and what of theirs is open; a moment is None where nothing is."""

    id: str
    name: str
    groups: tuple[str, ...]
    signed_in: bool
    last_sign_in_at: datetime | None
    server_since: datetime | None
    queries: int


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the directory's, and how many are in it."""

    name: str
    people: int
    signed_in: int


@dataclass(frozen=True, slots=True)
class Server:
    """A Jupyter server that runs."""

    id: str
    person_id: str
    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Query:
    """A query that waits or runs."""

    id: str
    person_id: str
    name: str
    state: str
    sources: tuple[str, ...]
    since: datetime


def people(
    conn: Connection, now: datetime, *, text: str = "", group: str = "", person_id: str = "", begins: int = 0
) -> Page[Known]:
    """Return people by their names, removed ones left out: all, or with `text` in the name, in `group`, or one."""
    last = select(func.max(sign_in.c.created_at)).where(sign_in.c.person_id == person.c.id).scalar_subquery()
    server = (
        select(func.max(jupyter_server.c.started_at))
        .where(jupyter_server.c.person_id == person.c.id, jupyter_server.c.ended_at.is_(None))
        .scalar_subquery()
    )
    queries = (
        select(func.count())
        .select_from(query_run)
        .where(query_run.c.person_id == person.c.id, query_run.c.ended_at.is_(None))
        .scalar_subquery()
    )
    wanted = select(person.c.id, person.c.name, person.c.groups).where(person.c.removed_at.is_(None))
    if text:
        wanted = wanted.where(person.c.name.icontains(text, autoescape=True))
    if group:
        wanted = wanted.where(any_(person.c.groups) == group)
    if person_id:
        wanted = wanted.where(person.c.id == person_id)
    shown = wanted.add_columns(
        _live(now).label("live"), last.label("last"), server.label("server"), queries.label("queries")
    ).order_by(func.lower(person.c.name), person.c.id)
    rows = [
        Known(row.id, row.name, tuple(sorted(row.groups)), row.live, row.last, row.server, row.queries)
        for row in conn.execute(shown.offset(begins).limit(PAGE))
    ]
    return Page(rows, begins, _total(conn, wanted))


def groups(conn: Connection, now: datetime, *, begins: int = 0) -> Page[Group]:
    """Return the groups that people are in, by name."""
    name = func.unnest(person.c.groups).label("name")
    each = select(name, _live(now).label("live")).where(person.c.removed_at.is_(None)).subquery()
    wanted = select(
        each.c.name, func.count().label("people"), func.count().filter(each.c.live).label("signed_in")
    ).group_by(each.c.name)
    rows = conn.execute(wanted.order_by(each.c.name).offset(begins).limit(PAGE))
    return Page([Group(row.name, row.people, row.signed_in) for row in rows], begins, _total(conn, wanted))


def servers(conn: Connection, *, begins: int = 0) -> Page[Server]:
    """Return the servers that run, the one that has for longest first."""
    wanted = (
        select(jupyter_server.c.id, person.c.id.label("person_id"), person.c.name, jupyter_server.c.started_at)
        .join(person, person.c.id == jupyter_server.c.person_id)
        .where(jupyter_server.c.ended_at.is_(None))
    )
    rows = conn.execute(wanted.order_by(jupyter_server.c.started_at, jupyter_server.c.id).offset(begins).limit(PAGE))
    return Page([Server(*row) for row in rows], begins, _total(conn, wanted))


def queries(conn: Connection, *, person_id: str = "", begins: int = 0) -> Page[Query]:
    """Return the queries that wait or run, of all or of one person, the oldest first."""
    wanted = (
        select(
            query_run.c.id,
            query_run.c.person_id,
            func.coalesce(person.c.name, "").label("name"),
            query_run.c.state,
            query_run.c.sources,
            query_run.c.created_at,
        )
        .outerjoin(person, person.c.id == query_run.c.person_id)
        .where(query_run.c.ended_at.is_(None))
    )
    if person_id:
        wanted = wanted.where(query_run.c.person_id == person_id)
    rows = conn.execute(wanted.order_by(query_run.c.created_at, query_run.c.id).offset(begins).limit(PAGE))
    found = [Query(row.id, row.person_id, row.name, row.state, tuple(row.sources), row.created_at) for row in rows]
    return Page(found, begins, _total(conn, wanted))


def _live(now: datetime) -> Any:
    """Whether the person of a row is signed in."""
    return exists().where(sign_in.c.person_id == person.c.id, sign_in.c.ended_at.is_(None), sign_in.c.expires_at > now)


def _total(conn: Connection, wanted: Select[Any]) -> int:
    everything: Subquery = wanted.subquery()
    return conn.scalar(select(func.count()).select_from(everything)) or 0
