"""The SQL of shares of folders, and of what these give to notebooks.  Only `share_store` and `folders` import it.

A folder is known by whose it is and its path; what lies in it is what has this path before its own, at this moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Subquery,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.db.notebook_tables import folder_share, notebook, notebook_share, notebook_version
from swap.db.tables import person
from swap.identity import Principal
from swap.notebooks import due
from swap.notebooks.shares import Kind, Role, Share

_COLUMNS = ("kind", "whom", "role", "expires_at")


@dataclass(frozen=True, slots=True)
class Shared:
    """A folder that somebody shares: with how many, and how many notebooks with a version lie in it."""

    folder: str
    shares: int
    notebooks: int


@dataclass(frozen=True, slots=True)
class Given:
    """A share of a folder, as a list shows it."""

    folder: str
    share: Share
    name: str


def concerns(reader: Principal, of: FromClause) -> ColumnElement[bool]:
    """Whether a row of shares is for a person: `shares.role` says what it gives."""
    return or_(
        and_(of.c.kind == Kind.PERSON.value, of.c.whom == reader.id),
        and_(of.c.kind == Kind.GROUP.value, of.c.whom == func.any(sorted(reader.groups))),
        and_(of.c.kind == Kind.EVERYONE.value, of.c.whom == ""),
    )


def goes_on(of: FromClause, now: datetime) -> ColumnElement[bool]:
    """Whether a share is not over."""
    return or_(of.c.expires_at.is_(None), of.c.expires_at > now)


def lies_in(each: FromClause) -> ColumnElement[bool]:
    """Whether a notebook lies in the folder of a share, at any depth."""
    # Letter by letter: in a pattern, a name could mean another one.
    below = func.starts_with(each.c.path, folder_share.c.folder + "/")
    return and_(folder_share.c.person_id == each.c.person_id, below)


def by_folder(each: FromClause, whom: ColumnElement[bool], now: datetime) -> ColumnElement[bool]:
    """Whether a notebook lies in a folder that has a share of which something holds, and that is not over."""
    return select(folder_share.c.folder).where(lies_in(each), whom, goes_on(folder_share, now)).exists()


def given(whom: Callable[[FromClause], ColumnElement[bool]], *notebooks: ColumnElement[bool]) -> Subquery:
    """Return shares of some notebooks, their own and those of folders they lie in, of which something holds."""
    own = (
        select(notebook_share.c.notebook_id, *(notebook_share.c[name] for name in _COLUMNS), notebook_share.c.at)
        .join(notebook, notebook.c.id == notebook_share.c.notebook_id)
        .where(*notebooks, whom(notebook_share))
    )
    came_at = func.greatest(folder_share.c.at, notebook.c.placed_at)
    of_folders = (
        select(notebook.c.id, *(folder_share.c[name] for name in _COLUMNS), came_at)
        .join(folder_share, lies_in(notebook))
        .where(*notebooks, whom(folder_share))
    )
    return union_all(own, of_folders).subquery("given")


# ── What an owner does ──────────────────────────────────────────────────────────────────────────────
def hold(conn: Connection, person_id: str, folder: str) -> None:
    """Let one transaction at a time change with whom a person's folders, and what lies in this one, are shared."""
    key = func.hashtextextended(literal(f"swap.folders:{person_id}"), 0)
    conn.execute(select(func.pg_advisory_xact_lock(key)))
    inside = and_(notebook.c.person_id == person_id, func.starts_with(notebook.c.path, f"{folder}/"))
    conn.execute(select(notebook.c.id).where(inside).order_by(notebook.c.id).with_for_update(key_share=True))


def notebooks(conn: Connection, person_id: str, folder: str) -> list[str]:
    """Return the ids of the notebooks with a version in a folder, the one saved last first."""
    newest = and_(notebook_version.c.notebook_id == notebook.c.id, notebook_version.c.number == notebook.c.head)
    found = (
        select(notebook.c.id)
        .join(notebook_version, newest)
        .where(notebook.c.person_id == person_id, notebook.c.deleted_at.is_(None))
        .where(func.starts_with(notebook.c.path, f"{folder}/"))
        .order_by(notebook_version.c.at.desc(), notebook.c.id)
    )
    return list(conn.scalars(found))


def shared(conn: Connection, person_id: str, limit: int) -> list[Shared]:
    """Return the folders that a person shares, by name; also those in which nothing lies."""
    there = and_(lies_in(notebook), notebook.c.deleted_at.is_(None), notebook.c.head > 0)
    rows = conn.execute(
        select(
            folder_share.c.folder,
            func.count(func.distinct(folder_share.c.kind + ":" + folder_share.c.whom)).label("shares"),
            func.count(func.distinct(notebook.c.id)).label("notebooks"),
        )
        .outerjoin(notebook, there)
        .where(folder_share.c.person_id == person_id)
        .group_by(folder_share.c.folder)
        .order_by(folder_share.c.folder)
        .limit(limit)
    )
    return [Shared(row.folder, row.shares, row.notebooks) for row in rows]


def of_folder(conn: Connection, person_id: str, folder: str, begins: int, limit: int) -> list[Given]:
    """Return a folder's shares: people, then groups, by name; everyone last."""
    mine = (folder_share.c.person_id == person_id, folder_share.c.folder == folder)
    return list(_listed(conn, begins, limit, *mine))


def of_notebook(conn: Connection, notebook_id: str, limit: int) -> list[Given]:
    """Return what shares of folders give a notebook, in the same order."""
    return list(_listed(conn, 0, limit, notebook.c.id == notebook_id, joined=True))


def _listed(
    conn: Connection, begins: int, limit: int, *wanted: ColumnElement[bool], joined: bool = False
) -> Iterator[Given]:
    order = case({Kind.PERSON.value: 0, Kind.GROUP.value: 1}, value=folder_share.c.kind, else_=2)
    name = case((folder_share.c.kind == Kind.PERSON.value, person.c.name), else_=folder_share.c.whom).label("name")
    found = select(folder_share, name).outerjoin(person, person.c.id == folder_share.c.whom)
    found = found.join(notebook, lies_in(notebook)) if joined else found
    rows = conn.execute(
        found.where(*wanted)
        .order_by(order, func.lower(name), folder_share.c.whom, folder_share.c.folder)
        .offset(begins)
        .limit(limit)
    )
    for row in rows:
        yield Given(row.folder, Share(Kind(row.kind), row.whom, Role(row.role), row.expires_at), row.name)


def one(conn: Connection, person_id: str, folder: str, kind: Kind, whom: str) -> Share | None:
    """Return a share of a folder."""
    of = folder_share.c
    row = conn.execute(
        select(of.role, of.expires_at).where(*_place(person_id, folder, kind, whom))
    ).one_or_none()  # fmt: skip
    return None if row is None else Share(kind, whom, Role(row.role), row.expires_at)


def count(conn: Connection, person_id: str) -> int:
    """Return how many shares of folders a person gives."""
    return conn.scalar(select(func.count()).where(folder_share.c.person_id == person_id)) or 0


def put(conn: Connection, person_id: str, folder: str, share: Share, now: datetime) -> None:
    """Give a role, in the place of what was given to the same."""
    values = {"role": share.role.value, "expires_at": share.expires_at, "at": now}
    key = {"person_id": person_id, "folder": folder, "kind": share.kind.value, "whom": share.whom}
    wanted = upsert(folder_share).values(**key, **values)
    conn.execute(wanted.on_conflict_do_update(index_elements=list(folder_share.primary_key.columns), set_=values))
    _mark(conn, person_id, folder)


def end(conn: Connection, person_id: str, folder: str, kind: Kind, whom: str) -> None:
    """Take a role away."""
    conn.execute(delete(folder_share).where(*_place(person_id, folder, kind, whom)))
    _mark(conn, person_id, folder)


def _mark(conn: Connection, person_id: str, folder: str) -> None:
    for each in notebooks(conn, person_id, folder):
        due.mark(conn, each)


def _place(person_id: str, folder: str, kind: Kind, whom: str) -> Iterable[Any]:
    of = folder_share.c
    return of.person_id == person_id, of.folder == folder, of.kind == kind.value, of.whom == whom
