"""Each due time is run once, whoever claims it when; and only with what its person had when they scheduled it.

Rows J01 and J05 of the list of attacks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text, update

import notebooks
import saves
from integration.reports.offices import Office
from services import Database
from swap.client import checks, expect
from swap.client.checks import Rules
from swap.db.report_tables import report_run
from swap.errors import Conflict, LimitExceeded, NotSignedIn, Problem
from swap.identity import Principal, Via
from swap.people import service as people
from swap.people import tokens
from swap.reports import owners, queue, running, runs, service, store
from swap.reports.model import Claimed, Missed, Outcome, Overlap, Run, RunState, State

KEY = "r" * 40
DONE = Outcome(None)
PASSES = Outcome(None, Problem("lake does not answer."), may_pass=True)
FAILED = Outcome(None, Problem("Cell 2 of 3 failed."), cell=2)


@pytest.fixture
def office(module_database: Database) -> Iterator[Office]:
    made = Office(module_database)
    yield made
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


def finish(office: Office, claimed: Claimed, outcome: Outcome = DONE) -> RunState | None:
    with office.database.engine("worker").begin() as conn:
        return runs.finish(conn, claimed, outcome, office.now)


def renew(office: Office, claimed: Claimed) -> bool:
    with office.database.engine("worker").begin() as conn:
        return runs.renew(conn, claimed, office.now)


def bearer(office: Office, claimed: Claimed) -> Principal:
    """Return who shows the run's token, as the gateway finds out."""
    token = runs.token(KEY, claimed, office.now, 3600)
    claims = tokens.verify({Via.REPORT: KEY}, token.value, office.now)
    with office.database.engine("gateway").begin() as conn:
        return people.token_bearer(conn, claims, office.now)


# ── What is due ─────────────────────────────────────────────────────────────────────────────────────
def test_nothing_runs_before_it_is_due_and_then_once(office: Office) -> None:
    assert office.plan() == 0
    office.later(minutes=15)
    assert office.plan() == 1
    assert office.plan() == 0
    claimed = office.claimed()
    assert (claimed.run.period.start.hour, claimed.run.period.end.hour) == (8, 9)
    assert office.claim() is None
    assert finish(office, claimed) is RunState.DONE
    assert office.claim() is None


def test_j05_of_many_workers_one_plans_and_one_runs_a_due_time(office: Office) -> None:
    """J05: twelve workers at once, and two that look at the same moment with the database's answer of before."""
    office.later(minutes=15)
    begin, found = threading.Barrier(12), list[object]()

    def work() -> None:
        begin.wait()
        office.plan()
        found.append(office.claim())

    threads = [threading.Thread(target=work) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert office.states() == ["running"]
    assert len([each for each in found if each is not None]) == 1


def test_j05_a_due_time_is_a_key_that_nobody_adds_twice(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    with office.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.report SET next_due_at = :at WHERE id = :id"), {"at": office.report.next_due_at, "id": office.report.id})  # fmt: skip
    assert office.plan() == 1, "as by a worker whose clock went back"
    assert office.states() == ["waiting"]


@pytest.mark.parametrize(
    ("missed", "states"),
    [
        (Missed.LATEST, ["left", "left", "waiting"]),
        (Missed.ALL, ["waiting", "waiting", "waiting"]),
        (Missed.NONE, ["left", "left", "left"]),
    ],
)
def test_what_was_missed_is_listed_and_run_as_the_report_has_it(module_database: Database, missed: Missed, states: list[str]) -> None:  # fmt: skip
    office = Office(module_database, missed=missed)
    office.later(hours=3)
    office.plan()
    assert office.states() == states
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


def test_a_run_waits_for_the_one_before_it(module_database: Database) -> None:
    office = Office(module_database)
    office.later(minutes=15)
    office.plan()
    first = office.claimed()
    office.later(hours=1)
    assert renew(office, first) is True
    office.plan()
    assert office.states() == ["running", "waiting"]
    assert office.claim() is None
    finish(office, first)
    finish(office, office.claimed())
    assert office.states() == ["done", "done"]


def test_a_report_that_leaves_out_what_overlaps_says_so(module_database: Database) -> None:
    office = Office(module_database, overlap=Overlap.SKIP)
    office.later(minutes=15)
    office.plan()
    first = office.claimed()
    office.later(hours=1)
    renew(office, first)
    office.plan()
    assert office.states() == ["running", "left"]
    finish(office, first)


# ── A lease ─────────────────────────────────────────────────────────────────────────────────────────
def test_j05_a_worker_that_slept_cannot_end_what_another_has_claimed(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    slept = office.claimed()
    office.later(seconds=61)
    other = office.claimed()
    assert (other.run.id, other.epoch) == (slept.run.id, slept.epoch + 1)
    assert renew(office, slept) is False
    assert finish(office, slept) is None
    assert finish(office, other) is RunState.DONE
    with office.database.engine("owner").connect() as conn:
        (run,) = store.runs(conn, office.report.id, 0, 9)
    assert (run.edition, run.failures) == (1, 1)


def test_a_run_whose_workers_die_is_given_up(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    for _ in range(runs.TRIES):
        office.claimed()
        office.later(seconds=61)
    ended = office.claim()
    assert isinstance(ended, Run)
    assert office.states() == ["failed"]


def test_what_may_pass_is_tried_three_times_and_what_will_not_is_not(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    assert finish(office, office.claimed(), PASSES) is RunState.WAITING
    assert office.claim() is None, "not at once"
    office.later(minutes=1)
    assert finish(office, office.claimed(), PASSES) is RunState.WAITING
    office.later(minutes=10)
    assert finish(office, office.claimed(), PASSES) is RunState.FAILED
    office.later(hours=1)
    office.plan()
    assert finish(office, office.claimed(), FAILED) is RunState.FAILED
    assert office.states() == ["failed", "failed"]


def test_a_worker_knows_when_to_look_again(office: Office) -> None:
    def wakes() -> timedelta:
        with office.database.engine("worker").connect() as conn:
            found = queue.wakes_at(conn)
        assert found is not None
        return found - office.now

    assert wakes() == timedelta(minutes=15)
    office.later(minutes=15)
    office.plan()
    claimed = office.claimed()
    assert wakes() == runs.LEASE
    finish(office, claimed, PASSES)
    assert wakes() == timedelta(minutes=1)
    office.later(minutes=1)
    finish(office, office.claimed())
    assert wakes() == timedelta(minutes=59)


def test_each_edition_of_a_period_has_the_next_number(office: Office) -> None:
    for _ in range(2):
        with office.database.engine("web").begin() as conn:
            running.run_now(conn, office.person, office.report.id, office.now, lambda: f"r{office.now.timestamp()}")
        finish(office, office.claimed())
        office.later(minutes=1)
    with office.database.engine("web").begin() as conn:
        looked = service.look(conn, office.person, office.report.id, office.now)
        found, _ = service.editions(conn, looked, 0)
    assert [each.edition for each in found] == [2, 1]
    assert len({each.period for each in found}) == 1


# ── With what rights ────────────────────────────────────────────────────────────────────────────────
def test_an_edition_for_which_there_is_no_room_is_not_kept(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    claimed = office.claimed()
    document = saves.notebook("one", outputs={0: [notebooks.printed("x")]})
    with pytest.raises(LimitExceeded) as refused, office.database.engine("worker").begin() as conn:
        runs.finish(conn, claimed, Outcome(document), office.now, most_bytes=1)
    assert finish(office, claimed, runs.not_kept(refused.value)) is RunState.FAILED
    with office.database.engine("web").begin() as conn:
        said = service.run_of(
            conn, service.look(conn, office.person, office.report.id, office.now), claimed.run.id
        ).said
    assert said is not None
    assert (said.title, said.todo) == ("The executed notebook cannot be kept.", refused.value.problem.todo)


def test_j01_nothing_runs_for_who_lost_a_group(office: Office) -> None:
    """J01: and with all groups again, which is the control, or accepted anew, it does."""
    office.later(minutes=15)
    office.plan()
    office.groups("analysts")
    refused = office.claim()
    assert isinstance(refused, Run)
    with office.database.engine("web").begin() as conn:
        (seen,) = store.runs(conn, office.report.id, 0, 9)
        assert seen.said is not None
        assert "no longer in staff" in seen.said.title
    office.later(hours=1)
    office.groups("analysts", "staff", "others")
    office.plan()
    finish(office, office.claimed())
    office.groups("analysts")
    with office.database.engine("web").begin() as conn:
        service.accept(conn, office.person, office.report.id, 1, office.now)
    office.later(hours=1)
    office.plan()
    finish(office, office.claimed())
    assert office.states() == ["refused", "done", "done"]


@pytest.mark.parametrize("end", [people.end_everything, people.remove])
def test_j01_nothing_runs_for_whose_access_ended(office: Office, end: object) -> None:
    office.later(minutes=15)
    office.plan()
    claimed = office.claimed()
    assert bearer(office, claimed).id == office.person.id
    with office.database.engine("hub").begin() as conn:
        end(conn, office.person.id, office.now)  # type: ignore[operator]
    with pytest.raises(NotSignedIn):
        bearer(office, claimed)
    office.later(seconds=61)
    assert isinstance(office.claim(), Run)
    assert office.states() == ["refused"]


def test_a_run_token_survives_a_sign_out_and_dies_with_its_run(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    claimed = office.claimed()
    with office.database.engine("web").begin() as conn:
        people.sign_out(conn, office.person.id, office.now)
    who = bearer(office, claimed)
    assert (who.id, who.via, who.groups) == (office.person.id, Via.REPORT, frozenset({"analysts", "staff"}))
    finish(office, claimed)
    with pytest.raises(NotSignedIn):
        bearer(office, claimed)


@pytest.mark.parametrize("ends", ["lease", "epoch", "group", "report"])
def test_j01_a_run_token_dies_in_the_middle_of_a_run(office: Office, ends: str) -> None:
    office.later(minutes=15)
    office.plan()
    claimed = office.claimed()
    assert bearer(office, claimed).run is not None
    if ends == "lease":
        office.later(seconds=60)
    elif ends == "epoch":
        with office.database.engine("owner").begin() as conn:
            conn.execute(update(report_run).where(report_run.c.id == claimed.run.id).values(epoch=2))
    elif ends == "group":
        office.groups("staff")
    else:
        with office.database.engine("web").begin() as conn:
            service.become(conn, office.person, office.report.id, State.ENDED, office.now)
        assert renew(office, claimed) is False
    with pytest.raises(NotSignedIn):
        bearer(office, claimed)


def test_what_is_edited_does_not_run_until_its_person_accepts_it(office: Office) -> None:
    office.save("two")
    office.later(minutes=15)
    office.plan()
    first = office.claimed()
    assert first.report.version == 1
    finish(office, first)
    with office.database.engine("web").begin() as conn:
        service.accept(conn, office.person, office.report.id, 2, office.now)
    office.later(hours=1)
    office.plan()
    assert office.claimed().report.version == 2


# ── What its notebook expects ───────────────────────────────────────────────────────────────────────
def views(value: float) -> Outcome:
    """Return the outcome of a notebook that compares a number with earlier periods."""
    said = expect.bundle([checks.outcome("views", value, Rules(within=0.3, periods=3))])
    return Outcome(notebooks.notebook(notebooks.code("swap.expect(…)", notebooks.shown(said))))


def made(office: Office, outcome: Outcome) -> Run:
    """Let the report's next period end so; return its run."""
    office.later(hours=1)
    office.plan()
    claimed = office.claimed()
    assert finish(office, claimed, outcome) is RunState.DONE
    with office.database.engine("web").begin() as conn:
        run = store.run(conn, claimed.run.id)
    assert run is not None
    return run


def test_an_edition_is_compared_with_earlier_periods_and_held_until_its_person_releases_it(office: Office) -> None:
    assert [made(office, views(value)).is_held for value in (100, 110, 90)] == [False] * 3, (
        "too few, and then as before"
    )
    held = made(office, views(200))
    assert (held.is_held, held.unmet, held.edition) == (True, "views", 1)
    assert held.expected[0].expected == "within 30 % of the median of the last 3 periods, 100 (from 90 to 110)"
    assert made(office, views(200)).is_held is True, "what is held is nothing to compare with"
    with office.database.engine("web").begin() as conn:
        owners.release(conn, office.person, office.report.id, held.id, office.now)
    with pytest.raises(Conflict), office.database.engine("web").begin() as conn:
        owners.release(conn, office.person, office.report.id, held.id, office.now)
    with office.database.engine("web").begin() as conn:
        looked = service.look(conn, office.person, office.report.id, office.now)
        readable, _ = service.editions(conn, looked, 0)
        everything, _ = service.editions(conn, looked, 0, held=True)
    assert (len(readable), len(everything)) == (4, 5)
    assert readable[0].id == held.id
    assert made(office, views(150)).is_held is True, "now with 200, 90 and 110, whose median is 110"
    assert made(office, views(140)).is_held is False


def test_only_an_edition_is_held(office: Office) -> None:
    office.later(minutes=15)
    office.plan()
    failed = Outcome(views(1).document, Problem("Cell 2 of 2 failed."), cell=2)
    assert finish(office, office.claimed(), failed) is RunState.FAILED
    with office.database.engine("owner").connect() as conn:
        (run,) = store.runs(conn, office.report.id, 0, 9)
    assert (run.is_held, run.expected) == (False, ())
