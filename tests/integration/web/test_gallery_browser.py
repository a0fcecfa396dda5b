"""The gallery in a browser: one finds what another shared, stars it, and finds it again; dark, narrow and without script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

import notebooks
from integration.web.test_gallery import another, groups, made, reads, word
from integration.web.test_sharing import MARK, Shared, it
from integration.web.test_sharing_browser import chromium, visit
from swap.policy.decide import decide
from swap.settings.policy import Grant, Policy
from swap.web import gallery as web_gallery

__all__ = ["chromium", "it", "visit"]


def test_somebody_finds_stars_and_finds_again_what_a_colleague_shared(it: Shared, visit: Callable[..., Page]) -> None:
    only = word()
    it.shelf.save(
        notebooks.notebook(notebooks.markdown("# Mobile readers by country"), notebooks.code(f"wmf.{only}_hourly")),
        path=it.path,
        base=1,
    )
    it.share()
    made(it.portal)
    bob = visit(it.bob, "/notebooks")
    bob.get_by_role("navigation", name="Notebooks").get_by_role("link", name="Gallery").click()
    expect(bob.get_by_role("heading", level=1)).to_have_text("Gallery")
    bob.get_by_label("Words in notebooks").fill(f"{only} hourly")
    bob.get_by_role("button", name="Search").click()
    found = bob.get_by_role("row", name="Mobile readers by country")
    expect(found.locator("mark").first).to_have_text(only)
    found.get_by_role("link", name="Mobile readers by country").click()
    bob.get_by_role("button", name="Star", exact=True).click()
    expect(bob.get_by_role("button", name="Unstar")).to_be_visible()
    made(it.portal)
    bob.goto(f"{it.bob.origin}/gallery")
    bob.get_by_label("Starred by me").check()
    bob.get_by_role("button", name="Search").click()
    expect(bob.get_by_label("Starred by me")).to_be_checked()
    starred = bob.get_by_role("row", name="Mobile readers by country")
    expect(starred.get_by_role("cell").nth(2)).to_have_text("1")
    it.end()
    bob.reload()
    expect(starred).to_have_count(0)


def test_all_of_it_works_without_script_and_with_the_keyboard(it: Shared, visit: Callable[..., Page]) -> None:
    only = word()
    another(it, notebooks.markdown(f"# {only}"))
    made(it.portal)
    bare = visit(it.ann, "/gallery", java_script_enabled=False)
    bare.get_by_label("Words in notebooks").fill(only)
    bare.get_by_label("Words in notebooks").press("Enter")
    expect(bare.get_by_role("link", name=only)).to_be_visible()
    page = visit(it.ann, "/gallery")
    page.keyboard.press("/")
    page.keyboard.type(only)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=only)).to_be_visible()


def test_a_notebook_is_text_in_a_browser_too(it: Shared, visit: Callable[..., Page]) -> None:
    heard: list[str] = []
    it.shelf.save(notebooks.notebook(notebooks.markdown(f"# {MARK}\n\n{MARK}")), path=it.path, base=1)
    made(it.portal)
    page = visit(it.ann, "/gallery")
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.goto(f"{it.ann.origin}/gallery?q=canary")
    expect(page.get_by_text("alert('canary')").first).to_be_visible()
    assert heard == []


@pytest.mark.parametrize(
    ("mode", "width"),
    [
        ("dark", 390),
        pytest.param("light", 1280, marks=pytest.mark.long),
        pytest.param("light", 900, marks=pytest.mark.long),
        pytest.param("dark", 1280, marks=pytest.mark.long),
    ],
)
def test_the_pages_are_accessible_and_fit(
    it: Shared, visit: Callable[..., Page], monkeypatch: pytest.MonkeyPatch, mode: str, width: int
) -> None:
    policy = Policy(grants=(Grant(name="wmf", groups=("analysts",), on=("lake",)),))
    monkeypatch.setattr(web_gallery, "decide", lambda _, *rest: decide(policy, *rest))
    groups(it.portal, "analysts", "research")
    long, only = "long" * 40, word()
    reads(it, ("lake", "wmf", "pageview_hourly", "a"), ("lake", "wmf", "x" * 60, "b"), ("lake", "wmf", "gone", "c"))
    it.share()
    error = {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}
    failed = another(it, notebooks.markdown(f"# {long} {only}"), notebooks.code(f"{only} {long}", error))
    failed.send("/star")
    it.portal.gateway.changed["lake.wmf.pageview_hourly"] = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made(it.portal)
    found = []
    for who, path in (
        (it.bob, "/gallery"),
        (it.ann, f"/gallery?q={only}"),
        (it.ann, "/gallery?uses=lake.wmf.pageview_hourly&starred=1"),
        (it.bob, "/gallery?by=pzzzzzzzzz"),
        (it.bob, "/notebooks"),
        (it.bob, "/data/lake/wmf/pageview_hourly"),
        (it.bob, it.at()),
    ):
        page = visit(who, path, width=width, mode=mode)
        page.wait_for_load_state("load")
        violations = Axe().run(page).response["violations"]
        found += [(path, each["id"], [node["target"] for node in each["nodes"]]) for each in violations]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append((path, "wide", []))
    assert found == []
