"""The SQL of cards, stars and readers.  Only `cards` and `gallery` import it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, cast, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import Text

from swap.db.notebook_tables import (
    notebook,
    notebook_card,
    notebook_comment,
    notebook_due,
    notebook_part,
    notebook_reader,
    notebook_star,
    notebook_version,
)
from swap.identity import Principal
from swap.notebooks import share_store
from swap.notebooks.shares import Kind

RANKED = 200
"""Notebooks with the words that were looked for, those saved last, which are put in order by how well they fit."""
_c = notebook_card.c
# What is best for somebody who may open three notebooks is worst for somebody who may open all.
_PLAN_ANEW = text("set local plan_cache_mode = force_custom_plan")


class Order(StrEnum):
    """In which order notebooks are listed; what was looked for by words comes by how well it fits."""

    RECENT = "recent"
    POPULAR = "popular"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which notebooks are looked for, among those that one may open; what is empty says nothing."""

    words: str = ""
    """As `words.query` makes it."""
    dataset: str = ""
    """By `catalog.keys.joined`."""
    person_id: str = ""
    group: str = ""
    starred: bool = False
    order: Order = Order.RECENT


@dataclass(frozen=True, slots=True)
class Card:
    """What is kept of a notebook for finding it."""

    notebook_id: str
    person_id: str
    saved_at: datetime
    title: str
    text: str
    open_to: list[str]
    datasets: list[str]
    failed: list[bytes]
    stars: int
    readers: int
    words: str


# ── Making them ─────────────────────────────────────────────────────────────────────────────────────
def take_due(conn: Connection) -> str | None:
    """Return the notebook that has waited longest for its card, which it does no more."""
    first = select(notebook_due.c.notebook_id).order_by(notebook_due.c.id).limit(1).with_for_update(skip_locked=True)
    found: str | None = conn.scalar(first)
    if found is not None:
        # But for rows that somebody else has taken: two who wait for one another's would both fail.
        free = select(notebook_due.c.id).where(notebook_due.c.notebook_id == found).with_for_update(skip_locked=True)
        conn.execute(delete(notebook_due).where(notebook_due.c.id.in_(free)))
    return found


def newest(conn: Connection, notebook_id: str) -> Any:
    """Return whose a notebook is, where it lies, and its newest version; nothing for one that is deleted."""
    version = (notebook_version.c.notebook_id == notebook.c.id) & (notebook_version.c.number == notebook.c.head)
    columns = (notebook.c.person_id, notebook.c.path, notebook_version.c.digest, notebook_version.c.at)
    wanted = select(*columns).join(notebook_version, version)
    return conn.execute(wanted.where(notebook.c.id == notebook_id, notebook.c.deleted_at.is_(None))).one_or_none()


def parts(conn: Connection, notebook_id: str, digests: Collection[str], size: int, lists: int) -> dict[str, Any]:
    """Return those of some parts that are not larger than so many bytes and lists, with what is in them."""
    of = notebook_part.c
    rows = conn.execute(
        select(of.digest, of.content, of.size_bytes)
        .where(of.notebook_id == notebook_id, of.digest == func.any([bytes.fromhex(name) for name in digests]))
        .where(of.size_bytes <= size, of.lists <= lists)
    )
    return {row.digest.hex(): row for row in rows}


def comments(conn: Connection, notebook_id: str, limit: int) -> list[str]:
    """Return what the newest comments on a notebook say."""
    of = notebook_comment.c
    wanted = select(of.text).where(of.notebook_id == notebook_id, of.text != "").order_by(of.at.desc()).limit(limit)
    return list(conn.scalars(wanted))


def shared_with(conn: Connection, notebook_id: str) -> list[str]:
    """Return with whom a notebook is shared, also what is over."""
    return sorted(named(kind, whom) for kind, whom in share_store.shared_with(conn, notebook_id))


def counts(conn: Connection, notebook_id: str) -> tuple[int, int]:
    """Return how many stars a notebook has, and how many have opened it."""
    stars, readers = (
        conn.scalar(select(func.count()).where(table.c.notebook_id == notebook_id)) or 0
        for table in (notebook_star, notebook_reader)
    )
    return stars, readers


def put(conn: Connection, card: Card) -> None:
    """Keep a card, in the place of the one that was there."""
    values = {name: getattr(card, name) for name in Card.__slots__} | {"words": cast(card.words, TSVECTOR)}
    wanted = upsert(notebook_card).values(values)
    conn.execute(wanted.on_conflict_do_update(index_elements=[_c.notebook_id], set_=values))


def drop(conn: Connection, notebook_id: str) -> None:
    """Keep no card of a notebook."""
    conn.execute(delete(notebook_card).where(_c.notebook_id == notebook_id))


# ── Finding them ────────────────────────────────────────────────────────────────────────────────────
def named(kind: Kind, whom: str) -> str:
    """Return one of those whom a notebook may be open to, as cards name them."""
    return f"{kind}:{whom}"


def listed(
    conn: Connection, reader: Principal, wanted: Wanted, now: datetime, begins: int, limit: int
) -> list[Row[Any]]:
    """Return cards of notebooks that a person may open now, from row `begins` on."""
    conn.execute(_PLAN_ANEW)
    return list(conn.execute(statement(reader, wanted, now).offset(begins).limit(limit)))


def statement(reader: Principal, wanted: Wanted, now: datetime) -> Select[Any]:
    """Return the statement that lists them: who may open what is asked first, and of what there is now."""
    mine = select(notebook_star.c.notebook_id).where(notebook_star.c.person_id == reader.id)
    columns = (_c.notebook_id, _c.title, _c.text, _c.datasets, _c.failed, _c.stars, _c.readers, _c.saved_at)
    found = (
        select(*columns, _c.notebook_id.in_(mine).label("starred"))
        .join(notebook, notebook.c.id == _c.notebook_id)
        .where(_c.open_to.overlap(_array(*_who(reader))))
        .where(notebook.c.deleted_at.is_(None), share_store.opens(notebook, reader, now))
    )
    if wanted.dataset:
        found = found.where(_c.datasets.contains(_array(wanted.dataset)))
    if wanted.person_id:
        found = found.where(_c.person_id == wanted.person_id, notebook.c.person_id == wanted.person_id)
    if wanted.group:
        theirs = named(Kind.GROUP, wanted.group)
        found = found.where(_c.open_to.contains(_array(theirs)), share_store.with_group(notebook, wanted.group, now))
    if wanted.starred:
        found = found.where(_c.notebook_id.in_(mine))
    if wanted.words:
        return _ranked(found, wanted.words)
    order = (_c.saved_at.desc(), _c.notebook_id.desc())
    return found.order_by(*((_c.stars.desc(), _c.readers.desc()) if wanted.order is Order.POPULAR else ()), *order)


def _ranked(found: Select[Any], words: str) -> Select[Any]:
    asked = cast(literal(words), TSQUERY)
    rank = func.ts_rank(_c.words, asked, 1).label("rank")
    latest = found.add_columns(rank).where(_c.words.bool_op("@@")(asked))
    ranked = latest.order_by(_c.saved_at.desc(), _c.notebook_id.desc()).limit(RANKED).subquery()
    return select(ranked).order_by(ranked.c.rank.desc(), ranked.c.saved_at.desc(), ranked.c.notebook_id.desc())


def _array(*names: str) -> Any:
    return cast(literal(list(names), ARRAY(Text)), ARRAY(Text))


def _who(reader: Principal) -> list[str]:
    groups = [named(Kind.GROUP, name) for name in sorted(reader.groups)]
    return [named(Kind.EVERYONE, ""), named(Kind.PERSON, reader.id), *groups]


# ── Stars and readers ───────────────────────────────────────────────────────────────────────────────
def star(conn: Connection, notebook_id: str, person_id: str, now: datetime) -> bool:
    """Give a star; False for who had given one."""
    return _add(conn, notebook_star, notebook_id, person_id, now)


def unstar(conn: Connection, notebook_id: str, person_id: str) -> bool:
    """Take one's star back; False for who had given none."""
    of = notebook_star.c
    done = conn.execute(delete(notebook_star).where(of.notebook_id == notebook_id, of.person_id == person_id))
    return done.rowcount == 1


def is_starred(conn: Connection, notebook_id: str, person_id: str) -> bool:
    """Tell whether somebody gave a star."""
    of = notebook_star.c
    wanted = select(of.at).where(of.notebook_id == notebook_id, of.person_id == person_id)
    return conn.scalar(wanted) is not None


def read(conn: Connection, notebook_id: str, person_id: str, now: datetime) -> bool:
    """Count who opens a notebook; False for who was counted."""
    return _add(conn, notebook_reader, notebook_id, person_id, now)


def _add(conn: Connection, table: Any, notebook_id: str, person_id: str, now: datetime) -> bool:
    values = {"notebook_id": notebook_id, "person_id": person_id, "at": now}
    added = upsert(table).values(values).on_conflict_do_nothing().returning(table.c.at)
    return conn.scalar(added) is not None
