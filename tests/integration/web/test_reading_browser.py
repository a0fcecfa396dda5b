"""A notebook in a real browser: nothing of it acts, whichever layer fails, and people can read it with what they have.

Rows R01, R10, R13 and R15 of the list of attacks, as a browser sees them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Frame, Page, expect

import browsers
import notebooks
from integration.lab.test_exports import OUTSIDE, RUN
from integration.lab.test_exports import notebook as hostile
from integration.web.running import Browser, Portal
from integration.web.test_attacks import without
from swap.reading.room import Room
from swap.web import content

OPEN = "allow-scripts allow-same-origin allow-popups allow-forms allow-top-navigation allow-modals"
RAW = (
    f"<p>shown</p><script>{RUN};fetch('{OUTSIDE}fetched');try{{parent.document.title='taken'}}catch(e){{}}</script>"
    f"<img src='{OUTSIDE}picture'><img src=x onerror={RUN}><svg onload={RUN}></svg>"
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe><object data='{OUTSIDE}o'></object>"
    f"<style>@import '{OUTSIDE}i'; body {{ background: url({OUTSIDE}b) }}</style><link rel=stylesheet href='{OUTSIDE}l'>"
)
"""What nobody cleaned."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with browsers.running() as made:
        yield made


@pytest.fixture(scope="module")
def ann(shared: Portal) -> Browser:
    browser = shared.signed_in()
    long = "\n\n".join(f"Sentence {number}." for number in range(60))
    table = {
        "columns": [{"name": "views", "type": "bigint", "align": "right", "group": True}],
        "page": {"rows": [["1204118"]]},
    }
    for path, made in (
        ("hostile.ipynb", json.dumps(hostile()).encode()),
        (
            "good.ipynb",
            notebooks.content(
                notebooks.markdown(f"# Mobile readers\n\nA [link](https://example.org/) and $x^2$.\n\n{long}"),
                notebooks.code("%%swap a\nSELECT 1", notebooks.shown({"application/vnd.swap.result+json": table})),
                notebooks.code("print(1)", notebooks.printed("a\n" * 100), notebooks.printed("\x1b[31mred", "stderr")),
                notebooks.markdown(f"## The end\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```python\nx = 'a'\n```\n\n{long}"),
                notebooks.code("plot()", notebooks.shown({"image/png": notebooks.png(60, 40)})),
                notebooks.code("draw()", notebooks.shown({"image/svg+xml": notebooks.SVG})),
                notebooks.code("frame", notebooks.frame(3, 3, notebooks.random.Random(1))),
                notebooks.code("1/0", {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mE\x1b[0m: v"]}),
                notebooks.code("chart", notebooks.shown({"application/vnd.vegalite.v6+json": {}})),
            ),
        ),
    ):  # fmt: skip
        shared.home().mkdir(exist_ok=True)
        (shared.home() / path).write_bytes(made)
    return browser


@pytest.fixture
def visit(chromium: Chromium, shared: Portal, ann: Browser) -> Iterator[Callable[..., Page]]:
    contexts: list[BrowserContext] = []

    def open_page(path: str, *, mode: str = "light", width: int = 1280, **more: bool) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=mode, **more)  # type: ignore[arg-type]
        contexts.append(context)
        for name, value in ann.cookies.items():
            context.add_cookies([{"name": name, "value": value, "url": ann.origin}])
        page = context.new_page()
        page.asked = []  # type: ignore[attr-defined]
        page.on("request", lambda request: page.asked.append(request))  # type: ignore[attr-defined]  # noqa: PLW0108 — it cannot mark a list's own
        page.goto(f"{ann.origin}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def shown(page: Page) -> Frame:
    """Return the notebook's own document, once it is there with all its pictures."""
    page.wait_for_load_state("load")
    (frame,) = [each for each in page.main_frame.child_frames if "/read/" in each.url]
    expect(frame.locator("body")).to_be_attached()
    frame.wait_for_load_state("load")
    return frame


# ── nothing acts ────────────────────────────────────────────────────────────────────────────────────
def ran(page: Page) -> bool:
    """Tell whether anything of a notebook ran, in its frame or on the page around it."""
    return bool(shown(page).evaluate("window.attacked")) or page.title() == "taken"


def asked(page: Page) -> list[str]:
    """Return what was asked of others; what the policy held back failed for that reason."""
    return [each.url for each in page.asked if each.url.startswith(OUTSIDE) and each.failure != "csp"]  # type: ignore[attr-defined]


def test_a_hostile_notebook_is_shown_and_nothing_of_it_acts(visit: Callable[..., Page], ann: Browser) -> None:
    page = visit("/notebooks/read/hostile.ipynb?code=all")
    frame = shown(page)
    expect(frame.get_by_text("A heading")).to_be_visible()
    for link in frame.locator("a:not([href^=http]), summary").all():
        link.dispatch_event("click")
    assert not ran(page)
    hosts = {re.sub(r"^(\w+://[^/]*).*", r"\1", each.url) for each in page.asked}  # type: ignore[attr-defined]
    assert hosts == {
        ann.origin,
        *(ann.origin.replace("localhost", f"{name}.localhost") for name in ("content", "probe--x")),
    }
    assert page.url.startswith(ann.origin)
    acting = "script, iframe, object, form, style, base, meta[http-equiv]"
    assert frame.locator(acting).count() == 0


def forged(monkeypatch: pytest.MonkeyPatch, html: str) -> None:
    """Let every notebook be shown as this, as if the cleaning had let it through."""
    render = Room.render_known
    monkeypatch.setattr(Room, "render_known", lambda *given: replace(render(*given), html=html))


@pytest.mark.parametrize("walls", [{"policy", "frame"}, {"frame"}, {"policy"}, set()], ids=lambda walls: " and ".join(sorted(walls)) or "none")  # fmt: skip
def test_r13_what_slipped_through_the_cleaning_is_held_by_policy_and_by_frame(
    visit: Callable[..., Page], walls: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of two walls alone holds hostile HTML that nobody cleaned; with neither it acts, which is the control."""
    forged(monkeypatch, RAW)
    own = content.policy
    if "frame" not in walls:
        sandbox = content.SANDBOX
        monkeypatch.setattr(content, "SANDBOX", OPEN)
        monkeypatch.setattr(content, "policy", lambda at: own(at).replace(OPEN, sandbox))
    if "policy" not in walls:
        monkeypatch.setattr(content, "policy", lambda _: "")
    page = visit("/notebooks/read/good.ipynb")
    expect(shown(page).get_by_text("shown")).to_be_visible()
    assert ran(page) == (not walls)
    assert bool(asked(page)) == ("policy" not in walls)
    assert page.url.startswith("http://localhost")


def test_r01_a_notebook_cannot_lead_its_own_frame_elsewhere(
    visit: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = f"<a href='{OUTSIDE}a'>away</a><a href='/' target=_top>to the top</a>"
    forged(monkeypatch, f"<meta http-equiv=refresh content='0;url={OUTSIDE}m'>{away}")
    page = visit("/notebooks/read/good.ipynb")
    frame = shown(page)
    frame.get_by_text("to the top").click()
    with page.expect_console_message(lambda said: "frame-src" in said.text, timeout=60_000):
        frame.get_by_text("away").click()
    assert asked(page) == []
    assert page.url.endswith("/notebooks/read/good.ipynb")


def test_r13_opened_by_itself_it_is_held_too(visit: Callable[..., Page], monkeypatch: pytest.MonkeyPatch) -> None:
    forged(monkeypatch, RAW)
    page = visit("/notebooks/alone?path=good.ipynb")
    assert page.url.startswith("http://content.localhost")
    assert page.evaluate("window.attacked") is None
    assert page.evaluate("self.origin") == "null"
    assert asked(page) == []
    with without(content, "policy", lambda _: ""):
        page.goto(page.url.partition("/read/")[0].replace("content.", "") + "/notebooks/alone?path=good.ipynb")
        page.wait_for_function("window.attacked === 1")


def test_r15_nothing_of_a_notebook_leaves_its_frame(
    visit: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    cover = "<div style='position:fixed;inset:0;z-index:9999;background:red' id=cover>cover</div>"
    forged(monkeypatch, cover)
    page = visit("/notebooks/read/good.ipynb")
    frame = shown(page)
    # Not even there: styles that are written into a page are not obeyed.
    assert frame.locator("#cover").evaluate("each => getComputedStyle(each).position") == "static"
    page.get_by_role("link", name="Data", exact=True).click(trial=True)


def test_no_cookie_ever_reaches_the_host_of_notebooks(visit: Callable[..., Page]) -> None:
    page = visit("/")
    sent: list[dict[str, str]] = []
    page.on("request", lambda request: sent.append(request.all_headers()) if "content." in request.url else None)
    page.goto(f"{page.url}notebooks/read/good.ipynb")
    frame = shown(page)
    assert len(sent) >= 3
    assert all("cookie" not in each for each in sent)
    assert frame.evaluate("self.origin") == "null"


# ── people read it ──────────────────────────────────────────────────────────────────────────────────
def test_pictures_are_there_and_the_contents_lead_to_their_places(visit: Callable[..., Page]) -> None:
    page = visit("/notebooks/read/good.ipynb")
    frame = shown(page)
    assert frame.evaluate("[...document.images].map(each => each.complete && each.naturalWidth > 0)") == [True, True]
    before = len(page.asked)  # type: ignore[attr-defined]
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="The end").click()
    expect(frame.locator("h3", has_text="The end")).to_be_in_viewport()
    assert len(page.asked) == before  # type: ignore[attr-defined]


def test_a_link_to_a_cell_leads_there(visit: Callable[..., Page]) -> None:
    page = visit("/notebooks/read/good.ipynb?at=cell-5")
    expect(shown(page).locator("#cell-5")).to_be_in_viewport()


def test_going_back_and_loading_again_show_it_again(visit: Callable[..., Page]) -> None:
    page = visit("/notebooks/read/good.ipynb")
    shown(page)
    page.reload()
    expect(shown(page).get_by_text("Sentence 1.").first).to_be_visible()
    page.get_by_role("link", name="Data", exact=True).click()
    page.wait_for_url("**/data")
    page.go_back()
    page.wait_for_url("**/read/good.ipynb")
    expect(shown(page).get_by_text("Sentence 1.").first).to_be_visible()


def test_a_link_of_a_notebook_opens_a_page_of_its_own(visit: Callable[..., Page]) -> None:
    page = visit("/notebooks/read/good.ipynb")
    frame = shown(page)
    page.context.route(
        "https://example.org/**", lambda route: route.fulfill(body="<p>there</p>", content_type="text/html")
    )
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="link").click()
    expect(opened.value.get_by_text("there")).to_be_visible()
    assert opened.value.evaluate("[window.opener, document.referrer]") == [None, ""]
    assert page.url.endswith("/notebooks/read/good.ipynb")


def test_code_opens_with_a_key_and_all_of_it_with_a_button(visit: Callable[..., Page]) -> None:
    page = visit("/notebooks/read/good.ipynb")
    frame = shown(page)
    first = frame.locator("details.fold").first
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(first.locator("pre")).to_be_visible()
    expect(frame.locator("details.fold[open]")).to_have_count(1)
    page.get_by_role("link", name="Show all code").click()
    page.wait_for_url("**code=all")
    expect(shown(page).locator("details.fold:not([open])")).to_have_count(0)
    page.get_by_role("link", name="Fold code").click()


def test_it_is_read_without_script(visit: Callable[..., Page]) -> None:
    page = visit("/", java_script_enabled=False)
    page.get_by_role("link", name="Read Mobile readers").click()
    expect(page.frame_locator("iframe.reader").get_by_text("Sentence 1.").first).to_be_visible()


@pytest.mark.parametrize(("mode", "width"), [("light", 1280), ("dark", 390)])
def test_it_is_accessible_and_no_wider_than_the_window(visit: Callable[..., Page], mode: str, width: int) -> None:
    page = visit("/notebooks/read/good.ipynb?code=all", mode=mode, width=width)
    frame = shown(page)
    results = Axe().run(page)
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in results.response["violations"]] == []
    for each in (page, frame):
        assert each.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_it_is_as_dark_as_the_page_around_it(visit: Callable[..., Page], ann: Browser) -> None:
    page = visit("/notebooks/read/good.ipynb")

    def colours() -> set[str]:
        return {each.evaluate("getComputedStyle(document.body).backgroundColor") for each in (page, shown(page))}

    light = colours()
    page.context.add_cookies([{"name": "swap_mode", "value": "dark", "url": ann.origin}])
    page.reload()
    dark = colours()
    assert len(light) == len(dark) == 1
    assert light != dark


def test_what_is_printed_is_the_notebook(visit: Callable[..., Page]) -> None:
    page = visit("/notebooks/alone?path=good.ipynb")
    page.emulate_media(media="print")
    expect(page.get_by_text("Sentence 59.").first).to_be_attached()
    expect(page.locator("details.fold").first).to_be_hidden()
