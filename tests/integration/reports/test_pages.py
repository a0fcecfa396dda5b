"""The pages of reports: for who may open the notebook, and changed by the person alone whom a report runs as."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

import notebooks
import saves
from integration.web.running import PERSON_IDS, Browser, Portal, running
from integration.web.test_history import Shelf
from integration.web.test_sharing import id_of
from integration.web.test_sharing_outputs import CITIES
from services import Database
from swap.db import tables
from swap.db.report_tables import report, report_run
from swap.db.tables import person
from swap.errors import Problem
from swap.query import lineage
from swap.reports import runs
from swap.reports.model import Claimed, Outcome

OK, GO, GONE, NO = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN
MONTHLY = {"every": "month", "day": "5", "at": "06:00", "zone": "Europe/Berlin", "missed": "latest", "overlap": "wait"}
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

    def run(self, outcome: Outcome) -> str:
        """Ask for a run, and let it end so; return its address."""
        assert self.does("run").status_code == GO
        with self.portal.database.engine("worker").begin() as conn:
            claimed = runs.claim(conn, datetime.now(UTC))
        assert isinstance(claimed, Claimed)
        with self.portal.database.engine().begin() as conn:
            kept = {"digest": lineage.digest(CITIES), "columns": lineage.encode(CITIES)}
            conn.execute(upsert(tables.lineage).values(**kept).on_conflict_do_nothing())
            read = {"person_id": PERSON_IDS["ann"], "kernel_id": claimed.kernel_id, "last_at": datetime.now(UTC)}
            conn.execute(insert(tables.kernel_read).values(lineage=kept["digest"], **read))
        with self.portal.database.engine("worker").begin() as conn:
            runs.finish(conn, claimed, outcome, datetime.now(UTC))
        return f"{self.at}/runs/{claimed.run.id}"

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
    with running(module_database, tmp_path_factory.mktemp("portal")) as made:
        yield made


@pytest.fixture
def it(portal: Portal) -> Filed:
    return Filed(portal)


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
    assert "forty-two" not in _framed(bob, at), "its kernel has read what bertrand may not"
    assert "forty-two" in _framed(it.ann, at), "the control"


def _framed(who: Browser, at: str) -> str:
    """Return the notebook in a page's frame."""
    found = re.search(r'<iframe[^>]* src="http://(?P<host>[^/"]+)(?P<path>[^"#]+)', who.get(at).text)
    assert found is not None
    return who.get(found["path"].replace("&amp;", "&"), Host=found["host"]).text


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
    assert "Cancel the run" not in page
    assert it.does(waits).status_code == HTTPStatus.CONFLICT
    with it.portal.database.engine("worker").begin() as conn:
        assert runs.claim(conn, datetime.now(UTC)) is None
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
    assert it.does(step, bob).status_code == NO
    assert it.does(f"runs/{'0' * 16}/resume").status_code == GONE
    assert it.does(step).status_code == GO
    assert it.does(step).status_code == HTTPStatus.CONFLICT, "one waits already"
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
