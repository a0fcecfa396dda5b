"""Two people at once, each in a browser: one forks the other's notebook, takes what changes there, and suggests back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from integration.web.test_forks import CELLS, Fork, fork, fork_of, it, sources, upstream
from integration.web.test_history import Shelf
from integration.web.test_sharing import MARK, Shared
from integration.web.test_sharing_browser import chromium, visit

__all__ = ["chromium", "fork", "it", "visit"]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_notebook_is_forked_follows_its_original_and_gives_back(
    it: Shared, visit: Callable[..., Page], script: bool
) -> None:
    """The story, which needs no script."""
    bob = visit(it.bob, it.at(), java_script_enabled=script)
    bob.get_by_role("button", name="Fork", exact=True).click()
    expect(bob.get_by_role("heading", level=1)).to_contain_text("Origin of ")
    expect(bob.get_by_text("Nothing that you have not got")).to_be_visible()
    made = Fork(it, Shelf(it.portal, "bertrand"), bob.url.split("/")[-2])

    upstream(it, "aaa = 2", *CELLS[1:])
    bob.goto(f"{it.bob.origin}{made.at()}")
    bob.get_by_role("link", name="Look at what it changed").click()
    expect(bob.get_by_text("aaa = 2")).to_be_visible()
    bob.get_by_role("button", name="Take: cell 1").click()
    expect(bob.get_by_text("Nothing that you have not got")).to_be_visible()
    assert sources(made.file) == ["aaa = 2", *CELLS[1:]]

    made.save("aaa = 2", "bbb = 5", "ccc = 1")
    bob.goto(f"{it.bob.origin}{made.at('/origin')}")
    bob.get_by_role("link", name="Suggest what you changed").click()
    bob.get_by_role("button", name="Suggest: cell 2").click()
    expect(bob.get_by_text("it waits")).to_be_visible()

    ann = visit(it.ann, it.at(), java_script_enabled=script)
    ann.get_by_role("link", name="Look at what is suggested").click()
    expect(ann.get_by_text("suggested by bertrand")).to_be_visible()
    expect(ann.get_by_text("bbb = 5")).to_be_visible()
    ann.get_by_role("button", name="Accept suggestion 1").click()
    expect(ann.get_by_text("Nothing is suggested.")).to_be_visible()
    assert sources(it.shelf.home / it.path) == ["aaa = 2", "bbb = 5", "ccc = 1"]


@pytest.mark.parametrize(("mode", "width"), [("dark", 390), pytest.param("light", 1280, marks=pytest.mark.long)])
def test_the_pages_of_forks_are_accessible_and_fit(
    fork: Fork, visit: Callable[..., Page], mode: str, width: int
) -> None:
    it = fork.it
    upstream(it, "aaa = 2", f"bbb = '{MARK}' {'x' * 200}", "new = 1")
    fork.save("aaa = 9", "bbb = 1", "mine = 1", "ccc = 1")
    fork.suggest(0)
    fork.suggest(0)
    fork_of(it, it.ann)
    pages = [(it.bob, fork.at(step)) for step in ("", "/origin", "/suggest")]
    pages += [(it.ann, it.at(step)) for step in ("", "/forks", "/suggestions", "/origin")]
    pages += [(it.bob, f"/notebooks/history?path={fork.path}")]
    found = []
    for who, path in pages:
        page = visit(who, path, width=width, mode=mode)
        page.wait_for_load_state("load")
        violations = Axe().run(page).response["violations"]
        found += [(path, each["id"], [node["target"] for node in each["nodes"]]) for each in violations]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append((path, "wide", []))
    assert found == []
