"""The portal in a real browser: accessibility, keyboard, small screens, without script, and what only scripts do."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, expect

import browsers
from integration.web.running import ADMINS, PERSON_IDS, Browser, Portal, running
from integration.web.test_admin import query
from services import Database

ANN = PERSON_IDS["ann"]
MODES = [("light", 1280), ("dark", 390)]
TABLE = "/data/lake/wmf/pageview_hourly"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with browsers.running() as made:
        yield made


@pytest.fixture(scope="module")
def ann(shared: Portal) -> Browser:
    """A signed-in person with a few notebooks."""
    browser = shared.signed_in("ann", ("analysts", "product-analytics"))
    for age, (path, title) in enumerate(
        (("mobile.ipynb", "Mobile readers"), ("ideas/second.ipynb", "Second"), ("untitled-1.ipynb", ""))
    ):
        notebook = shared.home() / path
        notebook.parent.mkdir(parents=True, exist_ok=True)
        notebook.write_text(
            json.dumps({"cells": [{"cell_type": "markdown", "source": f"# {title}"}]}), encoding="utf-8"
        )
        os.utime(notebook, (time.time() - 3600 * age,) * 2)
    for name in ("emoji", "mwparserfromhell", "pywikibot", "revscoring", "wikitextparser", "yamlconf"):
        (shared.home() / f".local/share/swap/python3.11/lib/python3.11/site-packages/{name}-1.0.dist-info").mkdir(
            parents=True
        )
    return browser


@pytest.fixture
def visit(chromium: Chromium, shared: Portal, ann: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page as ann; whatever the page asks of another host is an error of the test."""
    contexts: list[BrowserContext] = []

    def open_page(
        path: str, *, mode: str = "light", width: int = 1280, who: Browser | None = ann, **more: bool
    ) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=mode, **more)  # type: ignore[arg-type]
        contexts.append(context)
        for name, value in (who.cookies if who else {}).items():
            context.add_cookies([{"name": name, "value": value, "url": shared_url(shared)}])
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.on("request", lambda request: _ours(request.url))
        page.goto(f"{shared_url(shared)}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def shared_url(portal: Portal) -> str:
    return f"http://localhost:{portal.port}"


def _ours(url: str) -> None:
    assert re.match(r"(https?://([a-z0-9-]+\.)?localhost[:/]|data:)", url), url


@pytest.mark.parametrize("ways", [1, pytest.param(len(MODES), marks=pytest.mark.long)])
def test_nothing_is_inaccessible_and_no_page_is_wider_than_the_window(
    visit: Callable[..., Page], shared: Portal, ann: Browser, ways: int
) -> None:
    bertrand, chidi = shared.signed_in("bertrand"), shared.signed_in("chidi")
    # Home of somebody whose server will soon be stopped.
    shared.hub.state[shared.person("chidi")] = "running"
    shared.hub.active_at[shared.person("chidi")] = (datetime.now(UTC) - timedelta(hours=70)).isoformat()
    boss = shared.signed_in("boss", (ADMINS,))
    query(shared, ANN, f"q-of-ann-{ways}")
    pages: list[tuple[str, Browser | None]] = [
        ("/admin", boss),
        ("/admin/groups", boss),
        ("/admin/queries", boss),
        ("/admin/limits", boss),
        (f"/admin/person?id={ANN}", boss),
        (f"/admin/end?id={ANN}", boss),
        ("/", ann),
        ("/", bertrand),
        ("/", chidi),
        ("/notebooks", ann),
        ("/notebooks", bertrand),
        ("/notebooks/folder?path=ideas&find=b", ann),
        ("/notebooks/upload", ann),
        ("/notebooks/deleted", ann),
        ("/notebooks/rename?path=mobile.ipynb", ann),
        ("/notebooks/delete?path=ideas/second.ipynb", ann),
        ("/data", ann),
        ("/data/lake", ann),
        ("/data/lake?q=zzz", ann),
        ("/data?q=a", ann),
        ("/data?q=zzz", ann),
        (TABLE, ann),
        (f"{TABLE}/preview", ann),
        ("/data/lake/wmf/webrequest", ann),
        ("/server", ann),
        ("/sign-out", ann),
        ("/signed-out", None),
        ("/nothing", ann),
        ("/help/localhost-name", ann),
        ("/help/tunnel-port", ann),
        ("/help/keyboard", ann),
        ("/help", None),
        ("/help/new", ann),
        ("/help/tutorial/first-notebook", ann),
        ("/help/reference/sql", ann),
        ("/help/reference/settings", ann),
        ("/help/explanation/architecture", ann),
    ]
    found = []
    windows: dict[tuple[int, str, int], Page] = {}
    for number, (path, who) in enumerate(pages):
        # In turn: what pages share, their frame and colours, is looked at each way all the same.
        for mode, width in [MODES[(number + way) % len(MODES)] for way in range(ways)]:
            if (page := windows.get((id(who), mode, width))) is None:
                page = windows[id(who), mode, width] = visit(path, mode=mode, width=width, who=who)
            else:
                page.goto(f"{shared_url(shared)}{path}")
            if path == TABLE:
                page.wait_for_selector("#preview table")
            if path == "/" and who is ann:
                page.click(".sw-me")
            found += [
                (path, mode, width, broken["id"], broken["nodes"][0]["target"])
                for broken in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            ]
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append((path, mode, width, "wide", wide))
    assert found == []


def test_the_first_stop_is_the_way_to_the_content(visit: Callable[..., Page]) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_keys_lead_where_they_say_and_not_while_typing(visit: Callable[..., Page], shared: Portal) -> None:
    page = visit("/")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/data")
    page.goto(f"{shared_url(shared)}/data/lake")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("gn?")
    expect(page.locator("#q")).to_have_value("gn?")
    assert page.url.endswith("/data/lake")
    page.goto(f"{shared_url(shared)}/help/keyboard")
    page.click("#keys-switch")
    page.goto(f"{shared_url(shared)}/")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_timeout(300)
    assert page.url.endswith("/")


def test_help_is_one_click_away_and_its_links_and_pictures_work(visit: Callable[..., Page]) -> None:
    page = visit("/")
    page.get_by_role("link", name="Help").click()
    page.get_by_role("link", name="Your first notebook").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your first notebook")
    for picture in page.locator(".doc img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", value=True)
        assert picture.evaluate("node => node.naturalWidth") > 0
    page.get_by_role("link", name="the SQL that SWAP understands").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The SQL that SWAP runs")
    page.get_by_role("navigation", name="On this page").get_by_role("link").first.click()
    assert "#" in page.url


def test_the_menu_opens_and_closes_by_keyboard(visit: Callable[..., Page]) -> None:
    page = visit("/")
    page.locator(".sw-me").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(page.locator(".sw-me")).to_be_focused()


def test_dark_is_chosen_at_once_and_kept(visit: Callable[..., Page]) -> None:
    page = visit("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click(".sw-me")
    page.click("[data-mode-choice=dark]")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.click(".sw-me")
    page.click("[data-mode-choice=system]")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_filters_narrow_as_one_types(visit: Callable[..., Page]) -> None:
    page = visit("/data/lake")
    page.fill("#q", "every request")
    expect(page.locator("#tables a", has_text="webrequest")).to_be_visible()
    expect(page.locator("#tables a", has_text="pageview_hourly")).to_be_hidden()
    expect(page.locator("#tables .grp", has_text="event")).to_be_hidden()
    page.fill("#q", "zzz")
    expect(page.locator("#tables-none")).to_be_visible()


def test_ten_rows_load_apart_and_can_be_tried_again(visit: Callable[..., Page], shared: Portal) -> None:
    shared.gateway.failure = {"category": "source-down", "title": "lake does not answer.", "why": "", "todo": ""}
    page = visit(TABLE)
    expect(page.locator("#preview [role=alert]")).to_contain_text("lake does not answer.")
    shared.gateway.failure = None
    page.click("#preview [data-again]")
    expect(page.locator("#preview td").first).to_have_text("en.wikipedia")
    assert page.url.endswith(TABLE)


def test_a_slow_preview_says_what_it_waits_for(visit: Callable[..., Page], shared: Portal) -> None:
    shared.gateway.run_seconds = 2.0
    try:
        page = visit(TABLE)
        expect(page.locator("#preview [role=status]")).to_contain_text("Asking lake for ten rows, 1 s")
        expect(page.locator("#columns")).to_be_visible()
        expect(page.locator("#preview td").first).to_have_text("en.wikipedia")
    finally:
        shared.gateway.run_seconds = 0.0


def test_one_line_is_copied(visit: Callable[..., Page], shared: Portal) -> None:
    page = visit(TABLE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shared_url(shared))
    page.click(".sw-code [data-copy]")
    expect(page.locator("#said")).to_have_text("Copied.")
    assert (
        page.evaluate("navigator.clipboard.readText()")
        == 'swap.sql("SELECT * FROM lake.wmf.pageview_hourly WHERE year = 2026 AND month = 11 AND day = 22 LIMIT 10")'
    )


def test_a_new_notebook_shows_the_start_and_then_opens(visit: Callable[..., Page], shared: Portal) -> None:
    shared.hub.state[ANN] = "stopped"
    shared.hub.step_seconds = 0.5
    page = visit("/")
    page.context.route("**/lab/tree/**", lambda route: route.fulfill(body="the notebook", content_type="text/html"))
    page.keyboard.press("n")
    expect(page.locator("h1")).to_have_text("Starting your server")
    expect(page.locator("#start")).to_contain_text("Opened your home directory")
    expect(page.locator("#start .now")).to_contain_text("Gives up after 10 s and says why.")
    page.wait_for_url(
        re.compile(rf"http://{ANN}\.localhost:{shared.port}/user/{ANN}/lab/tree/untitled-\d+\.ipynb"), timeout=60_000
    )
    shared.hub.state[ANN] = "stopped"
    shared.hub.step_seconds = 0.05


def test_a_start_that_waits_for_its_turn_says_how_many_are_before(visit: Callable[..., Page], shared: Portal) -> None:
    shared.hub.state[ANN] = "stopped"
    shared.hub.waits(2)
    try:
        page = visit("/server")
        page.context.route("**/lab?reset", lambda route: route.fulfill(body="Lab", content_type="text/html"))
        page.get_by_role("button", name="Start my server").click()
        now = page.locator("#start .now")
        expect(now).to_contain_text("Waiting for your turn")
        expect(now).to_contain_text("2 more start before yours.")
        expect(page.locator("#start .now")).not_to_contain_text("Gives up")
        assert Axe().run(page).response["violations"] == []
        shared.hub.waits(0)
        expect(now).to_contain_text("Yours is the next to start.")
        page.reload()
        expect(now).to_contain_text("Yours is the next to start.")
        shared.hub.step_seconds = 0.5
        shared.hub.waits(None)
        expect(page.locator("#start .step").first).to_contain_text("Waited for your turn")
        page.wait_for_url(re.compile(rf"http://{ANN}\.localhost:{shared.port}/user/{ANN}/lab"))
    finally:
        shared.hub.waits(None)
        shared.hub.state[ANN] = "stopped"
        shared.hub.step_seconds = 0.05


def test_a_failed_start_is_shown_when_it_fails(visit: Callable[..., Page], shared: Portal) -> None:
    shared.hub.state[ANN] = "stopped"
    shared.hub.failure = "The disk of your home directory is full. Make room, then try again."
    shared.hub.step_seconds = 0.3
    try:
        page = visit("/server")
        page.get_by_role("button", name="Start my server").click()
        expect(page.locator("h1")).to_have_text("Your server did not start")
        expect(page.locator("[role=alert]")).to_contain_text("The disk of your home directory is full.")
        page.locator("summary", has_text="What the server said").click()
        expect(page.locator("details pre")).to_contain_text("line 2")
        assert Axe().run(page).response["violations"] == []
    finally:
        shared.hub.failure = None
        shared.hub.step_seconds = 0.05


def test_a_browser_that_does_not_find_the_names_is_told_before_anything_starts(
    visit: Callable[..., Page], shared: Portal
) -> None:
    shared.hub.state[ANN] = "stopped"
    page = visit("/")
    page.context.route("**/ping", lambda route: route.abort("namenotresolved"))
    page.reload()
    before = len(list(shared.home().glob("*.ipynb")))
    page.get_by_role("button", name="New notebook").click()
    page.wait_for_url("**/help/localhost-name")
    assert shared.hub.state[ANN] == "stopped"
    assert len(list(shared.home().glob("*.ipynb"))) == before
    page.context.unroute("**/ping")
    page.click("#test-again")
    expect(page.locator("#test-said")).to_contain_text("Your browser finds it now.")


def test_everything_but_what_is_live_works_without_script(visit: Callable[..., Page], shared: Portal) -> None:
    shared.hub.state[ANN] = "stopped"
    page = visit("/data/lake", java_script_enabled=False)
    page.fill("#q", "views of pages")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="pageview_hourly").click()
    page.get_by_role("link", name="Ask lake for ten rows").click()
    expect(page.locator("td").first).to_have_text("en.wikipedia")
    page.context.route("**/lab/tree/**", lambda route: route.fulfill(body="the notebook", content_type="text/html"))
    page.goto(f"{shared_url(shared)}{TABLE}")
    page.get_by_role("button", name="Query in a new notebook").click()
    page.wait_for_url("**/lab/tree/untitled-*", timeout=60_000)
    page.goto(f"{shared_url(shared)}/")
    page.locator(".sw-me").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-mode", "dark")


def test_a_tunnel_with_another_port_is_told_on_home(chromium: Chromium, database: Database, tmp_path: Path) -> None:
    with running(database, tmp_path, public_port=8000) as portal:
        browser = portal.signed_in()
        context = chromium.new_context()
        context.add_cookies(
            [{"name": name, "value": value, "url": shared_url(portal)} for name, value in browser.cookies.items()]
        )
        page = context.new_page()
        page.goto(shared_url(portal))
        page.get_by_role("link", name="What to do").click()
        expect(page.locator("h1")).to_have_text(f"Your tunnel ends at {portal.port}, SWAP expects 8000")
        assert Axe().run(page).response["violations"] == []
        context.close()
