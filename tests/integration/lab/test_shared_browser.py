"""The drive *Shared* in JupyterLab, in a real browser: what a colleague shares is listed, opened, run, and goes again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from sqlalchemy import text

import browsers
import notebooks
import saves
from integration.gateway.desks import CITIES
from integration.gateway.desks import Desk as Author
from integration.gateway.test_shared import share
from integration.lab.test_saving import Desk, gateway, opened
from integration.lab.windows import forgotten

__all__ = ["gateway"]
PYTHON: dict[str, Any] = {"kernelspec": {"name": "swap", "display_name": "Python (SWAP)", "language": "python"}}
HOSTILE = "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script><b>bold</b>"


@dataclass
class Pair:
    """Ann, who shares, and Bob, who has a JupyterLab."""

    ann: Author
    bob: Desk

    def groups(self, *groups: str) -> None:
        self.bob.gateway.set_groups(self.bob.person, *groups)

    def shares(self, name: str, *outputs: str) -> tuple[str, int]:
        """Share a notebook of Ann's whose kernel has read what not everybody may read."""
        self.ann.asks(CITIES, "k1")
        saved = self.ann.saves(*outputs, kernel="k1", path=f"{name}.ipynb")
        share(self.ann, saved, "person", self.bob.person.id)
        return saved

    def shares_document(self, name: str, document: dict[str, Any]) -> tuple[str, int]:
        self.ann.asks(CITIES, "k1")
        answer = self.ann.home.save(document, path=f"{name}.ipynb", kernel_id="k1")
        assert answer.status_code == 200, answer.text
        saved = (str(answer.json()["notebook"]), 1)
        share(self.ann, saved, "person", self.bob.person.id)
        return saved


@pytest.fixture(scope="module")
def both(gateway: Any) -> Iterator[Pair]:
    with opened(gateway, "bob") as bob:
        yield Pair(Author(gateway, "ann", "analysts", "data-privacy"), bob)


@pytest.fixture
def pair(both: Pair) -> Pair:
    """With nothing shared, and the rights to all of it."""
    with both.bob.gateway.database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.notebook_share"))
        conn.execute(text("UPDATE swap.notebook SET deleted_at = now() WHERE deleted_at IS NULL"))
    both.groups("analysts", "data-privacy")
    return both


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsers.running() as made:
        yield made


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    yield made
    made.close()


@pytest.fixture
def page(pair: Pair, context: BrowserContext) -> Iterator[Page]:
    with forgotten(context, pair.bob.server.url):
        page = context.new_page()
        page.goto(f"{pair.bob.server.url}/lab?reset")
        page.locator("#swap-logo").wait_for(timeout=60_000)
        yield page


def shelf(page: Page) -> Locator:
    """Show the list of what is shared."""
    panel = page.get_by_role("region", name="Shared with you")
    if not panel.is_visible():
        page.get_by_role("tab", name="Shared with you").click()
    return panel


def open_(page: Page, name: str) -> Locator:
    shelf(page).get_by_text(name).dblclick()
    notebook = page.locator(".jp-NotebookPanel:visible")
    expect(notebook.locator(".swap-sign")).to_contain_text("shares this with you")
    return notebook


def test_what_is_shared_is_listed_opened_and_run_in_a_kernel_of_ones_own(pair: Pair, page: Page) -> None:
    document = saves.notebook("import os; print(os.getcwd())", outputs={0: [notebooks.printed("as ann saved it")]}, **PYTHON)
    pair.shares_document("cities", document)
    files = sorted(path.name for path in pair.bob.home.rglob("*.ipynb"))
    notebook = open_(page, "cities (ann).ipynb")
    sign = notebook.locator(".swap-sign")
    expect(sign).to_contain_text("ann shares this with you, to view.")
    expect(sign.get_by_role("link", name="its page in SWAP")).to_have_attribute("href", re.compile(r"/n/[0-9a-f]+$"))
    expect(notebook.locator(".jp-OutputArea-output")).to_have_text("as ann saved it")
    expect(notebook.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible()
    notebook.locator(".cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    expect(notebook.locator(".jp-OutputArea-output").first).to_have_text(str(pair.bob.home))
    expect(page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
    assert sorted(path.name for path in pair.bob.home.rglob("*.ipynb")) == files, "nothing was written at home"
    rows = [row for row in pair.bob.gateway.audit("notebook-read") if row.person_id == pair.bob.person.id]
    assert rows[-1].detail["how"] == "lab"
