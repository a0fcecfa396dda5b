"""The SQL of notebooks and their versions.  Only this feature imports it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.db.notebook_tables import notebook, notebook_part, notebook_version
from swap.db.tables import person
from swap.notebooks import due
from swap.notebooks.versions import SITTING, Deleted, Head, Kind, Part, Sent, Version


def hold(conn: Connection, person_id: str, path: str) -> Head | None:
    """Return a person's notebook by its path, held until the transaction ends."""
    # Held first, and then read: a statement that waits for a row sees the others as they were before.
    conn.execute(select(notebook.c.id).where(*_at(person_id, path)).with_for_update())
    return _head(conn, _newest(*_at(person_id, path)))


def find(conn: Connection, person_id: str, path: str) -> Head | None:
    """Return a person's notebook by its path."""
    return _head(conn, _newest(*_at(person_id, path)))


def hold_deleted(conn: Connection, person_id: str, notebook_id: str) -> Head | None:
    """Return a person's deleted notebook, held until the transaction ends."""
    this = notebook.c.id == notebook_id, notebook.c.person_id == person_id, notebook.c.deleted_at.is_not(None)
    conn.execute(select(notebook.c.id).where(*this).with_for_update())
    return _head(conn, _newest(*this))


def _at(person_id: str, path: str) -> tuple[Any, ...]:
    return notebook.c.person_id == person_id, notebook.c.path == path, notebook.c.deleted_at.is_(None)


def _newest(*conditions: Any) -> Any:
    newest = (notebook_version.c.notebook_id == notebook.c.id) & (notebook_version.c.number == notebook.c.head)
    columns = (
        notebook.c.id,
        notebook.c.path,
        notebook.c.head,
        notebook.c.edited,
        notebook_version.c.digest,
        notebook_version.c.file_digest,
    )
    return select(*columns).outerjoin_from(notebook, notebook_version, newest).where(*conditions)


def _head(conn: Connection, wanted: Any) -> Head | None:
    found = conn.execute(wanted).one_or_none()
    if found is None:
        return None
    if found.digest is None:
        return Head(found.id, found.path, 0, "", b"")
    return Head(found.id, found.path, found.head, found.digest.hex(), found.file_digest, found.edited)


def add(conn: Connection, notebook_id: str, person_id: str, path: str, now: datetime) -> None:
    """Make a notebook without a version, unless one of this path was made meanwhile."""
    values = {"id": notebook_id, "person_id": person_id, "path": path, "created_at": now, "placed_at": now}
    conn.execute(upsert(notebook).values(**values).on_conflict_do_nothing())


def original(conn: Connection, person_id: str, notebook_id: str, digest: str) -> tuple[str, int] | None:
    """Return the version of another notebook of a person that has exactly this content, the newest of them."""
    found = conn.execute(
        select(notebook_version.c.notebook_id, notebook_version.c.number)
        .join(notebook, notebook.c.id == notebook_version.c.notebook_id)
        .where(
            notebook_version.c.digest == bytes.fromhex(digest),
            notebook.c.person_id == person_id,
            notebook.c.id != notebook_id,
        )
        .order_by(notebook_version.c.at.desc())
        .limit(1)
    ).one_or_none()
    return None if found is None else (found.notebook_id, found.number)


def mark_copy(conn: Connection, notebook_id: str, copied_from: str, copied_version: int) -> None:
    """Record of which notebook's version this one is a copy."""
    conn.execute(
        update(notebook)
        .where(notebook.c.id == notebook_id)
        .values(copied_from=copied_from, copied_version=copied_version)
    )


def by_save(conn: Connection, notebook_id: str, save_id: str) -> int | None:
    """Return the version that a save has become, if it has."""
    number: int | None = conn.scalar(
        select(notebook_version.c.number).where(
            notebook_version.c.notebook_id == notebook_id, notebook_version.c.save_id == save_id
        )
    )
    return number


def by_digest(conn: Connection, notebook_id: str, digest: str) -> int | None:
    """Return the newest version with this content."""
    number: int | None = conn.scalar(
        select(func.max(notebook_version.c.number)).where(
            notebook_version.c.notebook_id == notebook_id, notebook_version.c.digest == bytes.fromhex(digest)
        )
    )
    return number


def has_file(conn: Connection, notebook_id: str, file_digest: bytes) -> bool:
    """Tell whether a version was saved as this file."""
    each = notebook_version.c
    wanted = select(each.number).where(each.notebook_id == notebook_id, each.file_digest == file_digest).limit(1)
    return conn.scalar(wanted) is not None


def parts(conn: Connection, notebook_id: str, digests: Iterable[str]) -> dict[str, Part]:
    """Return those of the parts that a notebook has, with what is in them."""
    columns = (notebook_part.c.digest, notebook_part.c.content, notebook_part.c.size_bytes, notebook_part.c.lists)
    return {
        row.digest.hex(): Part(row.digest.hex(), row.content, row.size_bytes, row.lists)
        for row in conn.execute(select(*columns).where(*_of(notebook_id, digests)))
    }


def copy_parts(conn: Connection, original: str, notebook_id: str, digests: Iterable[str]) -> None:
    """Give a notebook parts of another one; those that it has stay as they are."""
    columns = ["notebook_id", "digest", "size_bytes", "lists", "content"]
    of = notebook_part.c
    there = select(literal(notebook_id), of.digest, of.size_bytes, of.lists, of.content)
    there = there.where(*_of(original, digests))
    _grow(conn, notebook_id, upsert(notebook_part).from_select(columns, there))


def sizes(conn: Connection, notebook_id: str, digests: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return the size, and the number of lists, of those of the parts that a notebook has."""
    columns = (notebook_part.c.digest, notebook_part.c.size_bytes, notebook_part.c.lists)
    found = conn.execute(select(*columns).where(*_of(notebook_id, digests)))
    return {row.digest.hex(): (row.size_bytes, row.lists) for row in found}


def _of(notebook_id: str, digests: Iterable[str]) -> tuple[Any, ...]:
    wanted = [bytes.fromhex(each) for each in digests]
    return notebook_part.c.notebook_id == notebook_id, notebook_part.c.digest == func.any(wanted)


def add_parts(conn: Connection, notebook_id: str, new: Iterable[Part]) -> None:
    """Keep parts; those that are there stay as they are."""
    rows = [
        {
            "notebook_id": notebook_id,
            "digest": bytes.fromhex(part.digest),
            "size_bytes": part.size_bytes,
            "lists": part.lists,
            "content": part.content,
        }
        for part in new
    ]
    if rows:
        _grow(conn, notebook_id, upsert(notebook_part), rows)


def _grow(conn: Connection, notebook_id: str, new: Insert, rows: list[dict[str, Any]] | None = None) -> None:
    """Keep parts that are not there, and count what they take."""
    kept = new.on_conflict_do_nothing().returning(func.octet_length(notebook_part.c.content))
    size = sum(conn.scalars(kept, rows))
    if size:
        grown = notebook.c.size_bytes + size
        conn.execute(update(notebook).where(notebook.c.id == notebook_id).values(size_bytes=grown))


def append(
    conn: Connection,
    head: Head,
    number: int,
    sent: Sent | Mapping[str, Any],
    *,
    author: str,
    via: str,
    now: datetime,
    parent: int | None,
    restored: int | None = None,
) -> None:
    """Add a version and make it the newest."""
    values: Mapping[str, Any] = sent if isinstance(sent, Mapping) else _values(sent)
    conn.execute(
        insert(notebook_version).values(
            notebook_id=head.notebook_id,
            number=number,
            parent=parent,
            restored=restored,
            author=author,
            via=via,
            at=now,
            **values,
        )
    )
    conn.execute(update(notebook).where(notebook.c.id == head.notebook_id).values(head=number))
    due.mark(conn, head.notebook_id)


def mark_edited(conn: Connection, notebook_id: str) -> None:
    """Record that somebody else than its owner has saved a notebook."""
    conn.execute(update(notebook).where(notebook.c.id == notebook_id, ~notebook.c.edited).values(edited=True))


def _values(sent: Sent) -> dict[str, Any]:
    return {
        "digest": bytes.fromhex(sent.digest),
        "file_digest": sent.file_digest,
        "kind": sent.kind.value,
        "environment": dict(sent.environment),
        "save_id": sent.save_id,
    }


def version(conn: Connection, notebook_id: str, number: int) -> Row[Any] | None:
    """Return a version by its number."""
    return conn.execute(
        select(notebook_version).where(
            notebook_version.c.notebook_id == notebook_id, notebook_version.c.number == number
        )
    ).one_or_none()


def versions(conn: Connection, notebook_id: str, before: int, limit: int, *, folded: bool) -> tuple[Version, ...]:
    """Return versions with lower numbers than `before`, newest first; folded, those that stand out."""
    each = notebook_version.c
    later = func.lead(each.at).over(order_by=each.number)
    numbered = (
        select(
            each.number,
            each.at,
            each.author,
            each.kind,
            each.name,
            each.digest,
            each.restored,
            each.suggested_by,
            later.label("later"),
        )
        .where(each.notebook_id == notebook_id)
        .subquery()
    )
    seen = numbered.c
    stands = or_(seen.name != "", seen.kind != Kind.SAVED.value, seen.later.is_(None), seen.later - seen.at > SITTING)
    shown = select(numbered, func.lag(seen.number).over(order_by=seen.number).label("older"))
    shown = shown.where(stands) if folded else shown
    shown_ = shown.subquery()
    by = person.alias("by")
    rows = conn.execute(
        select(shown_, person.c.name.label("author_name"), by.c.name.label("by_name"))
        .join(person, person.c.id == shown_.c.author)
        .outerjoin(by, by.c.id == shown_.c.suggested_by)
        .where(shown_.c.number < before)
        .order_by(shown_.c.number.desc())
        .limit(limit)
    )
    return tuple(
        Version(
            row.number,
            row.at,
            row.author_name,
            Kind(row.kind),
            row.name,
            row.digest.hex(),
            row.restored,
            row.number - (row.older or 0) - 1,
            row.author,
            row.by_name or "",
        )
        for row in rows
    )


def name_version(conn: Connection, notebook_id: str, number: int, name: str) -> bool:
    """Name a version; False when there is none."""
    done = conn.execute(
        update(notebook_version)
        .where(notebook_version.c.notebook_id == notebook_id, notebook_version.c.number == number)
        .values(name=name)
    )
    return done.rowcount == 1


def move(conn: Connection, notebook_id: str, path: str, now: datetime) -> None:
    """Give a notebook another path."""
    folder = func.regexp_replace(notebook.c.path, "[^/]*$", "")
    stays = folder == path[: path.rfind("/") + 1]
    values = {"path": path, "placed_at": case((stays, notebook.c.placed_at), else_=now)}
    conn.execute(update(notebook).where(notebook.c.id == notebook_id).values(**values))
    due.mark(conn, notebook_id)


def below(conn: Connection, person_id: str, folder: str) -> dict[str, str]:
    """Return id → path of a person's notebooks at a path or below it."""
    found = conn.execute(
        select(notebook.c.id, notebook.c.path)
        .where(
            notebook.c.person_id == person_id,
            notebook.c.deleted_at.is_(None),
            or_(notebook.c.path == folder, notebook.c.path.startswith(f"{folder}/", autoescape=True)),
        )
        .with_for_update()
    )
    return {row.id: row.path for row in found}


def delete(conn: Connection, notebook_id: str, now: datetime) -> None:
    """Take a notebook from its path; its versions stay."""
    conn.execute(update(notebook).where(notebook.c.id == notebook_id).values(deleted_at=now))
    due.mark(conn, notebook_id)


def deleted(conn: Connection, person_id: str, before: tuple[datetime, str] | None, limit: int) -> tuple[Deleted, ...]:
    """Return a person's deleted notebooks that have a version, the last first; those before a moment and an id."""
    order = tuple_(notebook.c.deleted_at, notebook.c.id)
    wanted = (
        select(notebook.c.id, notebook.c.path, notebook.c.head, notebook.c.deleted_at)
        .where(notebook.c.person_id == person_id, notebook.c.deleted_at.is_not(None), notebook.c.head > 0)
        .order_by(notebook.c.deleted_at.desc(), notebook.c.id.desc())
        .limit(limit)
    )
    found = conn.execute(wanted if before is None else wanted.where(order < before))
    return tuple(Deleted(row.id, row.path, row.head, row.deleted_at) for row in found)


def bring_back(conn: Connection, notebook_id: str, path: str, now: datetime) -> None:
    """Let a deleted notebook be where it is now."""
    back = {"path": path, "placed_at": now, "deleted_at": None}
    conn.execute(update(notebook).where(notebook.c.id == notebook_id).values(**back))
