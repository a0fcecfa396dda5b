"""What people do with notebooks that are shared.  One verb, one function, one transaction; each says so in the audit.

A notebook is found by its id, and by nothing else that who asks has said; `shares.role` decides what they may do.  Who
may nothing is told what is told of a notebook that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection

from swap import audit
from swap.db.notebook_tables import notebook
from swap.errors import Conflict, Forbidden, Invalid, LimitExceeded, NotFound, Problem
from swap.identity import Principal
from swap.notebooks import events, notices, shares
from swap.notebooks import share_store as store
from swap.notebooks.share_store import Given, Kept
from swap.notebooks.shares import OFFERED, Kind, Role, Share
from swap.people import service as people

PAGE = 50
DEEPEST = 20
"""Forks of forks, and what a notebook was forked from, are followed so far."""
"""Rows of a list."""
FOUND = 10
"""People, and groups, that a search finds."""
SHARES = 500
"""Of one notebook."""
_MAY = {Role.VIEW: "view", Role.COMMENT: "comment on", Role.EDIT: "edit", Role.MANAGE: "share"}
"""What a role lets somebody do, as an error says it."""
NOWHERE = Problem(
    "There is no notebook at this address.",
    todo="Ask whoever gave you the address; the notebook may be shared with others, or no more.",
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A notebook that somebody may do something with, and what."""

    kept: Kept
    role: Role
    offered: bool
    """Whether it becomes theirs if they take it."""

    @property
    def name(self) -> str:
        """Its file's name without the ending."""
        return self.kept.name


@dataclass(frozen=True, slots=True)
class Whom:
    """A person or a group that a notebook may be shared with."""

    kind: Kind
    whom: str
    name: str


def open_(conn: Connection, person: Principal, notebook_id: str, now: datetime, needed: Role = Role.VIEW) -> Opened:
    """Return a notebook that somebody may do `needed` with.  Raises NotFound, as for none, and Forbidden.

    Every path to a shared notebook begins here.
    """
    kept = store.find(conn, person, notebook_id)
    found = None if kept is None else shares.role(person, kept.owner_id, kept.shares, now)
    if kept is None or found is None:
        raise NotFound(NOWHERE)
    if not found.includes(needed):
        raise Forbidden(
            Problem(
                f"You may {_MAY[found]} {kept.name}, and not {_MAY[needed]} it.",
                why=f"Its owner, {kept.owner}, and who may manage it give roles.",
                todo=f"Ask {kept.owner}.",
            )
        )
    mine = (share for share in kept.shares if share.kind is Kind.PERSON and share.reaches(person, now))
    return Opened(kept, found, found is not Role.OWN and any(share.role is Role.OWN for share in mine))


def held(conn: Connection, person: Principal, notebook_id: str, now: datetime) -> Opened:
    """Return a notebook that somebody may view, which nobody else changes before the transaction ends.

    Raises NotFound.
    """
    store.hold(conn, notebook_id)
    return open_(conn, person, notebook_id, now)


def share(conn: Connection, person: Principal, notebook_id: str, wanted: Share, now: datetime) -> None:
    """Share a notebook, or change what was shared.  Raises NotFound, Forbidden, Invalid, LimitExceeded."""
    store.hold(conn, notebook_id)
    opened = open_(conn, person, notebook_id, now, Role.MANAGE)
    _demand_possible(conn, opened, wanted, now)
    was = store.one(conn, notebook_id, wanted.kind, wanted.whom)
    if was is None and store.count(conn, notebook_id) >= SHARES:
        raise LimitExceeded(
            Problem(
                f"{opened.name} is shared with {SHARES} people and groups.",
                why="This is the most there can be.",
                todo="Share it with a group, or with everyone, instead.",
            )
        )
    store.put(conn, notebook_id, wanted, person.id, now)
    audit.record(
        conn,
        events.NotebookShared(
            person_id=person.id,
            via=person.via,
            notebook_id=notebook_id,
            kind=wanted.kind.value,
            whom=wanted.whom,
            role=wanted.role.value,
            expires_at="" if wanted.expires_at is None else wanted.expires_at.isoformat(),
            was="" if was is None else was.role.value,
        ),
    )
    if wanted.kind is Kind.PERSON:
        _tell(conn, person, notebook_id, wanted, was, now)


def _tell(
    conn: Connection, person: Principal, notebook_id: str, wanted: Share, was: Share | None, now: datetime
) -> None:
    """Tell whom a notebook is shared with for the first time, or is offered."""
    about = notices.About(notebook_id, None, person.id)
    if wanted.role is Role.OWN and (was is None or was.role is not Role.OWN):
        notices.tell(conn, notices.Kind.OFFER, {wanted.whom}, about, now)
    elif was is None:
        notices.tell(conn, notices.Kind.SHARE, {wanted.whom}, about, now)


def _demand_possible(conn: Connection, opened: Opened, wanted: Share, now: datetime) -> None:
    """Raise for what nobody can be given, or not by this person."""
    if wanted.role is Role.OWN:
        if opened.role is not Role.OWN:
            raise Forbidden(
                Problem(
                    "You may not give this notebook away.",
                    why=f"It is {opened.kept.owner}'s.",
                    todo=f"Ask {opened.kept.owner}.",
                )
            )
        if wanted.kind is not Kind.PERSON:
            raise Invalid(Problem("Only a person can own a notebook.", todo="Choose a person."))
    elif wanted.role not in OFFERED:
        raise Invalid(Problem("This role cannot be given.", todo="Choose one that the page offers."))
    if wanted.kind is Kind.PERSON and wanted.whom == opened.kept.owner_id:
        raise Invalid(Problem(f"{opened.kept.owner} owns this notebook.", todo="Choose somebody else."))
    demand_there(conn, wanted, now)


def demand_there(conn: Connection, wanted: Share, now: datetime) -> None:
    """Raise Invalid for a share with nobody, or that would be over."""
    if not _is_there(conn, wanted):
        raise Invalid(
            Problem(
                "There is no such person or group.", todo="Search by the beginning of the name. Nothing was changed."
            )
        )
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise Invalid(Problem("This share would be over.", todo="Choose a later day, or none. Nothing was changed."))


def _is_there(conn: Connection, wanted: Share) -> bool:
    if wanted.kind is Kind.PERSON:
        return people.find_person(conn, wanted.whom) is not None
    if wanted.kind is Kind.GROUP:
        return people.is_group(conn, wanted.whom)
    return wanted.whom == ""


def end(conn: Connection, person: Principal, notebook_id: str, kind: Kind, whom: str, now: datetime) -> None:
    """End a share; one that has ended stays so.  Whoever has one may end their own.  Raises NotFound, Forbidden."""
    store.hold(conn, notebook_id)
    own = kind is Kind.PERSON and whom == person.id
    open_(conn, person, notebook_id, now, Role.VIEW if own else Role.MANAGE)
    was = store.one(conn, notebook_id, kind, whom)
    if was is None:
        return
    store.end(conn, notebook_id, kind, whom)
    audit.record(
        conn,
        events.NotebookShareEnded(
            person_id=person.id,
            via=person.via,
            notebook_id=notebook_id,
            kind=kind.value,
            whom=whom,
            was=was.role.value,
        ),
    )


def take(
    conn: Connection,
    person: Principal,
    notebook_id: str,
    content: Callable[[Opened], bytes],
    put: Callable[[str, bytes], str],
    now: datetime,
) -> str:
    """Make a notebook that was offered to somebody theirs; return its path in their home.

    `content` is its newest version, for one who sees all of it, or raises; `put` writes it into the home under a free
    name.  Who owned it may manage it.  Raises NotFound, Conflict when it was not offered.
    """
    store.hold(conn, notebook_id)
    opened = open_(conn, person, notebook_id, now)
    if not opened.offered:
        raise Conflict(
            Problem(f"{opened.name} is not offered to you any more.", todo=f"Ask {opened.kept.owner}, who owns it.")
        )
    written, before = content(opened), opened.kept.owner_id
    path = put(opened.name, written)
    store.end(conn, notebook_id, Kind.PERSON, person.id)
    store.give(conn, notebook_id, person.id, path, opened.kept.number, written, now)
    store.put(conn, notebook_id, Share(Kind.PERSON, before, Role.MANAGE), person.id, now)
    audit.record(
        conn,
        events.NotebookTaken(person_id=person.id, via=person.via, notebook_id=notebook_id, before=before, path=path),
    )
    return path


def given(conn: Connection, opened: Opened, begins: int) -> tuple[list[Given], bool]:
    """Return a page of a notebook's shares, from row `begins` on, and whether there are more."""
    found = store.given(conn, opened.kept.notebook_id, begins, PAGE + 1)
    return found[:PAGE], len(found) > PAGE


def opens(person: Principal, now: datetime) -> ColumnElement[bool]:
    """Return a condition on rows of notebooks that leaves out those somebody may not open; `those_open` judges them."""
    return store.opens(notebook, person, now)


def those_open(conn: Connection, person: Principal, notebooks: Collection[str], now: datetime) -> dict[str, Kept]:
    """Return those of some notebooks that somebody may open now."""
    found = store.some(conn, person, list(notebooks)) if notebooks else {}
    return {
        name: kept for name, kept in found.items() if shares.role(person, kept.owner_id, kept.shares, now) is not None
    }


def received(conn: Connection, person: Principal, now: datetime, begins: int) -> tuple[list[Kept], bool]:
    """Return a page of what others share with somebody, the newest share first, and whether there is more."""
    found = store.received(conn, person, now, begins, PAGE + 1)
    shown = [each for each in found[:PAGE] if shares.role(person, each.owner_id, each.shares, now) is not None]
    return shown, len(found) > PAGE


def forks(
    conn: Connection, person: Principal, opened: Opened, now: datetime, begins: int
) -> tuple[list[tuple[Kept, int]], bool]:
    """Return a page of a notebook's forks that somebody may open, and whether there are more.

    Each has its depth, 1 for a fork of the notebook itself, and stands before its own forks.
    """
    found = store.forks(conn, person, opened.kept.notebook_id, now, DEEPEST, begins, PAGE + 1)
    shown = [
        (each, depth)
        for each, depth in found[:PAGE]
        if shares.role(person, each.owner_id, each.shares, now) is not None
    ]
    return shown, len(found) > PAGE


def search(conn: Connection, text: str) -> tuple[Whom, ...]:
    """Return people and groups whose name begins with a text; nobody for none."""
    if not text.strip():
        return ()
    found = [Whom(Kind.PERSON, whom, name) for whom, name in people.beginning(conn, text.strip(), FOUND)]
    found += [Whom(Kind.GROUP, name, name) for name in people.groups_beginning(conn, text.strip(), FOUND)]
    return tuple(found)


def read(conn: Connection, person: Principal, opened: Opened, how: str, hidden: int) -> None:
    """Record that somebody opened another's notebook, or took it along."""
    if opened.role is Role.OWN:
        return
    audit.record(
        conn,
        events.NotebookRead(
            person_id=person.id,
            via=person.via,
            notebook_id=opened.kept.notebook_id,
            version=opened.kept.number,
            how=how,
            hidden=hidden,
        ),
    )
