"""What happened, by whom, through what: one frozen dataclass for each event, one row for each record.

`record` runs in the caller's transaction, so that a deed and its record are both there or both not.
Rows are only added.  No field ever holds a secret; text that strangers typed is cut short.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from sqlalchemy import Connection, insert

from swap.db.tables import audit_event
from swap.identity import Via

TYPED_LENGTH = 64
"""Characters kept of what somebody typed who has not proved who they are."""
REASON_LENGTH = 2_000
"""Characters kept of a reason, which may quote what somebody sent."""


def typed(text: str) -> str:
    """Return text from a stranger, short and printable, as logs and records may show it."""
    shown = "".join(character if character.isprintable() else "·" for character in text[: TYPED_LENGTH + 1])
    return shown if len(text) <= TYPED_LENGTH else shown[:TYPED_LENGTH] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, by a person (or nobody we know, ""), through one of the powers they hold."""

    event: ClassVar[str]

    person_id: str
    via: Via = Via.PORTAL


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAdded(Event):
    """Somebody came in for the first time and was given an id."""

    event: ClassVar[str] = "person-added"
    name: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRemoved(Event):
    """Somebody is no longer in the directory; the access ended for good."""

    event: ClassVar[str] = "person-removed"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsChanged(Event):
    """The directory puts somebody into other groups than before."""

    event: ClassVar[str] = "groups-changed"
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(Event):
    """Somebody's password is another one; all that was open with the former one has ended."""

    event: ClassVar[str] = "password-changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEnded(Event):
    """Somebody may not act any more, as the directory has it now; all that was open has ended, and may open again."""

    event: ClassVar[str] = "access-ended"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingEnded(Event):
    """Somebody who runs SWAP ended all that was open of a person: sign-ins, tokens, queries, the server."""

    event: ClassVar[str] = "everything-ended"
    whose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(Event):
    """Somebody proved who they are."""

    event: ClassVar[str] = "signed-in"
    sign_in_id: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInFailed(Event):
    """A sign-in was refused: name and password do not match, tries are paused, or the person may not come in."""

    event: ClassVar[str] = "sign-in-failed"
    name: str
    client: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut(Event):
    """Somebody ended all of their sign-ins."""

    event: ClassVar[str] = "signed-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStarted(Event):
    """A Jupyter server was started for somebody."""

    event: ClassVar[str] = "server-started"
    server_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFailed(Event):
    """A Jupyter server could not be started."""

    event: ClassVar[str] = "server-failed"
    server_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStopped(Event):
    """A Jupyter server ended: stopped by its person or by SWAP, or by itself."""

    event: ClassVar[str] = "server-stopped"
    server_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionsRefused(Event):
    """Somebody's programs asked the network for what they cannot reach, so many times since the last record."""

    event: ClassVar[str] = "connections-refused"
    server_id: str
    no_route: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAccepted(Event):
    """A statement passed parse, resolve and decide, and is going to run: the intent, recorded before anything runs."""

    event: ClassVar[str] = "query-accepted"
    query_id: str
    kernel_id: str
    statement: str
    datasets: tuple[str, ...]
    columns: tuple[str, ...]
    rules: tuple[str, ...]
    dialect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRefused(Event):
    """A statement was refused before anything ran: by SWAP, or, in a source's own dialect, as the source read it."""

    event: ClassVar[str] = "query-refused"
    kernel_id: str
    statement: str
    category: str
    reason: str
    rule: str = ""
    dialect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryEnded(Event):
    """A query that was accepted came to its end: done, failed or cancelled, and why."""

    event: ClassVar[str] = "query-ended"
    query_id: str
    state: str
    reason: str
    rows: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDownloaded(Event):
    """Somebody took a result away as a file."""

    event: ClassVar[str] = "result-downloaded"
    query_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookSaved(Event):
    """A notebook has one more version: saved, found changed in the home, restored, forked, or with another's cell."""

    event: ClassVar[str] = "notebook-saved"
    notebook_id: str
    path: str
    version: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookMoved(Event):
    """A notebook has another name or folder, and the history it had."""

    event: ClassVar[str] = "notebook-moved"
    notebook_id: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookDeleted(Event):
    """A notebook was deleted; its history is kept."""

    event: ClassVar[str] = "notebook-deleted"
    notebook_id: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookBroughtBack(Event):
    """A deleted notebook is in the home again, with the history it had."""

    event: ClassVar[str] = "notebook-brought-back"
    notebook_id: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionNamed(Event):
    """Somebody gave a version a name, or took it away."""

    event: ClassVar[str] = "version-named"
    notebook_id: str
    version: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookShared(Event):
    """A notebook was shared with a person, a group or everyone, or what they may do with it is something else now."""

    event: ClassVar[str] = "notebook-shared"
    notebook_id: str
    kind: str
    whom: str
    role: str
    expires_at: str
    was: str
    """The role before, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookShareEnded(Event):
    """A notebook is no longer shared with a person, a group or everyone."""

    event: ClassVar[str] = "notebook-share-ended"
    notebook_id: str
    kind: str
    whom: str
    was: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookTaken(Event):
    """A notebook is somebody else's now: the person took it, to whom its owner had offered it."""

    event: ClassVar[str] = "notebook-taken"
    notebook_id: str
    before: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookRead(Event):
    """Somebody opened a notebook that another has shared, or took it along as a file."""

    event: ClassVar[str] = "notebook-read"
    notebook_id: str
    version: int
    how: str
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentWritten(Event):
    """Somebody wrote a comment on a cell of a notebook, or one of theirs anew; a thread has its first one's id."""

    event: ClassVar[str] = "comment-written"
    notebook_id: str
    comment_id: str
    thread: str
    cell_id: str
    version: int
    text: str
    changes: int
    """How often it was changed by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDeleted(Event):
    """Somebody deleted a comment: their own, or one on a notebook that they may manage."""

    event: ClassVar[str] = "comment-deleted"
    notebook_id: str
    comment_id: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadResolved(Event):
    """Somebody resolved a thread of comments, or opened it again."""

    event: ClassVar[str] = "thread-resolved"
    notebook_id: str
    thread: str
    resolved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MailChosen(Event):
    """Somebody chose how they are told of what is new by mail."""

    event: ClassVar[str] = "mail-chosen"
    mail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookForked(Event):
    """Somebody made a notebook of their own of what they saw of another."""

    event: ClassVar[str] = "notebook-forked"
    notebook_id: str
    path: str
    original: str
    version: int
    """The original's."""
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTaken(Event):
    """A fork has a cell as its original has it now, or no more where that has it no more."""

    event: ClassVar[str] = "cell-taken"
    notebook_id: str
    version: int
    original: str
    original_version: int
    cell: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLeft(Event):
    """Somebody keeps a cell of their fork as it is, whatever the original has now."""

    event: ClassVar[str] = "cell-left"
    notebook_id: str
    original: str
    original_version: int
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSuggested(Event):
    """Somebody suggests a cell of their fork to the notebook it was forked from."""

    event: ClassVar[str] = "cell-suggested"
    notebook_id: str
    fork: str
    version: int
    """The fork's."""
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionAccepted(Event):
    """A notebook has a cell that somebody suggested."""

    event: ClassVar[str] = "suggestion-accepted"
    notebook_id: str
    version: int
    fork: str
    suggested_by: str
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionDeclined(Event):
    """Somebody declined a cell that another suggested."""

    event: ClassVar[str] = "suggestion-declined"
    notebook_id: str
    fork: str
    suggested_by: str
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPurged(Event):
    """What was recorded before a moment was deleted, as the settings have it."""

    event: ClassVar[str] = "audit-purged"
    before: str
    rows: int


EVENTS: tuple[type[Event], ...] = (
    PersonAdded,
    PersonRemoved,
    GroupsChanged,
    PasswordChanged,
    AccessEnded,
    EverythingEnded,
    SignedIn,
    SignInFailed,
    SignedOut,
    ServerStarted,
    ServerFailed,
    ServerStopped,
    ConnectionsRefused,
    QueryAccepted,
    QueryRefused,
    QueryEnded,
    ResultDownloaded,
    NotebookSaved,
    NotebookMoved,
    NotebookDeleted,
    NotebookBroughtBack,
    VersionNamed,
    NotebookShared,
    NotebookShareEnded,
    NotebookTaken,
    NotebookRead,
    CommentWritten,
    CommentDeleted,
    ThreadResolved,
    MailChosen,
    NotebookForked,
    CellTaken,
    CellLeft,
    CellSuggested,
    SuggestionAccepted,
    SuggestionDeclined,
    AuditPurged,
)
"""Every event there is, in the order of docs/reference/audit.md."""


def record(conn: Connection, event: Event) -> None:
    """Add the event to the record, in the caller's transaction."""
    detail = {
        name: _storable(value[:REASON_LENGTH] if name == "reason" else value) for name, value in asdict(event).items()
    }
    person_id, via = detail.pop("person_id"), event.via
    detail.pop("via")
    conn.execute(insert(audit_event).values(event=event.event, person_id=person_id, via=via.value, detail=detail))


def _storable(value: Any) -> Any:
    """Return a value PostgreSQL can keep: NUL and half characters would otherwise make the record fail."""
    if isinstance(value, str):
        return value.replace("\0", "·").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, tuple):
        return [_storable(item) for item in value]
    return value
