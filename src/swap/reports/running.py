"""What people do with a report's runs: ask for one, go on from one that failed, end one, say what one may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, time
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection

from swap import audit
from swap.errors import Conflict, Forbidden, Problem
from swap.identity import Principal
from swap.people import service as people
from swap.reports import owners, parameters, period_store, queue, service, store, telling, trend
from swap.reports.events import ReportLimited, ReportRunAsked, ReportRunCancelled, ReportRunLetGo
from swap.reports.model import Report, Run, State, new_run
from swap.reports.service import Looked
from swap.reports.trend import Day, Trend

CALENDAR: Final = 2_000
"""Runs of a calendar, the last ones."""
TIMED: Final = 30
"""Runs whose time is shown."""


def run_now(
    conn: Connection,
    person: Principal,
    report_id: str,
    now: datetime,
    new_id: Callable[[], str],
    typed: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Let a report run about the last period that is complete, with what was typed for its parameters, if anything.

    Raises NotFound, Forbidden, Conflict, Invalid.
    """
    report = service.mine(conn, person, report_id, now)
    values = parameters.read(service.offered(conn, report), typed) if typed else None
    run = new_run(new_id(), report, now, report.schedule.interval(now), person.id)
    return ask(conn, person, report, replace(run, parameters=values))


def run_again(
    conn: Connection, person: Principal, report_id: str, run_id: str, now: datetime, new_id: Callable[[], str]
) -> Run:
    """Let a report run once more about the period of a run that is over.  Raises NotFound, Forbidden, Conflict."""
    report = service.mine(conn, person, report_id, now)
    period = service.run_of_report(conn, report, run_id).period
    return ask(conn, person, report, new_run(new_id(), report, now, period, person.id))


def ask(conn: Connection, person: Principal, report: Report, run: Run) -> Run:
    """Keep a run that somebody asked for.  Raises Conflict where one about its period waits or goes on."""
    if run.period in period_store.open_periods(conn, report.id):
        about = run.about(report.schedule)
        raise Conflict(Problem(f"A run about {about} waits or goes on already.", todo="Wait for its end."))
    store.add_run(conn, run)
    store.tell_workers(conn)
    audit.record(conn, ReportRunAsked(person_id=person.id, via=person.via, report_id=run.report_id, run_id=run.id))
    return run


def let_go(conn: Connection, person: Principal, report_id: str, run_id: str, now: datetime) -> None:
    """Let a run start without the data that it waits for.  Raises NotFound, Forbidden, Conflict."""
    report = service.mine(conn, person, report_id, now)
    run = service.run_of_report(conn, report, run_id)
    if not period_store.hold_one(conn, report.id, run.id):
        raise Conflict(Problem("This run does not wait for data now.", todo="Look at what became of it."))
    period_store.let_run(conn, run.id, now)
    store.tell_workers(conn)
    audit.record(conn, ReportRunLetGo(person_id=person.id, via=person.via, report_id=report.id, run_id=run.id))


def doing(conn: Connection, looked: Looked, now: datetime) -> tuple[list[list[Day]], Trend | None]:
    """Return a calendar of a report's runs, and how long they take."""
    zone = looked.report.schedule.zone
    since = datetime.combine(trend.first_day(now, zone), time(), zone)
    runs_of = store.runs_since(conn, looked.report.id, since, CALENDAR)
    return trend.calendar(runs_of, now, zone), trend.trend(store.last_done(conn, looked.report.id, TIMED))


def go_on(
    conn: Connection, person: Principal, report_id: str, run_id: str, now: datetime, new_id: Callable[[], str]
) -> Run:
    """Let a report run about the period of a run that failed, with what that one's queries had for an answer.

    Raises NotFound, Forbidden, Conflict.
    """
    report = service.mine(conn, person, report_id, now)
    failed = service.run_of_report(conn, report, run_id)
    if not failed.may_resume:
        raise Conflict(Problem("This run did not fail in a cell.", todo="Run the report now instead."))
    queue.resumed(conn, failed.id)
    run = replace(new_run(new_id(), report, now, failed.period, person.id), parameters=failed.parameters)
    return ask(conn, person, report, replace(run, resumes=failed.id))


def may_go_on(conn: Connection, person: Principal, looked: Looked, run: Run) -> bool:
    """Tell whether somebody could let a report go on from a run now."""
    report = looked.report
    if report.person_id != person.id or report.state is State.ENDED or not run.may_resume:
        return False
    return run.period not in period_store.open_periods(conn, report.id)


def cancel(conn: Connection, person: Principal, report_id: str, run_id: str, now: datetime) -> None:
    """End a run that waits or goes on; whom it runs as may, and who manages the notebook.

    Raises NotFound, Forbidden, and Conflict for one that has ended.
    """
    looked = service.look(conn, person, report_id, now)
    if not owners.may_pause(looked, person):
        raise Forbidden(
            Problem(
                "You may not cancel runs of this report.",
                why="Its person may, and who may manage its notebook.",
                todo=f"Ask {looked.opened.kept.owner}.",
            )
        )
    run = service.run_of(conn, looked, run_id)
    # As a worker does that ends one: the report first, then the run.
    held = store.find(conn, report_id, hold=True)
    if held is None or not queue.cancel(conn, run.id, Problem(f"{person.name} cancelled it."), now):
        raise Conflict(Problem("This run has ended already.", todo="Look at its page."))
    if run.batch is not None:
        telling.filled(conn, held, run.batch, now)
    # Its queries end with it, and whoever runs it hears of it.
    people.look_again(conn, looked.report.person_id)
    store.tell_workers(conn)
    audit.record(conn, ReportRunCancelled(person_id=person.id, via=person.via, report_id=report_id, run_id=run.id))


def limit(
    conn: Connection,
    person: Principal,
    report_id: str,
    run_seconds: float | None,
    cell_seconds: float | None,
    now: datetime,
) -> None:
    """Say what a run of a report may take, and a cell; None is what the site lets it.  Raises NotFound, Forbidden."""
    report = service.mine(conn, person, report_id, now)
    store.change(conn, report.id, run_seconds=run_seconds, cell_seconds=cell_seconds)
    audit.record(
        conn,
        ReportLimited(
            person_id=person.id,
            via=person.via,
            report_id=report.id,
            run_seconds=run_seconds or 0,
            cell_seconds=cell_seconds or 0,
        ),
    )


def log(conn: Connection, person: Principal, looked: Looked, run: Run) -> str:
    """Return the end of what a run's programs said: to its person alone, for it may be of what was read."""
    return store.log(conn, run.id) if looked.report.person_id == person.id else ""
