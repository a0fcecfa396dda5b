"""The pages of a result table, with a real gateway and worker: a chart over all periods, and all rows as a file."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from sqlalchemy import select

import browsers
import notebooks
from integration.gateway.gateways import POLICY
from integration.gateway.gateways import running as gateway_running
from integration.reports.bureau import until, working
from integration.reports.test_pages import MONTHLY, Filed
from integration.reports.test_story import opened
from integration.web.running import Browser, Portal, running
from integration.web.test_sharing import id_of
from services import Database
from swap.db.report_tables import report_run
from swap.reports.model import OPEN

OK, GO, GONE = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.NOT_FOUND
CELLS = (
    notebooks.code("n = 1", tags=["parameters"]),
    notebooks.code(
        """
import pyarrow as pa, swap
swap.expect("few", n < 50)
views = swap.period.start.month * n
table = {"country": ["DE", "FR"] + ["IT"] * (n > 1), "Views seen": [views, 10] + [-5] * (n > 1), "note": ["<b>", '"', None][:2 + (n > 1)]}
swap.output("readers", pa.table(table), key=["country"])
"""
    ),
)


class Written(Filed):
    """A report of ann's that has written a table of two months, and of the second one twice."""

    def __init__(self, portal: Portal) -> None:
        super().__init__(portal)
        self.path = "writes.ipynb"
        self.shelf.save(notebooks.notebook(*CELLS), path=self.path)
        self.notebook = id_of(portal, self.path)
        self.at = self.ann.submit(f"/n/{self.notebook}/report", "/notebooks/upload", **MONTHLY).headers["location"]
        self.id = self.at.removeprefix("/reports/")
        self.backfills("2025-01", "2025-02")
        self.table = re.findall(r'href="(/data/reports/[^"]+)"', self.ann.get(self.at).text)[0]

    def backfills(self, since: str, last: str, **values: str) -> None:
        if values:
            assert self.does("parameters", **{f"set-{name}": value for name, value in values.items()}).status_code == GO
        assert self.does("backfill", since=since, until=last, anew="yes").status_code == GO
        until(self.is_quiet)

    def is_quiet(self) -> bool:
        with self.portal.database.engine().begin() as conn:
            of_it = report_run.c.report_id == self.id, report_run.c.state.in_(sorted(OPEN))
            return conn.scalar(select(report_run.c.id).where(*of_it).limit(1)) is None


@pytest.fixture(scope="module")
def it(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    at = tmp_path_factory.mktemp("tables")
    with gateway_running(module_database, at) as gateway, working(gateway, at):
        here = gateway.runtime.model_copy(update={"gateway_port": urlsplit(gateway.url).port})
        with running(module_database, at / "portal", gateway_at=here, policy=POLICY) as portal:
            yield Written(portal)


def chart(it: Written, who: Browser, column: str = "Views seen", of: str = "sum") -> str:
    return who.get(f"{it.table}/periods?column={column}&of={of}", X_Swap_Part="1").text


def test_all_rows_of_a_table_are_a_file_for_who_may_read_it(it: Written) -> None:
    csv = it.ann.get(f"{it.table}/rows?format=csv")
    assert csv.status_code == OK, csv.text
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.headers["content-disposition"] == 'attachment; filename="readers.csv"'
    lines = csv.text.splitlines()
    assert lines[0] == '"period_start","period_end","country","Views seen","note"'
    assert sorted(line.split(",", 2)[2] for line in lines[1:]) == ['"DE",1,"<b>"', '"DE",2,"<b>"', '"FR",10,""""', '"FR",10,""""']  # fmt: skip
    file = pq.read_table(io.BytesIO(it.ann.get(f"{it.table}/rows?format=parquet").content))
    assert file.column("period_start").to_pylist()[0] == datetime(2024, 12, 31, 23, tzinfo=UTC)
    assert sorted(file.column("Views seen").to_pylist()) == [1, 2, 10, 10]
    other = it.portal.signed_in("bertrand")
    for path in ("", "/rows?format=csv", "/periods?column=Views%20seen&of=sum"):
        assert other.get(it.table + path).status_code == GONE, path
    assert "There is no" in chart(it, other)
    assert it.ann.get(f"{it.table}/rows?format=exe").status_code == HTTPStatus.BAD_REQUEST
    assert it.ann.get("/data/lake/wmf/pageview_hourly/rows?format=csv").status_code == GONE


def test_a_column_is_drawn_over_all_periods(it: Written) -> None:
    page = it.ann.get(it.table).text
    assert f'data-load="{it.table}/periods?column=Views+seen&amp;of=sum"' in page
    drawn = chart(it, it.ann)
    assert [re.sub(r"<[^>]*>", "", each) for each in re.findall(r"<title>.*?</title>", drawn)] == ["January 2025: 11", "February 2025: 12"]  # fmt: skip
    assert "January 2025: 5.5" in chart(it, it.ann, of="avg")
    for column, of in (("note", "sum"), ("Views seen", "max(1)--"), ('"', "sum"), ("period_start", "sum")):
        assert "This cannot be drawn." in chart(it, it.ann, column, of)


def test_the_search_of_data_finds_tables_by_their_names_for_who_may_read_them(it: Written) -> None:
    other, found = it.portal.signed_in("bertrand"), f'href="{it.table}"'
    for words, finds in (("reports.", True), ("READERS", True), ("ann read", True), ("read%25rs", False), ("ann lake", False)):  # fmt: skip
        assert (found in it.ann.get(f"/data?q={words}").text) is finds, words
        assert found not in other.get(f"/data?q={words}").text


def test_what_changed_between_two_editions_is_shown_to_who_may_read_both(it: Written) -> None:
    it.backfills("2025-01", "2025-01", n="3")
    newest, _, first = it.run_ids()[:3]
    run = it.ann.get(f"{it.at}/runs/{newest}").text
    assert f'href="{it.at}/runs/{newest}/difference?table=readers"' in run
    assert "difference?table" not in it.ann.get(f"{it.at}/runs/{first}").text
    page = it.ann.get(f"{it.at}/runs/{newest}/difference?table=readers")
    assert page.status_code == OK, page.text
    assert "1 row has changed, 1 was added, 0 are gone." in page.text
    rows = [re.sub(r"<[^>]*>", "|", each) for each in re.findall(r"<tr><td>.*?</tr>", page.text)]
    said = [[part for part in row.split("|") if part.strip()] for row in rows]
    assert said == [["changed", "DE", "was ", "1", ", is", "3", "&lt;b&gt;"], ["added", "IT", "-5", "null"]]
    other = it.shared()
    assert other.get(f"{it.at}/runs/{newest}/difference?table=readers").status_code == OK
    it.backfills("2025-01", "2025-01", n="60")
    held = it.run_ids()[0]
    assert "1 row has changed" in it.ann.get(f"{it.at}/runs/{held}/difference?table=readers").text
    assert other.get(f"{it.at}/runs/{held}/difference?table=readers").status_code == GONE
    assert it.ann.get(f"{it.at}/runs/{held}/difference?table=nothing").status_code == GONE


@pytest.mark.long
def test_a_tables_page_draws_its_first_column_of_numbers(it: Written) -> None:
    with browsers.running() as chromium:
        page = opened(chromium.new_page(), it.ann, it.table)
        expect(page.get_by_role("img", name="Sum of Views seen")).to_be_visible()
        page.get_by_label("What of it").select_option("Mean")
        page.get_by_role("button", name="Draw").click()
        expect(page.get_by_role("img", name="Mean of Views seen from January 2025 to February 2025")).to_be_visible()
        page.get_by_text("Values", exact=True).click()
        expect(page.get_by_role("row", name="January 2025")).to_contain_text("5.5")
        assert Axe().run(page).response["violations"] == []
