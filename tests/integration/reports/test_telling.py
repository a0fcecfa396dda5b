"""Who is told of a report's runs: who owns it, once of each trouble, and once when it is over.

Row J01 of the list of attacks, as far as somebody is told of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from integration.reports.offices import Office, new_id
from services import Database
from swap.errors import Conflict, Problem
from swap.identity import Principal
from swap.notebooks import mails, notices, sharing
from swap.notebooks.mails import Due
from swap.notebooks.notices import Kind
from swap.notebooks.shares import Kind as With
from swap.notebooks.shares import Role, Share
from swap.reports import backfill, running, runs
from swap.reports.model import Outcome, Report, Run

DONE = Outcome(None)
FAILED = Outcome(None, Problem("Cell 2 of 3 failed: KeyError."), cell=2)
OTHER = Outcome(None, Problem("Cell 3 of 3 failed: ValueError."), cell=3)
AWAY = Outcome(None, Problem("Cell 1 of 3 failed: Unavailable."), cell=1, may_pass=True)
ZONE = ZoneInfo("UTC")


@pytest.fixture
def office(module_database: Database) -> Iterator[Office]:
    made = Office(module_database)
    yield made
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


def share(office: Office, whom: str, role: Role, kind: With = With.PERSON) -> None:
    with office.database.engine("web").begin() as conn:
        sharing.share(conn, office.person, office.notebook, Share(kind, whom, role), office.now)


def run(office: Office, *outcomes: Outcome, report: Report | None = None) -> None:
    """Let a report run, with one outcome after the other until it has ended."""
    with office.database.engine("web").begin() as conn:
        running.run_now(conn, office.person, (report or office.report).id, office.now, new_id)
    for outcome in outcomes:
        claimed = office.claimed()
        with office.database.engine("worker").begin() as conn:
            runs.finish(conn, claimed, outcome, office.now)
        office.later(minutes=11)


def told(office: Office, who: Principal | None = None) -> list[str]:
    """Return what somebody is told of reports, the oldest first."""
    with office.database.engine("web").begin() as conn:
        found, _ = notices.listed(conn, who or office.person, office.now, 0)
    return [each.kind for each in reversed(found) if each.kind in notices.OF_REPORTS]


def due(office: Office) -> Due | None:
    """Return what the office's person is mailed now, and let it be sent."""
    with office.database.engine("web").begin() as conn:
        found = mails.claim(conn, office.person.id, ZONE, office.now)
        if found is not None:
            mails.sent(conn, found)
    return found


def test_a_failure_is_told_to_its_person_and_who_manages_the_notebook_alone(office: Office) -> None:
    bob, eve, dan = (office.somebody(*each) for each in (("bob",), ("eve", "leads"), ("dan",)))
    share(office, bob.id, Role.MANAGE)
    share(office, "leads", Role.MANAGE, With.GROUP)
    share(office, dan.id, Role.EDIT)
    run(office, FAILED)
    assert [told(office, who) for who in (office.person, bob, eve, dan)] == [[Kind.REPORT_FAILED]] * 3 + [[]]
    share(office, bob.id, Role.VIEW)
    assert told(office, bob) == [], "who may not manage it any more is not told what they were"


def test_what_is_tried_again_is_told_when_it_has_failed_for_good(office: Office) -> None:
    run(office, AWAY, AWAY)
    assert told(office) == []
    claimed = office.claimed()
    with office.database.engine("worker").begin() as conn:
        runs.finish(conn, claimed, AWAY, office.now)
    assert told(office) == [Kind.REPORT_FAILED]


def test_the_same_trouble_is_told_once_in_a_while_and_another_at_once(office: Office) -> None:
    run(office, FAILED)
    run(office, FAILED)
    assert told(office) == [Kind.REPORT_FAILED]
    run(office, OTHER)
    assert told(office) == [Kind.REPORT_FAILED] * 2
    office.later(hours=13)
    run(office, OTHER)
    assert told(office) == [Kind.REPORT_FAILED] * 3


def test_that_it_is_over_is_told_once_and_only_of_what_was_told(office: Office) -> None:
    run(office, DONE)
    assert told(office) == []
    for outcome in (FAILED, DONE, DONE):
        run(office, outcome)
    assert told(office) == [Kind.REPORT_FAILED, Kind.REPORT_RECOVERED]
    run(office, FAILED)
    assert told(office)[2:] == [Kind.REPORT_FAILED], "it went well meanwhile, so this is new"


def test_j01_who_owns_a_report_is_told_that_it_was_not_run_and_why(office: Office) -> None:
    """J01: its person lost a group; they and who manages the notebook are told, and nothing ran."""
    bob = office.somebody("bob")
    share(office, bob.id, Role.MANAGE)
    office.groups("staff")
    office.later(hours=1)
    office.plan()
    assert isinstance(office.claim(), Run)
    assert told(office) == told(office, bob) == [Kind.REPORT_REFUSED]
    found = due(office)
    assert found is not None
    assert mails.words(found.notices[0]).endswith("was not run: Its person is no longer in analysts")


def test_many_reports_that_fail_for_one_reason_are_one_mail_and_then_one_in_the_morning(office: Office) -> None:
    others = [office.schedule("hour 00:15") for _ in range(3)]
    run(office, AWAY, AWAY, AWAY)
    first = due(office)
    assert first is not None
    assert len(first.notices) == 1
    for report in others:
        run(office, AWAY, AWAY, AWAY, report=report)
    assert due(office) is None
    office.now = mails.next_morning(ZONE, office.now) + timedelta(minutes=1)
    digest = due(office)
    assert digest is not None
    assert {each.report_id for each in digest.notices} == {each.id for each in others}
    assert due(office) is None


def test_another_failure_is_mailed_at_once_whatever_was_away_before(office: Office) -> None:
    run(office, AWAY, AWAY, AWAY)
    assert due(office) is not None
    run(office, FAILED)
    found = due(office)
    assert found is not None
    assert [each.said for each in found.notices] == ["Cell 2 of 3 failed: KeyError."]


def fill(office: Office, *outcomes: Outcome) -> None:
    """Let a backfill run, with one outcome for each of its days."""
    daily = office.report
    with office.database.engine("web").begin() as conn:
        backfill.ask(conn, office.person, daily.id, "2025-01-01", f"2025-01-{len(outcomes):02}", office.now, new_id)
    end(office, *outcomes)


def end(office: Office, *outcomes: Outcome) -> None:
    """Let what waits run, with one outcome after the other."""
    for outcome in outcomes:
        claimed = office.claimed()
        with office.database.engine("worker").begin() as conn:
            runs.finish(conn, claimed, outcome, office.now)
        office.later(minutes=1)


def test_periods_of_a_backfill_that_fail_for_one_reason_are_one_notice_and_one_mail(office: Office) -> None:
    office.report = office.schedule("day 06:00")
    fill(office, FAILED, DONE, FAILED, OTHER, FAILED)
    assert told(office) == [Kind.REPORT_FAILED] * 2
    found = due(office)
    assert found is not None
    assert {mails.words(each).partition(" failed")[2] for each in found.notices} == {
        " for 3 periods: Cell 2 of 3 failed: KeyError",
        ": Cell 3 of 3 failed: ValueError",
    }
    with office.database.engine("web").begin() as conn:
        assert backfill.again(conn, office.person, office.report.id, office.now, new_id) == 4
    end(office, *[DONE] * 4)
    assert told(office)[2:] == [Kind.REPORT_RECOVERED]
    with office.database.engine("web").begin() as conn, pytest.raises(Conflict):
        backfill.again(conn, office.person, office.report.id, office.now, new_id)


def test_a_backfill_tells_at_its_end_also_if_that_is_a_cancelled_run(office: Office) -> None:
    office.report = office.schedule("day 06:00")
    with office.database.engine("web").begin() as conn:
        backfill.ask(conn, office.person, office.report.id, "2025-01-01", "2025-01-04", office.now, new_id)
    end(office, FAILED, FAILED)
    assert told(office) == [], "it goes on"
    last = office.claimed()
    with office.database.engine("web").begin() as conn:
        backfill.cancel(conn, office.person, office.report.id, office.now)
    assert told(office) == [], "one goes on still"
    with office.database.engine("web").begin() as conn:
        running.cancel(conn, office.person, office.report.id, last.run.id, office.now)
    assert told(office) == [Kind.REPORT_FAILED]
