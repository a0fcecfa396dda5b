"""What happened, by whom, through what: one frozen dataclass for each event, one row for each record.

`record` runs in the caller's transaction, so that a deed and its record are both there or both not.
Rows are only added.  No field ever holds a secret; text that strangers typed is cut short.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from sqlalchemy import Connection, insert, select

from swap.db import many
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
    AuditPurged,
)
"""Every event that is not of notebooks, in the order of docs/reference/audit.md; those are in `notebooks.events`."""


def record(conn: Connection, event: Event) -> None:
    """Add the event to the record, in the caller's transaction."""
    record_all(conn, [event])


def record_all(conn: Connection, events: Iterable[Event]) -> None:
    """Add events to the record, in the caller's transaction."""
    its = audit_event.c
    columns = its.event, its.person_id, its.via, its.detail
    rows = many.given(columns, [_row(each) for each in events])
    conn.execute(insert(audit_event).from_select([each.name for each in columns], select(rows)))


def _row(event: Event) -> dict[str, Any]:
    detail = {
        name: _storable(value[:REASON_LENGTH] if name == "reason" else value) for name, value in asdict(event).items()
    }
    person_id, via = detail.pop("person_id"), event.via
    detail.pop("via")
    return {"event": event.event, "person_id": person_id, "via": via.value, "detail": detail}


def _storable(value: Any) -> Any:
    """Return a value PostgreSQL can keep: NUL and half characters would otherwise make the record fail."""
    if isinstance(value, str):
        return value.replace("\0", "·").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, tuple):
        return [_storable(item) for item in value]
    return value
