"""`swap reports import`: what reportupdater ran is taken over once, whole, and runs when its person lets it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from integration.taking_in.test_import import Site
from services import Database
from swap.errors import Forbidden, Invalid, Problem
from swap.identity import Principal, Via
from swap.people import service as people
from swap.reports import runs, service, store
from swap.reports.files import Files
from swap.reports.model import Claimed, Missed, Outcome, Overlap, Report, RunState, State
from swap.reports.schedule import Schedule
from swap.settings import load
from swap.taking_in.updater.__main__ import Folder, Taking, of_running

FOLDERS = Path(__file__).parents[2] / "updater"
SETTINGS = """
state = "."
people.file = "people.toml"
reports.files = "files"
sources.lake = { kind = "files", root = "lake" }
sources.hive = { kind = "hive", servers = ["h:1"], user = "swap" }
sources.wikis = { kind = "mysql", host = "127.0.0.1", user = "swap" }
"""


SHARED = text(
    "INSERT INTO swap.notebook_share (notebook_id, kind, whom, role, shared_by, at)"
    " VALUES (:id, 'person', :bob, 'manage', :ann, now())"
)


class Press(Site):
    """A SWAP that seems to run, with sources that nothing asks, and folders of reportupdater's."""

    def __init__(self, database: Database, place: Path) -> None:
        super().__init__(database, place)
        self.config.write_text(SETTINGS)
        self.files = Files(place / "files")
        self.ann = self.person("ann")
        now = datetime.now(UTC)
        with database.engine("owner").begin() as conn:
            people.sign_in(conn, self.ann, "s1", now, 7)
        self.who = Principal(self.ann, "ann", frozenset({"analysts"}), Via.PORTAL)

    def takes(self, folder: Path, into: str = "", whose: str = "ann", **chosen: str) -> str:
        said: list[str] = []
        taking, opened = Taking(load(self.config), self.here, said.append), Folder(folder)
        try:
            assert taking.all_of(opened, whose, into or folder.name, chosen) == 0
        finally:
            opened.close()
            taking.close()
        return "".join(f"{line}\n" for line in said)

    def notebook(self, path: str) -> str | None:
        wanted = text("SELECT id FROM swap.notebook WHERE person_id = :ann AND path = :path")
        with self.database.engine("owner").connect() as conn:
            found: str | None = conn.scalar(wanted, {"ann": self.ann, "path": path})
        return found

    def report(self, path: str) -> Report:
        notebook_id = self.notebook(path)
        assert notebook_id is not None
        with self.database.engine("owner").connect() as conn:
            (found,) = store.of_notebook(conn, notebook_id)
        return found

    def rows(self, table: str) -> int:
        with self.database.engine("owner").connect() as conn:
            return int(conn.scalar(text(f"SELECT count(*) FROM swap.{table}")) or 0)

    def becomes(self, report: Report, state: State, who: Principal | None = None) -> None:
        with self.database.engine("web").begin() as conn:
            service.become(conn, who or self.who, report.id, state, datetime.now(UTC))


@pytest.fixture
def press(module_database: Database, tmp_path: Path) -> Press:
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("TRUNCATE swap.person, swap.audit_event CASCADE"))
    return Press(module_database, tmp_path)


def test_reports_are_taken_over_and_wait_for_their_person(press: Press) -> None:
    said = press.takes(FOLDERS / "codemirror", "metrics/codemirror")
    assert "metrics/codemirror/toggles: every day at 05:00, UTC; paused until ann presses Resume; " in said
    assert "days are missing in 3 files, the first is 2026-08-16" in said
    assert (
        "metrics/codemirror: 2 reports taken over for ann, 0 notebooks to be written anew, 0 there before, 0 left out"
        in said
    )
    path = "reportupdater/metrics/codemirror/users_with_highlighting.ipynb"
    report = press.report(path)
    assert (report.state, report.missed, report.version, str(report.schedule)) == (
        State.PAUSED,
        Missed.ALL,
        1,
        "day 00:00",
    )
    assert (report.person_id, report.groups) == (press.ann, frozenset({"analysts"}))
    binding = press.files.binding(report.id)
    assert binding is not None
    assert binding.path((("wiki_db", "frwiki"),)) == "metrics/codemirror/users_with_highlighting/frwiki.tsv"
    document = json.loads((press.homes / press.ann / path).read_bytes())
    assert [cell["source"] for cell in document["cells"]] == press.sources(press.ann, path)[0]
    with press.database.engine("owner").connect() as conn:
        found = conn.execute(
            text("SELECT person_id, detail FROM swap.audit_event WHERE event = 'report-imported' ORDER BY id")
        )
        assert [(row.person_id, row.detail["schedule"]) for row in found] == [
            (press.ann, "day 05:00"),
            (press.ann, "day 00:00"),
        ]


def test_nobody_else_lets_it_run(press: Press) -> None:
    """One schedules as oneself: whoever takes over says what would run, and its person lets it."""
    press.takes(FOLDERS / "codemirror")
    report = press.report("reportupdater/codemirror/toggles.ipynb")
    later = report.next_due_at
    with press.database.engine("worker").begin() as conn:
        assert runs.plan(conn, later, lambda: "r1") == 0, "it is paused"
    bob = press.person("bob")
    with press.database.engine("owner").begin() as conn:
        people.sign_in(conn, bob, "s2", datetime.now(UTC), 7)
        conn.execute(SHARED, {"id": report.notebook_id, "bob": bob, "ann": press.ann})
    with pytest.raises(Forbidden):
        press.becomes(report, State.ACTIVE, Principal(bob, "bob", frozenset({"analysts"}), Via.PORTAL))
    press.becomes(report, State.ACTIVE)
    with press.database.engine("worker").begin() as conn:
        assert runs.plan(conn, later, lambda: "r1") == 1
        (claimed,) = runs.claim(conn, later)
    assert isinstance(claimed, Claimed)
    assert (
        claimed.run.period.start.date().isoformat()
        < claimed.run.period.end.date().isoformat()
        <= later.date().isoformat()
    )


def test_a_second_run_changes_nothing(press: Press) -> None:
    press.takes(FOLDERS / "browser", lake="lake")
    before = {table: press.rows(table) for table in ("notebook", "notebook_version", "report")}
    assert before == {"notebook": 5, "notebook_version": 5, "report": 4}
    said = press.takes(FOLDERS / "browser", lake="lake")
    assert "browser/all_sites_by_access_method: was there; " in said
    assert "browser: 0 reports taken over for ann, 0 notebooks to be written anew, 5 there before, 0 left out" in said
    assert {table: press.rows(table) for table in before} == before


def test_what_was_written_before_goes_on_and_gaps_are_known(press: Press, tmp_path: Path) -> None:
    at = tmp_path / "files/page-creation/pagecreations"
    at.mkdir(parents=True)
    days = [f"2026-07-{day}" for day in range(21, 32)]
    for wiki in ("dewiki", "frwiki"):
        (at / f"{wiki}.tsv").write_text(
            "".join(f"{line}\r\n" for line in [f"date\t{wiki}", *(f"{day}\t1" for day in days)])
        )
    (at / "frwiki.tsv").write_text("date\tfrwiki\r\n2026-07-21\t1\r\n")
    said = press.takes(FOLDERS / "page-creation")
    assert "missing in 2 files, the first is 2026-07-22" in said
    assert (at / "dewiki.tsv").read_text().count("\n") == 12


def test_what_cannot_be_taken_over_is_named_and_leaves_nothing(press: Press, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.yaml").write_text(
        "databases: {log: {db: log}}\n"
        "defaults: {db: log, granularity: days, starts: 2026-03-01}\n"
        "reports: {good: {}, taken: {}, gone: {}, typo: {granularty: days}, broken: {}, slow: {lag: 999999}}\n"
    )
    for name in ("good", "taken", "slow"):
        (folder / f"{name}.sql").write_text("SELECT DATE('{from_timestamp}') AS date, COUNT(*) AS n FROM page")
    (folder / "broken.sql").write_text("SELECT LOAD_FILE('/etc/passwd') FROM page")
    mine = press.homes / press.ann / "reportupdater/mine/taken.ipynb"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    said = press.takes(folder)
    for line in (
        "taken: another file is at reportupdater/mine/taken.ipynb in ann's home",
        "gone: its query gone.sql is not there",
        "typo: granularty is not known here. Did you mean granularity?",
        "mine/broken: a notebook for ann to write anew, for SWAP would not run its query: The function LOAD_FILE",
        "mine/slow: a notebook for ann to write anew, for its lag of 999,999 seconds is as long as a period",
        "mine: 1 report taken over for ann, 2 notebooks to be written anew, 0 there before, 3 left out",
    ):
        assert line in said, said
    assert mine.read_text() == "mine"
    assert press.notebook("reportupdater/mine/taken.ipynb") is None
    assert press.rows("report") == 1
    mine.unlink()
    assert "mine/taken: every day at 00:00, UTC" in press.takes(folder)


def test_a_file_has_one_writer(press: Press) -> None:
    """Two reports that add to one file would each undo what the other wrote."""
    press.takes(FOLDERS / "codemirror", "metrics")
    press.person("bob")
    said = press.takes(FOLDERS / "codemirror", "metrics", "bob")
    assert "toggles: another report keeps metrics/toggles.tsv, and a file has one writer" in said
    assert "users_with_highlighting: another report keeps metrics/users_with_highlighting/dewiki.tsv" in said
    assert (press.rows("report"), press.rows("notebook")) == (2, 2)
    press.becomes(press.report("reportupdater/metrics/toggles.ipynb"), State.ENDED)
    assert "metrics/toggles: every day at 05:00, UTC" in press.takes(FOLDERS / "codemirror", "metrics", "bob")


def test_a_report_that_was_written_anew_keeps_the_file_from_the_next_import_on(press: Press) -> None:
    press.takes(FOLDERS / "browser", lake="lake")
    notebook_id = press.notebook("reportupdater/browser/all_sites_by_browser.ipynb")
    assert notebook_id is not None
    with press.database.engine("web").begin() as conn:
        weekly = Schedule.read("week 1 00:00 7", "UTC")
        made = service.schedule(
            conn, press.who, notebook_id, weekly, Missed.LATEST, Overlap.WAIT, datetime.now(UTC), lambda: "abc"
        )
    assert press.files.binding(made.id) is None
    assert "browser/all_sites_by_browser: was there, and its report keeps the file from now on" in press.takes(
        FOLDERS / "browser", lake="lake"
    )
    assert press.files.binding(made.id) is not None


def test_another_value_in_the_configuration_is_another_file(press: Press, tmp_path: Path) -> None:
    folder = tmp_path / "codemirror"
    shutil.copytree(FOLDERS / "codemirror", folder)
    press.takes(folder)
    with (folder / "sql/wiki_dbs.txt").open("a") as file:
        file.write("\nptwiki\n")
    assert (
        "users_with_highlighting: was there, and its report keeps the files that the configuration says now"
        in press.takes(folder)
    )
    binding = press.files.binding(press.report("reportupdater/codemirror/users_with_highlighting.ipynb").id)
    assert binding is not None
    assert binding.explode == {"wiki_db": ("dewiki", "frwiki", "enwiki", "ptwiki")}


def test_weakness_4_a_slow_report_keeps_no_other_of_its_folder_waiting(press: Press) -> None:
    """One lock for a folder and one report after the other; each report is a run of its own here, with an end to its time."""
    press.takes(FOLDERS / "codemirror")
    reports = [
        press.report(f"reportupdater/codemirror/{name}.ipynb") for name in ("toggles", "users_with_highlighting")
    ]
    for each in reports:
        press.becomes(each, State.ACTIVE)
    now = max(each.next_due_at for each in reports)
    ids = iter(f"r{number}" for number in range(99))
    claimed = []
    for _ in reports:
        with press.database.engine("worker").begin() as conn:
            while runs.plan(conn, now, lambda: next(ids)):
                pass
            (found,) = runs.claim(conn, now)
        assert isinstance(found, Claimed)
        claimed.append(found.report.id)
    assert sorted(claimed) == sorted(each.id for each in reports), "both run at the same time"
    assert load(press.config).reports.run_minutes == 60


def test_weakness_2_what_goes_on_failing_is_tried_thrice_and_stands_first_in_its_persons_list(press: Press) -> None:
    """A failure was a line in a log, and was tried each hour for ever."""
    press.takes(FOLDERS / "codemirror")
    report = press.report("reportupdater/codemirror/toggles.ipynb")
    press.becomes(report, State.ACTIVE)
    now, tries = report.next_due_at, 0
    away = Outcome(None, Problem("hive does not answer."), may_pass=True)
    with press.database.engine("worker").begin() as conn:
        runs.plan(conn, now, lambda: "r1")
    for pause in (*runs.PAUSES, runs.PAUSES[-1]):
        with press.database.engine("worker").begin() as conn:
            (found,) = runs.claim(conn, now)
            assert isinstance(found, Claimed)
            state = runs.finish(conn, found, away, now)
            assert not runs.claim(conn, now), "not at once"
        tries, now = tries + 1, now + pause
    assert (tries, state) == (runs.TRIES, RunState.FAILED)
    with press.database.engine("worker").begin() as conn:
        assert not runs.claim(conn, now), "and no more"
    with press.database.engine("web").begin() as conn:
        first, *_ = service.listed(conn, press.who, now)
    assert (first.report.id, first.failed) == (report.id, True)


def test_the_command_takes_over(press: Press) -> None:
    command = [Path(sys.executable).parent / "swap", "reports", "import", FOLDERS / "page-creation", "--person", "ann"]
    done = subprocess.run(
        [*command, "--into", "metrics/pages", "--config", press.config], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "metrics/pages: 2 reports taken over for ann, " in done.stdout
    for more, why in (
        (["--into", "../x"], "is no folder below reports.files"),
        (["--source", "wikis"], "says no source"),
    ):
        done = subprocess.run([*command, *more, "--config", press.config], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert why in done.stdout


def test_what_is_not_ready_is_said(press: Press, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
        with pytest.raises(Invalid, match="Run this as the user that runs SWAP"):
            of_running(press.config, FOLDERS / "browser", "ann", "", [])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(Invalid, match=r"There is no config\.yaml"):
        press.takes(empty)
    press.config.write_text(SETTINGS.replace('reports.files = "files"\n', ""))
    with pytest.raises(Invalid, match=r"reports\.files is not set"):
        press.takes(FOLDERS / "browser")


def test_a_link_in_the_folder_leads_nowhere(press: Press, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    shutil.copytree(FOLDERS / "codemirror", folder)
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    (folder / "hive/toggles.hql").unlink()
    (folder / "hive/toggles.hql").symlink_to(secret)
    said: Any = press.takes(folder)
    assert "toggles: hive/toggles.hql cannot be read" in said
    assert "linked: 1 report taken over" in said
