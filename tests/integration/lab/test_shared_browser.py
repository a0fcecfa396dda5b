"""The drive *Shared* in JupyterLab, in a real browser: what a colleague shares is listed, opened, run, and goes again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, expect
from sqlalchemy import text

import notebooks
import saves
from integration.gateway.desks import CITIES
from integration.gateway.desks import Desk as Author
from integration.gateway.test_shared import share, unshare
from integration.lab.test_saving import Desk, gateway, opened
from integration.lab.windows import forgotten, in_each_theme
from swap.identity import Principal, Via
from swap.notebooks import share_store
from swap.web.shared import in_drive

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

    def shares_document(self, name: str, document: dict[str, Any], role: str = "view") -> tuple[str, int]:
        self.ann.asks(CITIES, "k1")
        answer = self.ann.home.save(document, path=f"{name}.ipynb", kernel_id="k1")
        assert answer.status_code == 200, answer.text
        saved = (str(answer.json()["notebook"]), 1)
        share(self.ann, saved, "person", self.bob.person.id, role=role)
        return saved

    def sees(self, saved: tuple[str, int], number: int) -> list[Any]:
        """Return the source and the printed output of each cell of a version, as Ann sees it."""
        cells = self.ann.document((saved[0], number))["cells"]
        return [(cell["source"], [output["text"] for output in cell["outputs"]]) for cell in cells]


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
    document = saves.notebook(
        "import os; print(os.getcwd())", outputs={0: [notebooks.printed("as ann saved it")]}, **PYTHON
    )
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


def test_what_may_not_be_seen_any_more_goes_from_an_open_page(pair: Pair, page: Page) -> None:
    """F05."""
    stays, goes = (
        saves.notebook("000", outputs={0: [notebooks.printed(each)]}, **PYTHON) for each in ("stays", "goes")
    )
    pair.shares_document("stays", stays)
    saved = pair.shares_document("goes", goes)
    other = open_(page, "stays (ann).ipynb")
    notebook = open_(page, "goes (ann).ipynb")
    expect(notebook.locator(".jp-OutputArea-output")).to_have_text("goes")
    unshare(pair.ann, saved)
    expect(notebook.locator(".swap-sign")).to_contain_text("You may not see this notebook any more", timeout=8_000)
    expect(page.get_by_text("goes", exact=True)).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(page.get_by_text("goes", exact=True)).to_have_count(0)
    expect(shelf(page).get_by_text("goes (ann).ipynb")).to_have_count(0)
    page.get_by_role("tab", name="stays (ann).ipynb").click()
    expect(other.locator(".jp-OutputArea-output")).to_have_text("stays")


def test_outputs_whose_data_may_not_be_read_any_more_are_hidden_on_an_open_page(pair: Pair, page: Page) -> None:
    """F02."""
    pair.shares_document("cities", saves.notebook("000", outputs={0: [notebooks.printed("Berlin")]}, **PYTHON))
    notebook = open_(page, "cities (ann).ipynb")
    expect(notebook.locator(".jp-OutputArea-output")).to_have_text("Berlin")
    pair.groups("analysts")
    words = "These outputs are hidden from you. They come from lake.wmf.pageview_hourly, which you may not read. Ask data-privacy."
    expect(notebook.get_by_role("note")).to_have_text(words, timeout=8_000)
    expect(page.get_by_text("Berlin")).to_have_count(0)
    pair.groups("analysts", "data-privacy")
    expect(notebook.locator(".jp-OutputArea-output")).to_have_text("Berlin", timeout=8_000)


def test_a_newer_version_is_offered_and_not_forced(pair: Pair, page: Page) -> None:
    pair.shares_document("cities", saves.notebook("print(1)", **PYTHON))
    notebook = open_(page, "cities (ann).ipynb")
    pair.ann.home.save(saves.notebook("print(2)", **PYTHON), path="cities.ipynb", base=1)
    sign = notebook.locator(".swap-sign")
    expect(sign).to_contain_text("This is version 1.", timeout=8_000)
    expect(notebook.locator(".cm-content").first).to_have_text("print(1)")
    sign.get_by_role("button", name="Show version 2").click()
    expect(notebook.locator(".cm-content").first).to_have_text("print(2)")
    expect(sign.get_by_role("button")).to_have_count(0)


def test_what_is_shared_to_be_edited_is_saved_as_the_next_version(pair: Pair, page: Page) -> None:
    """With what is hidden where it was, what he made from his own kernel, and after hers where hers was first."""
    made = saves.notebook("aaa", "bbb", outputs={0: [notebooks.printed("Berlin")]}, **PYTHON)
    saved = pair.shares_document("cities", made, "edit")
    pair.groups("readers")
    notebook = open_(page, "cities (ann).ipynb")
    sign = notebook.locator(".swap-sign")
    expect(sign).to_contain_text("ann shares this with you, to edit. This is version 1;")
    expect(notebook.get_by_role("note")).to_contain_text("These outputs are hidden from you.")
    expect(notebook.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible()
    written(page, notebook, "print(6 * 7)")
    page.keyboard.press("Shift+Enter")
    expect(notebook.locator(".jp-OutputArea-output").last).to_have_text("42")
    page.keyboard.press("Control+s")
    expect(sign).to_contain_text("This is version 2;")
    expect(page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
    expect(notebook.get_by_role("note")).to_contain_text("These outputs are hidden from you.")
    assert pair.sees(saved, 2)[:2] == [("aaa", ["Berlin"]), ("print(6 * 7)", ["42\n"])]
    kernels = [each["id"] for each in pair.bob.ask("GET", "/api/kernels").json()]
    with pair.bob.gateway.database.engine("owner").connect() as conn:
        said = (
            "SELECT author, environment->>'kernel_id' FROM swap.notebook_version WHERE notebook_id = :id AND number = 2"
        )
        author, kernel = conn.execute(text(said), {"id": saved[0]}).one()
    assert (author, kernel in kernels) == (pair.bob.person.id, True)

    hers = saves.notebook("aaa", "hers", outputs={0: [notebooks.printed("Berlin")]}, **PYTHON)
    assert pair.ann.home.save(hers, path="cities.ipynb", base=2).json()["version"] == 3
    written(page, notebook, "print('his')")
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("cities was saved by somebody else meanwhile, as version 3.")
    dialog.get_by_role("button", name="Save mine after it").click()
    expect(sign).to_contain_text("This is version 4;")
    assert [source for source, _ in pair.sees(saved, 4)][:2] == ["aaa", "print('his')"]
    assert pair.sees(saved, 4)[0] == ("aaa", ["Berlin"])
    assert list(pair.bob.home.glob("*cities*")) == [], "nothing was written at home"


def test_a_share_that_ends_while_somebody_writes_leaves_them_what_they_wrote(pair: Pair, page: Page) -> None:
    """F05."""
    made = saves.notebook("aaa", "bbb", outputs={0: [notebooks.printed("Berlin")]}, **PYTHON)
    saved = pair.shares_document("cities", made, "edit")
    notebook = open_(page, "cities (ann).ipynb")
    expect(notebook.locator(".jp-OutputArea-output")).to_have_text("Berlin")
    written(page, notebook, "mine = 1")
    unshare(pair.ann, saved)
    sign = notebook.locator(".swap-sign")
    expect(sign).to_contain_text("You may not see this notebook any more", timeout=8_000)
    expect(page.get_by_text("Berlin")).to_have_count(0)
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("There is no notebook at this address.")
    dialog.get_by_role("button", name="Decide later").click()
    sign.get_by_role("button", name="Keep what you wrote as a copy").click()
    expect(page.get_by_role("tab", name="cities-mine.ipynb")).to_be_visible()
    copy = json.loads((pair.bob.home / "cities-mine.ipynb").read_text())
    assert [("".join(cell["source"]), cell["outputs"]) for cell in copy["cells"]] == [("aaa", []), ("mine = 1", [])]
    expect(page.locator(".jp-NotebookPanel.lm-mod-hidden")).not_to_contain_text("mine = 1")


def written(page: Page, notebook: Locator, source: str) -> None:
    """Write into the second cell."""
    cell = notebook.locator(".jp-Cell .cm-content").nth(1)
    cell.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    expect(cell).to_have_text(source)


def test_nothing_is_changed_in_the_drive(pair: Pair, page: Page) -> None:
    pair.shares_document("cities", saves.notebook("print(1)", **PYTHON))
    row = shelf(page).get_by_text("cities (ann).ipynb")
    row.click()
    page.keyboard.press("Delete")
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_contain_text("Nothing can be deleted here. This drive shows what others share with you.")
    dialog.get_by_role("button").last.click()
    row.click()
    page.keyboard.press("F2")
    page.keyboard.insert_text("mine.ipynb")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Nothing can be renamed or moved here.")
    dialog.get_by_role("button").last.click()
    expect(shelf(page).get_by_text("cities (ann).ipynb")).to_be_visible()
    assert list(pair.bob.home.glob("mine*")) == []


def test_a_hostile_notebook_runs_nothing_and_is_not_trusted(pair: Pair, page: Page) -> None:
    """R01, R11: what stands in it, its name and its owner's file's word for its trust."""
    data = {"text/html": HOSTILE, "application/javascript": "document.title = 'ran'"}
    document = saves.notebook(
        "000", outputs={0: [notebooks.shown(each) for each in ({"text/html": HOSTILE}, data)]}, **PYTHON
    )
    document["cells"].append({"cell_type": "markdown", "id": "m", "metadata": {"trusted": True}, "source": HOSTILE})
    document["cells"][0]["metadata"] = {"trusted": True}
    pair.shares_document("<img src=x onerror=alert(1)>", document)
    notebook = open_(page, "<img src=x onerror=alert(1)> (ann).ipynb")
    expect(notebook.locator(".jp-OutputArea-output").last).to_have_text("bold")
    expect(page.locator("[onerror]")).to_have_count(0)
    expect(page).not_to_have_title("ran")
    page.keyboard.press("Control+Shift+C")
    page.get_by_placeholder("SEARCH", exact=False).fill("Trust Notebook")
    page.keyboard.press("Enter")
    page.locator(".jp-Dialog").get_by_role("button", name="Confirm Trusting this notebook").click()
    expect(notebook.locator(".jp-OutputArea-output [onerror]").first).to_be_attached()  # the control
    expect(page).not_to_have_title("ran")


def test_an_address_of_the_drive_that_leads_elsewhere_opens_nothing(pair: Pair, page: Page) -> None:
    (pair.bob.home / "own.ipynb").write_text("{}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("Shared:../own.ipynb", "Shared:..%2fown.ipynb", "Shared:a/../../own.ipynb"):
        page.goto(f"{pair.bob.server.url}/lab/tree/{path}?reset")
        page.locator("#swap-logo").wait_for(timeout=60_000)
        expect(page.locator(".jp-NotebookPanel")).to_have_count(0)
    assert [url for url in asked if "/api/contents/" in url and "own.ipynb" in url and "content=1" in url] == []


def test_the_address_that_its_page_leads_to_opens_it(pair: Pair, page: Page) -> None:
    saved = pair.shares_document("a, b; ü #1?", saves.notebook("print(1)", **PYTHON))
    with pair.bob.gateway.database.engine("owner").connect() as conn:
        kept = share_store.find(conn, Principal(pair.bob.person.id, "bob", frozenset(), Via.PORTAL), saved[0])
    assert kept is not None
    page.goto(f"{pair.bob.server.url}/lab/tree/{quote(in_drive(kept), safe='/')}?reset")
    expect(page.locator(".jp-NotebookPanel .swap-sign")).to_contain_text("ann shares this with you")
    expect(page.get_by_role("tab", name="a, b; ü #1? (ann).ipynb")).to_be_visible()


def test_it_can_be_read_in_each_theme_and_used_without_a_mouse(pair: Pair, page: Page) -> None:
    pair.shares_document("cities", saves.notebook("000", outputs={0: [notebooks.printed("Berlin")]}, **PYTHON))
    pair.groups("readers")
    shelf(page).get_by_text("cities (ann).ipynb").click()
    page.keyboard.press("Enter")
    expect(page.get_by_role("note")).to_contain_text("These outputs are hidden from you.")
    for _ in in_each_theme(page):
        for place in (".swap-sign", ".swap-hidden", ".swap-shared-h"):
            found = Axe().run(page, place)
            assert found.violations_count == 0, found.generate_report()
