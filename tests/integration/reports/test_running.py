"""Runs are cancelled, limited, resumed, and give way to people; on a database alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import ProgrammingError

from integration.reports.offices import Office, new_id
from services import Database
from swap.db.tables import query_run, source_state
from swap.errors import Conflict, NotSignedIn, Problem
from swap.identity import Principal
from swap.identity import Run as Claim
from swap.people import service as people
from swap.query import resume as resuming
from swap.reports import queue, running, runs, service, store
from swap.reports.model import Claimed, Outcome, Run, RunState
from swap.settings import Limits

AWAY = Outcome(None, Problem("Cell 2 of 3 failed: Unavailable."), cell=2, may_pass=True)


@pytest.fixture
def office(module_database: Database) -> Iterator[Office]:
    made = Office(module_database)
    made.later(minutes=15)
    made.plan()
    yield made
    with module_database.engine("owner").begin() as conn:
        for table in ("report", "query_run", "source_state", "jupyter_server"):
            conn.execute(text(f"DELETE FROM swap.{table}"))


def finish(office: Office, claimed: Claimed, outcome: Outcome) -> RunState | None:
    with office.database.engine("worker").begin() as conn:
        return runs.finish(conn, claimed, outcome, office.now)


def last(office: Office) -> Run:
    with office.database.engine("web").begin() as conn:
        return store.runs(conn, office.report.id, 0, 1)[0]


def cancel(office: Office, run_id: str, who: Principal | None = None) -> None:
    with office.database.engine("web").begin() as conn:
        running.cancel(conn, who or office.person, office.report.id, run_id, office.now)


def asked(office: Office, claimed: Claimed, state: str = "done", rows: int = 0, **more: object) -> str:
    """Record a query of a run's kernel; return its id."""
    query_id = f"q{new_id()}"
    values = {
        "id": query_id,
        "person_id": office.person.id,
        "via": "report",
        "kernel_id": claimed.kernel_id,
        "statement": "select 1",
        "sources": ["lake"],
        "state": state,
        "row_count": rows,
        "ended_at": office.now,
        "run_id": claimed.run.id,
    }
    with office.database.engine("owner").begin() as conn:
        conn.execute(insert(query_run).values(**(values | more)))
    return query_id


def lake(office: Office, *, up: bool) -> None:
    values = {"up": up, "since": office.now, "checked_at": office.now}
    with office.database.engine("owner").begin() as conn:
        kept = upsert(source_state).values(source="lake", **values)
        conn.execute(kept.on_conflict_do_update(index_elements=["source"], set_=values))


# ── Cancelled ───────────────────────────────────────────────────────────────────────────────────────
def test_a_run_that_was_cancelled_ends_for_who_holds_it_and_what_they_bring_is_not_kept(office: Office) -> None:
    claimed = office.claimed()
    with office.database.engine("worker").begin() as conn:
        assert runs.renew(conn, claimed, office.now), "the control"
    cancel(office, claimed.run.id)
    with office.database.engine("worker").begin() as conn:
        assert not runs.renew(conn, claimed, office.now)
    assert finish(office, claimed, Outcome(None)) is None
    assert (last(office).state, last(office).edition) == (RunState.CANCELLED, None)
    with pytest.raises(Conflict):
        cancel(office, claimed.run.id)
    office.later(seconds=61)
    assert office.claim() is None, "nor is it claimed again"


def test_a_run_that_waits_is_cancelled_and_the_next_one_comes(office: Office) -> None:
    cancel(office, last(office).id)
    office.later(hours=1)
    office.plan()
    finish(office, office.claimed(), Outcome(None))
    assert office.states() == ["cancelled", "done"]


def test_the_token_of_a_run_that_was_cancelled_is_worth_nothing(office: Office) -> None:
    claimed = office.claimed()

    def counts() -> bool:
        who = replace(office.person, run=Claim(claimed.run.id, claimed.epoch))
        try:
            with office.database.engine("gateway").begin() as conn:
                people.again(conn, who, office.now)
        except NotSignedIn:
            return False
        return True

    assert counts(), "the control"
    cancel(office, claimed.run.id)
    assert not counts()


# ── Limited ─────────────────────────────────────────────────────────────────────────────────────────
def test_a_report_takes_what_its_person_says_and_never_more_than_the_site_lets_it(office: Office) -> None:
    assert office.report.seconds(3600) == 3600
    with office.database.engine("web").begin() as conn:
        running.limit(conn, office.person, office.report.id, 600.0, 60.0, office.now)
    report = office.claimed().report
    assert (report.seconds(3600), report.seconds(300), report.cell_seconds) == (600, 300, 60)


def test_a_worker_can_change_neither_whom_a_report_runs_as_nor_what(office: Office) -> None:
    worker = office.database.engine("worker")
    for column in ("person_id", "notebook_id", "version", "groups", "standing", "state"):
        with pytest.raises(ProgrammingError, match="permission denied"), worker.begin() as conn:
            conn.execute(text(f"UPDATE swap.report SET {column} = {column}"))
    with worker.begin() as conn:
        control = conn.execute(text("UPDATE swap.report SET next_due_at = next_due_at"))
    assert control.rowcount == 1


# ── What a run took ─────────────────────────────────────────────────────────────────────────────────
def test_what_a_run_took_is_kept_with_it_and_its_log_is_not_among_it(office: Office) -> None:
    claimed = office.claimed()
    asked(office, claimed, rows=30)
    asked(office, claimed, rows=12, taken_from="q1")
    asked(office, replace(claimed, epoch=claimed.epoch + 1), rows=99)
    finish(office, claimed, Outcome(None, memory_bytes=1_000, log="x" * 20_000 + "\0end"))
    run = last(office)
    assert (run.row_count, run.taken, run.memory_bytes) == (42, 1, 1_000)
    with office.database.engine("web").begin() as conn:
        looked = service.look(conn, office.person, office.report.id, office.now)
        said = running.log(conn, office.person, looked, run)
        other = replace(office.person, id="pzzzzzzzzz")
        assert running.log(conn, other, looked, run) == ""
    assert (len(said), said[-4:]) == (runs.LOG_LENGTH, "·end")


# ── Resumed ─────────────────────────────────────────────────────────────────────────────────────────
def fail(office: Office) -> Run:
    """Let a run fail three times for the lake."""
    for pause in (*runs.PAUSES, timedelta()):
        claimed = office.claimed()
        asked(office, claimed, "failed")
        finish(office, claimed, AWAY)
        office.later(seconds=pause.total_seconds())
    return last(office)


def resume(office: Office) -> int:
    count = 0
    with office.database.engine("worker").begin() as conn:
        while runs.resume(conn, office.now, new_id):
            count += 1
    return count


def test_a_run_that_failed_for_a_source_goes_on_by_itself_when_that_is_back_once(office: Office) -> None:
    lake(office, up=False)
    failed = fail(office)
    assert (failed.state, failed.waits_for) == (RunState.FAILED, ("lake",))
    assert resume(office) == 0, "it is away"
    office.later(minutes=5)
    lake(office, up=True)
    assert resume(office) == 1
    assert resume(office) == 0
    again = last(office)
    assert (again.resumes, again.period, again.asked_by) == (failed.id, failed.period, None)
    finish(office, office.claimed(), Outcome(None))
    assert last(office).edition == 1


def test_it_does_not_where_the_source_was_never_away_or_is_back_after_a_day(office: Office) -> None:
    lake(office, up=True)
    office.later(minutes=1)
    fail(office)
    assert resume(office) == 0, "it answered all the time"
    office.later(minutes=1)
    lake(office, up=False)
    lake(office, up=True)
    office.later(hours=25)
    assert resume(office) == 0


def test_it_does_not_where_a_later_run_is_about_the_same_period(office: Office) -> None:
    lake(office, up=False)
    fail(office)
    office.later(minutes=1)
    with office.database.engine("web").begin() as conn:
        running.run_now(conn, office.person, office.report.id, office.now, new_id)
    finish(office, office.claimed(), Outcome(None))
    office.later(minutes=1)
    lake(office, up=True)
    assert resume(office) == 0


def test_where_the_source_comes_and_goes_it_does_so_three_times_until_somebody_asks(office: Office) -> None:
    lake(office, up=False)
    failed = fail(office)
    for _ in range(runs.RESUMES):
        assert last(office).waits_for == ("lake",)
        office.later(minutes=5)
        lake(office, up=True)
        assert resume(office) == 1
        lake(office, up=False)
        fail(office)
    assert (last(office).state, last(office).period, last(office).waits_for) == (RunState.FAILED, failed.period, ())
    office.later(minutes=5)
    with office.database.engine("web").begin() as conn:
        running.run_again(conn, office.person, office.report.id, failed.id, office.now, new_id)
    fail(office)
    assert (last(office).period, last(office).waits_for) == (failed.period, ("lake",))


def test_an_error_in_a_cell_waits_for_nothing(office: Office) -> None:
    claimed = office.claimed()
    asked(office, claimed, "failed")
    finish(office, claimed, replace(AWAY, may_pass=False))
    assert (last(office).state, last(office).waits_for) == (RunState.FAILED, ())


# ── People first ────────────────────────────────────────────────────────────────────────────────────
def test_a_run_gives_way_to_people_whose_servers_start_but_not_for_ever(office: Office) -> None:
    def gives_way() -> bool:
        with office.database.engine("worker").begin() as conn:
            return queue.gives_way(conn, office.now)

    def starts() -> None:
        with office.database.engine("hub").begin() as conn:
            people.launch_server(conn, office.person.id, f"s{new_id()[:16]}", new_id(), office.now)

    assert not gives_way()
    starts()
    assert gives_way()
    office.later(seconds=11)
    assert not gives_way(), "it has started"
    starts()
    finish(office, office.claimed(), Outcome(None))
    assert not gives_way(), "nothing waits"
    office.later(hours=1)
    office.plan()
    office.later(minutes=11)
    starts()
    assert not gives_way(), "it has waited long enough"


# ── What is kept for that ───────────────────────────────────────────────────────────────────────────
def test_results_are_kept_longer_until_a_run_of_the_period_went_well(office: Office) -> None:
    claimed, long = office.claimed(), office.now + resuming.HELD
    query_id = asked(office, claimed, expires_at=long)
    usual = office.now + timedelta(hours=Limits().spool_hours)

    def kept_until() -> datetime:
        gateway = office.database.engine("gateway")
        assert resuming.held(gateway, Limits(), office.now) == {query_id}
        with gateway.connect() as conn:
            found = conn.scalar(select(query_run.c.expires_at).where(query_run.c.id == query_id))
        assert isinstance(found, datetime)
        return found

    assert kept_until() == long, "it goes on"
    finish(office, claimed, replace(AWAY, may_pass=False))
    office.later(minutes=1)
    assert kept_until() == long
    with office.database.engine("web").begin() as conn:
        running.run_now(conn, office.person, office.report.id, office.now, new_id)
    finish(office, office.claimed(), Outcome(None))
    assert kept_until() == usual
