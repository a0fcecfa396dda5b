"""What workers do with editions that were held and are released: their rows come into the report's data files.

Whoever releases one works in the portal, which has no files; so it leaves a mark.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from swap.client.period import Interval
from swap.errors import Problem, SwapError, Unavailable
from swap.notebooks import history
from swap.notebooks.notices import Kind
from swap.reports import edition_store, store, telling
from swap.reports.files import Files
from swap.reports.model import Held, Run

AGAIN: Final = timedelta(minutes=10)
"""After which it is tried again to write what could not be written."""
TRIED_FOR: Final = timedelta(days=1)
log = logging.getLogger(__name__)


def write(engine: Engine, files: Files | None, now: datetime) -> bool:
    """Write the rows of one released edition; tell whether there may be more of these.

    One that a newer edition of its period follows is not written: its rows are not those that readers have.
    """
    with engine.begin() as conn:
        run = edition_store.hold_unwritten(conn, now)
        # As where a run ends: of a report one worker at a time changes the files.
        held = None if run is None else store.find(conn, run.report_id, hold=True)
        if run is None or held is None:
            return False
        try:
            if files is not None and not edition_store.is_followed(conn, run):
                _write(conn, files, held, run)
        except Unavailable:
            raise
        except SwapError as error:
            _not_written(conn, held, run, error.problem, now)
        else:
            edition_store.written(conn, run.id)
            if run.said is not None:
                telling.recovered(conn, held, run.id, now)
    return True


def _write(conn: Connection, files: Files, held: Held, run: Run) -> None:
    assert run.digest is not None
    notebook_id = held.report.notebook_id
    document = history.put(conn, notebook_id, history.manifest_of(conn, notebook_id, run.digest), {})
    files.keep(held.report.id, days(run.period, held.report.schedule.zone), document)
    log.info("the rows of run %s of report %s, which was released, are written", run.id, held.report.id)


def _not_written(conn: Connection, held: Held, run: Run, problem: Problem, now: datetime) -> None:
    again = run.released_at is not None and now < run.released_at + TRIED_FOR
    edition_store.not_written(conn, run.id, problem, now + AGAIN if again else None)
    telling.of_trouble(conn, held, run.id, Kind.REPORT_FAILED, problem.title, now)
    log.info("run %s of report %s, which was released: %s %s", run.id, held.report.id, problem.title, problem.why)


def days(period: Interval, zone: ZoneInfo) -> tuple[date, date]:
    """Return the first day of a period, and the first after it, in a zone."""
    return period.start.astimezone(zone).date(), period.end.astimezone(zone).date()
