"""One's own notebook in JupyterLab and what SWAP has of it, with a real store.

It is put together cell by cell where it was saved elsewhere meanwhile, and a panel tells of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, expect

import notebooks
import saves
from integration.gateway.desks import Desk as Author
from integration.gateway.test_own import says
from integration.gateway.test_shared import share
from integration.lab.desks import Desk, opened
from integration.lab.test_saving import gateway
from integration.lab.windows import forgotten
from swap.identity import Principal, Via
from swap.notebooks import history, saving
from swap.settings import Policy

__all__ = ["gateway"]
PYTHON: dict[str, Any] = {"kernelspec": {"name": "swap", "display_name": "Python (SWAP)", "language": "python"}}
BASE = ("one = 1", "two = 2", "three = 3", "four = 4")
THEIRS = ("one = 'theirs'", "two = 'theirs'", "three = 3", "new = 'theirs'")
"""Both changed the first cell, they changed the second, deleted the fourth and added one."""
LAST = "last = 'theirs'"
MINE = "one = 'mine'"


@pytest.fixture(scope="module")
def ann(gateway: Any) -> Iterator[Desk]:
    with opened(gateway, "ann") as made:
        yield made


@pytest.fixture
def page(ann: Desk, context: BrowserContext) -> Iterator[Page]:
    with forgotten(context, ann.server.url):
        yield context.new_page()


def document(*sources: str) -> dict[str, Any]:
    return saves.notebook(*sources, outputs={0: [notebooks.printed("printed")]}, **PYTHON)


def open_(page: Page, ann: Desk, name: str) -> None:
    """Open a notebook that was saved, and change its first cell."""
    ann.save(document(*BASE), name)
    page.goto(f"{ann.server.url}/lab/tree/{name}?reset")
    first = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    expect(first).to_have_text(BASE[0], timeout=60_000)
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)
    first.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(MINE)


def choose(page: Page) -> Locator:
    """Save, and choose cell by cell; return the question."""
    page.keyboard.press("Control+s")
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("Saved elsewhere meanwhile", timeout=60_000)
    asked.get_by_role("button", name="Choose cell by cell").click()
    question = page.locator(".swap-merge")
    expect(question).to_contain_text("Choose cell by cell: ")
    return question


def radio(question: Locator, title: str, choice: str) -> Locator:
    return question.get_by_role("group", name=title, exact=True).get_by_role("radio", name=choice, exact=True)


def cells(page: Page) -> Locator:
    return page.locator(".jp-Notebook .jp-Cell .cm-content")


def test_what_another_machine_saved_is_put_together_with_mine(ann: Desk, page: Page) -> None:
    open_(page, ann, "machines.ipynb")
    principal = Principal(ann.person.id, "ann", frozenset(), Via.SERVER)
    theirs = saves.sent(document(*THEIRS), path="machines.ipynb", base=1)
    with ann.gateway.database.engine("owner").begin() as conn:
        saving.save(conn, Policy(), principal, theirs, datetime.now(UTC), lambda: "n")

    question = choose(page)
    expect(radio(question, "Cell 1: you both changed it", "Both, mine first")).to_be_checked()
    expect(radio(question, "Cell 2: they changed it", "Theirs")).to_be_checked()
    expect(radio(question, "Cell 4: they deleted it", "Theirs")).to_be_checked()
    expect(radio(question, "Cell 4 of theirs: they added it", "Theirs")).to_be_checked()
    expect(question.locator("fieldset")).to_have_count(4)
    found = Axe().run(page, {"include": [".swap-merge"]}).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []

    # By keyboard alone: the first question has the focus.
    expect(radio(question, "Cell 1: you both changed it", "Both, mine first")).to_be_focused()
    radio(question, "Cell 4: they deleted it", "Theirs").focus()
    page.keyboard.press("ArrowLeft")
    expect(radio(question, "Cell 4: they deleted it", "Mine")).to_be_checked()
    question.get_by_role("button", name="Save what I chose").press("Enter")

    wanted = [MINE, THEIRS[0], THEIRS[1], BASE[2], BASE[3], THEIRS[3]]
    expect(page.locator(".swap-saved")).to_have_text("Saved, version 3", timeout=60_000)
    expect(cells(page)).to_have_text(wanted)
    assert [cell["source"] for cell in ann.file("machines.ipynb")["cells"]] == wanted
    assert ann.versions("machines.ipynb")[1] == document(*THEIRS), "theirs stays in the history"
    # The next save follows it, and is no conflict.
    cells(page).nth(0).click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("after")
    page.keyboard.press("Control+s")
    expect(page.locator(".swap-saved")).to_have_text("Saved, version 4", timeout=60_000)


def test_a_file_that_a_program_wrote_is_put_together_with_mine_once_it_rests(ann: Desk, page: Page) -> None:
    open_(page, ann, "file.ipynb")
    file, theirs = ann.home / "file.ipynb", document(*THEIRS)
    file.write_text(json.dumps(theirs))
    question = choose(page)
    radio(question, "Cell 1: you both changed it", "Theirs").check()
    question.get_by_role("button", name="Decide later").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(cells(page)).to_have_text([MINE, *BASE[1:]])
    assert ann.file("file.ipynb") == theirs, "who decides later has changed nothing"

    question = choose(page)
    radio(question, "Cell 1: you both changed it", "Mine").check()
    # It is written once more while the question is open: that is asked about too, and nothing is written over.
    file.write_text(json.dumps(document(*THEIRS, LAST)))
    question.get_by_role("button", name="Save what I chose").click()
    expect(radio(question, "Cell 5 of theirs: they added it", "Theirs")).to_be_checked(timeout=60_000)
    question.get_by_role("button", name="Save what I chose").click()
    wanted = [MINE, *THEIRS[1:], LAST]
    expect(cells(page)).to_have_text(wanted, timeout=60_000)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
    assert [cell["source"] for cell in ann.file("file.ipynb")["cells"]] == wanted


def opens(page: Page, does: Callable[[], None]) -> str:
    """Return the address of the window that something opens; nobody answers there."""
    page.evaluate("window.open = address => { window.opened = String(address); }")
    does()
    page.wait_for_function("window.opened", timeout=60_000)
    return str(page.evaluate("() => { const opened = window.opened; delete window.opened; return opened; }"))


def test_the_launcher_leads_to_what_colleagues_share_and_to_examples(ann: Desk, page: Page) -> None:
    page.goto(f"{ann.server.url}/lab?reset")
    launcher = page.locator(".jp-Launcher")
    for name, where in {"Notebooks of Colleagues": "/gallery", "Examples to Copy": "/gallery#examples"}.items():
        card = launcher.get_by_role("button", name=name)
        card.wait_for(timeout=60_000)
        assert opens(page, card.click) == f"http://localhost:8000{where}"


def test_what_swap_knows_of_a_notebook_stands_beside_it(ann: Desk, page: Page) -> None:
    bob = Author(ann.gateway, "bob", "readers")
    ann.save(document(*BASE), "panel.ipynb")
    with ann.gateway.database.engine("owner").begin() as conn:
        principal = Principal(ann.person.id, "ann", frozenset(), Via.PORTAL)
        saved = (history.head(conn, principal, "panel.ipynb").notebook_id, 1)
    share(bob, saved, "person", bob.person.id)
    says(ann.person, saved, document(*BASE)["cells"][2]["id"], "Is three right?")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/swap/own" in request.url else None)

    open_(page, ann, "panel.ipynb")
    assert asked == [], "nothing is asked for a panel that is closed"
    page.keyboard.press("Alt+Shift+N")
    panel = page.get_by_role("region", name="Notebook on SWAP")
    expect(panel.get_by_role("link", name="What changed in version 1 of panel")).to_be_visible()
    told = {
        name: panel.get_by_role("region", name=name, exact=True)
        for name in ("Shared with", "Data it reads", "Origin and forks")
    }
    expect(told["Shared with"]).to_contain_text("bob")
    expect(told["Shared with"]).to_contain_text("may view, sees all outputs")
    expect(told["Origin and forks"]).to_contain_text("No forks")
    expect(panel).to_contain_text("Is three right?")
    panel.get_by_role("button", name="Go to cell 3").click()
    expect(page.locator(".jp-Notebook .jp-Cell").nth(2)).to_have_class(re.compile("jp-mod-active"))
    comment = panel.get_by_role("link", name="Comment", exact=True)
    comment.evaluate("each => each.addEventListener('click', event => event.preventDefault())")
    comment.click()
    expect(comment).to_have_attribute("href", re.compile(rf"/n/{saved[0]}/comments\?cell=c\w+$"))
    found = Axe().run(page, {"include": ["#swap-beside"]}).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
    assert len(asked) == 1

    # Keys lead to the portal's pages, also where somebody types.
    cells(page).first.click()
    for key, where in {"S": "share", "C": "comments", "H": "history"}.items():
        found = urlsplit(opens(page, partial(page.keyboard.press, f"Alt+Shift+{key}")))
        assert (found.path, parse_qs(found.query)["path"]) == (f"/notebooks/{where}", ["panel.ipynb"])
    expect(cells(page).first).to_have_text(MINE)

    page.keyboard.press("Control+s")
    expect(panel.get_by_role("link", name="What changed in version 2 of panel")).to_be_visible()
    assert len(asked) == 2, "once after a save"
    # What SWAP does not tell is said, and nothing old stands for it.
    ann.cut()
    panel.get_by_role("button", name="Ask SWAP again").click()
    expect(panel.get_by_role("status")).to_contain_text("SWAP's gateway does not answer.")
    expect(panel.get_by_role("link")).to_have_count(0)
    ann.mend()
    panel.get_by_role("button", name="Ask SWAP again").click()
    expect(panel.get_by_role("link", name="What changed in version 2 of panel")).to_be_visible()
