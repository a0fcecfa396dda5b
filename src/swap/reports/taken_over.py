"""A report that those who run SWAP took over from elsewhere: it waits, paused, until its person lets it run.

Nobody lets something run as somebody else.  Whoever takes over writes down what would run, and when; its person looks
at it and presses Resume.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from swap import audit
from swap.reports import store
from swap.reports.events import ReportImported, ReportStateChanged
from swap.reports.model import Missed, Overlap, Report, State
from swap.reports.schedule import Schedule


def take_over(
    conn: Connection,
    person_id: str,
    notebook_id: str,
    version: int,
    wanted: Schedule,
    now: datetime,
    new_id: Callable[[], str],
) -> Report:
    """Keep a report of a person's notebook, paused.  What is missed is run, each period for itself, as there."""
    groups, standing = store.standing(conn, person_id)
    made = Report(
        id=new_id(),
        notebook_id=notebook_id,
        version=version,
        person_id=person_id,
        schedule=wanted,
        missed=Missed.ALL,
        overlap=Overlap.WAIT,
        state=State.PAUSED,
        groups=groups,
        standing=standing,
        next_due_at=wanted.next(now),
    )
    store.add(conn, made, now)
    audit.record(
        conn,
        ReportImported(
            person_id=person_id,
            report_id=made.id,
            notebook_id=notebook_id,
            version=version,
            schedule=str(wanted),
            zone=wanted.zone.key,
        ),
    )
    return made


def end(conn: Connection, report_id: str) -> None:
    """End the report of a deleted notebook whose files go to another one: brought back, it would write them too."""
    held = store.find(conn, report_id, hold=True)
    if held is None or held.report.state is State.ENDED:
        return
    store.change(conn, report_id, state=State.ENDED.value)
    audit.record(conn, ReportStateChanged(person_id="", report_id=report_id, state=State.ENDED.value))
