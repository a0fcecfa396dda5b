"""Find notebooks among those that one may open.  One verb, one function, one transaction; writes say so in the audit.

The database leaves out what somebody may not open before anything is ordered or cut; `shares.role` has the last word on
each.  Nothing of an output is ever searched or shown here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from swap import audit
from swap.identity import Principal
from swap.notebooks import card_store as store
from swap.notebooks import due, events, share_store, shares, sharing, sight, words
from swap.notebooks.card_store import Wanted
from swap.notebooks.share_store import Kept
from swap.notebooks.shares import Role
from swap.notebooks.sharing import Opened
from swap.settings import Policy

PAGE = 20
LINES = 2
"""Of a notebook, that are shown for the words in them."""
LINE = 160
"""Characters of such a line."""


@dataclass(frozen=True, slots=True)
class Found:
    """A notebook that somebody may open, as a list shows it."""

    kept: Kept
    title: str
    lines: tuple[str, ...]
    """Of its cells, with the words that were looked for."""
    datasets: tuple[str, ...]
    """By `catalog.keys.joined`; who reads the list may not know of all of them."""
    failed: bool
    """Whether its newest version shows its reader an error."""
    stars: int
    readers: int
    starred: bool


def find(
    conn: Connection,
    policy: Policy,
    person: Principal,
    wanted: Wanted,
    now: datetime,
    *,
    text: str = "",
    begins: int = 0,
    page: int = PAGE,
) -> tuple[list[Found], bool]:
    """Return a page of what is found, and whether there is more; `text` is what lines are shown for."""
    rows = store.listed(conn, person, wanted, now, begins, page + 1)
    kept = share_store.some(conn, person, [row.notebook_id for row in rows[:page]]) if rows else {}
    asked = words.asked(text)
    shown = [
        _found(conn, policy, person, kept[row.notebook_id], row, asked, now)
        for row in rows[:page]
        if row.notebook_id in kept and _may_open(person, kept[row.notebook_id], now)
    ]
    return shown, len(rows) > page


def _may_open(person: Principal, kept: Kept, now: datetime) -> bool:
    return shares.role(person, kept.owner_id, kept.shares, now) is not None


def _found(
    conn: Connection, policy: Policy, person: Principal, kept: Kept, row: Any, asked: Sequence[str], now: datetime
) -> Found:
    failed = {part.hex() for part in row.failed}
    seen = failed - sight.hidden(conn, policy, person, kept.notebook_id, failed, now).keys()
    lines = tuple(_lines(row.text, asked)) if asked else ()
    return Found(kept, row.title, lines, tuple(row.datasets), bool(seen), row.stars, row.readers, row.starred)


def _lines(text: str, asked: Sequence[str]) -> Iterator[str]:
    """Yield the first lines of a text with one of the words."""
    left = LINES
    for line in text.splitlines():
        folded = line.casefold()
        if not any(each in folded for each in asked):
            continue
        for begin in range(0, len(line), LINE):
            piece = line[begin : begin + LINE].strip()
            if words.finds(asked, piece):
                yield piece
                left -= 1
                break
        if not left:
            return


def star(conn: Connection, person: Principal, notebook_id: str, now: datetime) -> None:
    """Give a notebook a star, so that one finds it again, and others do.  Raises NotFound."""
    sharing.open_(conn, person, notebook_id, now)
    if store.star(conn, notebook_id, person.id, now):
        _record(conn, person, notebook_id, starred=True)


def unstar(conn: Connection, person: Principal, notebook_id: str, now: datetime) -> None:
    """Take one's star back.  Raises NotFound."""
    sharing.open_(conn, person, notebook_id, now)
    if store.unstar(conn, notebook_id, person.id):
        _record(conn, person, notebook_id, starred=False)


def _record(conn: Connection, person: Principal, notebook_id: str, *, starred: bool) -> None:
    due.mark(conn, notebook_id)
    event = events.NotebookStarred(person_id=person.id, via=person.via, notebook_id=notebook_id, starred=starred)
    audit.record(conn, event)


def is_starred(conn: Connection, person: Principal, notebook_id: str) -> bool:
    """Tell whether somebody gave a notebook a star."""
    return store.is_starred(conn, notebook_id, person.id)


def count_reader(conn: Connection, person: Principal, opened: Opened, now: datetime) -> None:
    """Count who opens another's notebook, once."""
    notebook_id = opened.kept.notebook_id
    if opened.role is not Role.OWN and store.read(conn, notebook_id, person.id, now):
        due.mark(conn, notebook_id)
