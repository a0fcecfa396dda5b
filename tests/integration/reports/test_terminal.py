"""Whoever runs SWAP sees in the terminal what runs by itself, and pauses it: they let nothing run as somebody."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from integration.gateway.gateways import runtime_for
from integration.reports.offices import Office
from services import Database
from swap import runtime, scheduled
from swap.db.tables import audit_event
from swap.errors import Invalid, NotFound, Unavailable
from swap.reports import service
from swap.reports.model import State


class Terminal:
    """Where whoever runs SWAP types, beside an office of a SWAP that seems to run."""

    def __init__(self, office: Office, place: Path) -> None:
        self.office, self.config, self._lock = office, place / "swap.toml", place / "lock"
        self.config.write_text('state = "."\npeople.file = "people.toml"\n')
        runtime.write(runtime_for(office.database, place), place / "runtime.json")
        self._lock.write_text(str(os.getpid()))

    def says(self, *typed: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            assert scheduled.main(str(self.config), *typed) == 0
        return said.getvalue()

    def stop(self) -> None:
        self._lock.unlink()


@pytest.fixture
def office(module_database: Database) -> Iterator[Office]:
    made = Office(module_database)
    yield made
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


@pytest.fixture
def terminal(office: Office, tmp_path: Path) -> Terminal:
    return Terminal(office, tmp_path)


def test_reports_are_listed_with_what_became_of_their_runs(office: Office, terminal: Terminal) -> None:
    (line,) = terminal.says("list").splitlines()
    assert line.startswith(f"{office.report.id}  active  2026-11-24 09:15 UTC")
    assert office.person.name in line
    assert terminal.says("history", office.report.id) == "It has not run yet.\n"
    office.later(hours=2)
    office.plan()
    assert "left     24 November 2026, 09:00 to 10:00  It was missed." in terminal.says("history", office.report.id)
    assert office.report.id in terminal.says("export")
    terminal.stop()
    with pytest.raises(Unavailable):
        terminal.says("list")


def test_a_report_is_paused_until_its_person_resumes_it(office: Office, terminal: Terminal) -> None:
    assert "is paused" in terminal.says("pause", office.report.id)
    office.later(hours=2)
    assert office.plan() == 0
    with pytest.raises(Invalid):
        terminal.says("pause", office.report.id)
    with pytest.raises(NotFound):
        terminal.says("pause", "other")
    with office.database.engine("owner").connect() as conn:
        wanted = select(audit_event.c.person_id).where(audit_event.c.detail["report_id"].astext == office.report.id)
        assert list(conn.scalars(wanted.order_by(audit_event.c.id)))[-1] == "", "nobody that SWAP knows"
    with office.database.engine("web").begin() as conn:
        service.become(conn, office.person, office.report.id, State.ACTIVE, office.now)
    office.later(hours=1)
    assert office.plan() == 1
