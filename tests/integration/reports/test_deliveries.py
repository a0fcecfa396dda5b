"""The pages of who gets a report, its feed, and what co-owners and those who run SWAP may do with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import select, update

from integration.reports.test_pages import EXECUTED, Filed, framed
from integration.web.running import ADMINS, PERSON_IDS, Browser, Portal, running
from integration.web.test_history import Shelf
from services import Database
from swap.db.report_tables import report, report_letter, report_recipient, report_webhook
from swap.db.tables import audit_event, person
from swap.errors import Problem
from swap.notebooks import sight
from swap.reports import delivering, runs
from swap.reports.model import Outcome
from swap.settings import Reports

OK, CONFLICT, GO, GONE, NO, BAD = (
    HTTPStatus.OK,
    HTTPStatus.CONFLICT,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.BAD_REQUEST,
)
ATOM = "{http://www.w3.org/2005/Atom}"
HOST = "hooks.example.org"
BOB = {"kind": "person", "whom": PERSON_IDS["bertrand"]}


@pytest.fixture(scope="module")
def portal(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    told = Reports(webhooks=(HOST,))
    with running(module_database, tmp_path_factory.mktemp("portal"), reports=told) as made:
        yield made


@pytest.fixture
def it(portal: Portal) -> Filed:
    return Filed(portal)


def role(it: Filed, given: str) -> Browser:
    """Give bertrand a role; return his browser."""
    bob = it.portal.signed_in("bertrand")
    form = BOB | {"role": given, "until": ""}
    assert it.ann.submit(f"/n/{it.notebook}/share", "/notebooks/upload", **form).status_code == GO
    return bob


def mailed(it: Filed) -> list[str]:
    with it.portal.database.engine().begin() as conn:
        return list(conn.scalars(select(report_recipient.c.whom).where(report_recipient.c.report_id == it.id)))


def test_who_gets_a_report_is_chosen_by_its_person_among_those_who_may_open_it(it: Filed) -> None:
    bob = it.portal.signed_in("bertrand")
    assert bob.get(f"{it.at}/delivery").status_code == GONE
    assert it.does("delivery/add", **BOB).status_code == NO, "J04"
    role(it, "manage")
    assert bob.get(f"{it.at}/delivery").status_code == NO
    assert it.does("delivery/add", bob, **BOB).status_code == NO
    assert "bertrand" in it.ann.get(f"{it.at}/delivery?find=ber").text
    assert it.does("delivery/add", **BOB).status_code == GO
    assert mailed(it) == [BOB["whom"]]
    assert "Remove bertrand" in it.ann.get(f"{it.at}/delivery").text
    assert it.does("delivery/remove", bob, kind="person", whom=PERSON_IDS["ann"]).status_code == NO
    assert it.does("delivery/remove", bob, **BOB).status_code == NO
    assert it.does("delivery/remove", **BOB).status_code == GO
    assert mailed(it) == []
    for wrong in ({"kind": "everyone", "whom": ""}, {"kind": "person", "whom": ""}, {"kind": "x", "whom": "y"}):
        assert it.does("delivery/add", **wrong).status_code == BAD


@pytest.mark.parametrize("named", [BOB, {"kind": "group", "whom": "analysts"}])
def test_whoever_is_mailed_by_name_or_by_a_group_ends_it_for_one_report(it: Filed, named: dict[str, str]) -> None:
    bob = role(it, "view")
    share = named | {"role": "view", "until": ""}
    assert it.ann.submit(f"/n/{it.notebook}/share", "/notebooks/upload", **share).status_code == GO
    assert it.does("delivery/decline", bob).status_code == CONFLICT, "it is not mailed"
    assert it.does("delivery/add", **named).status_code == GO
    assert BOB["whom"] in posted(it), "the control"
    assert "Mail me no more" in bob.get(it.at).text
    assert it.does("delivery/decline", bob).status_code == GO
    assert "Mail it to me again" in bob.get(it.at).text
    assert BOB["whom"] not in posted(it)
    assert it.does("delivery/remove", **named).status_code == GO
    assert it.does("delivery/add", **named).status_code == GO
    assert ("does not want it" in it.ann.get(f"{it.at}/delivery").text) is (named is BOB)
    assert BOB["whom"] not in posted(it), "nobody wants it in their place"
    assert it.does("delivery/want", bob).status_code == GO
    assert it.does("delivery/want", bob).status_code == CONFLICT
    assert BOB["whom"] in posted(it)


def posted(it: Filed) -> list[str]:
    """Let it run, and return to whom that edition is mailed."""
    run_id = it.run(Outcome(EXECUTED)).rpartition("/")[2]
    with it.portal.database.engine().begin() as conn:
        return list(conn.scalars(select(report_letter.c.person_id).where(report_letter.c.run_id == run_id)))


def test_what_a_webhook_answered_last_stands_where_it_is_chosen(it: Filed) -> None:
    at, now = f"{it.at}/delivery", datetime.now(UTC)
    assert it.does("delivery/webhook", url=f"https://{HOST}/secret").status_code == GO
    assert "It has not been told of a run yet." in it.ann.get(at).text
    it.run(Outcome(EXECUTED))
    with it.portal.database.engine("web").begin() as conn:
        made = delivering.claim_call(conn, now + timedelta(minutes=1))
        assert made is not None
        delivering.heard(conn, replace(made, url=f"https://{HOST}/former"), "It answered 204.", now)
    assert "It has not been told of a run yet." in it.ann.get(at).text, "another address answered"
    with it.portal.database.engine("web").begin() as conn:
        delivering.heard(conn, made, "It answered 404.", now)
    assert "<b>It answered 404.</b>" in it.ann.get(at).text
    assert it.does("delivery/webhook", url=f"https://{HOST}/other").status_code == GO
    assert "It answered 404." not in it.ann.get(at).text


def test_no_address_is_told_that_the_settings_do_not_name(it: Filed) -> None:
    assert it.does("delivery/webhook", url="https://evil.example/").status_code == BAD


def test_a_feed_has_periods_and_addresses_for_who_may_open_the_notebook(it: Filed) -> None:
    made = [it.run(Outcome(EXECUTED)) for _ in range(2)]
    bob = it.portal.signed_in("bertrand")
    assert bob.get(f"{it.at}/feed").status_code == GONE
    assert Browser(it.portal.port).get(f"{it.at}/feed").status_code == GO, "who is signed out signs in first"
    role(it, "view")
    answer = bob.get(f"{it.at}/feed")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    top = ET.fromstring(answer.content)
    links = [each.find(f"{ATOM}link").get("href", "") for each in top.findall(f"{ATOM}entry")]  # type: ignore[union-attr]
    assert [each.removeprefix(bob.origin) for each in links] == made[::-1]
    assert "forty-two" not in answer.text


def test_who_manages_the_notebook_may_pause_its_report_and_no_more(it: Filed) -> None:
    bob = role(it, "edit")
    assert it.does("pause", bob).status_code == NO
    role(it, "manage")
    assert ">Pause</button>" in bob.get(it.at).text
    assert [it.does(step, bob).status_code for step in ("run", "end", "take-over")] == [NO, NO, BAD]
    assert it.does("pause", bob).status_code == GO
    assert it.kept(report.c.state) == "paused"
    assert it.does("resume", bob).status_code == NO
    assert it.does("resume").status_code == GO


def test_whoever_the_notebook_became_takes_its_report_over_after_a_look_at_it(it: Filed) -> None:
    with it.portal.database.engine().begin() as conn:
        conn.execute(report_webhook.insert().values(report_id=it.id, url="https://hooks.example.org/secret"))
    Shelf(it.portal, "bertrand")
    bob = role(it, "own")
    assert it.does("take-over", bob, version="1").status_code == NO, "it is offered, and not taken"
    assert bob.submit(f"/n/{it.notebook}/take", "/notebooks/upload").status_code == GO
    assert "Take over" in bob.get(it.at).text
    assert "Take over" not in it.ann.get(it.at).text
    assert it.does("take-over", version="1").status_code == NO
    assert it.does("take-over", bob, version="2").status_code == HTTPStatus.CONFLICT
    assert it.does("take-over", bob, version="1").status_code == GO
    assert it.kept(report.c.person_id) == PERSON_IDS["bertrand"]
    assert it.does("run").status_code == NO
    with it.portal.database.engine().begin() as conn:
        wanted = select(audit_event.c.detail).where(audit_event.c.event == "report-taken-over")
        assert PERSON_IDS["ann"] in str(conn.scalars(wanted).all())
        assert conn.scalar(select(report_webhook.c.url).where(report_webhook.c.report_id == it.id)) is None


def test_nobody_takes_a_report_over_while_it_reads_as_another(it: Filed) -> None:
    Shelf(it.portal, "bertrand")
    bob, claimed = role(it, "own"), it.begun()
    assert bob.submit(f"/n/{it.notebook}/take", "/notebooks/upload").status_code == GO
    assert it.does("take-over", bob, version="1").status_code == HTTPStatus.CONFLICT
    with it.portal.database.engine("worker").begin() as conn:
        runs.finish(conn, claimed, Outcome(EXECUTED), datetime.now(UTC))
    assert it.does("take-over", bob, version="1").status_code == GO
    shown = framed(bob, f"{it.at}/runs/{claimed.run.id}")
    assert "forty-two" not in shown, "its kernel read what bertrand may not"
    assert sight.UNNAMED in shown


def test_those_who_run_swap_see_which_reports_nobody_looks_after_and_not_what_they_are(it: Filed) -> None:
    boss = it.portal.signed_in("boss", (ADMINS,))
    assert it.id not in boss.get("/admin/reports").text
    assert it.ann.get("/admin/reports").status_code == GONE
    role(it, "manage")
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(person).where(person.c.id == PERSON_IDS["ann"]).values(standing=person.c.standing + 1))
    page = boss.get("/admin/reports").text
    assert it.id in page
    assert "access has ended since it was scheduled" in page
    assert "bertrand" in page
    assert it.path.removesuffix(".ipynb") not in page
    it.does("accept", version="1")
    assert it.id not in boss.get("/admin/reports").text


def test_a_failed_run_is_a_notice_that_leads_to_it(it: Filed) -> None:
    failed = it.run(Outcome(EXECUTED, Problem("Cell 2 of 2 failed: ZeroDivisionError."), cell=2))
    page = it.ann.get("/notices").text
    assert "failed: Cell 2 of 2 failed: ZeroDivisionError" in page
    number = page.partition('name="notice" value="')[2].partition('"')[0]
    assert it.ann.submit("/notices/follow", "/notices", notice=number).headers["location"] == failed
