"""What people do with reports.  One verb, one function, one transaction; each says so in the audit.

Who may open the notebook may open its report; the person it runs as changes it (what others may is in `owners`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy import Connection

from swap import audit
from swap.catalog import keys
from swap.catalog.model import TableName
from swap.client.period import Interval
from swap.errors import Conflict, Forbidden, LimitExceeded, NotFound, Problem
from swap.identity import Principal
from swap.notebooks import editions as notebooks
from swap.notebooks import history as notebook_history
from swap.notebooks import sharing, shown, sight
from swap.notebooks.share_store import Kept
from swap.notebooks.shares import Role
from swap.notebooks.sharing import Opened
from swap.notebooks.shown import Seen
from swap.policy.decide import decide_table
from swap.policy.model import Action, Resource
from swap.reports import edition_store, parameters, period_store, store
from swap.reports.events import (
    ReportAccepted,
    ReportChanged,
    ReportScheduled,
    ReportStateChanged,
)
from swap.reports.model import Awaited, Chosen, Held, Missed, Overlap, Report, Run, RunState, State
from swap.reports.parameters import Parameter
from swap.reports.schedule import Schedule
from swap.settings import Policy

LISTED: Final = 200
"""Reports of a list."""
PAGE: Final = 20
"""Runs, and editions, of a page."""
DOTS: Final = 10
"""Runs of each report that a list shows."""
GOING: Final = 5
"""Runs that have not ended which a page shows."""
NOTHING_CHOSEN: Final = Chosen()
AHEAD: Final = 5
"""Due times to come that are shown."""
OF_NOTEBOOK: Final = 10
"""Reports of one notebook."""
NOWHERE: Final = Problem(
    "There is no report at this address.",
    todo="Ask whoever gave you the address; its notebook may be shared with others, or no more.",
)
NO_RUN: Final = Problem("This report has no such run.", todo="Choose one from its history.")
OVER: Final = Problem("This report has ended.", todo="Schedule its notebook anew.")
HELD: Final = Problem(
    "This edition is held.",
    why="Not all of it is as its notebook expected.",
    todo="Look at an earlier one; its owner looks at it and may release it.",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A report in a list: its notebook, and its last runs, the last first."""

    report: Report
    notebook: Kept
    last: tuple[Run, ...]
    late: bool = False
    """Whether a run of it waits for its data longer than it was to."""

    @property
    def failed(self) -> bool:
        """Whether its last run that was tried went wrong, or made an edition that is held."""
        tried = _last_tried(self.last)
        return tried is not None and (tried.state is not RunState.DONE or tried.is_held)


@dataclass(frozen=True, slots=True)
class Looked:
    """A report as somebody may see it."""

    held: Held
    opened: Opened
    person_id: str
    """Who looks."""

    @property
    def report(self) -> Report:
        """The report itself."""
        return self.held.report

    @property
    def sees_held(self) -> bool:
        """Whether whoever looks sees editions that are held: who owns the notebook, and whom it runs as."""
        return self.opened.role is Role.OWN or self.person_id == self.report.person_id


def schedule(
    conn: Connection,
    person: Principal,
    notebook_id: str,
    wanted: Schedule,
    missed: Missed,
    overlap: Overlap,
    now: datetime,
    new_id: Callable[[], str],
    chosen: Chosen = NOTHING_CHOSEN,
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
        chosen=chosen,
    )
    store.add(conn, made, now)
    if chosen.waits:
        _record_chosen(conn, person, made.id, chosen)
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
        return Looked(held, sharing.open_(conn, person, held.report.notebook_id, now), person.id)
    except NotFound as error:
        raise NotFound(NOWHERE) from error


def listed(conn: Connection, person: Principal, now: datetime) -> list[Row]:
    """Return the reports of notebooks that somebody may open: first what failed or is late, then the next due."""
    reports = store.listed(conn, sharing.opens(person, now), LISTED)
    open_ = sharing.those_open(conn, person, {each.notebook_id for each in reports}, now)
    ids = [each.id for each in reports]
    last, late = store.last_runs(conn, ids, DOTS), period_store.late(conn, ids)
    rows = [
        Row(each, open_[each.notebook_id], tuple(last.get(each.id, ())), each.id in late)
        for each in reports
        if each.notebook_id in open_
    ]
    return sorted(rows, key=lambda row: not (row.failed or row.late))


def of_notebook(conn: Connection, opened: Opened) -> list[Report]:
    """Return the reports of a notebook that somebody has opened."""
    return store.of_notebook(conn, opened.kept.notebook_id)


def history(conn: Connection, looked: Looked, begins: int) -> tuple[list[Run], bool]:
    """Return a page of a report's runs, the last first, and whether there are more."""
    found = store.runs(conn, looked.report.id, begins, PAGE + 1)
    return found[:PAGE], len(found) > PAGE


def going(conn: Connection, looked: Looked) -> list[Run]:
    """Return the first runs of a report that have not ended, those of a backfill aside; the one that goes on first."""
    return period_store.open_runs(conn, looked.report.id, GOING)


def last_tried(conn: Connection, looked: Looked) -> Run | None:
    """Return the last run of a report that was tried and is over, those of a backfill aside."""
    return _last_tried(store.last_runs(conn, [looked.report.id], DOTS).get(looked.report.id, []))


def _last_tried(last: Iterable[Run]) -> Run | None:
    return next((run for run in last if run.state not in {RunState.LEFT, RunState.CANCELLED}), None)


def editions(conn: Connection, looked: Looked, begins: int, *, held: bool = False) -> tuple[list[Run], bool]:
    """Return a page of a report's editions by period, the newest first, and whether there are more.

    With `held` also those that are held, if whoever looks may see them.
    """
    found = edition_store.editions(conn, looked.report.id, begins, PAGE + 1, held=held and looked.sees_held)
    return found[:PAGE], len(found) > PAGE


def first_held(editions: Sequence[Run]) -> Run | None:
    """Return the first of some editions, of each period the newest first, that is held and the newest of its period."""
    newest: dict[Interval, Run] = {}
    for each in editions:
        newest.setdefault(each.period, each)
    return next((each for each in newest.values() if each.is_held), None)


def run_of(conn: Connection, looked: Looked, run_id: str) -> Run:
    """Return a run of a report.  Raises NotFound."""
    return run_of_report(conn, looked.report, run_id)


def run_of_report(conn: Connection, report: Report, run_id: str) -> Run:
    """Return a run of a report.  Raises NotFound."""
    found = store.run(conn, run_id)
    if found is None or found.report_id != report.id:
        raise NotFound(NO_RUN)
    return found


def see(conn: Connection, policy: Policy, person: Principal, looked: Looked, run: Run, now: datetime) -> Seen:
    """Return what somebody may see of what a run executed.

    Raises NotFound for one that has executed nothing, and for readers for one whose edition is held.
    """
    if run.is_held and not looked.sees_held:
        raise NotFound(HELD)
    if run.digest is None:
        raise NotFound(Problem("This run has executed nothing.", todo="Its page says why."))
    return shown.look_at(
        conn, policy, person, looked.opened, shown.Edition(f"run {run.id}", run.version, run.digest), now
    )


def tables(
    conn: Connection, policy: Policy, person: Principal, notebook_id: str, version: int, digest: str | None = None
) -> list[TableName]:
    """Return the tables, as far as one may know of them, that outputs are of: a version's, or those of a run."""
    outputs = notebook_history.manifest_at(conn, notebook_id, version).outputs()
    if digest is not None:
        outputs |= notebook_history.manifest_of(conn, notebook_id, digest).outputs()
    found, _ = sight.tables(conn, policy, person, notebook_id, outputs)
    return [TableName(*each.parts) for each in found if len(each.parts) == len(TableName._fields)]


def may_be_told(policy: Policy, person: Principal, awaited: Awaited) -> bool:
    """Tell whether somebody may know how far a table is: that is a value of its columns."""
    table, named = Resource(*awaited.name), [keys.key(column) for column in awaited.columns]
    return all(
        decision.allowed and all(each.allowed for each in columns)
        for decision, columns in (
            decide_table(policy, person, action, table, named) for action in (Action.DISCOVER, Action.READ)
        )
    )


def ahead(schedule: Schedule, now: datetime) -> list[datetime]:
    """Return the next due times."""
    return list(islice(schedule.due(now), AHEAD))


# ── What the person does whom it runs as ────────────────────────────────────────────────────────────
def offered(conn: Connection, report: Report) -> tuple[Parameter, ...]:
    """Return what the version that runs lets be chosen."""
    return parameters.declared(notebooks.bare(conn, report.notebook_id, report.version))


def choose(conn: Connection, person: Principal, report_id: str, chosen: Chosen, now: datetime) -> None:
    """Choose what a report waits for, for how long, and its parameters.  Raises NotFound, Forbidden, Conflict."""
    report = mine(conn, person, report_id, now)
    fitting = parameters.fitting(offered(conn, report), chosen.parameters)
    wanted = replace(chosen, parameters=fitting)
    store.change(conn, report.id, **store.chosen(wanted))
    period_store.look_at_once(conn, report.id, now, wanted.deadline)
    _record_chosen(conn, person, report.id, wanted)


def _record_chosen(conn: Connection, person: Principal, report_id: str, chosen: Chosen) -> None:
    audit.record(
        conn,
        ReportChanged(
            person_id=person.id,
            via=person.via,
            report_id=report_id,
            waits=tuple(str(each.name) for each in chosen.waits),
            deadline_seconds=int(chosen.deadline.total_seconds()),
            parameters=tuple(chosen.parameters),
        ),
    )


def accept(conn: Connection, person: Principal, report_id: str, version: int, now: datetime) -> None:
    """Let a version of the notebook run from now on, with the groups that its person has now.

    Raises NotFound, Forbidden, Conflict for one that is not the newest any more: it was not looked at.
    """
    report = mine(conn, person, report_id, now)
    held = store.find(conn, report_id)
    assert held is not None
    demand_newest(held, version)
    groups, standing = store.standing(conn, person.id)
    # What was chosen for parameters that this version has no more is not chosen for it.
    there = offered(conn, replace(report, version=version))
    values = parameters.fitting(there, report.chosen.parameters)
    store.change(conn, report.id, version=version, groups=sorted(groups), standing=standing, parameters=dict(values))
    audit.record(conn, ReportAccepted(person_id=person.id, via=person.via, report_id=report.id, version=version))


def become(conn: Connection, person: Principal, report_id: str, state: State, now: datetime) -> None:
    """Pause a report, let it go on, or end it.  Raises NotFound, Forbidden."""
    report = mine(conn, person, report_id, now)
    values: dict[str, object] = {"state": state.value}
    if state is State.ACTIVE and report.state is State.PAUSED:
        # What was due while it was paused was not missed.
        values["next_due_at"] = report.schedule.next(now)
    store.change(conn, report.id, **values)
    audit.record(conn, ReportStateChanged(person_id=person.id, via=person.via, report_id=report.id, state=state.value))


def demand_newest(held: Held, version: int) -> None:
    """Raise Conflict for a version that is not the newest any more: it was not looked at."""
    if version != held.head:
        raise Conflict(
            Problem("The notebook was saved again meanwhile.", todo="Look at what changed, and accept that version.")
        )


def mine(conn: Connection, person: Principal, report_id: str, now: datetime) -> Report:
    """Return a report that runs as somebody, held.  Raises NotFound, Forbidden, Conflict for one that has ended."""
    report = of_mine(conn, person, report_id, now)
    if report.state is State.ENDED:
        raise Conflict(OVER)
    return report


def of_mine(conn: Connection, person: Principal, report_id: str, now: datetime) -> Report:
    """Return a report that runs as somebody, or did, held.  Raises NotFound, Forbidden."""
    looked = hold(conn, person, report_id, now)
    if looked.report.person_id != person.id:
        raise Forbidden(
            Problem(
                "This report does not run as you.",
                why="Nobody lets something run as somebody else.",
                todo=f"Ask {looked.opened.kept.owner}.",
            )
        )
    return looked.report


def hold(conn: Connection, person: Principal, report_id: str, now: datetime) -> Looked:
    """Return a report whose notebook somebody may open, held: nobody else changes it before the transaction ends.

    Raises NotFound.
    """
    looked = look(conn, person, report_id, now)
    held = store.find(conn, report_id, hold=True)
    if held is None:
        raise NotFound(NOWHERE)
    return replace(looked, held=held)
