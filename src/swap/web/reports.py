"""Reports: what runs by itself, its editions and runs; and a notebook that is to run regularly."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.responses import Response

from swap.catalog.model import TableName
from swap.errors import Conflict, Invalid, LimitExceeded, Problem
from swap.notebooks import sharing
from swap.notebooks.shares import Role
from swap.notebooks.sharing import Opened
from swap.notebooks.shown import Seen
from swap.reports import delivering, differences, owners, running, service, tables
from swap.reports.model import Chosen, Missed, Overlap, Run, RunState, State
from swap.reports.schedule import WEEKDAYS, Every, Schedule, spoken
from swap.reports.service import Looked
from swap.reports.table_store import Table
from swap.settings.sources import RESULT_TABLES
from swap.web import content, report_data, report_runs
from swap.web.asked import address, begins, from_mine, notebook_id, pages
from swap.web.pages import go
from swap.web.portal import Portal, Visit
from swap.web.reading import as_wished, moving
from swap.web.report_parts import answer, id_of, look_at, new_id

EVERY = {
    Every.MONTH: "every month",
    Every.WEEK: "every week",
    Every.DAY: "every day",
    Every.HOUR: "every hour",
    Every.CRON: "as cron has it",
}

FIRST = 15
"""Editions that a report's page lists unfolded."""


def listing(portal: Portal, visit: Visit) -> Response:
    """The reports of notebooks that I may open: first what failed or is late, then the next due."""
    with portal.engine.begin() as conn:
        rows = service.listed(conn, visit.person, visit.now)
    mine = [row for row in rows if row.report.person_id == visit.person.id]
    failed, late = sum(row.failed for row in mine), sum(row.late for row in mine)
    return answer(
        portal, visit, "reports.html", rows=rows, failed=failed, late=late, limit=service.LISTED, most=service.DOTS
    )


def page(portal: Portal, visit: Visit) -> Response:
    """A report: its newest edition, its editions by period, its runs, and when it runs next."""
    first = begins(visit)
    with portal.engine.begin() as conn:
        looked = look_at(visit, conn)
        readable, _ = service.editions(conn, looked, 0)
        editions, _ = service.editions(conn, looked, 0, held=True)
        runs, more = service.history(conn, looked, first)
        last = service.last_tried(conn, looked)
        about = report_runs.about(portal, visit, conn, looked, editions)
        shown = tables.of_report(conn, portal.settings.policy, visit.person, looked.report.id, visit.now)
        mailed = delivering.wishes(conn, visit.person, looked.report.id)
        may_pause = owners.may_pause(looked, visit.person)
        goes_to = delivering.recipients(conn, looked.report) if may_pause else []
        weeks, took = running.doing(conn, looked, visit.now)
        may_run = looked.report.state is State.ACTIVE and looked.held.refused is None
        seen = None
        if readable:
            seen = service.see(conn, portal.settings.policy, visit.person, looked, readable[0], visit.now)
            sharing.read(conn, visit.person, looked.opened, "report", seen.hidden_outputs)
    return answer(
        portal,
        visit,
        "report.html",
        looked=looked,
        editions=editions,
        held=service.first_held(editions),
        runs=runs,
        failed=last if last is not None and last.state is not RunState.DONE and not first else None,
        tables=shown,
        table_page=_page_of,
        ahead=service.ahead(looked.report.schedule, visit.now) if may_run else [],
        mine=looked.report.person_id == visit.person.id,
        may_pause=may_pause,
        takes_over=owners.may_take_over(looked, visit.person),
        mailed=mailed,
        goes_to=goes_to,
        weeks=weeks,
        took=took,
        shown_first=FIRST,
        most_minutes=portal.settings.reports.run_minutes,
        first=first,
        **about,
        **(_shown(portal, visit, looked, readable[0], seen) if seen is not None else {"edition": None}),
        **pages(f"/reports/{looked.report.id}", first, service.PAGE, more=more, part="#runs"),
    )


def _page_of(table: Table) -> str:
    """Return the page of a result table, which is like that of any table."""
    return "/data/" + "/".join(quote(part, safe="") for part in (RESULT_TABLES, table.owner, table.name))


def run(portal: Portal, visit: Visit) -> Response:
    """One run of a report: what it executed, and why it ended as it did."""
    with portal.engine.begin() as conn:
        looked = look_at(visit, conn)
        found = service.run_of(conn, looked, id_of(visit, "run_id"))
        log = running.log(conn, visit.person, looked, found)
        may_go_on = running.may_go_on(conn, visit.person, looked, found)
        compared = differences.of_run(conn, portal.settings.policy, visit.person, found, visit.now)
        seen = None
        if found.digest is not None and (looked.sees_held or not found.is_held):
            seen = service.see(conn, portal.settings.policy, visit.person, looked, found, visit.now)
            sharing.read(conn, visit.person, looked.opened, "report", seen.hidden_outputs)
    return answer(
        portal,
        visit,
        "report_run.html",
        looked=looked,
        run=found,
        log=log,
        may_go_on=may_go_on,
        compared=compared,
        mine=looked.report.person_id == visit.person.id,
        may_pause=owners.may_pause(looked, visit.person),
        **(_shown(portal, visit, looked, found, seen) if seen is not None else {"edition": None}),
    )


def chart(portal: Portal, visit: Visit) -> Response:
    """A chart of what a run executed, where it moves, for as long as its reader may see it."""
    with portal.engine.begin() as conn:
        looked = look_at(visit, conn)
        found = service.run_of(conn, looked, id_of(visit, "run_id"))
        seen = service.see(conn, portal.settings.policy, visit.person, looked, found, visit.now)
        sharing.read(conn, visit.person, looked.opened, "chart", seen.hidden_outputs)
    of, at = (looked.report.id, found.id), portal.address(visit.request)
    shown = content.run_address(portal, at, visit.signed_in, of, seen, visit.now)
    back = f"/reports/{looked.report.id}/runs/{found.id}"
    return moving(portal, visit, shown, looked.opened.name, back, f"{back}/still?is={seen.key}")


def still(portal: Portal, visit: Visit) -> Response:
    """Whether what a page shows of a run may be seen as it is."""
    with portal.engine.begin() as conn:
        looked = look_at(visit, conn)
        found = service.run_of(conn, looked, id_of(visit, "run_id"))
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
        owns = opened.role is Role.OWN
        tables = _tables(portal, visit, conn, opened) if owns else []
    zone = portal.settings.site.time_zone
    schedule = Schedule.read("month 1 06:00", zone)
    return answer(
        portal,
        visit,
        "report_new.html",
        opened=opened,
        owns=owns,
        reports_of=found,
        at=address(opened.kept.notebook_id),
        here="notebooks",
        every=EVERY,
        weekdays=WEEKDAYS,
        site_zone=zone,
        **report_data.choices(portal, visit, tables),
        **_ahead(schedule, visit.now),
    )


def ahead(portal: Portal, visit: Visit) -> Response:
    """The next runs of what is typed, as part of the form's page."""
    try:
        values = _ahead(_schedule({name: visit.query(name) for name in visit.request.query_params}), visit.now)
    except Invalid as error:
        return answer(portal, visit, "report_ahead.html", problem=error.problem)
    return answer(portal, visit, "report_ahead.html", problem=None, **values)


def create(portal: Portal, visit: Visit) -> Response:
    """Let the newest version of a notebook of mine run by itself."""
    with portal.engine.begin() as conn:
        # Before what was sent is read: to others there is no such notebook, whatever they send.
        opened = sharing.open_(conn, visit.person, notebook_id(visit), visit.now)
        tables = _tables(portal, visit, conn, opened)
    try:
        missed, overlap = Missed(visit.form.get("missed", "")), Overlap(visit.form.get("overlap", ""))
    except ValueError as error:
        raise Invalid(Problem("This cannot be chosen.", todo="Choose one that the page offers.")) from error
    chosen = Chosen(*report_data.chosen(portal, visit, tables))
    with portal.engine.begin() as conn:
        made = service.schedule(
            conn,
            visit.person,
            notebook_id(visit),
            _schedule(visit.form),
            missed,
            overlap,
            visit.now,
            lambda: new_id(portal),
            chosen,
        )
    return go(f"/reports/{made.id}")


def _tables(portal: Portal, visit: Visit, conn: Connection, opened: Opened) -> list[TableName]:
    """Return the tables that a notebook's newest version reads, by its outputs."""
    kept = opened.kept
    return service.tables(conn, portal.settings.policy, visit.person, kept.notebook_id, kept.number)


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
    """Run it now, about the last period that is complete, with what was typed for its parameters."""
    typed = report_runs.typed(visit)
    with portal.engine.begin() as conn:
        running.run_now(conn, visit.person, id_of(visit), visit.now, lambda: new_id(portal), typed)
    return go(f"/reports/{id_of(visit)}")


def pause(portal: Portal, visit: Visit) -> Response:
    """Let nothing of it run; who may manage its notebook may do so too."""
    with portal.engine.begin() as conn:
        owners.pause(conn, visit.person, id_of(visit), visit.now)
    return go(f"/reports/{id_of(visit)}")


def resume(portal: Portal, visit: Visit) -> Response:
    """Let it run again, from now on."""
    return _become(portal, visit, State.ACTIVE)


def end(portal: Portal, visit: Visit) -> Response:
    """Let it run no more; its editions stay."""
    return _become(portal, visit, State.ENDED)


def _become(portal: Portal, visit: Visit, state: State) -> Response:
    with portal.engine.begin() as conn:
        service.become(conn, visit.person, id_of(visit), state, visit.now)
    return go(f"/reports/{id_of(visit)}")


def accept(portal: Portal, visit: Visit) -> Response:
    """Let the version that the page named run from now on."""
    with portal.engine.begin() as conn:
        service.accept(conn, visit.person, id_of(visit), _version(visit), visit.now)
    return go(f"/reports/{id_of(visit)}")


def take_over(portal: Portal, visit: Visit) -> Response:
    """Let a report of a notebook that became mine run as me: the version that the page named."""
    with portal.engine.begin() as conn:
        owners.take_over(conn, visit.person, id_of(visit), _version(visit), visit.now)
    return go(f"/reports/{id_of(visit)}")


def _version(visit: Visit) -> int:
    number = visit.form.get("version", "")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Invalid(Problem("This is no version.", todo="Load the page again."))
    return int(number)


def release(portal: Portal, visit: Visit) -> Response:
    """Let readers have an edition that is held."""
    run_id = id_of(visit, "run_id")
    with portal.engine.begin() as conn:
        owners.release(conn, visit.person, id_of(visit), run_id, visit.now)
    return go(f"/reports/{id_of(visit)}/runs/{run_id}")
