"""What workers do with runs that wait for their data: look how far these are, let the run go on, or call it late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from swap import audit
from swap.catalog import upto
from swap.catalog.model import TableName
from swap.catalog.upto import Reach
from swap.client.period import Interval
from swap.identity import Via
from swap.reports import period_store, store, telling
from swap.reports.events import ReportRunEnded, ReportRunLate
from swap.reports.model import WAS_ENDED, Awaited, RunState, Stand
from swap.reports.period_store import Waiting

AGAIN: Final = timedelta(minutes=1)
"""After which it is looked again; the catalog itself is renewed every five minutes."""
AT_ONCE: Final = 50
"""Runs that are looked at in one transaction."""


def look(conn: Connection, now: datetime) -> bool:
    """Look for the data of the runs that wait for them; tell whether there may be more of these."""
    found = period_store.hold_waiting(conn, now, AT_ONCE)
    reaches = upto.of(conn, {each.name for waiting in found for each in waiting.waits})
    for waiting in found:
        if waiting.is_ended:
            period_store.leave_out(conn, waiting.run.id, WAS_ENDED, now)
            _record(conn, waiting)
        elif stand := missing(waiting.waits, reaches, waiting.run.period):
            _wait(conn, waiting, stand, now)
        else:
            period_store.let_run(conn, waiting.run.id, now)
            # Another worker may have room for it sooner.
            store.tell_workers(conn)
    return len(found) == AT_ONCE


def missing(waits: tuple[Awaited, ...], reaches: dict[TableName, Reach | None], period: Interval) -> tuple[Stand, ...]:
    """Return which tables are not complete up to a period's end, and how far they are."""
    found = []
    for each in waits:
        reach = reaches.get(each.name)
        until = None if reach is None else reach.until(period.start, period.end)
        if until != period.end:
            found.append(Stand(each.name, until))
    return tuple(found)


def _wait(conn: Connection, waiting: Waiting, stand: tuple[Stand, ...], now: datetime) -> None:
    run = waiting.run
    late = run.late_at is not None and run.late_at <= now
    until = now + AGAIN if late or run.late_at is None else min(now + AGAIN, run.late_at)
    period_store.wait_on(conn, run.id, RunState.LATE if late else RunState.DATA, stand, until)
    if late and run.state is not RunState.LATE:
        held = store.find(conn, run.report_id)
        assert held is not None
        telling.late(conn, held, run, now)
        audit.record(
            conn,
            ReportRunLate(
                person_id=waiting.person_id,
                via=Via.REPORT,
                report_id=run.report_id,
                run_id=run.id,
                tables=tuple(str(each.name) for each in stand),
            ),
        )


def _record(conn: Connection, waiting: Waiting) -> None:
    audit.record(
        conn,
        ReportRunEnded(
            person_id=waiting.person_id,
            via=Via.REPORT,
            report_id=waiting.run.report_id,
            run_id=waiting.run.id,
            state=RunState.LEFT.value,
            reason=WAS_ENDED.title,
        ),
    )
