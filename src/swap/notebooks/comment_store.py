"""The SQL of comments.  Only `comments` imports it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, text, update

from swap.db.notebook_tables import notebook_comment
from swap.db.tables import person
from swap.identity import Principal
from swap.notebooks import due

_each = notebook_comment.c
_resolver = person.alias("resolver")
_COLUMNS = (
    _each.id,
    _each.thread,
    _each.cell_id,
    _each.version,
    _each.author.label("author_id"),
    person.c.name.label("author"),
    _each.text,
    _each.at,
    _each.changed_at,
    _each.changes,
    _each.resolved_by,
)


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment.  A deleted one keeps its place, and no text."""

    id: str
    thread: str
    cell_id: str
    version: int
    author_id: str
    author: str
    text: str
    at: datetime
    changed_at: datetime | None
    changes: int
    resolved: bool
    """Whether its thread is, if it is the first of it."""

    @property
    def deleted(self) -> bool:
        """Whether its text is gone."""
        return not self.text


@dataclass(frozen=True, slots=True)
class Thread:
    """What was said about one place: some of its comments, the oldest first."""

    id: str
    cell_id: str
    version: int
    resolved_by: str
    """By whom, or nothing for a thread that is open."""
    comments: tuple[Comment, ...]
    left_out: int
    """Comments between the first and the others of these."""

    def cut(self, limit: int) -> Thread:
        """Return it with so many comments at most."""
        return replace(self, comments=self.comments[:limit])


def add(
    conn: Connection,
    notebook_id: str,
    comment_id: str,
    thread: str,
    cell_id: str,
    version: int,
    author: Principal,
    written: str,
    now: datetime,
) -> Comment:
    """Add a comment."""
    conn.execute(
        insert(notebook_comment).values(
            id=comment_id,
            notebook_id=notebook_id,
            thread=thread,
            cell_id=cell_id,
            version=version,
            author=author.id,
            text=written,
            at=now,
        )
    )
    due.mark(conn, notebook_id)
    return Comment(comment_id, thread, cell_id, version, author.id, author.name, written, now, None, 0, resolved=False)


def find(conn: Connection, notebook_id: str, comment_id: str) -> Comment | None:
    """Return a comment of a notebook."""
    row = conn.execute(_comments().where(_each.notebook_id == notebook_id, _each.id == comment_id)).one_or_none()
    return None if row is None else _comment(row)


def first(conn: Connection, notebook_id: str, thread: str) -> Comment | None:
    """Return the first comment of a thread of a notebook."""
    found = find(conn, notebook_id, thread)
    return found if found is not None and found.thread == found.id else None


def change(conn: Connection, comment: Comment, written: str, now: datetime) -> Comment:
    """Give a comment another text, or none."""
    made = replace(comment, text=written, changed_at=now, changes=comment.changes + 1)
    values = {"text": written, "changed_at": now, "changes": made.changes}
    of = conn.scalar(update(notebook_comment).where(_each.id == comment.id).values(values).returning(_each.notebook_id))
    assert of is not None
    due.forget_comments(conn, of)
    return made


def resolve(conn: Connection, thread: str, person_id: str | None) -> None:
    """Say who resolved a thread, or that nobody has."""
    conn.execute(update(notebook_comment).where(_each.id == thread).values(resolved_by=person_id))


def authors(conn: Connection, thread: str) -> set[str]:
    """Return the ids of those who wrote in a thread."""
    return set(conn.scalars(select(_each.author).distinct().where(_each.thread == thread, _each.text != "")))


def hold_author(conn: Connection, person_id: str) -> None:
    """Let one transaction at a time count what somebody wrote."""
    lock = text("select pg_advisory_xact_lock(hashtextextended(:key, 0))")
    conn.execute(lock, {"key": f"swap.comment:{person_id}"})


def count_of_author(conn: Connection, person_id: str, since: datetime) -> int:
    """Return how many comments somebody wrote or changed since a moment, in whatever notebook."""
    lately = or_(_each.at > since, _each.changed_at > since)
    return conn.scalar(select(func.count()).where(_each.author == person_id, lately)) or 0


def count_of_thread(conn: Connection, thread: str) -> int:
    """Return how many comments a thread has, deleted ones too."""
    return conn.scalar(select(func.count()).where(_each.thread == thread)) or 0


def count(conn: Connection, notebook_id: str) -> int:
    """Return how many comments a notebook has, deleted ones too."""
    return conn.scalar(select(func.count()).where(_each.notebook_id == notebook_id)) or 0


def count_of_threads(conn: Connection, notebook_id: str) -> int:
    """Return how many threads a notebook has of which something is left."""
    return conn.scalar(select(func.count()).where(*_firsts(notebook_id))) or 0


def threads(conn: Connection, notebook_id: str, begins: int, limit: int, last: int, *, is_open: bool) -> list[Thread]:
    """Return threads, the newest first, each with its first comment and the last ones; or those alone that are open."""
    wanted = select(_each.id, _resolver.c.name).select_from(notebook_comment)
    wanted = wanted.outerjoin(_resolver, _resolver.c.id == _each.resolved_by)
    wanted = wanted.where(*_firsts(notebook_id))
    if is_open:
        wanted = wanted.where(_each.resolved_by.is_(None))
    rows = conn.execute(wanted.order_by(_each.at.desc(), _each.id).offset(begins).limit(limit)).all()
    place = func.row_number().over(partition_by=_each.thread, order_by=(_each.at.desc(), _each.id.desc()))
    of_each = func.count().over(partition_by=_each.thread)
    numbered = (
        _comments()
        .add_columns(place.label("place"), of_each.label("size"))
        .where(_each.thread == func.any([row.id for row in rows]))
        .subquery()
    )
    shown = select(numbered).where(or_(numbered.c.place <= last, numbered.c.id == numbered.c.thread))
    found: dict[str, list[Any]] = {row.id: [] for row in rows}
    for row in conn.execute(shown.order_by(numbered.c.at, numbered.c.id)):
        found[row.thread].append(row)
    return [_thread(row.name, found[row.id], found[row.id][0].size - len(found[row.id])) for row in rows]


def thread(conn: Connection, notebook_id: str, name: str, begins: int, limit: int) -> Thread | None:
    """Return a thread with its comments from row `begins` on, the oldest first."""
    head = first(conn, notebook_id, name)
    if head is None:
        return None
    wanted = select(_resolver.c.name).select_from(notebook_comment)
    by = conn.scalar(wanted.join(_resolver, _resolver.c.id == _each.resolved_by).where(_each.id == name))
    rows = conn.execute(
        _comments().where(_each.thread == name).order_by(_each.at, _each.id).offset(begins).limit(limit)
    )
    return Thread(head.id, head.cell_id, head.version, by or "", tuple(_comment(row) for row in rows), 0)


def _comments() -> Any:
    return select(*_COLUMNS).select_from(notebook_comment).join(person, person.c.id == _each.author)


def _firsts(notebook_id: str) -> tuple[Any, ...]:
    """Return what holds of the first comments of threads of which something is left."""
    other = notebook_comment.alias("other")
    left = select(other.c.id).where(other.c.thread == _each.id, other.c.text != "").correlate(notebook_comment).exists()
    return _each.notebook_id == notebook_id, _each.id == _each.thread, left


def _thread(resolved_by: str | None, rows: list[Any], left_out: int) -> Thread:
    head = rows[0]
    return Thread(
        head.thread, head.cell_id, head.version, resolved_by or "", tuple(_comment(row) for row in rows), left_out
    )


def _comment(row: Any) -> Comment:
    return Comment(
        row.id,
        row.thread,
        row.cell_id,
        row.version,
        row.author_id,
        row.author,
        row.text,
        row.at,
        row.changed_at,
        row.changes,
        resolved=row.resolved_by is not None,
    )
