"""The SQL of forks and of what they suggest.  Only `forks` and `suggestions` import it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from swap.db.notebook_tables import notebook, notebook_settled, notebook_suggestion
from swap.db.tables import person
from swap.notebooks.merging import Offer

WAITING, ACCEPTED, DECLINED = "waiting", "accepted", "declined"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A cell of a fork that somebody suggests to the notebook it was forked from."""

    id: str
    notebook_id: str
    fork_id: str
    key: str
    version: int
    """The fork's."""
    base: str | None
    source: str
    by_id: str
    by: str
    at: datetime
    state: str
    decided_by: str


def copied(conn: Connection, notebook_id: str) -> tuple[str | None, int] | None:
    """Return of which notebook, none if it is gone, and which version of it a notebook is a copy; None for no copy."""
    columns = notebook.c.copied_from, notebook.c.copied_version
    row = conn.execute(select(*columns).where(notebook.c.id == notebook_id)).one_or_none()
    return None if row is None or row.copied_version is None else (row.copied_from, row.copied_version)


def settled(conn: Connection, fork_id: str) -> dict[str, str | None]:
    """Return by key what the original's cells were when they were last taken or left; None for one that was removed."""
    each = notebook_settled.c
    rows = conn.execute(select(each.cell, each.source).where(each.notebook_id == fork_id))
    return {row.cell.hex(): None if row.source is None else row.source.hex() for row in rows}


def settle(conn: Connection, fork_id: str, offer: Offer) -> None:
    """Offer a cell no more before the original changes it again."""
    source = None if offer.theirs is None else bytes.fromhex(offer.theirs.source)
    wanted = upsert(notebook_settled).values(notebook_id=fork_id, cell=bytes.fromhex(offer.key), source=source)
    conn.execute(
        wanted.on_conflict_do_update(
            index_elements=[notebook_settled.c.notebook_id, notebook_settled.c.cell], set_={"source": source}
        )
    )


def suggest(conn: Connection, values: Mapping[str, Any]) -> None:
    """Let a cell wait to be accepted, in the place of what was suggested of the same before."""
    anew = {name: value for name, value in values.items() if name not in {"fork_id", "cell"}}
    anew |= {"state": WAITING, "decided_by": None, "decided_at": None}
    wanted = upsert(notebook_suggestion).values(**values, state=WAITING)
    where = [notebook_suggestion.c.fork_id, notebook_suggestion.c.cell]
    conn.execute(wanted.on_conflict_do_update(index_elements=where, set_=anew))


def of_fork(conn: Connection, fork_id: str) -> dict[str, Suggestion]:
    """Return by key what was suggested of a fork."""
    return {each.key: each for each in _suggestions(conn, notebook_suggestion.c.fork_id == fork_id)}


def waiting(conn: Connection, notebook_id: str, begins: int, limit: int) -> list[Suggestion]:
    """Return what waits to be accepted, the oldest first."""
    each = notebook_suggestion.c
    return _suggestions(conn, (each.notebook_id == notebook_id) & (each.state == WAITING), begins=begins, limit=limit)


def one(conn: Connection, notebook_id: str, suggestion_id: str) -> Suggestion | None:
    """Return what waits to be accepted by its id."""
    each = notebook_suggestion.c
    wanted = (each.id == suggestion_id) & (each.notebook_id == notebook_id) & (each.state == WAITING)
    return next(iter(_suggestions(conn, wanted)), None)


def _suggestions(conn: Connection, wanted: Any, begins: int = 0, limit: int | None = None) -> list[Suggestion]:
    each, by, decided = notebook_suggestion.c, person.alias("by"), person.alias("decided")
    rows = conn.execute(
        select(notebook_suggestion, by.c.name.label("by_name"), decided.c.name.label("decided_name"))
        .join(by, by.c.id == each.suggested_by)
        .outerjoin(decided, decided.c.id == each.decided_by)
        .where(wanted)
        .order_by(each.at, each.id)
        .offset(begins)
        .limit(limit)
    )
    return [
        Suggestion(
            row.id,
            row.notebook_id,
            row.fork_id,
            row.cell.hex(),
            row.version,
            None if row.base is None else row.base.hex(),
            row.source.hex(),
            row.suggested_by,
            row.by_name,
            row.at,
            row.state,
            row.decided_name or "",
        )
        for row in rows
    ]


def count_waiting(conn: Connection, notebook_id: str, by: str | None = None) -> int:
    """Return how many suggestions wait for a notebook; those of one person, if one is named."""
    each = notebook_suggestion.c
    wanted = select(func.count()).where(each.notebook_id == notebook_id, each.state == WAITING)
    return conn.scalar(wanted if by is None else wanted.where(each.suggested_by == by)) or 0


def decide(conn: Connection, suggestion_id: str, state: str, by: str, now: datetime) -> None:
    """Say what became of a suggestion."""
    each = notebook_suggestion
    conn.execute(update(each).where(each.c.id == suggestion_id).values(state=state, decided_by=by, decided_at=now))
