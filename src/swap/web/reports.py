"""Reports: what runs by itself, its editions and runs; and a notebook that is to run regularly."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from swap.errors import Conflict, Invalid, LimitExceeded, NotFound, Problem
from swap.notebooks import sharing
from swap.notebooks.shares import Role
from swap.notebooks.shown import Seen
from swap.reports import service
from swap.reports.model import Missed, Overlap, Run, RunState, State
from swap.reports.schedule import WEEKDAYS, Every, Schedule, spoken
from swap.reports.service import Looked
from swap.web import content
from swap.web.asked import address, begins, from_mine, notebook_id, pages
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit
from swap.web.reading import as_wished, moving

ID = re.compile(r"[0-9a-f]{1,64}")
MINUTES = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?")
STATES = {
    RunState.WAITING: ("wait", "Waiting"),
    RunState.RUNNING: ("wait", "Running"),
    RunState.DONE: ("ok", "Done"),
    RunState.FAILED: ("bad", "Failed"),
    RunState.REFUSED: ("bad", "Not run"),
    RunState.LEFT: ("off", "Left out"),
    RunState.CANCELLED: ("off", "Cancelled"),
}
"""A run's state as an icon and a word."""
REPORT_STATES = {State.ACTIVE: ("ok", "Active"), State.PAUSED: ("off", "Paused"), State.ENDED: ("off", "Ended")}
MISSED = {
    Missed.LATEST: "run once, for the latest period",
    Missed.ALL: "run, each for its period",
    Missed.NONE: "are left out",
}
OVERLAP = {Overlap.WAIT: "the next one waits", Overlap.SKIP: "the next one is left out"}
EVERY = {
    Every.MONTH: "every month",
    Every.WEEK: "every week",
    Every.DAY: "every day",
    Every.HOUR: "every hour",
    Every.CRON: "as cron has it",
}


def listing(portal: Portal, visit: Visit) -> Response:
    """The reports of notebooks that I may open: those that failed first, then the next due."""
    with portal.engine.begin() as conn:
        rows = service.listed(conn, visit.person, visit.now)
    mine = sum(row.failed and row.report.person_id == visit.person.id for row in rows)
    return _respond(portal, visit, "reports.html", rows=rows, failed=mine, limit=service.LISTED, most=service.DOTS)


def page(portal: Portal, visit: Visit) -> Response:
    """A report: its newest edition, its editions by period, its runs, and when it runs next."""
    first = begins(visit)
    with portal.engine.begin() as conn:
        looked = _look(visit, conn)
        editions, _ = service.editions(conn, looked, 0)
        runs, more = service.history(conn, looked, first)
        weeks, took = service.doing(conn, looked, visit.now)
        seen = None
        if editions:
            seen = service.see(conn, portal.settings.policy, visit.person, looked, editions[0], visit.now)
            sharing.read(conn, visit.person, looked.opened, "report", seen.hidden_outputs)
    tried = {RunState.DONE, RunState.FAILED, RunState.REFUSED}
    last = next((run for run in runs if run.state in tried), None)
    return _respond(
        portal,
        visit,
        "report.html",
        looked=looked,
        editions=editions,
        runs=runs,
        failed=last if last is not None and last.state is not RunState.DONE and not first else None,
        going=next((run for run in runs if run.state in {RunState.WAITING, RunState.RUNNING}), None),
        ahead=service.ahead(looked.report.schedule, visit.now) if looked.report.state is State.ACTIVE else [],
        mine=looked.report.person_id == visit.person.id,
        may_cancel=looked.may_cancel(visit.person),
        weeks=weeks,
        took=took,
        most_minutes=portal.settings.reports.run_minutes,
        first=first,
        **(_shown(portal, visit, looked, editions[0], seen) if seen is not None else {"edition": None}),
        **pages(f"/reports/{looked.report.id}", first, service.PAGE, more=more, part="#runs"),
    )


def run(portal: Portal, visit: Visit) -> Response:
    """One run of a report: what it executed, and why it ended as it did."""
    with portal.engine.begin() as conn:
        looked = _look(visit, conn)
        found = service.run_of(conn, looked, _id(visit, "run_id"))
        log = service.log(conn, visit.person, looked, found)
        seen = None
        if found.digest is not None:
            seen = service.see(conn, portal.settings.policy, visit.person, looked, found, visit.now)
            sharing.read(conn, visit.person, looked.opened, "report", seen.hidden_outputs)
    return _respond(
        portal,
        visit,
        "report_run.html",
        looked=looked,
        run=found,
        log=log,
        mine=looked.report.person_id == visit.person.id,
        may_cancel=looked.may_cancel(visit.person),
        **(_shown(portal, visit, looked, found, seen) if seen is not None else {"edition": None}),
    )


def chart(portal: Portal, visit: Visit) -> Response:
    """A chart of what a run executed, where it moves, for as long as its reader may see it."""
    with portal.engine.begin() as conn:
        looked = _look(visit, conn)
        found = service.run_of(conn, looked, _id(visit, "run_id"))
        seen = service.see(conn, portal.settings.policy, visit.person, looked, found, visit.now)
        sharing.read(conn, visit.person, looked.opened, "chart", seen.hidden_outputs)
    of, at = (looked.report.id, found.id), portal.address(visit.request)
    shown = content.run_address(portal, at, visit.signed_in, of, seen, visit.now)
    back = f"/reports/{looked.report.id}/runs/{found.id}"
    return moving(portal, visit, shown, looked.opened.name, back, f"{back}/still?is={seen.key}")


def still(portal: Portal, visit: Visit) -> Response:
    """Whether what a page shows of a run may be seen as it is."""
    with portal.engine.begin() as conn:
        looked = _look(visit, conn)
        found = service.run_of(conn, looked, _id(visit, "run_id"))
        seen = service.see(conn, portal.settings.policy, visit.person, looked, found, visit.now)
    if seen.key != visit.query("is"):
        raise Conflict(Problem("You may see something else of this run now.", todo="Load the page again."))
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _shown(portal: Portal, visit: Visit, looked: Looked, found: Run, seen: Seen) -> dict[str, Any]:
    """Return what a page needs to show an executed notebook in its frame."""
    values: dict[str, Any] = {
        "edition": found,
        "seen": seen,
        "told": seen.told,
        "owner": looked.opened.kept.owner,
        "sandbox": content.SANDBOX,
        "window": f"report-{portal.clock.short()}",
        "still": f"/reports/{looked.report.id}/runs/{found.id}/still?is={seen.key}",
        "unread": None,
    }
    try:
        rendered = portal.room.render_known(visit.person.id, seen.key, lambda: content.put_together(portal, seen))
    except (Invalid, LimitExceeded) as error:
        return values | {"frame": "", "unread": error.problem}
    at = portal.address(visit.request)
    frame = as_wished(
        visit, content.run_address(portal, at, visit.signed_in, (looked.report.id, found.id), seen, visit.now)
    )
    anchor = f"cell-{found.cell}" if found.cell and found.cell <= rendered.cells else ""
    return values | {"frame": content.at_cell(frame, anchor)}


# ── A notebook that is to run regularly ─────────────────────────────────────────────────────────────
def of_mine(portal: Portal, visit: Visit) -> Response:
    """From a file of my home to where its notebook is scheduled, as JupyterLab leads there."""
    return from_mine(portal, visit, "report", "run regularly")


def ask(portal: Portal, visit: Visit) -> Response:
    """When a notebook is to run; what is chosen first is the first of each month."""
    with portal.engine.begin() as conn:
        opened = sharing.open_(conn, visit.person, notebook_id(visit), visit.now)
        found = service.of_notebook(conn, opened)
    zone = portal.settings.site.time_zone
    schedule = Schedule.read("month 1 06:00", zone)
    return _respond(
        portal,
        visit,
        "report_new.html",
        opened=opened,
        owns=opened.role is Role.OWN,
        reports_of=found,
        at=address(opened.kept.notebook_id),
        here="notebooks",
        every=EVERY,
        weekdays=WEEKDAYS,
        site_zone=zone,
        **_ahead(schedule, visit.now),
    )


def ahead(portal: Portal, visit: Visit) -> Response:
    """The next runs of what is typed, as part of the form's page."""
    try:
        values = _ahead(_schedule({name: visit.query(name) for name in visit.request.query_params}), visit.now)
    except Invalid as error:
        return _respond(portal, visit, "report_ahead.html", problem=error.problem)
    return _respond(portal, visit, "report_ahead.html", problem=None, **values)


def create(portal: Portal, visit: Visit) -> Response:
    """Let the newest version of a notebook of mine run by itself."""
    with portal.engine.begin() as conn:
        # Before what was sent is read: to others there is no such notebook, whatever they send.
        sharing.open_(conn, visit.person, notebook_id(visit), visit.now)
    try:
        missed, overlap = Missed(visit.form.get("missed", "")), Overlap(visit.form.get("overlap", ""))
    except ValueError as error:
        raise Invalid(Problem("This cannot be chosen.", todo="Choose one that the page offers.")) from error
    with portal.engine.begin() as conn:
        made = service.schedule(
            conn,
            visit.person,
            notebook_id(visit),
            _schedule(visit.form),
            missed,
            overlap,
            visit.now,
            _new_id(portal),
        )
    return go(f"/reports/{made.id}")


def _schedule(said: Any) -> Schedule:
    """Return the schedule that a form's fields say.  Raises Invalid."""
    every, at = said.get("every", ""), said.get("at", "")[:5]
    text = {
        Every.HOUR.value: f"hour 00:{said.get('minute', '').zfill(2)}",
        Every.DAY.value: f"day {at}",
        Every.WEEK.value: f"week {said.get('weekday', '')} {at}",
        Every.MONTH.value: f"month {said.get('day', '')} {at}",
        Every.CRON.value: f"cron {said.get('cron', '')}",
    }.get(every, "")
    return Schedule.read(text, said.get("zone", "").strip())


def _ahead(schedule: Schedule, now: datetime) -> dict[str, Any]:
    """Return what a page says of a schedule: its words, its next due times, and what each is about."""
    schedule.next(now)
    about = [(due, spoken(schedule.interval(due), schedule.zone)) for due in service.ahead(schedule, now)]
    return {"schedule": schedule, "ahead": about}


# ── What its person does with it ────────────────────────────────────────────────────────────────────
def run_now(portal: Portal, visit: Visit) -> Response:
    """Run it now, about the last period that is complete."""
    with portal.engine.begin() as conn:
        service.run_now(conn, visit.person, _id(visit), visit.now, _new_id(portal))
    return go(f"/reports/{_id(visit)}")


def go_on(portal: Portal, visit: Visit) -> Response:
    """Run it about the period of a run that failed, with what that one's queries had for an answer."""
    with portal.engine.begin() as conn:
        service.go_on(conn, visit.person, _id(visit), _id(visit, "run_id"), visit.now, _new_id(portal))
    return go(f"/reports/{_id(visit)}")


def cancel(portal: Portal, visit: Visit) -> Response:
    """End a run that waits or goes on."""
    with portal.engine.begin() as conn:
        service.cancel(conn, visit.person, _id(visit), _id(visit, "run_id"), visit.now)
    return go(f"/reports/{_id(visit)}")


def limit(portal: Portal, visit: Visit) -> Response:
    """Say what a run may take, and a cell; nothing is what the site lets it."""
    with portal.engine.begin() as conn:
        _look(visit, conn)
    most = portal.settings.reports.run_minutes
    run, cell = (_seconds(visit.form.get(name, ""), most) for name in ("run_minutes", "cell_minutes"))
    with portal.engine.begin() as conn:
        service.limit(conn, visit.person, _id(visit), run, cell, visit.now)
    return go(f"/reports/{_id(visit)}")


def _seconds(typed: str, most_minutes: float) -> float | None:
    """Return the minutes that somebody typed, as seconds.  Raises Invalid."""
    text = typed.strip()
    if not text:
        return None
    if not MINUTES.fullmatch(text) or not 0 < float(text) <= most_minutes:
        raise Invalid(
            Problem(
                "This is no time that a run may take.",
                todo=f"Write minutes, up to {most_minutes:g}, or nothing for as long as the site lets it.",
            )
        )
    return float(text) * 60


def pause(portal: Portal, visit: Visit) -> Response:
    """Let nothing of it run."""
    return _become(portal, visit, State.PAUSED)


def resume(portal: Portal, visit: Visit) -> Response:
    """Let it run again, from now on."""
    return _become(portal, visit, State.ACTIVE)


def end(portal: Portal, visit: Visit) -> Response:
    """Let it run no more; its editions stay."""
    return _become(portal, visit, State.ENDED)


def _become(portal: Portal, visit: Visit, state: State) -> Response:
    with portal.engine.begin() as conn:
        service.become(conn, visit.person, _id(visit), state, visit.now)
    return go(f"/reports/{_id(visit)}")


def accept(portal: Portal, visit: Visit) -> Response:
    """Let the version that the page named run from now on."""
    number = visit.form.get("version", "")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Invalid(Problem("This is no version.", todo="Load the page again."))
    with portal.engine.begin() as conn:
        service.accept(conn, visit.person, _id(visit), int(number), visit.now)
    return go(f"/reports/{_id(visit)}")


def _new_id(portal: Portal) -> Callable[[], str]:
    return lambda: portal.clock.short() + portal.clock.short()


def _look(visit: Visit, conn: Connection) -> Looked:
    return service.look(conn, visit.person, _id(visit), visit.now)


def _id(visit: Visit, name: str = "report_id") -> str:
    """Return an id in a path.  Raises NotFound for what is none, as for one that nobody has."""
    found: str = visit.params[name]
    if not ID.fullmatch(found):
        raise NotFound(service.NOWHERE)
    return found


def _respond(portal: Portal, visit: Visit, template: str, **values: Any) -> Response:
    words: dict[str, Any] = {
        "states": STATES,
        "report_states": REPORT_STATES,
        "missed": MISSED,
        "overlap": OVERLAP,
        "spoken": spoken,
    }
    return respond(portal, visit, template, **({"here": "reports"} | words | values))
