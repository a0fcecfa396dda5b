"""What is asked of a report's runs: one again, all of a time, values for its parameters; to go on, to end, by when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from swap.catalog.model import TableName
from swap.client.period import Interval
from swap.errors import Invalid, LimitExceeded, Problem
from swap.reports import backfill, parameters, running, service
from swap.reports.model import Chosen, Run, State
from swap.reports.schedule import spoken
from swap.reports.service import Looked
from swap.web import report_data
from swap.web.pages import go
from swap.web.portal import Portal, Visit
from swap.web.report_parts import answer, id_of, look_at, new_id

MINUTES = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?", re.ASCII)
_VALUE = "set-"
"""Before a parameter's name, in a form."""


def about(portal: Portal, visit: Visit, conn: Connection, looked: Looked, editions: Sequence[Run]) -> dict[str, Any]:
    """Return what a report's page tells of what goes on, and of what its person can choose."""
    mine = looked.report.person_id == visit.person.id
    chosen = looked.report.chosen
    waits = {
        each.name: each for each in chosen.waits if service.may_be_told(portal.settings.policy, visit.person, each)
    }
    going = service.going(conn, looked)
    offered = service.offered(conn, looked.report) if mine and looked.report.state is not State.ENDED else ()
    return {
        "going": going,
        # How far a table is, only its person is told, for as long as they may read it.
        "stand": {run.id: [each for each in run.stand if each.name in waits] if mine else [] for run in going},
        "waits": list(waits) if mine else [],
        "filling": backfill.of(conn, looked),
        "unfilled": backfill.failed(conn, looked),
        "offered": offered,
        "values": parameters.fitting(offered, chosen.parameters),
        "set": _VALUE,
        "again": _newest_of_each(editions) if mine else set(),
    }


def _newest_of_each(editions: Sequence[Run]) -> set[str]:
    """Return the ids of those runs whose edition is the newest of its period."""
    seen, found = set[Interval](), set[str]()
    for each in editions:
        if each.period not in seen:
            seen.add(each.period)
            found.add(each.id)
    return found


def typed(visit: Visit) -> dict[str, str]:
    """Return what a form says of parameters, by their names."""
    return {name.removeprefix(_VALUE): said for name, said in visit.form.items() if name.startswith(_VALUE)}


# ── One run ─────────────────────────────────────────────────────────────────────────────────────────
def again(portal: Portal, visit: Visit) -> Response:
    """Run the period of a run once more."""
    with portal.engine.begin() as conn:
        running.run_again(conn, visit.person, id_of(visit), id_of(visit, "run_id"), visit.now, lambda: new_id(portal))
    return go(f"/reports/{id_of(visit)}")


def let_go(portal: Portal, visit: Visit) -> Response:
    """Let a run start without the data that it waits for."""
    with portal.engine.begin() as conn:
        running.let_go(conn, visit.person, id_of(visit), id_of(visit, "run_id"), visit.now)
    return go(f"/reports/{id_of(visit)}")


def go_on(portal: Portal, visit: Visit) -> Response:
    """Run it about the period of a run that failed, with what that one's queries had for an answer."""
    with portal.engine.begin() as conn:
        running.go_on(conn, visit.person, id_of(visit), id_of(visit, "run_id"), visit.now, lambda: new_id(portal))
    return go(f"/reports/{id_of(visit)}")


def cancel_run(portal: Portal, visit: Visit) -> Response:
    """End a run that waits or goes on."""
    with portal.engine.begin() as conn:
        running.cancel(conn, visit.person, id_of(visit), id_of(visit, "run_id"), visit.now)
    return go(f"/reports/{id_of(visit)}")


def limit(portal: Portal, visit: Visit) -> Response:
    """Say what a run may take, and a cell; nothing is what the site lets it."""
    with portal.engine.begin() as conn:
        look_at(visit, conn)
    most = portal.settings.reports.run_minutes
    run, cell = (_seconds(visit.form.get(name, ""), most) for name in ("run_minutes", "cell_minutes"))
    with portal.engine.begin() as conn:
        running.limit(conn, visit.person, id_of(visit), run, cell, visit.now)
    return go(f"/reports/{id_of(visit)}")


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


# ── A backfill ──────────────────────────────────────────────────────────────────────────────────────
def fill(portal: Portal, visit: Visit) -> Response:
    """Run all periods from a day or month to another."""
    since, until, anew = _days(visit.form)
    with portal.engine.begin() as conn:
        backfill.ask(conn, visit.person, id_of(visit), since, until, visit.now, lambda: new_id(portal), anew=anew)
    return go(f"/reports/{id_of(visit)}")


def fill_again(portal: Portal, visit: Visit) -> Response:
    """Run the periods of the last backfill that failed once more."""
    with portal.engine.begin() as conn:
        backfill.again(conn, visit.person, id_of(visit), visit.now, lambda: new_id(portal))
    return go(f"/reports/{id_of(visit)}")


def ahead(portal: Portal, visit: Visit) -> Response:
    """How many runs a backfill would be, of what is typed, as part of the report's page."""
    since, until, anew = _days({name: visit.query(name) for name in ("since", "until", "anew")})
    with portal.engine.begin() as conn:
        looked = look_at(visit, conn)
        try:
            planned = backfill.plan(conn, looked.report, since, until, visit.now, anew=anew)
        except (Invalid, LimitExceeded) as error:
            return answer(portal, visit, "report_fill.html", problem=error.problem)
    zone = looked.report.schedule.zone
    first, last = (spoken(planned.periods[at], zone) if planned.periods else "" for at in (0, -1))
    values = {"planned": planned, "first": first, "last": last, "most_runs": backfill.MOST}
    return answer(portal, visit, "report_fill.html", problem=None, **values)


def cancel(portal: Portal, visit: Visit) -> Response:
    """Leave out what of a backfill waits."""
    with portal.engine.begin() as conn:
        backfill.cancel(conn, visit.person, id_of(visit), visit.now)
    return go(f"/reports/{id_of(visit)}")


def _days(said: Any) -> tuple[str, str, bool]:
    return said.get("since", ""), said.get("until", ""), said.get("anew", "") == "yes"


# ── What it waits for, and with which values it runs ────────────────────────────────────────────────
def data(portal: Portal, visit: Visit) -> Response:
    """Which tables a report of mine waits for, of those that it reads, and for how long."""
    looked, tables = _readable(portal, visit)
    values = report_data.choices(portal, visit, tables, looked.report.chosen)
    return answer(portal, visit, "report_data.html", looked=looked, **values)


def choose_data(portal: Portal, visit: Visit) -> Response:
    """Let a report wait for the tables that were chosen."""
    looked, tables = _readable(portal, visit)
    waits, deadline = report_data.chosen(portal, visit, tables)
    chosen = Chosen(waits, deadline, looked.report.chosen.parameters)
    with portal.engine.begin() as conn:
        service.choose(conn, visit.person, id_of(visit), chosen, visit.now)
    return go(f"/reports/{id_of(visit)}")


def choose_values(portal: Portal, visit: Visit) -> Response:
    """Let all runs have the values that were typed for its parameters."""
    with portal.engine.begin() as conn:
        report = service.mine(conn, visit.person, id_of(visit), visit.now)
        values = parameters.read(service.offered(conn, report), typed(visit))
        chosen = Chosen(report.chosen.waits, report.chosen.deadline, values)
        service.choose(conn, visit.person, id_of(visit), chosen, visit.now)
    return go(f"/reports/{id_of(visit)}")


def _readable(portal: Portal, visit: Visit) -> tuple[Looked, list[TableName]]:
    """Return a report of mine, and which tables it waits for and reads: by its version, and by its newest edition."""
    with portal.engine.begin() as conn:
        report = service.mine(conn, visit.person, id_of(visit), visit.now)
        looked = look_at(visit, conn)
        editions, _ = service.editions(conn, looked, 0)
        digest = editions[0].digest if editions else None
        policy = portal.settings.policy
        read = service.tables(conn, policy, visit.person, report.notebook_id, report.version, digest)
    return looked, [*(each.name for each in report.chosen.waits), *read]
