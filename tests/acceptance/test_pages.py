"""Every page as a person meets it: accessible in light, dark and at 390 px, and pictured for the docs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from lab import Notebook, open_example, open_new
from playwright.sync_api import Browser, Locator, Page, expect
from stage import Demo, Person

pytestmark = pytest.mark.acceptance

PAGES = {
    "home": "/",
    "data": "/data",
    "source": "/data/lake",
    "table": "/data/lake/wmf/pageview_hourly",
    "notebooks": "/notebooks",
    "not-found": "/nothing-here",
    "localhost-name": "/help/localhost-name",
    "tunnel-port": "/help/tunnel-port",
    "sign-out": "/sign-out",
}
TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-notebook.md"
IN_THE_DOCS = {"home": ".sw-empty", "source": "#tables", "table": "#cols tr:has-text('city')"}
"""Pages that the docs show, each down to the end of something on it."""
LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "390": (390, "light")}
each_look = pytest.mark.parametrize(
    "look", ["light", *(pytest.param(look, marks=pytest.mark.long) for look in ("dark", "390"))]
)


def looked_at(page: Page, name: str) -> None:
    """Keep a page's picture for people to look at: `SWAP_LOOKS=<folder>`."""
    if folder := os.environ.get("SWAP_LOOKS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def picture(page: Page, name: str, *, down_to: Locator | None = None) -> None:
    """Keep a picture for the docs, as far down as an element: `SWAP_PICTURES=$PWD/docs/images make test T=tests/acceptance/test_pages.py`."""
    if folder := os.environ.get("SWAP_PICTURES"):
        box = down_to.bounding_box() if down_to else None
        bottom = min(900.0, box["y"] + box["height"] + 24) if box else 900.0
        page.screenshot(
            path=Path(folder) / f"{name}.png",
            clip={"x": 0, "y": 0, "width": 1280, "height": bottom},
            animations="disabled",
            caret="hide",
        )


def serious(page: Page) -> list[str]:
    """Return what axe finds serious or worse on a page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{item['id']}: {item['nodes'][0]['html'][:160]}" for item in found if item["impact"] in {"serious", "critical"}
    ]


@each_look
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
        looked_at(page, f"{name}-{look}")
        if look == "light" and name in IN_THE_DOCS:
            picture(page, name, down_to=page.locator(IN_THE_DOCS[name]))
    finally:
        page.close()


@each_look
def test_the_sign_in_page_is_accessible(browser: Browser, demo: Demo, look: str) -> None:
    width, scheme = LOOKS[look]
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(demo.url)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    looked_at(page, f"sign-in-{look}")
    if look == "light":
        # Whoever reads the docs has neither this port nor this machine.
        page.locator(".sw-sign__people code").evaluate(
            "element => { element.textContent = 'ssh -N -L 8000:localhost:8000 stat.example.org' }"
        )
        picture(page, "sign-in", down_to=page.locator(".sw-sign__note"))
    page.close()


@pytest.fixture
def homes(demo: Demo) -> Path:
    return demo.state / "homes"


def of_welcome(name: str) -> str:
    """Return the cell of the tutorial that leaves its answer in `name`."""
    [cell] = re.findall(rf"^(%%swap {name}\n.*?)\n```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return str(cell)


def run_as_first(notebook: Notebook, source: str) -> Locator:
    """Write over the first cell of a new notebook and run it."""
    notebook.cell(0).locator(".cm-content").click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.insert_text(source)
    notebook.page.keyboard.press("Control+Enter")
    return notebook.cell(0)


def serious_outputs(page: Page) -> list[str]:
    """Return what axe finds serious or worse in the outputs of the open notebook."""
    found = (
        Axe().run(page, context=".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output").response["violations"]
    )
    return [item["id"] for item in found if item["impact"] in {"serious", "critical"}]


def test_a_first_result_and_its_chart_are_accessible(ann: Person, demo: Demo, homes: Path) -> None:
    notebook = open_new(ann.page, demo.url, homes)
    result = run_as_first(notebook, of_welcome("top_pages"))
    expect(result.locator(".jp-OutputArea")).to_contain_text("10 rows × 3 columns")
    assert serious_outputs(ann.page) == []
    picture(ann.page, "first-notebook", down_to=result)
    chart = notebook.run('top_pages.chart("bar", x="views", y="page_title")')
    expect(chart.locator(".jp-OutputArea svg, .jp-OutputArea canvas").first).to_be_visible()
    chart.locator(".jp-OutputArea").evaluate("element => element.scrollIntoView({block: 'end'})")
    assert serious_outputs(ann.page) == []
    picture(ann.page, "chart", down_to=chart)


def test_a_running_cell_is_accessible(ann: Person, demo: Demo, homes: Path) -> None:
    notebook = open_new(ann.page, demo.url, homes)
    cell = run_as_first(notebook, of_welcome("duels"))
    expect(cell.locator(".jp-OutputArea")).to_contain_text("Combining")
    assert serious_outputs(ann.page) == []
    picture(ann.page, "running-cell", down_to=cell)
    notebook.interrupt()
    expect(cell.locator(".jp-OutputArea")).to_contain_text(re.compile("cancelled", re.IGNORECASE))


def test_results_and_errors_in_the_notebook_are_accessible(ann: Person, demo: Demo, homes: Path) -> None:
    notebook: Notebook = open_example(ann.page, demo.url, homes, "Which flights are late")
    notebook.run_all()
    cell = notebook.run("%%swap\nSELECT page_titel FROM lake.wmf.pageview_hourly")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("page_titel")
    assert serious_outputs(ann.page) == []
