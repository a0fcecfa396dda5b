"""The story of a monthly report, on real parts, in a real browser: from an example until it runs well again."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest
from lab import Notebook, open_example, until
from playwright.sync_api import Locator, Page, expect
from stage import Demo, Person
from test_story import administrator

import services
from smtp import MailServer
from swap import bare

# Fifteen runs: what is less than the whole story is told by tests/integration/reports/test_story.py.
pytestmark = [pytest.mark.acceptance, pytest.mark.long, pytest.mark.timeout(900)]

TITLE = "Which flights are late"
COUNT = """
counted = swap.sql("SELECT count(*) AS n FROM lake.nyc.flights WHERE month = :m", params={"m": swap.period.start.month})
print(f"{counted.df()['n'][0]:,} flights in {swap.period.start:%B %Y}")
"""
AIRLINES = 6
"""The place of the cell that reads what breaks."""
MENDED = """%%swap airlines
SELECT carrier AS name, count(*) AS flights, round(avg(arr_delay), 1) AS minutes_late
FROM lake.nyc.flights
GROUP BY carrier
ORDER BY minutes_late DESC"""


@dataclass
class Report:
    """A report's page, as its person sees it."""

    page: Page
    address: str = ""

    @property
    def editions(self) -> list[str]:
        """Which it has, the newest period first."""
        listed = self.page.get_by_role("complementary").locator("section").first.get_by_role("listitem")
        return [each for each in listed.all_inner_texts() if each]

    def wait(self, what: Callable[[], object]) -> None:
        """Look at it again and again, as a person would, until something holds."""

        def holds() -> object:
            self.page.goto(self.address)
            return what()

        assert until(holds, seconds=400), self.page.locator("main").inner_text()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    @property
    def shows(self) -> Locator:
        """What its latest edition, or the one that is looked at, has printed."""
        return self.page.frame_locator("iframe.reader").locator("body")


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with contextlib.closing(MailServer(tmp_path)) as server:
        yield server


def letters(demo: Demo, mail: MailServer, later: str = "+0") -> list[EmailMessage]:
    """Do once what `swap up` does each minute where mail is set, so much later; return what was taken meanwhile."""
    config, before = mail.write_settings(), len(mail.taken)
    people = json.dumps(str(demo.state / "people.toml"))
    here = f"state = {json.dumps(str(demo.state))}\npeople.file = {people}\nsite.port = {demo.port}\n"
    config.write_text(here + "[mail]" + config.read_text().partition("[mail]")[2])
    clock = mail.folder / "clock"
    environment = os.environ | services.fake_clock(clock)
    clock.write_text(later)
    sends = bare.service("swap.supervisor.mail", str(config))
    subprocess.run(sends, check=True, timeout=120, capture_output=True, env=environment)
    return mail.taken[before:]


@contextlib.contextmanager
def late_flights(demo: Demo, month: int) -> Iterator[int]:
    """Let a hundred more flights of a month come into the lake for the block; return how many there are then."""
    first = next((demo.state / "lake" / "nyc" / "flights" / f"month={month}").glob("*.parquet"))
    rows, more = pq.ParquetFile(first).read(), first.with_name("part-00001.parquet")
    pq.write_table(rows.slice(0, 100), more)
    try:
        yield rows.num_rows + 100
    finally:
        more.unlink()


@contextlib.contextmanager
def broken_column(demo: Demo) -> Iterator[None]:
    """Let the airlines' names have another name in their store for the block."""
    with administrator(demo) as conn:
        conn.execute("ALTER TABLE nyc.airlines RENAME COLUMN name TO airline")
        try:
            yield
        finally:
            conn.execute("ALTER TABLE nyc.airlines RENAME COLUMN airline TO name")


def test_an_example_becomes_a_monthly_report_that_is_corrected_breaks_and_runs_well_again(
    ann: Person, demo: Demo, homes: Path, mail: MailServer
) -> None:
    notebook = open_example(ann.page, demo.url, homes, TITLE)
    notebook.write(COUNT.strip())
    notebook.saved()
    page = ann.context.new_page()
    report = Report(page, _scheduled(page, demo, notebook))
    _backfill(report)
    with late_flights(demo, 5) as flights:
        _corrected(report, flights)
    assert letters(demo, mail) == [], "nobody is told that all is well"
    with broken_column(demo):
        failed = _fails(report)
        (told,) = letters(demo, mail)
        cell = _says_which_cell(report, told, failed)
        notebook.cell(AIRLINES).locator(".cm-content").click()
        notebook.page.keyboard.press("Control+A")
        notebook.page.keyboard.insert_text(MENDED)
        notebook.saved()
        _goes_on(report, cell)
    (told,) = letters(demo, mail, later="+11m")  # nobody gets two mails within ten minutes
    assert told["subject"] == f"The report {notebook.name.removesuffix('.ipynb')} runs well again"
    page.goto(f"{demo.url}/notices")
    expect(page.get_by_role("button", name=str(told["subject"]))).to_be_visible()
    page.close()


def _scheduled(page: Page, demo: Demo, notebook: Notebook) -> str:
    """Let the notebook run each month by its page; return the address of its report."""
    page.goto(f"{demo.url}/notebooks/read/{notebook.name}")
    page.get_by_role("link", name="Run regularly").click()
    page.get_by_label("How often").select_option("every month")
    expect(page.locator("#ahead").get_by_role("listitem")).to_have_count(5)
    page.get_by_role("button", name="Run regularly").click()
    expect(page.get_by_role("heading", name="No edition yet")).to_be_visible()
    return page.url


def _backfill(report: Report) -> None:
    report.page.get_by_label("From").fill("2013-01")
    report.page.get_by_label("To", exact=True).fill("2013-12")
    expect(report.page.locator("#ahead")).to_contain_text("12 runs, January 2013 … December 2013")
    report.press("Run these periods")
    report.wait(lambda: len(report.editions) == 12)
    assert report.editions[0].startswith("December 2013")
    expect(report.shows).to_contain_text("28,135 flights in December 2013")


def _corrected(report: Report, flights: int) -> None:
    """Have one month again: its new edition has what came late, and takes the place of the other, which stays."""
    report.press("Run again for May 2013")
    report.wait(lambda: any("May 2013, edition 2" in each for each in report.editions))
    for edition, count in (("May 2013, edition 2", flights), ("May 2013", flights - 100)):
        report.page.get_by_role("link", name=edition, exact=True).click()
        expect(report.shows).to_contain_text(f"{count:,} flights in May 2013")
        report.page.goto(report.address)


def _fails(report: Report) -> str:
    """Let it run with what is broken; return the address of the run."""
    report.press("Run now")
    link = report.page.get_by_role("link", name="Look at what it executed")
    report.wait(link.count)
    return str(link.get_attribute("href"))


def _says_which_cell(report: Report, told: EmailMessage, failed: str) -> str:
    """Look whether a mail names the cell that failed and leads to it; return the cell's number."""
    said = re.search(r"failed: Cell (\d+) of \d+ failed", str(told["subject"]))
    assert said, told["subject"]
    (address,) = [each for each in re.findall(r"http://\S+", told.get_content()) if "/runs/" in each]
    assert urlsplit(address).path == failed
    report.page.goto(address)
    expect(report.page.get_by_role("alert")).to_contain_text(f"Cell {said[1]} of")
    expect(report.shows).to_contain_text("JOIN mediawiki.nyc.airlines")
    return said[1]


def _goes_on(report: Report, cell: str) -> None:
    """Accept what was mended, and let the run go on from the cell that failed."""
    accepts = report.page.get_by_role("button", name=re.compile("^Accept version"))
    report.wait(accepts.count)
    accepts.click()
    report.press(f"Resume from cell {cell}")
    report.wait(lambda: len(report.editions) == 14)
    expect(report.page.get_by_role("alert")).to_have_count(0)
    report.page.get_by_role("link", name=report.editions[0].splitlines()[0], exact=True).click()
    expect(report.page.locator("main")).to_contain_text("taken over")
