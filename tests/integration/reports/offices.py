"""Somebody with a notebook that is scheduled, and workers, each with a clock that stands still until it is told."""

from __future__ import annotations

import itertools
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

import saves
import services
from swap.db.report_tables import report_run
from swap.identity import Principal, Via
from swap.notebooks import saving
from swap.people import service as people
from swap.people.ids import new_person_id
from swap.reports import runs, service
from swap.reports.model import Chosen, Claimed, Missed, Outcome, Overlap, Report, Run, RunState
from swap.reports.schedule import Schedule
from swap.settings import Policy

BEGIN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DONE = Outcome(None)
_numbers = itertools.count(1)


class Office:
    """A report of ann's on a database, at a moment."""

    def __init__(self, database: services.Database, text: str = "hour 00:15", **more: Any) -> None:
        self.database = database
        self.now = BEGIN
        self.person = self.somebody("ann", "analysts", "staff")
        self.signs_in(self.person)
        self.notebook = self.save("one")
        self.report = self.schedule(text, **more)

    def somebody(self, name: str, *groups: str) -> Principal:
        """Return somebody new of these groups, who is not signed in."""
        name = f"{name}{next(_numbers)}"
        with self.database.engine("owner").begin() as conn:
            made = people.ensure_person(conn, name, name, groups, lambda: new_person_id(secrets.token_bytes))
        return Principal(made.id, name, made.groups, Via.PORTAL)

    def signs_in(self, who: Principal) -> None:
        with self.database.engine("owner").begin() as conn:
            people.sign_in(conn, who.id, secrets.token_hex(4), self.now, 7)

    def save(self, *sources: str) -> str:
        with self.database.engine("owner").begin() as conn:
            head = saving.save(
                conn, Policy(), self.person, saves.sent(saves.notebook(*sources), base=0), self.now, new_id
            )
        return head.notebook_id

    def schedule(
        self,
        text: str,
        missed: Missed = Missed.LATEST,
        overlap: Overlap = Overlap.WAIT,
        chosen: Chosen = service.NOTHING_CHOSEN,
    ) -> Report:
        with self.database.engine("web").begin() as conn:
            wanted = Schedule.read(text, "Europe/Berlin")
            return service.schedule(conn, self.person, self.notebook, wanted, missed, overlap, self.now, new_id, chosen)

    def later(self, **more: float) -> None:
        self.now += timedelta(**more)

    def plan(self) -> int:
        """Make what is due; return how many reports there were."""
        count = 0
        with self.database.engine("worker").begin() as conn:
            while planned := runs.plan(conn, self.now, new_id):
                count += planned
        return count

    def finish(self, claimed: Claimed, outcome: Outcome = DONE) -> RunState | None:
        with self.database.engine("worker").begin() as conn:
            return runs.finish(conn, claimed, outcome, self.now)

    def claim(self) -> Claimed | Run | None:
        with self.database.engine("worker").begin() as conn:
            return next(iter(runs.claim(conn, self.now)), None)

    def claimed(self) -> Claimed:
        found = self.claim()
        assert isinstance(found, Claimed), found
        return found

    def seen(self) -> list[tuple[datetime, str]]:
        """Return what is due when, and what became of it."""
        with self.database.engine("owner").connect() as conn:
            wanted = select(report_run.c.due_at, report_run.c.state).where(report_run.c.report_id == self.report.id)
            return [(row.due_at, row.state) for row in conn.execute(wanted.order_by(report_run.c.due_at))]

    def states(self) -> list[str]:
        return [state for _, state in self.seen()]

    def groups(self, *groups: str) -> None:
        with self.database.engine("owner").begin() as conn:
            people.ensure_person(conn, self.person.name, self.person.name, groups, new_id)


def new_id() -> str:
    return secrets.token_hex(10)
