"""What is told beside a notebook that somebody has open: its history, its readers, what people say, what it comes from.

For whoever may open it, with the rights of this moment; each reads what the portal's pages show them, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from swap.identity import Principal, Via
from swap.notebooks import comments, forks, history, sharing, shown, sight
from swap.notebooks.comment_store import Thread
from swap.notebooks.forks import Around
from swap.notebooks.share_store import Given
from swap.notebooks.shares import Role
from swap.notebooks.shown import Seen
from swap.notebooks.versions import Page
from swap.policy.model import Resource
from swap.settings import Policy

NEWEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Reader:
    """With whom it is shared, and of how many cells they see the outputs."""

    given: Given
    sees: int


@dataclass(frozen=True, slots=True)
class Beside:
    """What is told."""

    seen: Seen
    versions: Page | None
    """The newest ones, for the owner; others have no history."""
    threads: Sequence[Thread]
    """Those that are open, the newest first."""
    all_threads: int
    readers: Sequence[Reader] | None
    """The first ones, for who may manage it."""
    more_readers: bool
    around: Around
    tables: tuple[Resource, ...]
    """That outputs come from, as far as one may know of them."""
    other_tables: bool
    """Whether there are others."""


def look(conn: Connection, policy: Policy, person: Principal, notebook_id: str, now: datetime) -> Beside:
    """Return what is told beside a notebook.  Raises NotFound."""
    seen = shown.look(conn, policy, person, notebook_id, now)
    opened = seen.opened
    own, manages = opened.role is Role.OWN, opened.role.includes(Role.MANAGE)
    versions = history.page(conn, person, opened.kept.path, NEWEST, folded=True) if own else None
    threads, all_threads = comments.open_threads(conn, opened)
    readers, more = _readers(conn, policy, seen) if manages else (None, False)
    around = forks.around(conn, policy, person, opened, now)
    tables, others = sight.tables(conn, policy, person, notebook_id, seen.manifest.outputs())
    return Beside(seen, versions, threads, all_threads, readers, more, around, tables, others)


def _readers(conn: Connection, policy: Policy, seen: Seen) -> tuple[list[Reader], bool]:
    given, more = sharing.given(conn, seen.opened, 0)
    people = [Principal(each.share.whom, each.name, each.groups, Via.READER) for each in given]
    _, sees = shown.seen_by(conn, policy, seen.opened, people)
    return [Reader(each, count) for each, count in zip(given, sees, strict=True)], more
