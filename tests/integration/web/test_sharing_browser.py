"""Two people at once, each in a browser: one shares a notebook, the other reads it until it is not shared any more.

Row F05 of the list of attacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import update

import browsers
from integration.web.running import Browser, Portal
from integration.web.test_attacks import without
from integration.web.test_sharing import MARK, Shared, document, groups, it
from swap.db.notebook_tables import notebook_share
from swap.notebooks import shares
from swap.notebooks.shares import Role

__all__ = ["it"]
CUT_SECONDS = 5.0
"""Within which an open page must be gone."""
SLACK_SECONDS = 60.0
"""Which other tests on the machine may take from it."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with browsers.running() as made:
        yield made


@pytest.fixture
def visit(chromium: Chromium, shared: Portal) -> Iterator[Callable[..., Page]]:
    contexts: list[BrowserContext] = []

    def open_page(who: Browser, path: str, *, width: int = 1280, mode: str = "light", **more: bool) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=mode, **more)  # type: ignore[arg-type]
        contexts.append(context)
        for name, value in who.cookies.items():
            context.add_cookies([{"name": name, "value": value, "url": who.origin}])
        page = context.new_page()
        page.goto(f"{who.origin}{path}")
        return page

    del shared
    yield open_page
    for context in contexts:
        context.close()


def gone(page: Page) -> None:
    """Wait until a page is the one of a notebook that does not exist."""
    expect(page.get_by_role("heading", name="There is no notebook at this address")).to_be_visible(
        timeout=(CUT_SECONDS + SLACK_SECONDS) * 1000
    )
    expect(page.locator("iframe")).to_have_count(0)


def test_a_notebook_is_shared_read_and_taken_back(it: Shared, visit: Callable[..., Page]) -> None:
    """The story: find somebody, share with them, they read it; end it, and their open page is gone."""
    ann = visit(it.ann, "/notebooks")
    ann.get_by_role("row", name=it.path).get_by_role("link", name="Share").click()
    expect(ann.get_by_role("heading", name="Share ")).to_be_visible()
    ann.get_by_label("Find people and groups").fill("bertr")
    ann.get_by_role("button", name="Find").click()
    ann.get_by_role("button", name="Share with bertrand").click()
    expect(ann.get_by_label("Role of bertrand", exact=True)).to_have_value("view")

    bob = visit(it.bob, "/notebooks")
    bob.get_by_role("region", name="Shared with me").get_by_role("link", name=it.path.removesuffix(".ipynb")).click()
    expect(bob.get_by_role("heading", level=1)).to_have_text("Mobile readers")
    frame = bob.frame_locator("iframe.reader")
    expect(frame.get_by_role("heading", name="Mobile readers")).to_be_visible()
    expect(frame.locator("img")).to_have_js_property("naturalWidth", 5)
    expect(bob.get_by_role("link", name="Share")).to_have_count(0)

    ann.get_by_role("button", name="End sharing with bertrand").click()
    expect(ann.get_by_role("button", name="End sharing with bertrand")).to_have_count(0)
    gone(bob)
    bob.goto(f"{it.bob.origin}/notebooks")
    expect(bob.get_by_role("link", name=it.path.removesuffix(".ipynb"), exact=True)).to_have_count(0)


def taken_away(it: Shared, how: str) -> None:
    if how == "share":
        it.end()
    elif how == "group":
        groups(it.portal, "analysts")
    elif how == "expiry":
        with it.portal.database.engine().begin() as conn:
            now = datetime.now(UTC)
            conn.execute(
                update(notebook_share)
                .where(notebook_share.c.notebook_id == it.id)
                .values(expires_at=now - timedelta(seconds=1))
            )
    else:
        it.delete()


@pytest.mark.parametrize("how", ["share", "group", "expiry", "deleted"])
def test_f05_an_open_page_is_cut_when_it_may_not_be_seen_any_more(
    it: Shared, visit: Callable[..., Page], how: str
) -> None:
    """F05: within five seconds on a machine that is free; until then the page asks every two."""
    groups(it.portal, "research")
    it.share(**({"kind": "group", "whom": "research"} if how == "group" else {}))
    page = visit(it.bob, it.at())
    expect(page.frame_locator("iframe.reader").get_by_role("heading", name="Mobile readers")).to_be_visible()
    began = time.monotonic()
    taken_away(it, how)
    gone(page)
    assert time.monotonic() - began < CUT_SECONDS + SLACK_SECONDS


def test_f05_it_is_this_question_that_cuts_the_page(it: Shared, visit: Callable[..., Page]) -> None:
    """F05, the control: where it is answered as before, the page stays."""
    it.share()
    page = visit(it.bob, it.at())
    frame = page.frame_locator("iframe.reader").get_by_role("heading", name="Mobile readers")
    expect(frame).to_be_visible()
    with without(shares, "role", lambda *_: Role.MANAGE):
        it.end()
        for _ in range(2):
            with page.expect_response(lambda answer: "/still?" in answer.url, timeout=60_000) as answered:
                pass
            assert answered.value.status == 204
        expect(frame).to_be_visible()
    gone(page)


def test_a_page_that_nobody_looks_at_asks_when_it_is_looked_at(it: Shared, visit: Callable[..., Page]) -> None:
    it.share()
    page = visit(it.bob, it.at())
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    it.end()
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    gone(page)


def test_a_notebook_is_given_away_and_taken(it: Shared, visit: Callable[..., Page]) -> None:
    it.share("own")
    page = visit(it.bob, it.at())
    page.get_by_role("button", name="Take it", exact=True).click()
    expect(page.get_by_role("button", name="Take it", exact=True)).to_have_count(0)
    expect(page.get_by_text("bertrand", exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name="Share")).to_be_visible()


def test_all_of_it_works_without_script(it: Shared, visit: Callable[..., Page]) -> None:
    page = visit(it.ann, it.at("/share?find=bertrand"), java_script_enabled=False)
    page.get_by_label("Last day for bertrand").fill("2999-12-31")
    page.get_by_role("button", name="Share with bertrand").click()
    expect(page.get_by_label("Last day for bertrand")).to_have_value("2999-12-31")
    page.get_by_label("Role of bertrand", exact=True).select_option("manage")
    page.get_by_role("button", name="Change the role of bertrand").click()
    expect(page.get_by_label("Role of bertrand", exact=True)).to_have_value("manage")
    page.get_by_role("button", name="End sharing with bertrand").click()
    expect(page.get_by_role("button", name="End sharing with bertrand")).to_have_count(0)


@pytest.mark.parametrize(("mode", "width"), [("light", 1280), pytest.param("dark", 390, marks=pytest.mark.long)])
def test_the_pages_are_accessible_and_fit(it: Shared, visit: Callable[..., Page], mode: str, width: int) -> None:
    groups(it.portal, "research", MARK)
    it.share("own")
    it.share(kind="group", whom=MARK, until="2999-12-31")
    it.share(kind="everyone", whom="")
    found = []
    for who, path in ((it.ann, "/share?find=res"), (it.ann, ""), (it.bob, ""), (it.bob, "/share")):
        page = visit(who, it.at(path), width=width, mode=mode)
        page.wait_for_load_state("load")
        violations = Axe().run(page).response["violations"]
        found += [(path, each["id"], [node["target"] for node in each["nodes"]]) for each in violations]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append((path, "wide", []))
    page = visit(it.bob, "/notebooks", width=width, mode=mode)
    found += [("notebooks", each["id"], []) for each in Axe().run(page).response["violations"]]
    assert found == []


def test_a_title_is_text_in_a_browser_too(it: Shared, visit: Callable[..., Page]) -> None:
    it.shelf.save(document(MARK), path=it.path, base=1)
    it.share()
    page = visit(it.bob, it.at())
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    expect(page.get_by_role("heading", level=1)).to_contain_text("alert(")
    assert said == []
