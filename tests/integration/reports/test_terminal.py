"""Whoever runs SWAP sees in the terminal what runs by itself, and pauses it: they let nothing run as somebody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text

from integration.reports.offices import Office
from services import Database
from swap import scheduled
from swap.db.tables import audit_event
from swap.errors import Invalid, NotFound
from swap.reports import service
from swap.reports.model import State


@pytest.fixture
def office(module_database: Database) -> Iterator[Office]:
    made = Office(module_database)
    yield made
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


def said(office: Office, what: str, report_id: str = "") -> str:
    lines: list[str] = []
    with office.database.engine("owner").begin() as conn:
        scheduled.DO[what](conn, lines.append, report_id)
    return "\n".join(lines)


def test_reports_are_listed_with_what_became_of_their_runs(office: Office) -> None:
    (line,) = said(office, "list").splitlines()
    assert line.startswith(f"{office.report.id}  active  2026-11-24 09:15 UTC")
    assert office.person.name in line
    assert said(office, "history", office.report.id) == "It has not run yet."
    office.later(hours=2)
    office.plan()
    assert "left     24 November 2026, 09:00 to 10:00  It was missed." in said(office, "history", office.report.id)
    assert office.report.id in said(office, "export")


def test_a_report_is_paused_until_its_person_resumes_it(office: Office) -> None:
    assert "is paused" in said(office, "pause", office.report.id)
    office.later(hours=2)
    assert office.plan() == 0
    with pytest.raises(Invalid):
        said(office, "pause", office.report.id)
    with pytest.raises(NotFound):
        said(office, "pause", "other")
    with office.database.engine("owner").connect() as conn:
        wanted = select(audit_event.c.person_id).where(audit_event.c.detail["report_id"].astext == office.report.id)
        assert list(conn.scalars(wanted.order_by(audit_event.c.id)))[-1] == "", "nobody that SWAP knows"
    with office.database.engine("web").begin() as conn:
        service.become(conn, office.person, office.report.id, State.ACTIVE, office.now)
    office.later(hours=1)
    assert office.plan() == 1
