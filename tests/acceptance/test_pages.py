"""Every page as a person meets it: accessible in light, dark and at 390 px, and pictured for the docs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from lab import Notebook, open_example
from playwright.sync_api import Browser, Page, expect
from stage import Demo, Person

pytestmark = pytest.mark.acceptance

PAGES = {
    "home": "/", "data": "/data", "source": "/data/lake", "table": "/data/lake/wmf/pageview_hourly", "notebooks": "/notebooks",
    "not-found": "/nothing-here", "localhost-name": "/help/localhost-name", "tunnel-port": "/help/tunnel-port", "sign-out": "/sign-out",
}
LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "390": (390, "light")}


def picture(page: Page, name: str) -> None:
    """Keep a picture for the docs: `SWAP_PICTURES=docs/images make test T=tests/acceptance/test_pages.py`."""
    if folder := os.environ.get("SWAP_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def serious(page: Page) -> list[str]:
    """Return what axe finds serious or worse on a page."""
    found = Axe().run(page).response["violations"]
    return [f"{item['id']}: {item['nodes'][0]['html'][:160]}" for item in found if item["impact"] in {"serious", "critical"}]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_the_window(ann: Person, demo: Demo, name: str, look: str) -> None:
    width, scheme = LOOKS[look]
    page = ann.context.new_page()
    try:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(demo.url + PAGES[name])
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if name == "table":
            expect(page.locator("main")).to_contain_text("Ten rows")
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        picture(page, f"{name}-{look}")
    finally:
        page.close()


@pytest.mark.parametrize("look", LOOKS)
def test_the_sign_in_page_is_accessible(browser: Browser, demo: Demo, look: str) -> None:
    width, scheme = LOOKS[look]
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(demo.url)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"sign-in-{look}")
    page.close()


def test_results_and_errors_in_the_notebook_are_accessible(ann: Person, demo: Demo) -> None:
    notebook: Notebook = open_example(ann.page, demo.url, demo.state / "homes", "Which flights are late")
    notebook.run_all()
    cell = notebook.run("%%swap\nSELECT page_titel FROM lake.wmf.pageview_hourly")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("page_titel")
    picture(ann.page, "notebook-light")
    for output in (".jp-OutputArea-output",):
        found = Axe().run(ann.page, context=output).response["violations"]
        assert [item["id"] for item in found if item["impact"] in {"serious", "critical"}] == []
