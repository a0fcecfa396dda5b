"""Charts that move, in a real browser: they are drawn, and whichever layer fails, nothing of them reaches anybody.

Rows R01, R13 and R15 of the list of attacks, for the one place where scripts of ours draw what strangers wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import plotly.express as px
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page, expect

import notebooks
from integration.lab.test_exports import OUTSIDE
from integration.web.running import Browser, Portal
from integration.web.test_reading_browser import OPEN, asked, chromium, shown, visit
from swap.reading.room import Room
from swap.web import content

__all__ = ["chromium", "visit"]
FRAME = pd.DataFrame({"country": ["DE", "FR", "JP"], "views": [12, 7, 9]})
VEGA = alt.Chart(FRAME).mark_bar().encode(x="country", y="views", tooltip=["views"]).to_dict()
FIGURE = json.loads(px.scatter(FRAME, x="views", y="views", color="country").to_json())
PICTURE = f"{OUTSIDE}picture.png"
HOSTILE_VEGA: dict[str, Any] = {
    "data": {"values": [{"a": 1, "away": f"{OUTSIDE}link"}]},
    "layer": [
        {"mark": "bar", "encoding": {"x": {"field": "a", "type": "quantitative"}, "href": {"field": "away"}}},
        {"mark": {"type": "image", "url": PICTURE, "width": 9, "height": 9}},
        {"data": {"url": f"{OUTSIDE}data.json"}, "mark": "point"},
    ],
    "usermeta": {"embedOptions": {"ast": False, "actions": True, "loader": {"target": "_top"}}},
}
HOSTILE_FIGURE: dict[str, Any] = {
    "data": [{"type": "scatter", "x": [1], "y": [1], "text": [f'<a href="{OUTSIDE}link" target="_top">away</a>']}],
    "layout": {
        "title": {"text": f'<a href="{OUTSIDE}link" target="_top">away</a>'},
        "images": [{"source": PICTURE, "x": 0, "y": 1, "sizex": 1, "sizey": 1, "xref": "paper", "yref": "paper"}],
    },
}
ACT = """async (outside) => {
    const tries = {
        inline: () => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.head.append(s); return window.ran === 1; },
        asks: () => fetch(outside + 'fetched', { mode: 'no-cors' }).then(() => true),
        up: () => { parent.document.title = 'taken'; return true; },
        origin: () => self.origin !== 'null',
    };
    const done = [];
    for (const [name, act] of Object.entries(tries)) { try { if (await act()) done.push(name); } catch {} }
    return done;
}"""
"""What a hole in a library that draws would let a specification try."""


@pytest.fixture(scope="module")
def ann(shared: Portal) -> Browser:
    browser = shared.signed_in()
    shared.home().mkdir(exist_ok=True)
    for name, vega, figure in (("charts", VEGA, FIGURE), ("hostile-charts", HOSTILE_VEGA, HOSTILE_FIGURE)):
        made = notebooks.content(
            notebooks.code("a", notebooks.shown({"application/vnd.vegalite.v6+json": vega})),
            notebooks.code(
                "b",
                notebooks.shown({"application/vnd.plotly.v1+json": figure, "image/png": notebooks.png(20, 20)}),
            ),
        )
        (shared.home() / f"{name}.ipynb").write_bytes(made)
    return browser


def moving(page: Page, number: int) -> Page:
    """Follow the link to one of a notebook's charts; return the page that opens."""
    with page.context.expect_page(timeout=60_000) as opened:
        shown(page).get_by_role("link", name="Interactive").nth(number).click()
    chart = opened.value
    chart.asked = []  # type: ignore[attr-defined]
    return chart


def drawn(page: Page, says: str = "[data-drawn]") -> Frame:
    """Return a chart's own document, once it has been drawn."""
    expect(page.frame_locator("iframe.reader").locator(says).first).to_be_attached(timeout=60_000)
    (frame,) = page.main_frame.child_frames
    return frame


def test_a_chart_is_its_data_or_its_picture_and_moves_on_a_page_of_its_own(visit: Callable[..., Page]) -> None:
    page = visit("/notebooks/read/charts.ipynb")
    frame = shown(page)
    expect(frame.get_by_role("cell", name="JP")).to_be_visible()
    expect(frame.get_by_role("img")).to_have_count(1)
    vega = moving(page, 0)
    drawing = drawn(vega)
    expect(drawing.locator("svg .mark-rect path")).to_have_count(3)
    drawing.locator("svg .mark-rect path").first.hover()
    expect(drawing.locator("#vg-tooltip-element")).to_contain_text("12")
    figure = moving(page, 1)
    drawing = drawn(figure)
    expect(drawing.locator(".scatterlayer .point")).to_have_count(3)
    assert drawing.evaluate("[...document.querySelectorAll('.legendtext')].map(each => each.textContent)") == ["DE", "FR", "JP"]  # fmt: skip
    assert drawing.locator("a[href]").count() == 0
    for each in (vega, figure):
        violations = Axe().run(each).response["violations"]
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in violations] == []
    vega.get_by_role("link", name="Back to the notebook").click()
    vega.wait_for_url("**/notebooks/read/charts.ipynb")


def raw(monkeypatch: pytest.MonkeyPatch, kind: str, specification: Any) -> None:
    """Let a chart be drawn from this, as if nothing had been left out of it."""
    forged = json.dumps(specification).encode(), kind
    monkeypatch.setattr(Room, "chart", lambda *_: forged)


def opened(visit: Callable[..., Page], number: int = 0) -> Page:
    page = visit("/notebooks/read/charts.ipynb")
    at = shown(page).get_by_role("link", name="Interactive").nth(number).get_attribute("href")
    page.goto(str(at))
    return page


def test_r01_of_a_hostile_specification_nothing_that_leads_away_is_left(visit: Callable[..., Page]) -> None:
    page = visit("/notebooks/read/hostile-charts.ipynb")
    frame = shown(page)
    # One that is of a picture is said to be none for here; the other is drawn without its picture and its links.
    expect(frame.get_by_text("does not draw marks of the kind image")).to_be_visible()
    page.goto(str(frame.get_by_role("link", name="Interactive").get_attribute("href")))
    drawing = drawn(page)
    expect(drawing.locator(".scatterlayer")).to_be_attached()
    assert drawing.locator("a, image, .layer-above image").count() == 0
    assert asked(page) == []


@pytest.mark.parametrize("held", [True, False], ids=["policy", "none"])
def test_r15_a_picture_that_slipped_through_is_held_by_the_policy(
    visit: Callable[..., Page], held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw(monkeypatch, "plotly", HOSTILE_FIGURE)
    if not held:
        monkeypatch.setattr(content, "chart_policy", lambda *_: "")
    page = opened(visit)
    expect(drawn(page).locator("image")).to_be_attached()
    assert bool(asked(page)) != held


def test_r01_what_slipped_through_to_vega_is_refused_by_its_loader(
    visit: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw(monkeypatch, "vegalite", HOSTILE_VEGA)
    monkeypatch.setattr(content, "chart_policy", lambda *_: "")
    page = opened(visit)
    drawing = drawn(page, "svg, .none")
    assert drawing.locator("a, .vega-actions").count() == 0
    assert asked(page) == []


@pytest.mark.parametrize("walls", [{"policy", "frame"}, {"frame"}, {"policy"}, set()], ids=lambda walls: " and ".join(sorted(walls)) or "none")  # fmt: skip
def test_r13_a_hole_in_what_draws_opens_nothing(
    visit: Callable[..., Page], walls: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frame and policy each keep it from an origin; the policy from others, too.  With neither, it acts: the control."""
    policy = content.chart_policy
    if "frame" not in walls:
        sandbox = content.CHART_SANDBOX
        monkeypatch.setattr(content, "CHART_SANDBOX", OPEN)
        monkeypatch.setattr(content, "chart_policy", lambda *given: policy(*given).replace(OPEN, sandbox))
    if "policy" not in walls:
        monkeypatch.setattr(content, "chart_policy", lambda *_: "")
    page = opened(visit)
    page.context.route(f"{OUTSIDE}**", lambda route: route.fulfill(body="there"))
    done = set(drawn(page).evaluate(ACT, OUTSIDE))
    assert page.title() != "taken"
    assert ("origin" in done) == (not walls)
    assert [each in done for each in ("asks", "inline")] == ["policy" not in walls] * 2


def test_r13_a_chart_cannot_lead_its_frame_elsewhere_and_is_not_shown_without_one(visit: Callable[..., Page]) -> None:
    page = opened(visit)
    frame = drawn(page)
    address = frame.url
    with page.expect_console_message(lambda said: "frame-src" in said.text, timeout=60_000):
        frame.evaluate("outside => { location.href = outside + 'led' }", OUTSIDE)
    assert asked(page) == []
    page.goto(address)
    expect(page.get_by_text("not by itself")).to_be_visible()
    assert page.locator("script, [data-chart]").count() == 0


def test_a_notebook_taken_along_as_a_page_is_whole_and_asks_nobody(
    visit: Callable[..., Page], ann: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "charts.html"
    file.write_bytes(ann.get("/notebooks/export?path=charts.ipynb&as=html").content)
    page = visit("/")
    page.goto("about:blank")  # what the portal's page still asks for is its own
    wanted: list[str] = []
    page.context.set_offline(True)
    page.on("request", lambda request: wanted.append(request.url))
    page.goto(file.as_uri())
    assert page.evaluate("[...document.images].map(each => each.complete && each.naturalWidth)") == [20]
    expect(page.get_by_role("cell", name="JP")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.dt')).borderCollapse") == "collapse"
    assert page.locator("script, link, iframe").count() == 0
    assert page.get_by_role("link", name="Interactive").count() == 0
    assert {each.partition(":")[0] for each in wanted} <= {"file", "data"}
    # Had the cleaning let something through, the policy that the file carries would hold it.
    slipped = f"<script>window.ran = 1</script><img src='{PICTURE}' onerror='window.ran = 1'></body>"
    for held in (True, False):
        made = file.read_text() if held else re.sub("<meta http-equiv[^>]*>", "", file.read_text())
        file.with_name("slipped.html").write_text(made.replace("</body>", slipped))
        page.goto(file.with_name("slipped.html").as_uri())
        assert (page.evaluate("window.ran") is None) == held
