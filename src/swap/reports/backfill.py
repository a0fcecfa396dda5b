"""Runs of a report about many periods of the past: asked for at once, run one by one behind all that is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy import Connection

from swap import audit
from swap.client.period import Interval
from swap.errors import Conflict, Invalid, LimitExceeded, Problem
from swap.identity import Principal
from swap.reports import period_store, store, telling
from swap.reports.events import ReportBackfillAsked, ReportBackfillCancelled
from swap.reports.model import Report, Run, State, Turn, new_run
from swap.reports.period_store import Backfill
from swap.reports.schedule import span
from swap.reports.service import Looked, mine

MOST: Final = 1_000
"""Runs of one backfill."""
_CANCELLED: Final = Problem("It was cancelled.", why="Its person cancelled the backfill.")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a backfill would run."""

    within: Interval
    periods: tuple[Interval, ...]
    """About which there would be a run, the first first."""
    has_edition: int
    """How many others have an edition already."""
    goes_on: int
    """About how many others a run waits or goes on."""


def plan(conn: Connection, report: Report, since: str, until: str, now: datetime, *, anew: bool) -> Plan:
    """Return what a backfill from a day or month to another would run; with `anew` also what has an edition.

    Raises Invalid for no days and for no periods between them, LimitExceeded for too many.
    """
    within = span(since, until, report.schedule.zone, now)
    found = list(islice(report.schedule.periods(within), MOST + 1))
    if len(found) > MOST:
        raise LimitExceeded(
            Problem(f"These are more than {MOST:,} periods, as many as can be run at once.", todo="Choose fewer days.")
        )
    if not found:
        raise Invalid(
            Problem(
                "No whole period lies between these days.",
                why=f"The report is about a period of its own {report.schedule.words}.",
                todo="Choose earlier, or more, days.",
            )
        )
    open_ = period_store.open_periods(conn, report.id).intersection(found)
    had = set[Interval]() if anew else period_store.had(conn, report.id, within).intersection(found) - open_
    return Plan(within, tuple(each for each in found if each not in open_ | had), len(had), len(open_))


def ask(
    conn: Connection,
    person: Principal,
    report_id: str,
    since: str,
    until: str,
    now: datetime,
    new_id: Callable[[], str],
    *,
    anew: bool = False,
) -> Plan:
    """Let a report run about all periods from a day or month to another.

    Raises NotFound, Forbidden, Conflict while another backfill goes on or where nothing is left to be run, and what
    `plan` does.
    """
    report = _free(conn, person, report_id, now)
    planned = plan(conn, report, since, until, now, anew=anew)
    if not planned.periods:
        raise Conflict(
            Problem("Nothing is left to be run.", todo="Choose that periods are run again which have an edition.")
        )
    _add(conn, person, report, [new_run(new_id(), report, now, each, person.id) for each in planned.periods], new_id())
    return planned


def failed(conn: Connection, looked: Looked) -> list[Run]:
    """Return the runs of a report's last backfill that failed, once it is over, and were not made good."""
    return period_store.failed(conn, looked.report.id)


def again(conn: Connection, person: Principal, report_id: str, now: datetime, new_id: Callable[[], str]) -> int:
    """Let the periods of the last backfill that failed run again, with what their queries had for an answer.

    Return how many they are.  Raises NotFound, Forbidden, Conflict.
    """
    report = _free(conn, person, report_id, now)
    # What waits already is not asked for twice, whenever that was.
    open_ = period_store.open_periods(conn, report.id)
    wrong = [each for each in period_store.failed(conn, report.id) if each.period not in open_]
    if not wrong:
        raise Conflict(Problem("No period of a backfill is left that failed.", todo="Load the page again."))
    made = [
        replace(new_run(new_id(), report, now, each.period, person.id), resumes=each.id if each.may_resume else None)
        for each in wrong
    ]
    _add(conn, person, report, made, new_id())
    return len(made)


def _free(conn: Connection, person: Principal, report_id: str, now: datetime) -> Report:
    """Return a report of one's own no backfill of which goes on.  Raises NotFound, Forbidden, Conflict."""
    report = mine(conn, person, report_id, now)
    if period_store.backfill(conn, report.id) is not None:
        raise Conflict(Problem("A backfill of this report goes on.", todo="Wait for its end, or cancel it."))
    return report


def _add(conn: Connection, person: Principal, report: Report, runs: Sequence[Run], batch: str) -> None:
    turn = Turn.BACKFILL_HELD if report.state is State.PAUSED else Turn.BACKFILL
    store.add_runs(conn, (replace(run, turn=turn, batch=batch) for run in runs))
    store.tell_workers(conn)
    audit.record(
        conn,
        ReportBackfillAsked(
            person_id=person.id,
            via=person.via,
            report_id=report.id,
            batch=batch,
            since=runs[0].period.start.isoformat(),
            until=runs[-1].period.end.isoformat(),
            runs=len(runs),
        ),
    )


def of(conn: Connection, looked: Looked) -> Backfill | None:
    """Return how far the backfill of a report is, if one goes on."""
    return period_store.backfill(conn, looked.report.id)


def cancel(conn: Connection, person: Principal, report_id: str, now: datetime) -> int:
    """Leave out what of a backfill waits; return how many runs these are.  Raises NotFound, Forbidden, Conflict."""
    report = mine(conn, person, report_id, now)
    found = period_store.backfill(conn, report.id)
    if found is None:
        raise Conflict(Problem("No backfill of this report goes on.", todo="Look at what became of it."))
    held = store.find(conn, report.id, hold=True)
    assert held is not None
    left = period_store.cancel(conn, report.id, found.batch, _CANCELLED, now)
    telling.filled(conn, held, found.batch, now)
    store.tell_workers(conn)
    audit.record(
        conn,
        ReportBackfillCancelled(person_id=person.id, via=person.via, report_id=report.id, batch=found.batch, runs=left),
    )
    return left
