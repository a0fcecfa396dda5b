"""What forks suggest to the notebook they were forked from: a cell's source, and nothing of its outputs.

An owner sees all outputs of a notebook of theirs; one that came with a suggestion would show them what they may not
read.  One verb, one function, one transaction; each says so in the audit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from swap import audit
from swap.content import Cell, Manifest
from swap.errors import Conflict, Forbidden, LimitExceeded, Problem
from swap.identity import Principal
from swap.notebooks import events, fork_store, forks, history, merging, notices, sharing, store
from swap.notebooks.changes import Change
from swap.notebooks.fork_store import Suggestion
from swap.notebooks.merging import Cells, Offer
from swap.notebooks.notices import About
from swap.notebooks.place import Place
from swap.notebooks.shares import Role
from swap.notebooks.sharing import Opened
from swap.notebooks.versions import Kind
from swap.settings import Policy

WAITING = 100
"""Suggestions of one person that wait for one notebook."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A suggestion as a page shows it."""

    suggestion: Suggestion
    offer: Offer
    change: Change | None
    """None where the notebook has it so already."""


@dataclass(frozen=True, slots=True)
class _Managed:
    """A notebook that somebody may accept cells into, and its cells."""

    opened: Opened
    manifest: Manifest
    mine: Cells
    sources: dict[str, bytes]


def suggest(
    conn: Connection,
    policy: Policy,
    person: Principal,
    fork_id: str,
    key: str,
    mark: str,
    now: datetime,
    new_id: Callable[[], str],
) -> None:
    """Suggest a cell of one's fork to the original, in the place of what one suggested of it before.

    What the original has already is not suggested.  Raises NotFound, Forbidden, LimitExceeded, Conflict for a cell that
    is not what was shown, or where the original may not be opened.
    """
    both = forks.compare(conn, policy, person, fork_id, now)
    offer = forks.chosen(both.own, key, mark)
    if offer is None or offer.theirs is None:
        return
    original = both.original.opened.kept.notebook_id
    if fork_store.count_waiting(conn, original, by=person.id) >= WAITING:
        raise LimitExceeded(
            Problem(
                f"{WAITING} of your suggestions wait for {both.original.opened.name}.",
                why="This is the most there can be.",
                todo=f"Wait until {both.original.opened.kept.owner} has looked at them.",
            )
        )
    fork_store.suggest(
        conn,
        {
            "id": new_id(),
            "notebook_id": original,
            "fork_id": fork_id,
            "cell": bytes.fromhex(key),
            "version": both.opened.kept.number,
            "base": None if offer.base is None else bytes.fromhex(offer.base),
            "source": bytes.fromhex(offer.theirs.source),
            "suggested_by": person.id,
            "at": now,
        },
    )
    about = About(original, None, person.id)
    notices.tell(conn, notices.Kind.SUGGESTION, {both.original.opened.kept.owner_id}, about, now)
    audit.record(
        conn,
        events.CellSuggested(
            person_id=person.id,
            via=person.via,
            notebook_id=original,
            fork=fork_id,
            version=both.opened.kept.number,
            cell=key[: forks.KEY],
        ),
    )


def waiting(
    conn: Connection, person: Principal, notebook_id: str, now: datetime, begins: int
) -> tuple[Opened, list[Suggested], bool]:
    """Return a page of what waits for a notebook, the oldest first, and whether there is more.

    Raises NotFound, Forbidden.
    """
    managed = _managed(conn, sharing.open_(conn, person, notebook_id, now))
    found = fork_store.waiting(conn, notebook_id, begins, forks.PAGE + 1)
    shown = []
    for each in found[: forks.PAGE]:
        offer = _offer(each, managed.mine)
        said = managed.sources | forks.sources(conn, each.fork_id, [Cell(each.source, None, ())])
        change = None if _is_there(offer) else forks.change_of(offer, said, managed.mine)
        shown.append(Suggested(each, offer, change))
    return managed.opened, shown, len(found) > forks.PAGE


def accept(
    conn: Connection,
    policy: Policy,
    person: Principal,
    notebook_id: str,
    suggestion_id: str,
    mark: str,
    home: Place,
    token: Callable[[], str],
    now: datetime,
) -> int:
    """Take a suggested cell into a notebook as a new version; return what is newest then.

    Its owner's file is written too; who manages it writes nobody's.  The cell's outputs go: they are the former one's.
    Raises NotFound, Forbidden, LimitExceeded, Conflict for a suggestion that does not wait, a cell that is not what was
    shown, or a file that no version has.
    """
    managed = _managed(conn, sharing.held(conn, person, notebook_id, now))
    suggestion = _waiting(conn, notebook_id, suggestion_id)
    offer = _offer(suggestion, managed.mine)
    forks.demand_shown(offer, mark)
    head, owns = managed.opened.kept.head, managed.opened.role is Role.OWN
    written: bytes | None = None
    if not _is_there(offer):
        if owns:
            history.demand_kept(conn, head, home.digest(head.path))
        written = _merge(conn, policy, person, managed, suggestion, offer, f"portal-{token()}", now)
    number = head.number + (written is not None)
    fork_store.decide(conn, suggestion.id, fork_store.ACCEPTED, person.id, now)
    notices.tell(conn, notices.Kind.ACCEPTED, {suggestion.by_id}, About(notebook_id, None, person.id), now)
    audit.record(
        conn,
        events.SuggestionAccepted(
            person_id=person.id,
            via=person.via,
            notebook_id=notebook_id,
            version=number,
            fork=suggestion.fork_id,
            suggested_by=suggestion.by_id,
            cell=suggestion.key[: forks.KEY],
        ),
    )
    if owns and written is not None:
        home.replace(head.path, [written], f".swap-{token()}.tmp")
    return number


def _merge(
    conn: Connection,
    policy: Policy,
    person: Principal,
    managed: _Managed,
    suggestion: Suggestion,
    offer: Offer,
    save_id: str,
    now: datetime,
) -> bytes:
    """Append a version with a suggested cell; return the file that it is."""
    # Of the fork's parts the one that was suggested, whatever else the fork has or names.
    store.copy_parts(conn, suggestion.fork_id, suggestion.notebook_id, [suggestion.source])
    fork = history.manifest_at(conn, suggestion.fork_id, suggestion.version)
    theirs = merging.keyed(fork.cells, forks.sources(conn, suggestion.fork_id, fork.cells))
    manifest = merging.merged(managed.manifest, fork.minor, offer, theirs, managed.mine)
    head = managed.opened.kept.head
    return history.append_made(
        conn, policy, person, head, manifest, Kind.MERGED, now, save_id, suggested_by=suggestion.by_id
    )


def decline(conn: Connection, person: Principal, notebook_id: str, suggestion_id: str, now: datetime) -> None:
    """Decline a suggestion; the page of its fork says so.  Raises NotFound, Forbidden, Conflict."""
    _demand_managed(sharing.held(conn, person, notebook_id, now))
    suggestion = _waiting(conn, notebook_id, suggestion_id)
    fork_store.decide(conn, suggestion.id, fork_store.DECLINED, person.id, now)
    notices.tell(conn, notices.Kind.DECLINED, {suggestion.by_id}, About(notebook_id, None, person.id), now)
    audit.record(
        conn,
        events.SuggestionDeclined(
            person_id=person.id,
            via=person.via,
            notebook_id=notebook_id,
            fork=suggestion.fork_id,
            suggested_by=suggestion.by_id,
            cell=suggestion.key[: forks.KEY],
        ),
    )


def _demand_managed(opened: Opened) -> None:
    if not opened.role.includes(Role.MANAGE):
        raise Forbidden(
            Problem(
                f"You may view {opened.name}, and not decide what comes into it.",
                why=f"Its owner, {opened.kept.owner}, and those who may manage it do that.",
                todo="Fork it, and suggest to them what you change.",
            )
        )


def _managed(conn: Connection, opened: Opened) -> _Managed:
    _demand_managed(opened)
    notebook_id = opened.kept.notebook_id
    manifest = history.manifest_of(conn, notebook_id, opened.kept.digest)
    said = forks.sources(conn, notebook_id, manifest.cells)
    return _Managed(opened, manifest, merging.keyed(manifest.cells, said), said)


def _waiting(conn: Connection, notebook_id: str, suggestion_id: str) -> Suggestion:
    found = fork_store.one(conn, notebook_id, suggestion_id)
    if found is None:
        raise Conflict(
            Problem(
                "This suggestion does not wait any more.",
                why="Somebody decided on it, or suggests something else now.",
                todo="Look at the list once more. Nothing was changed.",
            )
        )
    return found


def _offer(suggestion: Suggestion, mine: Cells) -> Offer:
    """Return a suggestion as what it would change now."""
    return Offer(suggestion.key, suggestion.base, Cell(suggestion.source, None, ()), mine.get(suggestion.key))


def _is_there(offer: Offer) -> bool:
    return offer.theirs is not None and offer.mine is not None and offer.theirs.source == offer.mine.source
