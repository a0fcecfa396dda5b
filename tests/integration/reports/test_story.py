"""A notebook becomes a report in one dialog, and runs by itself: from the form to the second period, in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import text

import browsers
import notebooks
from integration.gateway.gateways import POLICY
from integration.gateway.gateways import running as gateway_running
from integration.reports.bureau import working
from integration.web.running import Browser, Portal, running
from integration.web.test_history import Shelf
from services import Database

CELLS = (
    notebooks.markdown("# Readers by country"),
    notebooks.code("import swap\nprint('from', swap.period.start.date(), 'until', swap.period.end.date())"),
    notebooks.code(
        "swap.sql('SELECT country_code, SUM(view_count) AS views FROM lake.wmf.pageview_hourly GROUP BY 1')"
    ),
)
A_MONTH_AGO = """
UPDATE swap.report_run SET due_at = due_at - interval '1 month', period_start = period_start - interval '1 month',
period_end = period_end - interval '1 month'
"""
DUE = "UPDATE swap.report SET next_due_at = next_due_at - interval '1 month'"


@pytest.fixture
def portal(database: Database, tmp_path: Path) -> Iterator[Portal]:
    with gateway_running(database, tmp_path) as gateway, working(gateway, tmp_path):
        here = gateway.runtime.model_copy(update={"gateway_port": urlsplit(gateway.url).port})
        with running(database, tmp_path / "portal", gateway_at=here, policy=POLICY) as made:
            yield made


def opened(page: Page, who: Browser, path: str) -> Page:
    for name, value in who.cookies.items():
        page.context.add_cookies([{"name": name, "value": value, "url": who.origin}])
    page.goto(f"{who.origin}{path}")
    return page


def months(page: Page) -> list[str]:
    return page.get_by_role("complementary").locator("section").first.get_by_role("listitem").all_inner_texts()


def test_a_notebook_becomes_a_monthly_report_in_one_dialog_and_has_an_edition_of_each_period(portal: Portal) -> None:
    shelf = Shelf(portal)
    shelf.save(notebooks.notebook(*CELLS), path="readers.ipynb")
    with browsers.running() as chromium:
        page = opened(chromium.new_page(), shelf.browser, "/reports")
        expect(page.get_by_role("heading", name="No reports yet")).to_be_visible()
        page.goto(f"{shelf.browser.origin}/notebooks/report?path=readers.ipynb")
        _schedule(page)
        page.get_by_role("button", name="Run now").click()
        _edition_comes(page, 1)
        first = months(page)
        _accessible(page)
        with portal.database.engine().begin() as conn:
            for statement in (A_MONTH_AGO, DUE, "NOTIFY swap_reports"):
                conn.execute(text(statement))
        _edition_comes(page, 2)
        assert months(page)[0] == first[0], "the period of the run that was due is the one after the first edition's"
        frame = page.frame_locator("iframe.reader")
        expect(frame.get_by_text(re.compile(r"from \d{4}-\d\d-01 until \d{4}-\d\d-01"))).to_be_visible()
        _earlier_periods(page)
        page.goto(f"{shelf.browser.origin}/reports")
        expect(page.get_by_role("row", name="readers")).to_contain_text("Done")
        _accessible(page)
        page.get_by_role("link", name="readers", exact=True).click()
        page.get_by_role("link", name="Delivery").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Who gets readers")
        page.get_by_label("Find people and groups").fill("ana")
        page.get_by_role("button", name="Find").click()
        expect(page.get_by_role("button", name="Mail it to analysts")).to_be_visible()
        _accessible(page)


def _schedule(page: Page) -> None:
    """Fill the form, and see the next runs as one types."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Run readers regularly")
    ahead = page.locator("#ahead")
    expect(ahead.get_by_role("listitem")).to_have_count(5)
    expect(page.get_by_label("On", exact=True)).to_be_hidden()
    page.get_by_label("How often").select_option("every week")
    page.get_by_label("On", exact=True).select_option("Friday")
    expect(ahead).to_contain_text("Every Friday at 06:00")
    page.get_by_label("How often").select_option("every month")
    page.get_by_label("On day").fill("5")
    page.get_by_label("Time zone").fill("Nowhere/Atlantis")
    expect(ahead).to_contain_text("There is no such time zone")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    expect(ahead).to_contain_text("Every month on day 5 at 06:00, Europe/Berlin")
    _accessible(page)
    page.get_by_role("button", name="Run regularly").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("readers")
    expect(page.get_by_role("heading", name="No edition yet")).to_be_visible()


def _earlier_periods(page: Page) -> None:
    """Have two periods of the past run, told beforehand how many these are, and one of them again."""
    page.get_by_label("From").fill("2025-01")
    page.get_by_label("To", exact=True).fill("2025-02")
    expect(page.locator("#ahead")).to_contain_text("2 runs, January 2025 … February 2025")
    _accessible(page)
    page.get_by_role("button", name="Run these periods").click()
    _edition_comes(page, 4)
    page.get_by_role("button", name="Run again for January 2025").click()
    _edition_comes(page, 5)
    assert any("January 2025, edition 2" in each for each in months(page))


def _edition_comes(page: Page, count: int) -> None:
    """Look at the report again and again, as its person would, until it has so many editions."""
    for _ in range(240):
        if len([each for each in months(page) if each]) >= count:
            return
        page.wait_for_timeout(500)
        page.reload()
    pytest.fail("no edition came")


def _accessible(page: Page) -> None:
    assert Axe().run(page).response["violations"] == []
