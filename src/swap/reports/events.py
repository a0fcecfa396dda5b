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
class ReportRunStarted(Event):
    """A run of a report was claimed and starts; its kernel's queries name `kernel_id`."""

    event: ClassVar[str] = "report-run-started"
    report_id: str
    run_id: str
    kernel_id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRunEnded(Event):
    """A run of a report is done, has failed, was refused before anything ran, or was left out."""

    event: ClassVar[str] = "report-run-ended"
    report_id: str
    run_id: str
    state: str
    reason: str


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
    ReportAccepted,
    ReportStateChanged,
    ReportRunAsked,
    ReportRunStarted,
    ReportRunEnded,
    ReportRunCancelled,
    ReportLimited,
)
