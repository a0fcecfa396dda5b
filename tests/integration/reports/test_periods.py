"""Runs for given periods: many at once, behind all that is due; one again.  An edition takes an older one's place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, text

import notebooks
import saves
from integration.reports.offices import Office, new_id
from services import Database
from swap.db.tables import audit_event
from swap.errors import Conflict, Invalid, LimitExceeded, NotFound
from swap.notebooks import saving
from swap.reports import backfill, queue, running, service
from swap.reports.backfill import Plan
from swap.reports.model import Chosen, Claimed, Overlap, Run, RunState, State
from swap.reports.period_store import Backfill
from swap.settings import Policy

YESTERDAY = "2026-11-23"


@pytest.fixture
def office(module_database: Database) -> Iterator[Office]:
    made = Office(module_database)
    yield made
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


def fill(office: Office, since: str = YESTERDAY, until: str = YESTERDAY, *, anew: bool = False) -> Plan:
    with office.database.engine("web").begin() as conn:
        return backfill.ask(conn, office.person, office.report.id, since, until, office.now, new_id, anew=anew)


def cancel(office: Office) -> int:
    with office.database.engine("web").begin() as conn:
        return backfill.cancel(conn, office.person, office.report.id, office.now)


def run_now(office: Office) -> Run:
    with office.database.engine("web").begin() as conn:
        return running.run_now(conn, office.person, office.report.id, office.now, new_id)


def run_again(office: Office, run_id: str) -> Run:
    with office.database.engine("web").begin() as conn:
        return running.run_again(conn, office.person, office.report.id, run_id, office.now, new_id)


def become(office: Office, state: State) -> None:
    with office.database.engine("web").begin() as conn:
        service.become(conn, office.person, office.report.id, state, office.now)


def progress(office: Office) -> Backfill | None:
    with office.database.engine("web").begin() as conn:
        return backfill.of(conn, service.look(conn, office.person, office.report.id, office.now))


def said(office: Office, event: str) -> list[dict[str, Any]]:
    with office.database.engine("owner").connect() as conn:
        wanted = select(audit_event.c.detail).where(
            audit_event.c.event == event, audit_event.c.person_id == office.person.id
        )
        return list(conn.scalars(wanted.order_by(audit_event.c.id)))


# ── Many at once ────────────────────────────────────────────────────────────────────────────────────
def test_a_backfill_runs_each_period_once_the_oldest_first_and_behind_what_is_due(office: Office) -> None:
    assert len(fill(office).periods) == 24
    first = office.claimed()
    assert (f"{first.run.period.start:%d %H}", first.run.asked_by) == ("22 23", office.person.id), "midnight in Berlin"
    assert office.claim() is None, "of one report one at a time"
    office.later(minutes=15)
    office.plan()
    office.finish(first)
    due = office.claimed()
    assert (due.run.asked_by, due.run.due_at) == (None, office.now)
    office.finish(due)
    second = office.claimed()
    assert second.run.period.start == first.run.period.end
    found = progress(office)
    assert found is not None
    assert (found.total, found.done, found.failed, found.comes, found.data) == (24, 1, 0, 22, 0)
    office.finish(second)
    (asked,) = said(office, "report-backfill-asked")
    assert (asked["runs"], asked["since"][:13]) == (24, "2026-11-22T23")


def test_what_has_an_edition_or_goes_on_is_left_out_unless_it_is_to_be_run_anew(office: Office) -> None:
    fill(office)
    while (claimed := office.claim()) is not None:
        assert isinstance(claimed, Claimed)
        office.finish(claimed)
    with pytest.raises(Conflict):
        fill(office)
    assert len(fill(office, "2026-11-22").periods) == 24
    cancel(office)
    waits = run_now(office)
    planned = fill(office, YESTERDAY, "2026-11-24", anew=True)
    assert waits.period not in planned.periods
    assert (len(planned.periods), planned.goes_on, planned.has_edition) == (33, 1, 0)


def test_a_backfill_is_cancelled_but_for_what_a_worker_has(office: Office) -> None:
    fill(office)
    first = office.claimed()
    with pytest.raises(Conflict):
        fill(office, "2026-11-01", "2026-11-01")
    assert cancel(office) == 23
    found = progress(office)
    assert found is not None
    assert (found.comes, found.total) == (0, 24)
    office.finish(first)
    assert progress(office) is None
    assert sorted(set(office.states())) == ["done", "left"]
    with pytest.raises(Conflict):
        cancel(office)
    assert [each["runs"] for each in said(office, "report-backfill-cancelled")] == [23]


@pytest.mark.parametrize(
    ("since", "until", "refused"),
    [
        ("2026-01", "", LimitExceeded),
        ("2026-11-24", "", None),
        ("2026-11-25", "", Invalid),
        ("2026-11-23", "2026-11-22", Invalid),
        ("yesterday", "", Invalid),
    ],
)
def test_a_backfill_is_of_whole_periods_and_of_a_thousand_at_most(
    office: Office, since: str, until: str, refused: type[Exception] | None
) -> None:
    if refused is None:
        assert len(fill(office, since, until).periods) == 10, "those that are over, of a day in Berlin"
        return
    with pytest.raises(refused):
        fill(office, since, until)
    assert office.states() == []


def test_a_backfill_keeps_no_due_time_from_being_run(module_database: Database) -> None:
    office = Office(module_database, overlap=Overlap.SKIP)
    fill(office)
    office.later(minutes=15)
    office.plan()
    assert office.claimed().run.asked_by is None
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


def test_of_a_paused_report_only_that_runs_which_is_asked_for_by_itself(office: Office) -> None:
    fill(office)
    become(office, State.PAUSED)
    assert office.claim() is None
    asked = run_now(office)
    claimed = office.claimed()
    assert claimed.run.id == asked.id
    office.finish(claimed)
    assert office.claim() is None
    with office.database.engine("worker").connect() as conn:
        assert queue.wakes_at(conn) is None, "nobody looks again and again"
    become(office, State.ACTIVE)
    assert office.claimed().run.batch is not None


def test_of_a_paused_report_neither_comes_what_is_asked_for_meanwhile_nor_what_lost_its_worker(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    due = office.claimed()
    become(office, State.PAUSED)
    fill(office)
    assert office.claim() is None
    office.later(minutes=2)
    held = office.claim()
    assert isinstance(held, Run), "its lease is over, and it is not run"
    assert (held.id, office.claim()) == (due.run.id, None)
    become(office, State.ACTIVE)
    assert office.claimed().run.id == due.run.id, "before the backfill"


def test_what_is_held_back_is_left_out_when_its_report_ends(office: Office) -> None:
    fill(office)
    become(office, State.PAUSED)
    become(office, State.ENDED)
    while office.claim() is not None:
        pass
    assert set(office.states()) == {"left"}


# ── One again ───────────────────────────────────────────────────────────────────────────────────────
def test_a_period_that_is_run_again_has_another_edition_and_keeps_the_first(office: Office) -> None:
    first = run_now(office)
    with pytest.raises(Conflict):
        run_again(office, first.id)
    office.finish(office.claimed())
    office.later(hours=30)
    office.plan()
    office.finish(office.claimed())
    again = run_again(office, first.id)
    assert again.period == first.period, "not the one that is the last now"
    office.finish(office.claimed())
    with office.database.engine("web").begin() as conn:
        looked = service.look(conn, office.person, office.report.id, office.now)
        found, _ = service.editions(conn, looked, 0)
    assert [each.edition for each in found if each.period == first.period] == [2, 1]


def test_periods_are_asked_for_by_the_reports_person_alone(office: Office) -> None:
    run = run_now(office)
    other = Office(office.database).person
    with office.database.engine("web").begin() as conn, pytest.raises(NotFound):
        running.run_again(conn, other, office.report.id, run.id, office.now, new_id)
    with office.database.engine("web").begin() as conn, pytest.raises(NotFound):
        backfill.ask(conn, other, office.report.id, YESTERDAY, "", office.now, new_id)
    with office.database.engine("web").begin() as conn, pytest.raises(NotFound):
        running.run_again(conn, office.person, office.report.id, "other", office.now, new_id)
    become(office, State.ENDED)
    with pytest.raises(Conflict):
        fill(office)
    assert office.claim() is not None
    assert office.states() == [RunState.LEFT.value]


# ── Parameters ──────────────────────────────────────────────────────────────────────────────────────
def test_a_run_has_the_values_of_its_report_unless_it_was_asked_for_with_others(module_database: Database) -> None:
    office = Office(module_database)
    with module_database.engine("owner").begin() as conn:
        sent = saves.sent(tagged("wiki = 'enwiki'\ndays = 7"), base=1)
        head = saving.save(conn, Policy(), office.person, sent, office.now, new_id)
    with module_database.engine("web").begin() as conn:
        service.accept(conn, office.person, office.report.id, head.number, office.now)
        chosen = Chosen(parameters={"wiki": "dewiki", "days": 30, "gone": 1})
        service.choose(conn, office.person, office.report.id, chosen, office.now)
        running.run_now(conn, office.person, office.report.id, office.now, new_id)
    first = office.claimed()
    assert first.run.parameters == {"wiki": "dewiki", "days": 30}
    office.finish(first)
    with module_database.engine("web").begin() as conn:
        typed = {"wiki": "enwiki", "days": "1", "other": "x"}
        running.run_now(conn, office.person, office.report.id, office.now, new_id, typed)
    second = office.claimed()
    assert second.run.parameters == {"days": 1}, "what was typed, and not what all others have"
    office.finish(second)
    with module_database.engine("web").begin() as conn, pytest.raises(Invalid):
        running.run_now(conn, office.person, office.report.id, office.now, new_id, {"days": "'; import os"})
    with module_database.engine("owner").begin() as conn:
        sent = saves.sent(tagged("wiki = 'enwiki'\ndays = 'all'"), base=head.number)
        head = saving.save(conn, Policy(), office.person, sent, office.now, new_id)
    with module_database.engine("web").begin() as conn:
        service.accept(conn, office.person, office.report.id, head.number, office.now)
        kept = service.look(conn, office.person, office.report.id, office.now).report.chosen.parameters
    assert kept == {"wiki": "dewiki"}, "what the accepted version lets be chosen"
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


def tagged(source: str) -> dict[str, Any]:
    """Return a notebook whose first cell is for parameters."""
    return notebooks.notebook(notebooks.code(source, tags=["parameters"]), notebooks.code("one"))
