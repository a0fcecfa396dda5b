"""Who looks after a report: its person releases editions, others pause it or take it over; and which nobody does.

Nobody lets anything run as somebody else: whoever takes a report over lets it run as themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from swap import audit
from swap.errors import Conflict, Forbidden, Problem
from swap.identity import Principal
from swap.notebooks import notices
from swap.notebooks.shares import Role
from swap.people import service as people
from swap.reports import delivery_store, edition_store, service, store, telling
from swap.reports.events import ReportEditionReleased, ReportStateChanged, ReportTakenOver
from swap.reports.model import Held, Report, State
from swap.reports.service import Looked

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Unowned:
    """A report that nobody may let run as it is: why, whose it was, and who may manage its notebook.

    What the notebook is called, and what is in it, is theirs.
    """

    held: Held
    person: str
    """The name of the person it runs as; of one who was removed none."""
    managers: tuple[str, ...]

    @property
    def report(self) -> Report:
        """The report itself."""
        return self.held.report


def pause(conn: Connection, person: Principal, report_id: str, now: datetime) -> None:
    """Let nothing of a report run: the person it runs as, or who may manage its notebook.

    Raises NotFound, Forbidden, Conflict.
    """
    looked = _hold(conn, person, report_id, now)
    if not may_pause(looked, person):
        raise Forbidden(
            Problem(
                "You may not pause this report.",
                why="The person it runs as may, and who may manage its notebook.",
                todo=f"Ask {looked.opened.kept.owner}.",
            )
        )
    store.change(conn, report_id, state=State.PAUSED.value)
    audit.record(
        conn,
        ReportStateChanged(person_id=person.id, via=person.via, report_id=report_id, state=State.PAUSED.value),
    )


def may_pause(looked: Looked, person: Principal) -> bool:
    """Tell whether somebody may pause a report that they opened."""
    return looked.report.person_id == person.id or looked.opened.role.includes(Role.MANAGE)


def may_take_over(looked: Looked, person: Principal) -> bool:
    """Tell whether a report is of somebody's notebook and runs as somebody else."""
    return looked.opened.role is Role.OWN and looked.report.person_id != person.id


def take_over(conn: Connection, person: Principal, report_id: str, version: int, now: datetime) -> None:
    """Let a report of a notebook that became somebody's run as them: this version of it, from now on.

    Its webhook is forgotten, for the address may hold a secret of whoever it ran as.  Raises NotFound, Forbidden,
    Conflict for a version that is not the newest any more, and while a run goes on.
    """
    looked = _hold(conn, person, report_id, now)
    report = looked.report
    if not may_take_over(looked, person):
        raise Forbidden(
            Problem(
                "You cannot take this report over.",
                why="The owner of its notebook can, where it runs as somebody else.",
                todo=f"Ask {looked.opened.kept.owner}.",
            )
        )
    service.demand_newest(looked.held, version)
    if store.goes_on(conn, report_id):
        # It reads as another, and what it makes would be kept as of this person.
        raise Conflict(Problem("A run of this report goes on, as somebody else.", todo="Wait for its end."))
    groups, standing = store.standing(conn, person.id)
    store.change(
        conn,
        report_id,
        person_id=person.id,
        version=version,
        groups=sorted(groups),
        standing=standing,
        state=State.ACTIVE.value,
        next_due_at=report.schedule.next(now),
    )
    delivery_store.remove_webhook(conn, report_id)
    audit.record(
        conn,
        ReportTakenOver(
            person_id=person.id, via=person.via, report_id=report_id, version=version, before=report.person_id
        ),
    )


def unowned(conn: Connection, now: datetime, begins: int) -> tuple[list[Unowned], bool]:
    """Return a page of the reports that nobody may let run as they are, the oldest first, and whether there are more.

    Only for those who run SWAP.
    """
    found = store.unowned(conn, begins, PAGE + 1)
    return [_unowned(conn, held, now) for held in found[:PAGE]], len(found) > PAGE


def _unowned(conn: Connection, held: Held, now: datetime) -> Unowned:
    person = people.find_person(conn, held.report.person_id)
    others = {each.id: each.name for each in notices.managers(conn, held.report.notebook_id, now)}
    owner = people.find_person(conn, held.owner_id)
    if owner is not None:
        others[owner.id] = owner.name
    others.pop(held.report.person_id, None)
    return Unowned(held, "" if person is None else person.name, tuple(sorted(others.values())))


def _hold(conn: Connection, person: Principal, report_id: str, now: datetime) -> Looked:
    """Return a report that somebody may open, held.  Raises NotFound, Conflict for one that has ended."""
    looked = service.hold(conn, person, report_id, now)
    if looked.report.state is State.ENDED:
        raise Conflict(service.OVER)
    return looked


def release(conn: Connection, person: Principal, report_id: str, run_id: str, now: datetime) -> None:
    """Let readers have an edition that is held, also of a report that has ended.

    Raises NotFound, Forbidden, Conflict for one that is not held.
    """
    report = service.of_mine(conn, person, report_id, now)
    run = service.run_of_report(conn, report, run_id)
    if not edition_store.release(conn, run.id, person.id, now):
        raise Conflict(Problem("This edition is not held.", todo="Load the page again."))
    held = store.find(conn, report.id)
    assert held is not None
    telling.well(conn, held, run, now)
    store.tell_workers(conn)
    audit.record(conn, ReportEditionReleased(person_id=person.id, via=person.via, report_id=report.id, run_id=run.id))
