"""The SQL of shares.  Only `sharing`, `comments`, `notices` and the gallery import it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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
    extract,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.content import digest
from swap.db.notebook_tables import folder_share, notebook, notebook_share, notebook_version
from swap.db.tables import person
from swap.identity import Principal, Via
from swap.notebooks import due, folder_store
from swap.notebooks.folder_store import by_folder, concerns, goes_on
from swap.notebooks.model import name_of
from swap.notebooks.shares import Kind, Role, Share
from swap.notebooks.versions import Head

_SHARE = (notebook_share.c.kind, notebook_share.c.whom, notebook_share.c.role, notebook_share.c.expires_at)


@dataclass(frozen=True, slots=True)
class Kept:
    """A notebook with its newest version, and what of its shares may concern one person."""

    notebook_id: str
    path: str
    owner_id: str
    owner: str
    number: int
    digest: str
    file_digest: bytes
    at: datetime
    author_id: str
    """Whoever saved that."""
    shares: tuple[Share, ...]

    @property
    def head(self) -> Head:
        """Its newest version, as the store of versions knows it."""
        return Head(self.notebook_id, self.path, self.number, self.digest, self.file_digest)

    @property
    def name(self) -> str:
        """Its file's name without the ending; the folder is the owner's own affair."""
        return name_of(self.path)


@dataclass(frozen=True, slots=True)
class Given:
    """A share as a list shows it."""

    share: Share
    name: str
    groups: frozenset[str]
    """Those that the person is in; the group itself."""
    shared_by: str


def hold(conn: Connection, notebook_id: str) -> None:
    """Let one transaction at a time change who may do what with a notebook."""
    # Who adds a row that belongs to it, such as its card, is not waited for: they may be waiting for this.
    conn.execute(select(notebook.c.id).where(notebook.c.id == notebook_id).with_for_update(key_share=True))


_KEPT = (
    notebook.c.id,
    notebook.c.path,
    notebook.c.person_id,
    person.c.name,
    notebook_version.c.number,
    notebook_version.c.digest,
    notebook_version.c.file_digest,
    notebook_version.c.at,
    notebook_version.c.author,
)
_NEWEST = and_(notebook_version.c.notebook_id == notebook.c.id, notebook_version.c.number == notebook.c.head)


def find(conn: Connection, reader: Principal, notebook_id: str) -> Kept | None:
    """Return a notebook that has a version; one statement, whether it is there or not."""
    given = _given(reader, notebook.c.id == notebook_id)
    rows = conn.execute(
        select(*_KEPT, given.c.kind, given.c.whom, given.c.role, given.c.expires_at)
        .select_from(notebook)
        .join(notebook_version, _NEWEST)
        .join(person, person.c.id == notebook.c.person_id)
        .outerjoin(given, given.c.notebook_id == notebook.c.id)
        .where(notebook.c.id == notebook_id, notebook.c.deleted_at.is_(None))
    ).all()
    if not rows:
        return None
    first = rows[0]
    return _kept(first, [_share(row) for row in rows if row.kind is not None])


def _kept(row: Any, shares: Iterable[Share]) -> Kept:
    return Kept(
        row.id,
        row.path,
        row.person_id,
        row.name,
        row.number,
        row.digest.hex(),
        row.file_digest,
        row.at,
        row.author,
        tuple(shares),
    )


def _given(reader: Principal, *notebooks: ColumnElement[bool]) -> Subquery:
    """Return what of the shares of some notebooks is for a person."""
    return folder_store.given(lambda of: concerns(reader, of), *notebooks)


def _share(row: Any) -> Share:
    return Share(Kind(row.kind), row.whom, Role(row.role), row.expires_at)


def called(conn: Connection, reader: Principal, owner: str, file: str, now: datetime, limit: int) -> list[Kept]:
    """Return notebooks of an owner that a person may open and whose file has this name; the newest first.

    In one's own home a path names one of them: the folders of others are their own affair.
    """
    last, mine = func.regexp_replace(notebook.c.path, "^.*/", ""), notebook.c.person_id == reader.id
    exactly = and_(mine, notebook.c.path == file)
    rows = conn.execute(
        select(*_KEPT, exactly.label("exactly"))
        .select_from(notebook)
        .join(notebook_version, _NEWEST)
        .join(person, person.c.id == notebook.c.person_id)
        .where(func.lower(person.c.name) == func.lower(owner), person.c.name == owner, person.c.removed_at.is_(None))
        .where(notebook.c.deleted_at.is_(None), opens(notebook, reader, now), or_(last == file, exactly))
        .order_by(exactly.desc(), notebook_version.c.at.desc(), notebook.c.id)
        .limit(limit)
    ).all()
    return _with_shares(conn, reader, rows[:1] if rows and rows[0].exactly else rows)


def since(conn: Connection, reader: Principal, notebook_id: str, now: datetime) -> datetime | None:
    """Return when a notebook was shared with a person by the first of the shares that are not over."""
    given = _given(reader, notebook.c.id == notebook_id)
    found: datetime | None = conn.scalar(select(func.min(given.c.at)).where(goes_on(given, now)))
    return found


def received(conn: Connection, reader: Principal, now: datetime, begins: int, limit: int) -> list[Kept]:
    """Return what others have shared with a person, the newest share first."""
    given = _given(reader)
    latest = (
        select(given.c.notebook_id, func.max(given.c.at).label("at"))
        .where(goes_on(given, now))
        .group_by(given.c.notebook_id)
        .subquery()
    )
    rows = conn.execute(
        select(*_KEPT)
        .select_from(latest)
        .join(notebook, notebook.c.id == latest.c.notebook_id)
        .join(notebook_version, _NEWEST)
        .join(person, person.c.id == notebook.c.person_id)
        .where(notebook.c.deleted_at.is_(None), notebook.c.person_id != reader.id)
        .order_by(latest.c.at.desc(), notebook.c.id)
        .offset(begins)
        .limit(limit)
    ).all()
    return _with_shares(conn, reader, rows)


def forks(
    conn: Connection, reader: Principal, notebook_id: str, now: datetime, deepest: int, begins: int, limit: int
) -> list[tuple[Kept, int]]:
    """Return forks of a notebook that concern a person, each with its depth and before those of itself; newest first.

    A fork of one that does not concern them is not among them.
    """
    first, fork = notebook.alias("first"), notebook.alias("fork")
    below = (
        select(first.c.id, literal(1).label("depth"), array([_age(first)]).label("place"))
        .where(first.c.copied_from == notebook_id, *_concerning(first, reader, now))
        .cte("below", recursive=True)
    )
    below = below.union_all(
        select(fork.c.id, below.c.depth + 1, below.c.place.op("||")(_age(fork)))
        .join(below, fork.c.copied_from == below.c.id)
        .where(below.c.depth < deepest, *_concerning(fork, reader, now))
    )
    rows = conn.execute(
        select(*_KEPT, below.c.depth)
        .select_from(below)
        .join(notebook, notebook.c.id == below.c.id)
        .join(notebook_version, _NEWEST)
        .join(person, person.c.id == notebook.c.person_id)
        .order_by(below.c.place)
        .offset(begins)
        .limit(limit)
    ).all()
    return list(zip(_with_shares(conn, reader, rows), (row.depth for row in rows), strict=True))


def _age(each: FromClause) -> ColumnElement[Any]:
    """Return by what forks of one notebook are put in order."""
    return func.row(-extract("epoch", each.c.created_at), each.c.id)


def _concerning(each: FromClause, reader: Principal, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Choose notebooks that are there, and are a person's or shared with them."""
    return each.c.deleted_at.is_(None), opens(each, reader, now)


def opens(each: FromClause, reader: Principal, now: datetime) -> ColumnElement[bool]:
    """Whether a notebook is one that a person may open now: `shares.role`, as the database computes it."""
    return or_(
        each.c.person_id == reader.id,
        _has_share(each, concerns(reader, notebook_share), now),
        by_folder(each, concerns(reader, folder_share), now),
    )


def with_group(each: FromClause, group: str, now: datetime) -> ColumnElement[bool]:
    """Whether a notebook is shared with a group now."""
    own, of_folder = (and_(of.c.kind == Kind.GROUP.value, of.c.whom == group) for of in (notebook_share, folder_share))
    return or_(_has_share(each, own, now), by_folder(each, of_folder, now))


def _has_share(each: FromClause, whom: ColumnElement[bool], now: datetime) -> ColumnElement[bool]:
    """Whether a notebook has a share of its own of which something holds, and that is not over."""
    return (
        select(notebook_share.c.notebook_id)
        .where(notebook_share.c.notebook_id == each.c.id, whom)
        .where(goes_on(notebook_share, now))
        .exists()
    )


def some(conn: Connection, reader: Principal, notebook_ids: Collection[str]) -> dict[str, Kept]:
    """Return those of some notebooks that are there, with what of their shares may concern a person."""
    rows = conn.execute(
        select(*_KEPT)
        .select_from(notebook)
        .join(notebook_version, _NEWEST)
        .join(person, person.c.id == notebook.c.person_id)
        .where(notebook.c.id == func.any(list(notebook_ids)), notebook.c.deleted_at.is_(None))
    ).all()
    return {each.notebook_id: each for each in _with_shares(conn, reader, rows)}


def _with_shares(conn: Connection, reader: Principal, rows: Sequence[Any]) -> list[Kept]:
    shares = concerning(conn, reader, [row.id for row in rows])
    return [_kept(row, shares[row.id]) for row in rows]


def concerning(conn: Connection, reader: Principal, notebook_ids: Collection[str]) -> dict[str, tuple[Share, ...]]:
    """Return what of the shares of some notebooks may concern a person."""
    found: dict[str, list[Share]] = {each: [] for each in notebook_ids}
    for row in conn.execute(select(_given(reader, notebook.c.id == func.any(list(found))))):
        found[row.notebook_id].append(_share(row))
    return {each: tuple(shares) for each, shares in found.items()}


def reaching(conn: Connection, notebook_id: str, people: Iterable[str], groups: Iterable[str]) -> tuple[Share, ...]:
    """Return what of the shares of a notebook may concern some people, who are in these groups."""

    def whom(of: FromClause) -> ColumnElement[bool]:
        return or_(
            and_(of.c.kind == Kind.PERSON.value, of.c.whom == func.any(sorted(people))),
            and_(of.c.kind == Kind.GROUP.value, of.c.whom == func.any(sorted(groups))),
            of.c.kind == Kind.EVERYONE.value,
        )

    rows = conn.execute(select(folder_store.given(whom, notebook.c.id == notebook_id)))
    return tuple(_share(row) for row in rows)


def shared_with(conn: Connection, notebook_id: str) -> set[tuple[Kind, str]]:
    """Return with whom a notebook is shared, also what is over."""
    rows = conn.execute(select(folder_store.given(lambda _: true(), notebook.c.id == notebook_id)))
    return {(Kind(row.kind), row.whom) for row in rows}


def managers(conn: Connection, notebook_id: str, now: datetime, limit: int) -> list[Principal]:
    """Return people to whom a notebook, or a folder it lies in, was given to be managed, by name or by a group."""

    def whom(of: FromClause) -> ColumnElement[bool]:
        return and_(of.c.kind != Kind.EVERYONE.value, of.c.role.in_((Role.MANAGE.value, Role.OWN.value)))

    shares = folder_store.given(whom, notebook.c.id == notebook_id)
    reached = or_(
        and_(shares.c.kind == Kind.PERSON.value, shares.c.whom == person.c.id),
        and_(shares.c.kind == Kind.GROUP.value, shares.c.whom == func.any(person.c.groups)),
    )
    rows = conn.execute(
        select(person.c.id, person.c.name, person.c.groups)
        .where(person.c.removed_at.is_(None))
        .where(select(shares.c.whom).where(reached, goes_on(shares, now)).exists())
        .order_by(func.lower(person.c.name), person.c.id)
        .limit(limit)
    )
    return [Principal(row.id, row.name, frozenset(row.groups), Via.PORTAL) for row in rows]


def given(conn: Connection, notebook_id: str, begins: int, limit: int) -> list[Given]:
    """Return a notebook's shares: people, then groups, by name; everyone last."""
    by = person.alias("by")
    name = case((notebook_share.c.kind == Kind.PERSON.value, person.c.name), else_=notebook_share.c.whom)
    order = case({Kind.PERSON.value: 0, Kind.GROUP.value: 1}, value=notebook_share.c.kind, else_=2)
    rows = conn.execute(
        select(*_SHARE, name.label("name"), person.c.groups, by.c.name.label("by_name"))
        .select_from(notebook_share)
        .join(by, by.c.id == notebook_share.c.shared_by)
        .outerjoin(person, person.c.id == notebook_share.c.whom)
        .where(notebook_share.c.notebook_id == notebook_id)
        .order_by(order, func.lower(name), notebook_share.c.whom)
        .offset(begins)
        .limit(limit)
    )
    return [Given(_share(row), row.name, _groups(row), row.by_name) for row in rows]


def _groups(row: Any) -> frozenset[str]:
    if row.kind == Kind.PERSON.value:
        return frozenset(row.groups)
    return frozenset({row.whom} - {""})


def one(conn: Connection, notebook_id: str, kind: Kind, whom: str) -> Share | None:
    """Return a share of a notebook."""
    row = conn.execute(select(*_SHARE).where(*_place(notebook_id, kind, whom))).one_or_none()
    return None if row is None else _share(row)


def count(conn: Connection, notebook_id: str) -> int:
    """Return how many shares a notebook has."""
    return conn.scalar(select(func.count()).where(notebook_share.c.notebook_id == notebook_id)) or 0


def put(conn: Connection, notebook_id: str, share: Share, shared_by: str, now: datetime) -> None:
    """Give a role, in the place of what was given to the same; since when it is shared with them stays as it is."""
    values = {"role": share.role.value, "expires_at": share.expires_at, "shared_by": shared_by}
    named = {"notebook_id": notebook_id, "kind": share.kind.value, "whom": share.whom}
    wanted = upsert(notebook_share).values(**named, **values, at=now)
    conn.execute(wanted.on_conflict_do_update(index_elements=list(notebook_share.primary_key.columns), set_=values))
    due.mark(conn, notebook_id)


def end(conn: Connection, notebook_id: str, kind: Kind, whom: str) -> bool:
    """Take a role away; False when there is none."""
    done = conn.execute(delete(notebook_share).where(*_place(notebook_id, kind, whom)))
    due.mark(conn, notebook_id)
    return done.rowcount == 1


def _place(notebook_id: str, kind: Kind, whom: str) -> Iterable[Any]:
    return (
        notebook_share.c.notebook_id == notebook_id,
        notebook_share.c.kind == kind.value,
        notebook_share.c.whom == whom,
    )


def give(
    conn: Connection, notebook_id: str, person_id: str, path: str, number: int, written: bytes, now: datetime
) -> None:
    """Make a notebook somebody else's, at a path of their home, where its newest version lies as it was written.

    A notebook of theirs that was at this path is as if deleted: its file is not there.
    """
    there = (notebook.c.person_id == person_id, notebook.c.path == path, notebook.c.deleted_at.is_(None))
    conn.execute(update(notebook).where(*there).values(deleted_at=now))
    conn.execute(
        update(notebook).where(notebook.c.id == notebook_id).values(person_id=person_id, path=path, placed_at=now)
    )
    conn.execute(
        update(notebook_version)
        .where(notebook_version.c.notebook_id == notebook_id, notebook_version.c.number == number)
        .values(file_digest=bytes.fromhex(digest(written)))
    )
    due.mark(conn, notebook_id)
