"""What people do with reports.  One verb, one function, one transaction; each says so in the audit.

Who may open the notebook may open its report; the person it runs as, and nobody else, changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, time
from itertools import islice
from typing import Final

from sqlalchemy import Connection

from swap import audit
from swap.errors import Conflict, Forbidden, LimitExceeded, NotFound, Problem
from swap.identity import Principal
from swap.notebooks import sharing, shown
from swap.notebooks.share_store import Kept
from swap.notebooks.shares import Role
from swap.notebooks.sharing import Opened
from swap.notebooks.shown import Seen
from swap.people import service as people
from swap.reports import runs, store, trend
from swap.reports.events import (
    ReportAccepted,
    ReportLimited,
    ReportRunAsked,
    ReportRunCancelled,
    ReportScheduled,
    ReportStateChanged,
)
from swap.reports.model import Held, Missed, Overlap, Report, Run, RunState, State
from swap.reports.schedule import Schedule
from swap.reports.trend import Day, Trend
from swap.settings import Policy

LISTED: Final = 200
"""Reports of a list."""
PAGE: Final = 20
"""Runs, and editions, of a page."""
DOTS: Final = 10
"""Runs of each report that a list shows."""
AHEAD: Final = 5
"""Due times to come that are shown."""
CALENDAR: Final = 2_000
"""Runs of a calendar, the last ones."""
TIMED: Final = 30
"""Runs whose time is shown."""
OF_NOTEBOOK: Final = 10
"""Reports of one notebook."""
NOWHERE: Final = Problem(
    "There is no report at this address.",
    todo="Ask whoever gave you the address; its notebook may be shared with others, or no more.",
)
NO_RUN: Final = Problem("This report has no such run.", todo="Choose one from its history.")


@dataclass(frozen=True, slots=True)
class Row:
    """A report in a list: its notebook, and its last runs, the last first."""

    report: Report
    notebook: Kept
    last: tuple[Run, ...]

    @property
    def failed(self) -> bool:
        """Whether its last run that was tried went wrong."""
        tried = [run for run in self.last if run.state not in {RunState.LEFT, RunState.CANCELLED}]
        return bool(tried) and tried[0].state is not RunState.DONE


@dataclass(frozen=True, slots=True)
class Looked:
    """A report as somebody may see it."""

    held: Held
    opened: Opened

    @property
    def report(self) -> Report:
        """The report itself."""
        return self.held.report

    def may_cancel(self, person: Principal) -> bool:
        """Tell whether somebody may end a run of it."""
        return self.report.person_id == person.id or self.opened.role.includes(Role.MANAGE)


def schedule(
    conn: Connection,
    person: Principal,
    notebook_id: str,
    wanted: Schedule,
    missed: Missed,
    overlap: Overlap,
    now: datetime,
    new_id: Callable[[], str],
) -> Report:
    """Let the newest version of a notebook of one's own run by itself.  Raises NotFound, Forbidden, LimitExceeded."""
    opened = sharing.held(conn, person, notebook_id, now)
    if opened.role is not Role.OWN:
        raise Forbidden(
            Problem(
                f"You may not schedule {opened.name}.",
                why=f"A report runs as the person who owns its notebook, {opened.kept.owner}.",
                todo="Fork it and schedule your fork: it runs as you.",
            )
        )
    if len(store.of_notebook(conn, notebook_id)) >= OF_NOTEBOOK:
        raise LimitExceeded(
            Problem(f"{opened.name} has {OF_NOTEBOOK} reports, as many as there can be.", todo="End one of them first.")
        )
    groups, standing = store.standing(conn, person.id)
    made = Report(
        id=new_id(),
        notebook_id=notebook_id,
        version=opened.kept.number,
        person_id=person.id,
        schedule=wanted,
        missed=missed,
        overlap=overlap,
        state=State.ACTIVE,
        groups=groups,
        standing=standing,
        next_due_at=wanted.next(now),
    )
    store.add(conn, made, now)
    audit.record(
        conn,
        ReportScheduled(
            person_id=person.id,
            via=person.via,
            report_id=made.id,
            notebook_id=notebook_id,
            version=made.version,
            schedule=str(wanted),
            zone=wanted.zone.key,
        ),
    )
    return made


def look(conn: Connection, person: Principal, report_id: str, now: datetime) -> Looked:
    """Return a report whose notebook somebody may open.  Raises NotFound."""
    held = store.find(conn, report_id)
    if held is None:
        raise NotFound(NOWHERE)
    try:
        return Looked(held, sharing.open_(conn, person, held.report.notebook_id, now))
    except NotFound as error:
        raise NotFound(NOWHERE) from error


def listed(conn: Connection, person: Principal, now: datetime) -> list[Row]:
    """Return the reports of notebooks that somebody may open: those that failed first, then the next due."""
    reports = store.listed(conn, sharing.opens(person, now), LISTED)
    open_ = sharing.those_open(conn, person, {each.notebook_id for each in reports}, now)
    last = store.last_runs(conn, [each.id for each in reports], DOTS)
    rows = [
        Row(each, open_[each.notebook_id], tuple(last.get(each.id, ())))
        for each in reports
        if each.notebook_id in open_
    ]
    return sorted(rows, key=lambda row: not row.failed)


def of_notebook(conn: Connection, opened: Opened) -> list[Report]:
    """Return the reports of a notebook that somebody has opened."""
    return store.of_notebook(conn, opened.kept.notebook_id)


def history(conn: Connection, looked: Looked, begins: int) -> tuple[list[Run], bool]:
    """Return a page of a report's runs, the last first, and whether there are more."""
    found = store.runs(conn, looked.report.id, begins, PAGE + 1)
    return found[:PAGE], len(found) > PAGE


def editions(conn: Connection, looked: Looked, begins: int) -> tuple[list[Run], bool]:
    """Return a page of a report's editions by period, the newest first, and whether there are more."""
    found = store.editions(conn, looked.report.id, begins, PAGE + 1)
    return found[:PAGE], len(found) > PAGE


def doing(conn: Connection, looked: Looked, now: datetime) -> tuple[list[list[Day]], Trend | None]:
    """Return a calendar of a report's runs, and how long they take."""
    zone = looked.report.schedule.zone
    since = datetime.combine(trend.first_day(now, zone), time(), zone)
    runs_of = store.runs_since(conn, looked.report.id, since, CALENDAR)
    return trend.calendar(runs_of, now, zone), trend.trend(store.last_done(conn, looked.report.id, TIMED))


def run_of(conn: Connection, looked: Looked, run_id: str) -> Run:
    """Return a run of a report.  Raises NotFound."""
    found = store.run(conn, run_id)
    if found is None or found.report_id != looked.report.id:
        raise NotFound(NO_RUN)
    return found


def see(conn: Connection, policy: Policy, person: Principal, looked: Looked, run: Run, now: datetime) -> Seen:
    """Return what somebody may see of what a run executed.  Raises NotFound for one that has executed nothing."""
    if run.digest is None:
        raise NotFound(Problem("This run has executed nothing.", todo="Its page says why."))
    return shown.look_at(
        conn, policy, person, looked.opened, shown.Edition(f"run {run.id}", run.version, run.digest), now
    )


def ahead(schedule: Schedule, now: datetime) -> list[datetime]:
    """Return the next due times."""
    return list(islice(schedule.due(now), AHEAD))


# ── What the person does whom it runs as ────────────────────────────────────────────────────────────
def run_now(conn: Connection, person: Principal, report_id: str, now: datetime, new_id: Callable[[], str]) -> Run:
    """Let a report run about the last period that is complete.  Raises NotFound, Forbidden, Conflict."""
    report = _free(conn, person, report_id, now)
    return _ask(conn, person, runs.waiting(new_id(), report, now, report.schedule.interval(now)))


def go_on(
    conn: Connection, person: Principal, report_id: str, run_id: str, now: datetime, new_id: Callable[[], str]
) -> Run:
    """Let a report run about the period of a run that failed, with what that one's queries had for an answer.

    Raises NotFound, Forbidden, Conflict.
    """
    report = _free(conn, person, report_id, now)
    failed = store.run(conn, run_id)
    if failed is None or failed.report_id != report.id:
        raise NotFound(NO_RUN)
    if not failed.may_resume:
        raise Conflict(Problem("This run did not fail in a cell.", todo="Run the report now instead."))
    store.resumed(conn, failed.id)
    return _ask(conn, person, replace(runs.waiting(new_id(), report, now, failed.period), resumes=failed.id))


def _ask(conn: Connection, person: Principal, run: Run) -> Run:
    """Keep a run that somebody asked for."""
    run = replace(run, asked_by=person.id)
    store.add_run(conn, run)
    store.tell_workers(conn)
    audit.record(conn, ReportRunAsked(person_id=person.id, via=person.via, report_id=run.report_id, run_id=run.id))
    return run


def cancel(conn: Connection, person: Principal, report_id: str, run_id: str, now: datetime) -> None:
    """End a run that waits or goes on; whom it runs as may, and who manages the notebook.

    Raises NotFound, Forbidden, and Conflict for one that has ended.
    """
    looked = look(conn, person, report_id, now)
    if not looked.may_cancel(person):
        raise Forbidden(
            Problem(
                "You may not cancel runs of this report.",
                why="Its person may, and who may manage its notebook.",
                todo=f"Ask {looked.opened.kept.owner}.",
            )
        )
    run = run_of(conn, looked, run_id)
    if not store.cancel(conn, run.id, Problem(f"{person.name} cancelled it."), now):
        raise Conflict(Problem("This run has ended already.", todo="Look at its page."))
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
    report = _mine(conn, person, report_id, now)
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


def accept(conn: Connection, person: Principal, report_id: str, version: int, now: datetime) -> None:
    """Let a version of the notebook run from now on, with the groups that its person has now.

    Raises NotFound, Forbidden, Conflict for one that is not the newest any more: it was not looked at.
    """
    report = _mine(conn, person, report_id, now)
    held = store.find(conn, report_id)
    assert held is not None
    if version != held.head:
        raise Conflict(
            Problem("The notebook was saved again meanwhile.", todo="Look at what changed, and accept that version.")
        )
    groups, standing = store.standing(conn, person.id)
    store.change(conn, report.id, version=version, groups=sorted(groups), standing=standing)
    audit.record(conn, ReportAccepted(person_id=person.id, via=person.via, report_id=report.id, version=version))


def become(conn: Connection, person: Principal, report_id: str, state: State, now: datetime) -> None:
    """Pause a report, let it go on, or end it.  Raises NotFound, Forbidden."""
    report = _mine(conn, person, report_id, now)
    values: dict[str, object] = {"state": state.value}
    if state is State.ACTIVE and report.state is State.PAUSED:
        # What was due while it was paused was not missed.
        values["next_due_at"] = report.schedule.next(now)
    store.change(conn, report.id, **values)
    audit.record(conn, ReportStateChanged(person_id=person.id, via=person.via, report_id=report.id, state=state.value))


def _free(conn: Connection, person: Principal, report_id: str, now: datetime) -> Report:
    """Return a report that runs as somebody, held, of which no run is open.  Raises NotFound, Forbidden, Conflict."""
    report = _mine(conn, person, report_id, now)
    if store.is_open(conn, report.id):
        raise Conflict(Problem("A run of this report waits or goes on.", todo="Wait for its end."))
    return report


def _mine(conn: Connection, person: Principal, report_id: str, now: datetime) -> Report:
    """Return a report that runs as somebody, held.  Raises NotFound, Forbidden, Conflict for one that has ended."""
    looked = look(conn, person, report_id, now)
    held = store.find(conn, report_id, hold=True)
    if held is None:
        raise NotFound(NOWHERE)
    if held.report.person_id != person.id:
        raise Forbidden(
            Problem(
                "This report does not run as you.",
                why="Nobody lets something run as somebody else.",
                todo=f"Ask {looked.opened.kept.owner}.",
            )
        )
    if held.report.state is State.ENDED:
        raise Conflict(Problem("This report has ended.", todo="Schedule its notebook anew."))
    return held.report
