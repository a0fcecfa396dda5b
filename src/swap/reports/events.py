"""What happened to reports, by whom: the audit's events of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from swap.audit import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportScheduled(Event):
    """A version of a notebook runs by itself from now on, as the person of this event."""

    event: ClassVar[str] = "report-scheduled"
    report_id: str
    notebook_id: str
    version: int
    schedule: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportImported(Event):
    """Whoever runs SWAP took a report over from elsewhere, for the person of this event, and it is paused."""

    event: ClassVar[str] = "report-imported"
    report_id: str
    notebook_id: str
    version: int
    schedule: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAccepted(Event):
    """The person whom a report runs as lets a version of its notebook run, with the groups they have then."""

    event: ClassVar[str] = "report-accepted"
    report_id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStateChanged(Event):
    """A report is active, paused or ended now."""

    event: ClassVar[str] = "report-state-changed"
    report_id: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRunAsked(Event):
    """Its person asked for a run of a report."""

    event: ClassVar[str] = "report-run-asked"
    report_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBackfillAsked(Event):
    """Its person asked for runs of a report about all periods from a moment until another."""

    event: ClassVar[str] = "report-backfill-asked"
    report_id: str
    batch: str
    since: str
    until: str
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBackfillCancelled(Event):
    """Its person cancelled what waited of a backfill."""

    event: ClassVar[str] = "report-backfill-cancelled"
    report_id: str
    batch: str
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportChanged(Event):
    """Its person chose which tables a report waits for, for how many seconds, or its parameters: their names."""

    event: ClassVar[str] = "report-changed"
    report_id: str
    waits: tuple[str, ...]
    deadline_seconds: int
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRunLate(Event):
    """A run of a report waits for its data longer than it was to."""

    event: ClassVar[str] = "report-run-late"
    report_id: str
    run_id: str
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRunLetGo(Event):
    """Its person let a run of a report start without the data that it waited for."""

    event: ClassVar[str] = "report-run-let-go"
    report_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRunStarted(Event):
    """A run of a report was claimed and starts; its kernel's queries name `kernel_id`."""

    event: ClassVar[str] = "report-run-started"
    report_id: str
    run_id: str
    kernel_id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRunEnded(Event):
    """A run of a report is done, has failed, was refused before anything ran, or was left out.

    The reason also says of one that is done that its edition is held.
    """

    event: ClassVar[str] = "report-run-ended"
    report_id: str
    run_id: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEditionReleased(Event):
    """The person whom a report runs as lets readers have an edition that was held."""

    event: ClassVar[str] = "report-edition-released"
    report_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTableWritten(Event):
    """A run wrote its period of a result table; others have it once the run is done, if its edition is not held."""

    event: ClassVar[str] = "report-table-written"
    report_id: str
    run_id: str
    table: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTakenOver(Event):
    """A report runs as the person of this event from now on, who owns its notebook; before it ran as another."""

    event: ClassVar[str] = "report-taken-over"
    report_id: str
    version: int
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRecipientAdded(Event):
    """Editions of a report are mailed to a person, by their id, or to a group, by its name."""

    event: ClassVar[str] = "report-recipient-added"
    report_id: str
    kind: str
    whom: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRecipientRemoved(Event):
    """Editions of a report are not mailed to them any more."""

    event: ClassVar[str] = "report-recipient-removed"
    report_id: str
    kind: str
    whom: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMailWished(Event):
    """Somebody to whom a report is mailed, or to a group of theirs, does not want it, or wants it again."""

    event: ClassVar[str] = "report-mail-wished"
    report_id: str
    wants: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWebhookChanged(Event):
    """An address on this host is told of the report's runs; none, if there is no host."""

    event: ClassVar[str] = "report-webhook-changed"
    report_id: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRunCancelled(Event):
    """Somebody who may ended a run of a report that waited or went on."""

    event: ClassVar[str] = "report-run-cancelled"
    report_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLimited(Event):
    """The person whom a report runs as said how many seconds a run of it may take, and a cell; 0 is none."""

    event: ClassVar[str] = "report-limited"
    report_id: str
    run_seconds: float
    cell_seconds: float


EVENTS: tuple[type[Event], ...] = (
    ReportScheduled,
    ReportImported,
    ReportAccepted,
    ReportStateChanged,
    ReportRunAsked,
    ReportBackfillAsked,
    ReportBackfillCancelled,
    ReportChanged,
    ReportRunLate,
    ReportRunLetGo,
    ReportRunStarted,
    ReportRunEnded,
    ReportTableWritten,
    ReportEditionReleased,
    ReportTakenOver,
    ReportRecipientAdded,
    ReportRecipientRemoved,
    ReportMailWished,
    ReportWebhookChanged,
    ReportRunCancelled,
    ReportLimited,
)
