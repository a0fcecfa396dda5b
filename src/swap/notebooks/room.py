"""How much room a person's notebooks take in the database, and whether there is room for more.

Each notebook has its own count, moved on where parts are kept.  A deleted one, which is kept for a while, does not
count: whoever deletes has room at once.  But all together take at most twice as much, or nothing would end it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from swap.db.notebook_tables import notebook
from swap.db.tables import person
from swap.errors import LimitExceeded, Problem

WARNED = 0.9
"""The part of what there is from which on somebody is told."""
LARGEST = 3
"""Notebooks that are named."""


@dataclass(frozen=True, slots=True)
class Room:
    """What somebody's notebooks take, of how many bytes."""

    used: int
    most: int
    deleted: int = 0
    """What those take that were deleted and are kept."""

    @property
    def full(self) -> bool:
        """Whether it is more than there may be."""
        return self.used > self.most or self.used + self.deleted > 2 * self.most

    @property
    def warning(self) -> str:
        """What is said of it when little is left; else nothing."""
        if self.used < self.most * WARNED:
            return ""
        left = "no more" if self.used >= self.most else f"{amount(self.most - self.used)} more"
        return (
            f"The versions of your notebooks take {amount(self.used)}; there is room for {left}."
            " Delete notebooks that you do not need."
        )


@dataclass(frozen=True, slots=True)
class Large:
    """A notebook, by what its versions take."""

    path: str
    owner: str
    used: int


def amount(size: int) -> str:
    """Return a number of bytes as people read it.

    >>> amount(1_234_567_890), amount(20_000_000), amount(10)
    ('1.2 GB', '20 MB', '0.1 MB')
    """
    if size >= 999_950_000:
        return f"{size / 1_000_000_000:.1f} GB"
    return f"{max(size / 1_000_000, 0.1):.1f} MB".replace(".0 MB", " MB")


def of(conn: Connection, person_id: str, most: int) -> Room:
    """Return what a person's notebooks take."""
    taken = select(func.coalesce(func.sum(notebook.c.size_bytes), 0)).where(notebook.c.person_id == person_id)
    # Each along an index of its own.
    sums = (taken.where(notebook.c.deleted_at.is_(None)), taken.where(notebook.c.deleted_at.is_not(None)))
    used, deleted = conn.execute(select(*(each.scalar_subquery() for each in sums))).one()
    return Room(int(used), most, int(deleted))


def demand(conn: Connection, person_id: str, most: int, asker: str | None = None) -> None:
    """Raise LimitExceeded where a person's notebooks take more than there may be; to who asks for it, if another."""
    room = of(conn, person_id, most)
    if not room.full:
        return
    if asker not in {None, person_id}:
        raise LimitExceeded(
            Problem(
                "There is no room for another version of this notebook.",
                why="The versions of its owner's notebooks take all that there is for them.",
                todo="Ask its owner to delete notebooks. Nothing was changed.",
            )
        )
    if room.used <= most:
        raise LimitExceeded(
            Problem(
                "There is no room for another version of your notebooks.",
                why=f"Those that you deleted are kept for a while, and take {amount(room.deleted)}.",
                todo="Wait until the oldest of them are gone, or ask those who run SWAP. The file itself is saved.",
            )
        )
    named = ", ".join(f"{each.path} ({amount(each.used)})" for each in largest(conn, LARGEST, person_id))
    raise LimitExceeded(
        Problem(
            "There is no room for another version of your notebooks.",
            why=f"They take {amount(room.used)} of {amount(most)}. The largest are {named}.",
            todo="Delete some that you do not need. The file itself is saved.",
        )
    )


def largest(conn: Connection, limit: int, person_id: str | None = None) -> list[Large]:
    """Return the notebooks that take most, of a person or of all."""
    wanted = (
        select(notebook.c.path, person.c.name, notebook.c.size_bytes)
        .join(person, person.c.id == notebook.c.person_id)
        .where(notebook.c.deleted_at.is_(None))
        .order_by(notebook.c.size_bytes.desc(), notebook.c.id)
        .limit(limit)
    )
    rows = conn.execute(wanted if person_id is None else wanted.where(notebook.c.person_id == person_id))
    return [Large(row.path, row.name, row.size_bytes) for row in rows]


def told(conn: Connection, most: int) -> tuple[str, str]:
    """Return whose notebooks take most, and which, as those who run SWAP read it; and what is to be done."""
    used = func.sum(notebook.c.size_bytes).label("used")
    people = conn.execute(
        select(person.c.name, used)
        .join(person, person.c.id == notebook.c.person_id)
        .where(notebook.c.deleted_at.is_(None))
        .group_by(person.c.id, person.c.name)
        .order_by(used.desc(), person.c.id)
        .limit(LARGEST)
    ).all()
    named = [f"{row.name} {amount(int(row.used))}" for row in people]
    large = [f"{each.owner}'s {each.path} {amount(each.used)}" for each in largest(conn, LARGEST)]
    full = [row.name for row in people if Room(int(row.used), most).warning]
    saw = f"{', '.join(named) or 'nobody has any'}; each may have {amount(most)}"
    todo = f"{', '.join(full)}: little room is left. Let them delete some, or raise keep.person_bytes." if full else ""
    return f"{saw}; the largest: {', '.join(large)}" if large else saw, todo
