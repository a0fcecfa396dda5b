"""The pages of reports: for who may open the notebook, and changed by the person alone whom a report runs as."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

import notebooks
import saves
from integration.web.running import PERSON_IDS, Browser, Portal, running
from integration.web.test_history import Shelf
from integration.web.test_sharing import id_of
from integration.web.test_sharing_outputs import CITIES, POLICY
from services import Database
from swap.client import checks, expect
from swap.client.checks import Rules
from swap.db import tables
from swap.db.report_tables import report, report_output, report_run, report_table
from swap.db.tables import person
from swap.errors import Problem
from swap.policy.model import Resource
from swap.query import lineage
from swap.reports import runs
from swap.reports.model import Claimed, Outcome

OK, GO, GONE, NO = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN
MONTHLY = {"every": "month", "day": "5", "at": "06:00", "zone": "Europe/Berlin", "missed": "latest", "overlap": "wait"}
WAITED = ["lake", "wmf", "pageview_hourly"]
EXECUTED = notebooks.notebook(notebooks.markdown("# Readers"), notebooks.code("1 / 0", notebooks.printed("forty-two")))


class Filed:
    """A notebook of ann's that runs by itself, at the portal."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.shelf = Shelf(portal)
        self.path = f"{secrets.token_hex(4)}.ipynb"
        self.shelf.save(saves.notebook("one"), path=self.path)
        self.notebook = id_of(portal, self.path)
        self.ann: Browser = self.shelf.browser
        made = self.ann.submit(f"/n/{self.notebook}/report", "/notebooks/upload", **MONTHLY)
        assert made.status_code == GO, made.text
        self.at = made.headers["location"]
        self.id = self.at.removeprefix("/reports/")

    def does(self, step: str, who: Browser | None = None, **form: str) -> httpx.Response:
        return (who or self.ann).submit(f"{self.at}/{step}", "/notebooks/upload", **form)

    def shared(self) -> Browser:
        """Let bertrand view it; return his browser."""
        bob = self.portal.signed_in("bertrand")
        form = {"kind": "person", "whom": PERSON_IDS["bertrand"], "role": "view", "until": ""}
        assert self.ann.submit(f"/n/{self.notebook}/share", "/notebooks/upload", **form).status_code == GO
        return bob

    def run(self, outcome: Outcome, read: frozenset[Resource] = CITIES, table: str = "") -> str:
        """Ask for a run that reads these columns, and may write a table, and let it end so; return its address."""
        claimed = self.begun(read, table)
        with self.portal.database.engine("worker").begin() as conn:
            runs.finish(conn, claimed, outcome, datetime.now(UTC))
        return f"{self.at}/runs/{claimed.run.id}"

    def begun(self, read: frozenset[Resource] = CITIES, table: str = "") -> Claimed:
        """Ask for a run, and let a worker claim it, whose kernel reads these columns: what bertrand may not."""
        assert self.does("run").status_code == GO
        with self.portal.database.engine("worker").begin() as conn:
            (claimed,) = runs.claim(conn, datetime.now(UTC))
        assert isinstance(claimed, Claimed)
        with self.portal.database.engine().begin() as conn:
            kept = {"digest": lineage.digest(read), "columns": lineage.encode(read)}
            conn.execute(upsert(tables.lineage).values(**kept).on_conflict_do_nothing())
            by = {"person_id": PERSON_IDS["ann"], "kernel_id": claimed.kernel_id, "last_at": datetime.now(UTC)}
            conn.execute(insert(tables.kernel_read).values(lineage=kept["digest"], **by))
            if table:
                its = {"person_id": PERSON_IDS["ann"], "name": table, "report_id": self.id}
                conn.execute(upsert(report_table).values(**its).on_conflict_do_nothing())
                rows = {"rows": 3, "size_bytes": 9, "schema": "", "key": [], "at": datetime.now(UTC)}
                conn.execute(
                    insert(report_output).values(run_id=claimed.run.id, name=table, epoch=claimed.epoch, **rows)
                )
        return claimed

    def run_ids(self) -> list[str]:
        """Return the ids of its runs, the last first."""
        with self.portal.database.engine().begin() as conn:
            wanted = select(report_run.c.id).where(report_run.c.report_id == self.id)
            return list(conn.scalars(wanted.order_by(report_run.c.due_at.desc())))

    def kept(self, column: object) -> object:
        with self.portal.database.engine().begin() as conn:
            return conn.scalar(select(column).where(report.c.id == self.id))  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def portal(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running(module_database, tmp_path_factory.mktemp("portal"), policy=POLICY) as made:
        yield made


@pytest.fixture
def it(portal: Portal) -> Iterator[Filed]:
    yield Filed(portal)
    # The next test claims what waits: it has to be its own.
    with portal.database.engine().begin() as conn:
        conn.execute(delete(report))


def test_a_report_is_for_who_may_open_its_notebook_and_changed_by_its_person_alone(it: Filed) -> None:
    bob, at = it.portal.signed_in("bertrand"), it.run(Outcome(EXECUTED))
    steps = ("run", "pause", "resume", "end", "accept")
    for address in (it.at, at, f"{at}/still?is=x", f"/n/{it.notebook}/report"):
        assert bob.get(address).status_code == GONE
    assert [it.does(step, bob, version="1").status_code for step in steps] == [GONE] * 5
    assert it.at not in bob.get("/reports").text
    it.shared()
    assert [bob.get(address).status_code for address in (it.at, at)] == [OK, OK]
    assert it.at in bob.get("/reports").text
    assert ">Run now</button>" not in bob.get(it.at).text
    assert [it.does(step, bob, version="1").status_code for step in steps] == [NO] * 5
    assert bob.submit(f"/n/{it.notebook}/report", "/notebooks/upload", **MONTHLY).status_code == NO
    assert "forty-two" not in framed(bob, at), "its kernel has read what bertrand may not"
    assert "forty-two" in framed(it.ann, at), "the control"


def framed(who: Browser, at: str) -> str:
    """Return the notebook in a page's frame."""
    found = re.search(r'<iframe[^>]* src="http://(?P<host>[^/"]+)(?P<path>[^"#]+)', who.get(at).text)
    assert found is not None
    answer = who.get(found["path"].replace("&amp;", "&"), Host=found["host"])
    assert answer.status_code == OK
    return answer.text


def test_a_run_that_failed_is_told_at_the_top_and_leads_to_its_cell(it: Filed) -> None:
    failed = it.run(Outcome(EXECUTED, Problem("Cell 2 of 2 failed: ZeroDivisionError.", todo="Mend it."), cell=2))
    page, run = it.ann.get(it.at).text, it.ann.get(failed).text
    assert "Cell 2 of 2 failed: ZeroDivisionError." in page
    assert failed in page
    assert "No edition yet" in page
    assert re.search(r'<iframe[^>]* src="[^"]+#cell-2"', run)
    assert "1 report of yours did not go well" in it.ann.get("/reports").text
    it.run(Outcome(EXECUTED))
    assert "Cell 2 of 2 failed" not in it.ann.get(it.at).text.partition('id="runs"')[0]


def test_an_edition_that_is_not_as_expected_is_for_its_person_alone_until_it_is_released(it: Filed) -> None:
    bob, good = it.shared(), it.run(Outcome(EXECUTED))
    failed = checks.outcome("views <b>today</b>", 5, Rules(between=(60, None)))
    said = notebooks.code("expect", notebooks.shown(expect.bundle([failed])))
    held = it.run(Outcome(notebooks.notebook(notebooks.markdown("# Held"), said)))
    page, run = it.ann.get(it.at).text, it.ann.get(held).text
    assert "views &lt;b&gt;today&lt;/b&gt; failed; readers do not have it." in page
    assert "Readers" in framed(it.ann, it.at), "the page shows what readers have"
    assert "1 of 1 failed" in run
    assert "60 or more" in run
    assert "Release this edition</button>" in run
    assert held not in bob.get(it.at).text.partition('id="runs"')[0]
    assert held not in it.ann.get(f"{it.at}/feed").text, "which anybody may be handed"
    assert good in bob.get(it.at).text.partition("<aside")[2]
    theirs = bob.get(held)
    assert (theirs.status_code, "This edition is held." in theirs.text) == (OK, True)
    assert "60 or more" not in theirs.text
    assert "<iframe" not in theirs.text
    assert [bob.get(f"{held}/{each}").status_code for each in ("still?is=x", "chart?chart=x")] == [GONE, GONE]
    release = held.removeprefix(f"{it.at}/") + "/release"
    assert it.does(release, bob).status_code == NO
    assert "did not go well" in it.ann.get("/reports").text
    assert it.does(release).status_code == GO
    assert it.does(release).status_code == HTTPStatus.CONFLICT
    assert "<iframe" in bob.get(held).text
    assert held in bob.get(it.at).text.partition("<aside")[2]
    assert held in bob.get(f"{it.at}/feed").text
    assert "60 or more" not in bob.get(held).text, "what was found comes from data"


def test_result_tables_are_named_to_who_may_read_what_they_come_from(it: Filed) -> None:
    bob = it.shared()
    it.run(Outcome(EXECUTED), read=frozenset(), table="readers")
    for who in (it.ann, bob):
        page = who.get(it.at).text
        assert re.search(r'href="/data/reports/[^/"]+/readers"><code>reports\.[^<]+\.readers</code>', page)
        assert "3 rows, 1 period<" in page
    it.run(Outcome(EXECUTED), table="readers")
    assert not any("Result tables" in who.get(it.at).text for who in (it.ann, bob)), "nobody may read cities here"


def test_what_was_edited_runs_when_its_person_has_accepted_it_as_they_saw_it(it: Filed) -> None:
    it.shelf.save(saves.notebook("two"), path=it.path, base=1)
    page = it.ann.get(it.at).text
    assert "Version 2 of the notebook was saved; version 1 runs." in page
    assert f"/notebooks/history/changes?path={it.path}&amp;old=1&amp;new=2" in page
    it.shelf.save(saves.notebook("three"), path=it.path, base=2)
    assert it.does("accept", version="2").status_code == HTTPStatus.CONFLICT
    assert it.does("accept", version="3").status_code == GO
    assert it.kept(report.c.version) == 3


def test_what_its_person_lost_stops_it_until_they_accept_again(it: Filed) -> None:
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(report).where(report.c.id == it.id).values(groups=["analysts", "board"]))
    assert "Its person is no longer in board" in it.ann.get(it.at).text
    it.does("accept", version="1")
    assert "Nothing runs" not in it.ann.get(it.at).text
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(person).where(person.c.id == PERSON_IDS["ann"]).values(standing=person.c.standing + 1))
    assert "access has ended since it was scheduled" in it.ann.get(it.at).text


def test_a_report_is_paused_goes_on_and_ends(it: Filed) -> None:
    assert it.does("pause").status_code == GO
    assert "Paused" in it.ann.get(it.at).text
    assert it.does("resume").status_code == GO
    assert it.does("run").status_code == GO
    assert it.does("run").status_code == HTTPStatus.CONFLICT, "one waits already"
    assert it.does("end").status_code == GO
    assert it.does("resume").status_code == HTTPStatus.CONFLICT
    assert it.at not in it.ann.get("/reports").text
    assert it.ann.get(it.at).status_code == OK
    with it.portal.database.engine("worker").begin() as conn:
        runs.claim(conn, datetime.now(UTC))
        states = list(conn.scalars(select(report_run.c.state).where(report_run.c.report_id == it.id)))
    assert states == ["left"]


def test_a_period_is_run_again_and_many_at_once_and_their_number_is_told_before(it: Filed) -> None:
    bob, first = it.portal.signed_in("bertrand"), it.run(Outcome(EXECUTED))
    again = first.removeprefix(f"{it.at}/") + "/again"
    ahead = f"{it.at}/backfill/ahead?since=2024-01&until=2024-12"
    span = {"since": "2024-01", "until": "2024-12", "anew": "no"}
    steps = {again: {}, "backfill": span, "backfill/cancel": {}, "parameters": {}, "data": {"hours": "6"}}
    assert [it.does(step, bob, **form).status_code for step, form in steps.items()] == [GONE] * 5
    assert [bob.get(address).status_code for address in (ahead, f"{it.at}/data")] == [GONE] * 2
    it.shared()
    assert [it.does(step, bob, **form).status_code for step, form in steps.items()] == [NO] * 5
    assert bob.get(f"{it.at}/data").status_code == NO
    assert "Run these periods" not in bob.get(it.at).text
    assert "<b>12 runs</b>, January 2024 … December 2024" in it.ann.get(ahead).text
    assert "neither a day nor a month" in it.ann.get(f"{it.at}/backfill/ahead?since=soon").text
    assert it.does(again).status_code == GO
    assert it.does("backfill", **span).status_code == GO
    assert "0 of 12 done" in it.ann.get(it.at).text
    assert "0 of 12 done" in bob.get(it.at).text
    assert "Cancel what waits" not in bob.get(it.at).text
    assert it.does("backfill", **span).status_code == HTTPStatus.CONFLICT
    assert it.does("backfill/cancel").status_code == GO
    assert "of 12 done" not in it.ann.get(it.at).text
    assert "name no host that may be told" in it.ann.get(f"{it.at}/delivery").text
    assert it.does("backfill", since="soon").status_code == HTTPStatus.BAD_REQUEST


def test_periods_of_a_backfill_that_failed_are_named_and_run_again_by_its_person(it: Filed) -> None:
    bob, cell = it.shared(), Outcome(EXECUTED, Problem("Cell 2 of 2 failed: <KeyError>."), cell=2)
    assert it.does("backfill", since="2024-01", until="2024-05", anew="no").status_code == GO
    for outcome in (cell, Outcome(EXECUTED), cell, cell, cell):
        with it.portal.database.engine("worker").begin() as conn:
            (claimed,) = runs.claim(conn, datetime.now(UTC))
            assert isinstance(claimed, Claimed)
            runs.finish(conn, claimed, outcome, datetime.now(UTC))
    page = it.ann.get(it.at).text
    assert "4 earlier periods failed: January 2024, March 2024, April 2024 and 1 more." in page
    assert "Cell 2 of 2 failed: &lt;KeyError&gt;." in page
    assert "Run these again" not in bob.get(it.at).text
    assert it.does("backfill/again", bob).status_code == NO
    assert it.does("backfill/again").status_code == GO
    assert "0 of 4 done" in it.ann.get(it.at).text
    assert it.does("backfill/again").status_code == HTTPStatus.CONFLICT
    assert it.does("backfill/cancel").status_code == GO
    assert "earlier periods failed" not in it.ann.get(it.at).text, "nothing of the last one did"


def test_j03_parameters_are_typed_stored_and_shown_as_text(it: Filed) -> None:
    cell = notebooks.code("wiki = 'enwiki'\ndays = 7\nis_exact = True", tags=["parameters"])
    it.shelf.save(notebooks.notebook(cell), path=it.path, base=1)
    assert it.does("accept", version="2").status_code == GO
    hostile = "'\"><script>alert(1)</script>"
    form = {"set-wiki": hostile, "set-days": "30", "set-is_exact": "true"}
    assert it.does("parameters", **form).status_code == GO
    assert it.kept(report.c.parameters) == {"wiki": hostile, "days": 30}
    page = it.ann.get(it.at).text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert it.does("parameters", **(form | {"set-days": "7; import os"})).status_code == HTTPStatus.BAD_REQUEST
    assert it.does("run", **(form | {"set-days": "x"})).status_code == HTTPStatus.BAD_REQUEST
    assert it.kept(report.c.parameters) == {"wiki": hostile, "days": 30}
    at = it.run(Outcome(EXECUTED))
    assert "days = 30" in it.ann.get(at).text


def test_how_far_its_data_are_is_told_its_person_for_as_long_as_they_may_read_them(it: Filed) -> None:
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(report).where(report.c.id == it.id).values(waits=[[WAITED, []]]))
    assert it.does("run").status_code == GO
    stand = {"state": "late", "stand": [[WAITED, "2026-11-22T05:00:00+00:00"]]}
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(report_run).where(report_run.c.report_id == it.id).values(**stand))
    page, bob = it.ann.get(it.at).text, it.shared()
    assert ".".join(WAITED) in page
    assert "is complete up to" in page
    assert "1 report of yours waits for data" in it.ann.get("/reports").text
    assert "is late" in bob.get(it.at).text
    assert ".".join(WAITED) not in bob.get(it.at).text
    run = re.search(rf"{it.at}/runs/([0-9a-f]+)/go", page)
    assert run is not None
    step = run[0].removeprefix(f"{it.at}/")
    assert it.does(step, bob).status_code == NO
    assert it.does(step).status_code == GO
    assert "is late" not in it.ann.get(it.at).text
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(report).where(report.c.id == it.id).values(waits=[[["nowhere", "wmf", "x"], []]]))
    assert "nowhere.wmf.x" not in it.ann.get(it.at).text, "no rule lets ann read it"


def test_what_a_report_can_wait_for_is_what_it_reads_and_its_person_may_read(it: Filed) -> None:
    page = it.ann.get(f"{it.at}/data").text
    assert "SWAP knows of no table that this notebook reads" in page
    wrong = it.does("data", hours="6", **{"table-1": "lake/wmf/pageview_hourly"})
    assert wrong.status_code == HTTPStatus.BAD_REQUEST, "it reads none"
    assert it.does("data", hours="5").status_code == HTTPStatus.BAD_REQUEST
    it.run(Outcome(EXECUTED))
    page = it.ann.get(f"{it.at}/data").text
    assert 'value="lake/wmf/pageview_hourly"' in page
    assert "data up to 22 November" in page
    assert it.does("data", hours="24", **{"table-1": "lake/wmf/pageview_hourly"}).status_code == GO
    assert it.kept(report.c.waits) == [[WAITED, ["year", "month", "day", "hour"]]]
    assert it.kept(report.c.deadline_seconds) == 86_400
    assert "checked" in it.ann.get(f"{it.at}/data").text
    assert it.does("data", hours="6").status_code == GO
    assert it.kept(report.c.waits) == []


@pytest.mark.parametrize(
    "wrong",
    [{"every": "year"}, {"day": "0"}, {"at": "6"}, {"zone": "../etc"}, {"missed": "some"}, {"every": "cron", "cron": "0 0 30 2 *"}],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_and_nothing_is_kept(it: Filed, wrong: dict[str, str]) -> None:
    before = it.ann.get("/reports").text.count('href="/reports/')
    answer = it.ann.submit(f"/n/{it.notebook}/report", "/notebooks/upload", **(MONTHLY | wrong))
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert it.ann.get("/reports").text.count('href="/reports/') == before


def test_the_next_runs_of_what_is_typed_are_told_or_why_it_is_none(it: Filed) -> None:
    asked = "/reports/ahead?every=cron&zone=UTC&cron="
    assert it.ann.get(f"{asked}0 6 * * 1").text.count("<li>") == 5
    assert "The hour, 25, cannot be read." in it.ann.get(f"{asked}0 25 * * 1").text


def test_a_run_that_waits_is_cancelled_by_whom_it_runs_as_and_who_manages_its_notebook(it: Filed) -> None:
    assert it.does("run").status_code == GO
    waits = f"runs/{it.run_ids()[0]}/cancel"
    assert it.does(waits, it.portal.signed_in("bertrand")).status_code == GONE
    bob = it.shared()
    assert it.does(waits, bob).status_code == NO
    assert "Cancel the run" not in bob.get(it.at).text
    assert "Cancel the run" in it.ann.get(it.at).text
    assert it.does(waits).status_code == GO
    page = it.ann.get(it.at).text
    assert "ann cancelled it." in page
    assert 'role="alert"' not in page, "nothing went wrong"
    assert "Cancel the run" not in page
    assert it.does(waits).status_code == HTTPStatus.CONFLICT
    with it.portal.database.engine("worker").begin() as conn:
        assert not runs.claim(conn, datetime.now(UTC))
    form = {"kind": "person", "whom": PERSON_IDS["bertrand"], "role": "manage", "until": ""}
    assert it.ann.submit(f"/n/{it.notebook}/share", "/notebooks/upload", **form).status_code == GO
    assert it.does("run").status_code == GO
    assert it.does(f"runs/{it.run_ids()[0]}/cancel", bob).status_code == GO


def test_what_a_run_may_take_is_said_by_its_person_up_to_what_the_site_lets_it(it: Filed) -> None:
    assert it.does("limit", it.portal.signed_in("bertrand"), run_minutes="x").status_code == GONE
    assert it.does("limit", it.shared(), run_minutes="1").status_code == NO
    for wrong in ("0", "-1", "61", "1e3", "one", "٣"):
        assert it.does("limit", run_minutes=wrong).status_code == HTTPStatus.BAD_REQUEST
    assert it.does("limit", run_minutes="30", cell_minutes="2.5").status_code == GO
    assert (it.kept(report.c.run_seconds), it.kept(report.c.cell_seconds)) == (1800.0, 150.0)
    assert "after 30 minutes, or 2.5 in one cell" in it.ann.get(it.at).text
    assert it.does("limit", run_minutes="", cell_minutes="").status_code == GO
    assert it.kept(report.c.run_seconds) is None


def test_a_run_that_failed_in_a_cell_is_resumed_by_its_person(it: Filed) -> None:
    bob = it.shared()
    failed = it.run(Outcome(EXECUTED, Problem("Cell 2 of 2 failed: Unavailable."), cell=2))
    step = f"{failed.removeprefix(f'{it.at}/')}/resume"
    assert "Resume from cell 2" in it.ann.get(it.at).text
    assert "Resume from cell 2" not in bob.get(it.at).text
    assert "Resume from cell 2" in it.ann.get(failed).text
    assert "Resume from cell 2" not in bob.get(failed).text
    assert it.does(step, bob).status_code == NO
    assert it.does(f"runs/{'0' * 16}/resume").status_code == GONE
    assert it.does(step).status_code == GO
    assert it.does(step).status_code == HTTPStatus.CONFLICT, "one waits already"
    assert "Resume from cell 2" not in it.ann.get(failed).text
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(report_run).where(report_run.c.resumes.is_not(None)).values(state="done", taken=1, ended_at=datetime.now(UTC)))  # fmt: skip
    assert "1 result was taken over" in it.ann.get(f"{it.at}/runs/{it.run_ids()[0]}").text
    done = it.run(Outcome(EXECUTED))
    assert it.does(f"{done.removeprefix(f'{it.at}/')}/resume").status_code == HTTPStatus.CONFLICT


def test_what_a_runs_programs_said_is_for_its_person_alone(it: Filed) -> None:
    bob = it.shared()
    run = it.run(Outcome(EXECUTED, memory_bytes=96_000_000, log="a warning of <Berlin>\0"))
    assert "a warning of &lt;Berlin&gt;·" in it.ann.get(run).text
    page = bob.get(run).text
    assert "96 MB of memory" in page
    assert "a warning of" not in page


def test_runs_of_the_last_weeks_stand_in_a_calendar_where_there_are_more_than_a_month_has(it: Filed) -> None:
    assert 'class="cal"' not in it.ann.get(it.at).text
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(report).where(report.c.id == it.id).values(schedule="day 06:00"))
    it.run(Outcome(EXECUTED, Problem("Cell 1 of 2 failed."), cell=1))
    it.run(Outcome(EXECUTED))
    page = it.ann.get(it.at).text
    assert page.count('role="cell"') == 35
    assert re.search(r'class="today fl".*?aria-label="failed".*?2 runs', page, re.DOTALL)
    assert "usually" in page
