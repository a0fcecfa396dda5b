"""What people say about the cells of a notebook.  One verb, one function, one transaction; each says so in the audit.

`sharing.open_` is the way to a notebook's comments, as to the notebook.  A comment is its author's text, and nothing of
the notebook.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from swap import audit
from swap.errors import Conflict, Forbidden, Invalid, LimitExceeded, NotFound, Problem
from swap.identity import Principal
from swap.notebooks import comment_store as store
from swap.notebooks import events, notices, share_store, sharing
from swap.notebooks.comment_store import Comment, Thread
from swap.notebooks.said import mentioned, said
from swap.notebooks.shares import Role
from swap.notebooks.sharing import Opened

PAGE = 20
"""Threads of a page."""
LAST = 5
"""Comments of a thread in a list of threads, beside its first."""
PAGE_OF_THREAD = 50
HOUR = timedelta(hours=1)
IN_AN_HOUR = 60
"""Comments that one person writes or changes."""
CHANGES = 20
"""Of one comment."""
OF_THREAD = 200
OF_NOTEBOOK = 5_000
CELL_LENGTH = 64
"""Of a cell's id, as the format of notebooks has it."""
NOTHING = Problem("There is no such comment here.", todo="Load the page of the notebook again.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a comment stands: a cell, or the notebook as a whole (""), and the version that its author looked at."""

    cell_id: str
    version: int


def add(
    conn: Connection,
    person: Principal,
    notebook_id: str,
    place: Place,
    text: str,
    now: datetime,
    new_id: Callable[[], str],
) -> Comment:
    """Begin a thread.  Raises NotFound, Forbidden, Invalid, LimitExceeded."""
    opened = _open_to_write(conn, person, notebook_id, now)
    written = said(text)
    if not 0 < place.version <= opened.kept.number or len(place.cell_id) > CELL_LENGTH:
        raise Invalid(Problem("SWAP cannot read this form.", todo="Load the page again."))
    _demand_room(conn, person, opened, now)
    name = new_id()
    made = store.add(conn, opened.kept.notebook_id, name, name, place.cell_id, place.version, person, written, now)
    _record_written(conn, person, opened, made)
    _tell(conn, person, opened, made, now)
    return made


def reply(
    conn: Connection,
    person: Principal,
    notebook_id: str,
    thread_id: str,
    text: str,
    now: datetime,
    new_id: Callable[[], str],
) -> Comment:
    """Say something in a thread.  Raises NotFound, Forbidden, Invalid, Conflict for a resolved one, LimitExceeded."""
    opened = _open_to_write(conn, person, notebook_id, now)
    first = _first(conn, opened, thread_id)
    written = said(text)
    if first.resolved:
        raise Conflict(
            Problem("This thread is resolved.", todo="Open it again to write in it. Your comment was not kept.")
        )
    _demand_room(conn, person, opened, now)
    if store.count_of_thread(conn, thread_id) >= OF_THREAD:
        raise LimitExceeded(
            Problem(
                f"This thread has {OF_THREAD} comments.", why="This is the most there can be.", todo="Begin another."
            )
        )
    kept = opened.kept
    made = store.add(conn, kept.notebook_id, new_id(), thread_id, first.cell_id, kept.number, person, written, now)
    _record_written(conn, person, opened, made)
    _tell(conn, person, opened, made, now)
    return made


def change(conn: Connection, person: Principal, notebook_id: str, comment_id: str, text: str, now: datetime) -> Comment:
    """Write one's own comment anew.  Raises NotFound, Forbidden, Invalid, LimitExceeded."""
    opened = _open_to_write(conn, person, notebook_id, now)
    was = _found(store.find(conn, opened.kept.notebook_id, comment_id))
    _demand_own(was, person)
    written = said(text)
    if written == was.text:
        return was
    _demand_calm(conn, person, now)
    if was.changes >= CHANGES:
        raise LimitExceeded(
            Problem(
                f"This comment was changed {CHANGES} times.",
                why="This is the most there can be.",
                todo="Delete it, or write another.",
            )
        )
    made = store.change(conn, was, written, now)
    _record_written(conn, person, opened, made)
    _tell_mentioned(conn, person, opened, made, now)
    return made


def delete(conn: Connection, person: Principal, notebook_id: str, comment_id: str, now: datetime) -> Comment:
    """Delete one's own comment, or any of a notebook that one may manage.  Raises NotFound, Forbidden."""
    opened = _open_to_write(conn, person, notebook_id, now)
    was = _found(store.find(conn, opened.kept.notebook_id, comment_id))
    if not opened.role.includes(Role.MANAGE):
        _demand_own(was, person)
    store.change(conn, was, "", now)
    audit.record(
        conn,
        events.CommentDeleted(
            person_id=person.id,
            via=person.via,
            notebook_id=opened.kept.notebook_id,
            comment_id=was.id,
            author=was.author_id,
        ),
    )
    return was


def resolve(conn: Connection, person: Principal, notebook_id: str, thread_id: str, now: datetime) -> None:
    """Say that nothing is left to do in a thread; one that is resolved stays so.  Raises NotFound, Forbidden."""
    opened = _open_to_write(conn, person, notebook_id, now)
    if not _first(conn, opened, thread_id).resolved:
        store.resolve(conn, thread_id, person.id)
        _record_resolved(conn, person, opened, thread_id, resolved=True)


def reopen(conn: Connection, person: Principal, notebook_id: str, thread_id: str, now: datetime) -> None:
    """Open a resolved thread again; one that is open stays so.  Raises NotFound, Forbidden."""
    opened = _open_to_write(conn, person, notebook_id, now)
    if _first(conn, opened, thread_id).resolved:
        store.resolve(conn, thread_id, None)
        _record_resolved(conn, person, opened, thread_id, resolved=False)


def open_threads(conn: Connection, opened: Opened) -> tuple[list[Thread], int]:
    """Return the threads that are not resolved, the newest first, a page of them; and how many threads there are."""
    found = store.threads(conn, opened.kept.notebook_id, 0, PAGE, LAST, is_open=True)
    return found, store.count_of_threads(conn, opened.kept.notebook_id)


def threads(conn: Connection, opened: Opened, begins: int) -> tuple[list[Thread], bool]:
    """Return a page of a notebook's threads, the newest first, from row `begins` on, and whether there are more."""
    found = store.threads(conn, opened.kept.notebook_id, begins, PAGE + 1, LAST, is_open=False)
    return found[:PAGE], len(found) > PAGE


def thread(conn: Connection, opened: Opened, thread_id: str, begins: int) -> tuple[Thread, bool]:
    """Return a page of one thread, the oldest comment first, and whether there are more.  Raises NotFound."""
    found = store.thread(conn, opened.kept.notebook_id, thread_id, begins, PAGE_OF_THREAD + 1)
    if found is None:
        raise NotFound(NOTHING)
    more = len(found.comments) > PAGE_OF_THREAD
    return found.cut(PAGE_OF_THREAD), more


def _open_to_write(conn: Connection, person: Principal, notebook_id: str, now: datetime) -> Opened:
    # Held, so that what is counted is all there is, and a share that ends just now has ended.
    share_store.hold(conn, notebook_id)
    return sharing.open_(conn, person, notebook_id, now, Role.COMMENT)


def _first(conn: Connection, opened: Opened, thread_id: str) -> Comment:
    """Return a thread's first comment, also a deleted one: the thread goes on."""
    found = store.first(conn, opened.kept.notebook_id, thread_id)
    if found is None:
        raise NotFound(NOTHING)
    return found


def _found(comment: Comment | None) -> Comment:
    if comment is None or comment.deleted:
        raise NotFound(NOTHING)
    return comment


def _demand_own(comment: Comment, person: Principal) -> None:
    if comment.author_id != person.id:
        raise Forbidden(
            Problem(
                f"This is a comment of {comment.author}'s.",
                why="Everybody changes and deletes their own.",
                todo="Reply to it. Nothing was changed.",
            )
        )


def _demand_room(conn: Connection, person: Principal, opened: Opened, now: datetime) -> None:
    """Raise LimitExceeded for one comment more than there can be."""
    _demand_calm(conn, person, now)
    if store.count(conn, opened.kept.notebook_id) >= OF_NOTEBOOK:
        raise LimitExceeded(
            Problem(
                f"{opened.name} has {OF_NOTEBOOK:,} comments.",
                why="This is the most there can be.",
                todo="Say it elsewhere.",
            )
        )


def _demand_calm(conn: Connection, person: Principal, now: datetime) -> None:
    store.hold_author(conn, person.id)
    if store.count_of_author(conn, person.id, now - HOUR) >= IN_AN_HOUR:
        raise LimitExceeded(
            Problem(
                f"You wrote {IN_AN_HOUR} comments within an hour.",
                why="This is the most there can be.",
                todo="Wait a while, then send it again. It was not kept.",
            )
        )


def _record_written(conn: Connection, person: Principal, opened: Opened, made: Comment) -> None:
    audit.record(
        conn,
        events.CommentWritten(
            person_id=person.id,
            via=person.via,
            notebook_id=opened.kept.notebook_id,
            comment_id=made.id,
            thread=made.thread,
            cell_id=made.cell_id,
            version=made.version,
            text=made.text,
            changes=made.changes,
        ),
    )


def _record_resolved(conn: Connection, person: Principal, opened: Opened, thread_id: str, *, resolved: bool) -> None:
    audit.record(
        conn,
        events.ThreadResolved(
            person_id=person.id,
            via=person.via,
            notebook_id=opened.kept.notebook_id,
            thread=thread_id,
            resolved=resolved,
        ),
    )


def _tell(conn: Connection, person: Principal, opened: Opened, made: Comment, now: datetime) -> None:
    """Tell who is mentioned, then who wrote in the thread, then whose notebook it is: each of them once."""
    _tell_mentioned(conn, person, opened, made, now)
    about = notices.About(opened.kept.notebook_id, made.id, person.id)
    if made.thread != made.id:
        notices.tell(conn, notices.Kind.REPLY, store.authors(conn, made.thread), about, now)
    notices.tell(conn, notices.Kind.COMMENT, {opened.kept.owner_id}, about, now)


def _tell_mentioned(conn: Connection, person: Principal, opened: Opened, made: Comment, now: datetime) -> None:
    about = notices.About(opened.kept.notebook_id, made.id, person.id)
    reached = notices.who_may_open(conn, opened.kept, mentioned(made.text), now)
    notices.tell(conn, notices.Kind.MENTION, reached, about, now)
