"""JupyterLab with SWAP in a real browser: SQL cells, outputs, the top bar, the end of access.

The notebook is not trusted: nobody ran it here, so what it shows is what any stranger's notebook would show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, ViewportSize, expect

from integration.lab import outputs
from integration.lab.conftest import Server, started
from integration.lab.windows import forgotten


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lab")
    home = folder / "home"
    home.mkdir()
    (home / "look.ipynb").write_text(json.dumps(outputs.notebook()))
    with ExitStack() as stack:
        made = stack.enter_context(started(folder, home))
        made.gateway.answers.update(
            {
                "GET /v1/queries/qrun": (200, outputs.run("qrun")),
                "DELETE /v1/queries/qrun": (200, {"state": "cancelled"}),
                "GET /v1/queries/qdone/page": (200, page),
                "GET /v1/queries/qdone/download": (200, "country,views"),
                "POST /v1/complete": (200, complete),
            }
        )
        yield made


def page(path: str, body: bytes) -> dict[str, Any]:
    del body
    query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    offset, limit = int(query["offset"]), int(query["limit"])
    descending = query.get("descending") == "true"
    return outputs.page(offset, limit, query.get("sort"), query.get("contains", ""), descending=descending)


def complete(path: str, body: bytes) -> dict[str, Any]:
    del path
    asked = json.loads(body)
    word = asked["sql"][: asked["offset"]].split()[-1] if asked["sql"].strip() else ""
    names = ["lake.wmf.pageview_hourly", "mediawiki.enwiki.page"]
    items = [
        {"label": name, "insert": name, "type": "table", "documentation": f"What {name} holds."}
        for name in names
        if name.startswith(word)
    ]
    return {"start": asked["offset"] - len(word), "end": asked["offset"], "items": items}


class Lab:
    """One window, and what it asked for."""

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self.context = context
        self.server = server
        self.page: Page = context.new_page()
        self.outside: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.note(request.url, {server.url, server.hub.url}))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, notebook: str = "look.ipynb") -> Self:
        # Reset: what a test before this one had open is none of this one's.
        self.page.goto(f"{self.server.url}/lab/tree/{notebook}?reset")
        self.page.locator(".jp-Notebook").wait_for(timeout=60_000)
        self.page.locator(".jp-Cell").nth(9).wait_for(timeout=60_000)
        return self

    def note(self, url: str, ours: set[str]) -> None:
        if not url.startswith(("data:", "blob:")) and urlsplit(url).netloc not in {
            urlsplit(each).netloc for each in ours
        }:
            self.outside.append(url)

    def cell(self, number: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number - 1)

    def source(self, number: int) -> str:
        return str(self.cell(number).locator(".cm-content").inner_text())


SIZE: ViewportSize = {"width": 1280, "height": 2600}


@pytest.fixture(scope="module")
def lab(browser: Browser, server: Server) -> Iterator[Lab]:
    """A window that tests only look at."""
    context = browser.new_context(viewport=SIZE, color_scheme="light")
    yield Lab(context, server).open()
    context.close()


class Shared(Lab):
    """A window that tests share, with a cell for each: what they do to it is no other's matter."""

    kinds: ClassVar[dict[str, Callable[[int], dict[str, Any]]]] = {
        "code": lambda number: outputs.cell(number, outputs.PYTHON),
        "unknown": outputs.unknown_column,
        "locked": outputs.locked_column,
        "running": lambda number: outputs.cell(number, outputs.SQL, (outputs.PROGRESS, outputs.run("qrun"))),
        "result": lambda number: outputs.cell(number, outputs.SQL, (outputs.RESULT, outputs.result())),
    }
    kinds["last result"] = kinds["result"]
    kept = ("code",) * 3 + ("unknown",) * 2 + ("locked", "running") + ("result",) * 9 + ("last result",)

    def __init__(self, context: BrowserContext, server: Server) -> None:
        cells = [self.kinds[kind](number) for number, kind in enumerate(self.kept, 1)]
        (server.home / "shared.ipynb").write_text(json.dumps(outputs.document(cells)))
        super().__init__(context, server)
        self.open("shared.ipynb")
        self._taken: set[int] = set()

    def take(self, kind: str) -> int:
        """Return the number of a cell of that kind that no other test has."""
        number = next(n for n, each in enumerate(self.kept, 1) if each == kind and n not in self._taken)
        self._taken.add(number)
        return number


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Shared]:
    made = browser.new_context(viewport=SIZE, color_scheme="light")
    yield Shared(made, server)
    made.close()


@pytest.fixture
def result(shared: Shared) -> Locator:
    """A cell of the shared window with a result."""
    return shared.cell(shared.take("result"))


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=SIZE, color_scheme="light")
    yield made
    made.close()


@pytest.fixture
def window(context: BrowserContext, server: Server) -> Iterator[Lab]:
    """A window of one test, which may change what it likes: nothing is saved."""
    with forgotten(context, server.url):
        yield Lab(context, server).open()


@pytest.fixture
def blank(context: BrowserContext, server: Server) -> Iterator[Lab]:
    """The same, with nothing open yet."""
    with forgotten(context, server.url):
        yield Lab(context, server)


def test_a_running_query_shows_its_stages_and_where_cancel_stops_it(lab: Lab) -> None:
    output = lab.cell(1).locator(".swap-out")
    expect(output.locator(".sq-h b")).to_have_text("Running in lake and mediawiki")
    expect(output.locator(".wf tr")).to_have_count(7)
    expect(output.locator(".sq-f")).to_have_text("Cancel stops it in lake and mediawiki, not only here.")


def test_what_is_expected_is_dashed_and_said_in_words(lab: Lab) -> None:
    output = lab.cell(1).locator(".swap-out")
    expect(output.locator(".sq-h")).to_contain_text("about 17 min left")
    expect(output.locator(".axr")).to_contain_text("1500 s")
    fetching = output.get_by_role("row").filter(has_text="Fetching rows from lake")
    expect(fetching.locator(".ln i")).to_have_count(2)
    expect(fetching.locator(".dd b")).to_have_text("120,000")
    expect(fetching).to_contain_text("expected: about 5 min more")
    combine = output.get_by_role("row").filter(has_text="Combine")
    expect(combine.locator(".ln i")).to_have_css("border-top-style", "dashed")
    expect(combine).to_contain_text("about 12 min")
    unknown = output.get_by_role("row").filter(has_text="Running in mediawiki")
    expect(unknown.locator(".ln i")).to_have_count(1)
    expect(unknown).not_to_contain_text("expected")


def test_a_query_that_no_longer_runs_says_so(lab: Lab) -> None:
    expect(lab.cell(2).locator(".sq-h b")).to_have_text("Was running when saved")
    expect(lab.cell(2).get_by_role("button", name="Cancel")).to_have_count(0)


def test_a_result_shows_types_nulls_and_thousands_but_leaves_ids_alone(lab: Lab) -> None:
    table = lab.cell(3).locator("table.rt")
    expect(table.locator("thead th").nth(2)).to_contain_text("views")
    expect(table.locator("thead th").nth(2).locator(".ty")).to_have_text("bigint")
    expect(table.locator("tbody tr").nth(1).locator("td").nth(2)).to_have_text("981,440")
    expect(table.locator("tbody tr").nth(1).locator("td").nth(3)).to_have_text("148203")
    expect(table.locator("tbody tr").nth(2).locator(".nul")).to_have_text("null")
    expect(lab.cell(3).locator(".sq-h")).to_contain_text("310,482 rows × 3 columns")
    expect(lab.cell(3).locator(".sq-n")).to_contain_text("SELECT * left out city")


def test_what_a_source_holds_is_text_and_never_page(lab: Lab) -> None:
    expect(lab.cell(3).locator("tbody tr").nth(3).locator("td").nth(1)).to_have_text(outputs.HOSTILE)
    assert lab.cell(3).locator("tbody img").count() == 0
    assert lab.page.evaluate("window.attacked") is None


def test_a_chart_is_drawn_from_the_notebook_alone(lab: Lab) -> None:
    expect(lab.cell(4).locator(".swap-chart svg")).to_be_visible(timeout=60_000)
    expect(lab.cell(4).locator(".sq-h b")).to_have_text("views by country")
    assert lab.cell(4).locator(".vega-actions").count() == 0


def test_points_of_three_series_have_three_colours(lab: Lab) -> None:
    points = lab.cell(11).locator(".mark-symbol path[aria-roledescription=point]")
    expect(points).to_have_count(30, timeout=60_000)
    looks = {(each.get_attribute("fill"), each.get_attribute("stroke")) for each in points.all()}
    assert len({fill for fill, _ in looks}) == 3
    assert {stroke for _, stroke in looks} <= {None, "transparent", *(fill for fill, _ in looks)}


def test_a_hostile_chart_loads_and_runs_nothing(lab: Lab) -> None:
    expect(lab.cell(8).locator(".swap-out")).to_contain_text("The chart cannot be drawn", timeout=60_000)
    assert lab.page.evaluate("window.attacked") is None


def test_an_output_of_another_version_says_so_instead_of_a_script_error(lab: Lab) -> None:
    expect(lab.cell(9).locator(".swap-out")).to_contain_text("saved by another version")


def test_errors_wear_three_looks_and_only_safe_links(lab: Lab) -> None:
    expect(lab.cell(5).locator(".sq-e .hd")).to_have_text("page_titel is not a column of lake.wmf.pageview_hourly")
    expect(lab.cell(5).locator(".near code")).to_have_text("page_title")
    expect(lab.cell(6).locator(".sq-e--lock")).to_be_visible()
    expect(lab.cell(7).locator(".sq-e--src")).to_be_visible()
    links = lab.cell(5).locator(".ax a")
    assert [link.get_attribute("href") for link in links.all()] == [
        "http://localhost:8000/data/lake/wmf/pageview_hourly"
    ]


def test_sql_is_coloured_in_cells_and_in_strings(lab: Lab) -> None:
    keyword = "getComputedStyle(node).fontWeight"
    words = lab.cell(3).locator(".cm-line span").filter(has_text="SELECT")
    assert int(words.first.evaluate(f"node => {keyword}")) >= 600
    inside = lab.cell(10).locator(".cm-line span").filter(has_text="FROM")
    assert int(inside.last.evaluate(f"node => {keyword}")) >= 600
    plain = lab.cell(10).locator(".cm-line").nth(3).locator("span").filter(has_text="SELECT 1")
    assert int(plain.last.evaluate(f"node => {keyword}")) < 600, "a string that is no statement stays a string"
    expect(lab.cell(3).locator(".swap-magic")).to_contain_text("%%swap by_country")


def test_the_top_bar_says_whose_notebook_this_is(lab: Lab) -> None:
    bar = lab.page.locator("#swap-who")
    expect(bar).to_contain_text("Ann Smith")
    assert bar.get_by_role("link", name="Sign out").get_attribute("href") == "http://localhost:8000/sign-out"
    assert lab.page.get_by_role("link", name="SWAP, home").get_attribute("href") == "http://localhost:8000/"


def test_nothing_serious_for_axe_in_what_is_ours(lab: Lab) -> None:
    context = {"include": [[".swap-out"], ["#swap-who"], ["#swap-logo"]]}
    found = Axe().run(lab.page, context=context, options={"resultTypes": ["violations"]})
    serious = [
        (item["id"], item["nodes"][0]["html"][:200])
        for item in found.response["violations"]
        if item["impact"] in {"serious", "critical"}
    ]
    assert serious == []


def test_the_dark_theme_follows_the_system_and_charts_follow_the_theme(browser: Browser, server: Server) -> None:
    dark = Lab(browser.new_context(viewport=SIZE, color_scheme="dark"), server).open()
    expect(dark.page.locator("body")).to_have_attribute("data-jp-theme-light", "false", timeout=60_000)
    label = dark.cell(4).locator(".swap-chart svg text").first
    expect(label).to_have_attribute("fill", "rgba(255,255,255,.87)", timeout=60_000)
    found = Axe().run(
        dark.page, context={"include": [[".swap-out"], ["#swap-who"]]}, options={"resultTypes": ["violations"]}
    )
    serious = [
        (item["id"], item["nodes"][0]["html"][:200])
        for item in found.response["violations"]
        if item["impact"] in {"serious", "critical"}
    ]
    assert serious == []
    dark.context.close()


def test_columns_sort_and_pages_turn_by_keyboard(shared: Shared, result: Locator) -> None:
    result.get_by_role("button", name="views").focus()
    shared.page.keyboard.press("Enter")
    expect(result.locator("th[aria-sort=ascending]")).to_contain_text("views")
    expect(result.locator("tbody tr").first.locator("td").nth(2)).to_have_text("1,000")
    shared.page.keyboard.press("Enter")
    expect(result.locator("th[aria-sort=descending]")).to_contain_text("views")
    assert shared.page.evaluate("document.activeElement.innerText").endswith("views"), "the focus stays where it was"
    result.get_by_role("button", name="Next page").focus()
    shared.page.keyboard.press("Space")
    expect(result.locator(".sq-f")).to_contain_text("11–20 of 310,482")
    # No shortcut of Lab acted on the keys; what is far from sight is drawn when there is time.
    expect(shared.page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(shared.kept))


def test_a_result_that_is_gone_keeps_its_stored_page(result: Locator, server: Server) -> None:
    kept = server.gateway.answers.pop("GET /v1/queries/qdone/page")
    try:
        result.get_by_role("button", name="Next page").click()
        expect(result.locator(".sq-f")).to_contain_text("no longer keeps this result")
        expect(result.locator("tbody tr")).to_have_count(10)
    finally:
        server.gateway.answers["GET /v1/queries/qdone/page"] = kept


def test_a_result_s_table_can_be_filtered(shared: Shared, result: Locator) -> None:
    result.get_by_role("button", name="Filter").click()
    result.get_by_role("searchbox", name="Text in a row").fill("united")
    expect(result.locator("tbody tr")).to_have_count(1)
    expect(result.locator("tbody tr")).to_contain_text("United States")
    expect(result.locator(".sq-f")).to_contain_text("1–1 of 1 that match, of 310,482")
    with shared.page.expect_response(lambda answer: "contains=united" in answer.url and "column=country" in answer.url):
        result.get_by_role("combobox", name="Column").select_option("country")
    expect(result.locator("tbody tr")).to_have_count(1)
    result.get_by_role("searchbox", name="Text in a row").fill("")
    expect(result.locator(".sq-f")).to_contain_text("1–10 of 310,482")


@pytest.mark.parametrize("first", ["filter", "sort"])
def test_what_is_wished_while_rows_are_on_their_way_is_not_lost(shared: Shared, result: Locator, first: str) -> None:
    held: list[Route] = []
    # Playwright marks what it is given, and a built-in function takes no mark.
    shared.page.route(re.compile(r"/qdone/page"), lambda route: held.append(route), times=1)  # noqa: PLW0108
    result.get_by_role("button", name="Filter").click()
    wishes = {
        "filter": lambda: result.get_by_role("searchbox", name="Text in a row").fill("country"),
        "sort": lambda: result.get_by_role("button", name="views").click(),
    }
    asked: list[str] = []
    shared.page.on("request", lambda request: asked.append(request.url) if "/qdone/page" in request.url else None)

    with shared.page.expect_request(re.compile(r"/qdone/page")):
        wishes.pop(first)()
    (other,) = wishes.values()
    other()
    shared.page.wait_for_timeout(400)  # a filter is asked for after a pause in the typing
    assert len(asked) == 1, "one question at a time"
    held[0].continue_()

    expect(result.locator("th[aria-sort=ascending]")).to_contain_text("views")
    expect(result.locator(".sq-f")).to_contain_text("that match, of 310,482")
    last = parse_qs(urlsplit(asked[-1]).query)
    assert (last["sort"], last["contains"]) == (["views"], ["country"])


def test_a_page_has_as_many_rows_as_somebody_chooses(result: Locator) -> None:
    result.get_by_role("combobox", name="Rows of a page").select_option("25 rows")
    expect(result.locator("tbody tr")).to_have_count(25)
    result.get_by_role("button", name="Next page").click()
    expect(result.locator(".sq-f")).to_contain_text("26–50 of 310,482")


@pytest.mark.parametrize(("label", "file"), [("CSV", "by_country.csv"), ("Parquet", "by_country.parquet")])
def test_a_result_downloads_in_the_format_somebody_chooses(
    shared: Shared, result: Locator, label: str, file: str
) -> None:
    result.get_by_role("button", name="Download").click()
    expect(result.get_by_role("group", name="Download the result")).to_contain_text("All 310,482 rows as")
    with shared.page.expect_download() as download:
        result.get_by_role("link", name=f"Download by_country as {label}").click()
    assert download.value.suggested_filename == file
    assert download.value.url.endswith(f"/download?format={label.lower()}")


def test_how_it_ran_unfolds(result: Locator) -> None:
    button = result.get_by_role("button", name="How it ran")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    expect(result.locator(".sq-w .wf")).to_be_visible()


def test_the_chart_button_writes_the_chart_the_kernel_chose(shared: Shared) -> None:
    number = shared.take("last result")  # the cell that comes below it moves no other test's
    shared.cell(number).get_by_role("button", name="Chart").click()
    expect(shared.cell(number + 1).locator(".cm-content")).to_have_text(
        'by_country.chart("bar", x="views", y="country")'
    )


def test_a_suggestion_mends_the_cell(shared: Shared) -> None:
    number = shared.take("unknown")
    shared.cell(number).get_by_role("button", name="Use page_title").click()
    assert shared.source(number).startswith("%%swap\nSELECT page_title, sum(")
    assert shared.page.evaluate("document.activeElement.className") == "cm-content"
    expect(shared.cell(number).locator(".jp-OutputArea-output")).to_have_text(
        "Changed page_titel to page_title. Run the cell again."
    )
    expect(shared.cell(number).locator(".sq-e")).to_have_count(0)


def test_the_name_an_error_is_about_is_underlined_until_it_is_changed(shared: Shared) -> None:
    unknown, locked = (shared.cell(shared.take(kind)) for kind in ("unknown", "locked"))
    expect(unknown.locator(".swap-mistake")).to_have_text("page_titel")
    expect(locked.locator(".swap-mistake")).to_have_text("city")
    locked.get_by_role("button", name="Use country_code instead").click()
    expect(locked.locator(".swap-mistake")).to_have_count(0)


def test_cancel_asks_the_gateway(shared: Shared, server: Server) -> None:
    running = shared.cell(shared.take("running"))
    running.get_by_role("button", name="Cancel").hover()
    shared.page.mouse.down()
    shared.page.wait_for_timeout(600)  # a slow finger: the cell is drawn anew while the button is pressed
    shared.page.mouse.up()
    expect(running.get_by_role("button", name="Interrupt kernel")).to_be_visible()
    shared.page.wait_for_timeout(500)
    assert ("DELETE", "/v1/queries/qrun") in [(method, path) for method, path, _ in server.gateway.asked]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("%%swap\nSELECT * FROM lake", "lake.wmf.pageview_hourly"),
        ("x = '😀'; swap.sql('''SELECT *\nFROM media", "mediawiki.enwiki.page"),
    ],
)
def test_names_complete_with_tab(shared: Shared, typed: str, expected: str) -> None:
    number = shared.take("code")
    editor = shared.cell(number).locator(".cm-content")
    editor.click()
    shared.page.keyboard.press("Control+a")
    shared.page.keyboard.insert_text(typed)
    shared.page.keyboard.press("Tab")
    # The only one there is may be put there at once.
    completed = shared.cell(number).locator(".cm-content", has_text=expected)
    offered = shared.page.locator(".jp-Completer-item")
    expect(completed.or_(offered).first).to_be_visible()
    if offered.count():
        shared.page.keyboard.press("Enter")
    expect(completed).to_be_visible()


def test_a_cell_becomes_sql_with_the_letter_that_makes_it_so(shared: Shared) -> None:
    number = shared.take("code")
    editor = shared.cell(number).locator(".cm-content")
    editor.click()
    shared.page.keyboard.press("Control+a")
    shared.page.keyboard.insert_text("%%swa")
    assert shared.cell(number).locator(".swap-magic").count() == 0
    shared.page.keyboard.insert_text("p\nSELECT 1")
    expect(shared.cell(number).locator(".swap-magic")).to_have_text("%%swap")
    shared.page.keyboard.press("Control+/")
    assert shared.source(number) == "%%swap\n-- SELECT 1"


def test_a_notebook_that_was_only_opened_is_not_marked_as_changed(window: Lab) -> None:
    mark = re.compile("jp-mod-dirty")
    tab = window.page.locator("#jp-main-dock-panel .lm-TabBar-tab.lm-mod-current")
    expect(window.page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=60_000)
    window.page.wait_for_timeout(1000)  # what must not come has no moment at which it has not come
    expect(tab).not_to_have_class(mark)
    window.cell(10).locator(".cm-content").click()
    window.page.keyboard.insert_text("x")
    expect(tab).to_have_class(mark)


def test_no_menu_offers_the_hub_news_or_a_shutdown(shared: Shared) -> None:
    shared.page.locator(".lm-MenuBar-itemLabel", has_text="File").click()
    labels = shared.page.locator(".lm-Menu-itemLabel").all_inner_texts()
    assert "Save Notebook" in labels
    assert not {"Log Out", "Shut Down", "Hub Control Panel"} & set(labels)
    shared.page.keyboard.press("Escape")
    assert shared.page.locator(".jp-Dialog, .jp-toast").count() == 0


def test_the_help_menu_leads_to_swaps_own_help(shared: Shared) -> None:
    shared.page.locator(".lm-MenuBar-itemLabel", has_text="Help").click()
    shared.page.context.route("http://localhost:8000/**", lambda route: route.fulfill(body="help"))
    with shared.page.context.expect_page() as opened:
        shared.page.locator(".lm-Menu-itemLabel", has_text="SWAP: SQL").click()
    assert opened.value.url == "http://localhost:8000/help/reference/sql"
    opened.value.close()


@pytest.mark.parametrize(
    ("button", "item", "page"),
    [
        ("Share", "Share Notebook", "share?path=shared.ipynb"),
        ("Comments", "Comments…", "comments?path=shared.ipynb&cell="),
    ],
)
def test_a_notebook_leads_to_its_pages(shared: Shared, button: str, item: str, page: str) -> None:
    shared.page.context.route("http://localhost:8000/**", lambda route: route.fulfill(body="page"))
    where = re.compile(rf"http://localhost:8000/notebooks/{re.escape(page)}[\w-]*")
    with shared.page.context.expect_page() as opened:
        shared.page.locator(".jp-NotebookPanel-toolbar").get_by_text(button, exact=True).click()
    assert where.fullmatch(opened.value.url)
    opened.value.close()
    assert where.fullmatch(from_the_file_menu(shared, item))


def from_the_file_menu(shared: Shared, item: str) -> str:
    """Return where an item of the File menu leads."""
    shared.page.locator(".lm-MenuBar-itemLabel", has_text="File").click()
    with shared.page.context.expect_page() as opened:
        shared.page.locator(".lm-Menu-itemLabel", has_text=item).click()
    url = opened.value.url
    opened.value.close()
    return url


def test_a_notebook_leads_to_its_forks(shared: Shared) -> None:
    shared.page.context.route("http://localhost:8000/**", lambda route: route.fulfill(body="page"))
    assert from_the_file_menu(shared, "Forks and Origin") == "http://localhost:8000/notebooks/forks?path=shared.ipynb"
    assert from_the_file_menu(shared, "Run Regularly") == "http://localhost:8000/notebooks/report?path=shared.ipynb"


def test_a_cell_leads_to_the_comments_on_it(shared: Shared) -> None:
    shared.page.context.route("http://localhost:8000/**", lambda route: route.fulfill(body="page"))
    shared.cell(1).locator(".cm-content").click()
    shared.cell(2).click(button="right")
    with shared.page.context.expect_page() as opened:
        shared.page.locator(".lm-Menu-itemLabel", has_text="Comments…").click()
    assert opened.value.url == "http://localhost:8000/notebooks/comments?path=shared.ipynb&cell=cell-2"
    opened.value.close()


def test_the_bar_stays_in_simple_mode(shared: Shared) -> None:
    shared.page.keyboard.press("Control+Shift+d")
    shared.page.locator(".jp-LabShell[data-shell-mode=single-document]").wait_for(timeout=60_000)
    shared.page.wait_for_timeout(500)
    expect(shared.page.locator("#swap-who")).to_be_visible()
    expect(shared.page.get_by_role("link", name="Sign out")).to_be_visible()
    shared.page.keyboard.press("Control+Shift+d")
    shared.page.locator(".jp-LabShell[data-shell-mode=multiple-document]").wait_for(timeout=60_000)


def test_a_server_that_answers_again_takes_the_words_away(shared: Shared, server: Server) -> None:
    shared.context.route(f"{server.url}/**", lambda route: route.fulfill(status=404, body="404 page not found"))
    expect(shared.page.get_by_role("dialog")).to_contain_text("Your server has stopped", timeout=60_000)

    shared.context.unroute_all()

    expect(shared.page.get_by_role("dialog")).to_have_count(0, timeout=60_000)


@pytest.mark.parametrize("hangs", [False, pytest.param(True, marks=pytest.mark.long)])
def test_swap_out_of_reach_is_said_as_that_until_it_is_back(shared: Shared, server: Server, hangs: bool) -> None:
    """A tunnel that has ended refuses, one that hangs never answers; neither is a server that was stopped."""
    if hangs:
        shared.context.route(f"{server.url}/**", lambda _: None)
    else:
        shared.context.set_offline(True)
    dialog = shared.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("SWAP does not answer", timeout=60_000)
    shared.page.keyboard.press("Control+s")
    shared.page.wait_for_timeout(1500)  # what must not come, Lab's own words, has no moment
    assert dialog.count() == 1
    expect(dialog).not_to_contain_text("not running")
    # On a busy machine the window has a workspace of its own, which its address names.
    assert shared.page.url.endswith("/tree/shared.ipynb")

    shared.context.unroute_all()
    shared.context.set_offline(False)

    expect(dialog).to_have_count(0, timeout=60_000)


def test_no_request_went_outside_and_no_script_complained(lab: Lab) -> None:
    lab.page.wait_for_timeout(1000)
    assert lab.outside == []
    assert lab.complaints == []


def test_the_end_of_access_is_said_in_words(window: Lab, server: Server) -> None:
    epoch = server.gateway.epoch
    server.gateway.say("ended", epoch + 1)
    try:
        dialog = window.page.get_by_role("dialog")
        expect(dialog).to_contain_text("Your access has ended", timeout=60_000)
        window.page.wait_for_timeout(1500)
        assert window.page.locator(".jp-Dialog").count() == 1
        expect(dialog.get_by_role("button", name="Sign in again")).to_be_visible()
    finally:
        server.gateway.say("live", epoch + 1)


def test_a_server_that_was_stopped_is_said_in_words(window: Lab, server: Server) -> None:
    """Where no server runs, what stands before it answers 404, in its own words."""
    window.context.route(f"{server.url}/**", lambda route: route.fulfill(status=404, body="404 page not found"))

    dialog = window.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Your server has stopped", timeout=60_000)
    window.page.keyboard.press("Control+s")
    window.page.wait_for_timeout(1500)  # what must not come, Lab's own words, has no moment
    assert window.page.locator(".jp-Dialog").count() == 1
    expect(dialog).not_to_contain_text("Directory not found")

    with window.page.expect_request("http://localhost:8000/server?next=look.ipynb"):
        dialog.get_by_role("button", name="Start it again").click()


def test_a_server_that_is_gone_when_swap_is_back_is_said_as_that(window: Lab, server: Server) -> None:
    window.context.set_offline(True)
    dialog = window.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("SWAP does not answer", timeout=60_000)

    window.context.route(f"{server.url}/**", lambda route: route.fulfill(status=404, body="404 page not found"))
    window.context.set_offline(False)

    expect(dialog).to_contain_text("Your server has stopped", timeout=60_000)


def test_a_cell_whose_kernel_was_restarted_stops_counting_and_leaves_the_query_to_the_gateway(window: Lab) -> None:
    """The gateway knows which queries are to be kept, and ends the others itself."""
    expect(window.cell(1).get_by_role("button", name="Cancel")).to_be_visible()
    window.page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)
    asked: list[tuple[str, str]] = []
    window.page.on("request", lambda request: asked.append((request.method, urlsplit(request.url).path)))

    window.page.locator(".lm-MenuBar-itemLabel", has_text="Kernel").click()
    window.page.locator(".lm-Menu-itemLabel", has_text="Restart Kernel").first.click()
    window.page.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()

    expect(window.cell(1).locator(".sq-h b")).to_have_text("The kernel was restarted", timeout=60_000)
    expect(window.cell(1).locator(".sq-f")).to_contain_text("ends after a minute, unless it was started with keep=True")
    expect(window.cell(1).get_by_role("button", name="Cancel")).to_have_count(0)
    window.page.evaluate("0")  # what the page had asked by then is told before this is answered
    assert [method for method, _ in asked if method == "POST"], "the restart"
    assert [path for method, path in asked if method == "DELETE"] == []


def test_what_is_opened_before_lab_has_gone_to_its_address_stays_in_front(window: Lab, server: Server) -> None:
    """Lab opens the notebook of the address once more, when what it remembers is saved."""

    def hold(route: Route) -> None:
        if route.request.method != "PUT":
            route.continue_()

    window.page.route("**/lab/api/workspaces/**", hold)
    front = window.page.locator(".lm-TabBar-tab.lm-mod-current")
    restoring = window.page.locator(".jp-FileBrowser.jp-mod-restoring")

    window.page.goto(f"{server.url}/lab/workspaces/late/tree/look.ipynb")
    expect(front.filter(has_text="look.ipynb")).to_be_visible(timeout=60_000)
    window.page.get_by_role("button", name="New Launcher", exact=True).click()
    expect(front.filter(has_text="Launcher")).to_be_visible(timeout=60_000)
    expect(restoring).to_have_count(1)
    window.page.unroute("**/lab/api/workspaces/**")  # which lets go what was held

    expect(restoring).to_have_count(0, timeout=60_000)
    expect(front.filter(has_text="Launcher")).to_be_visible()


def test_a_notebook_that_was_saved_elsewhere_can_be_kept_as_a_copy(blank: Lab, server: Server) -> None:
    def write(source: str) -> None:
        cells = [outputs.cell(1, source)]
        (server.home / "both.ipynb").write_text(json.dumps({**outputs.notebook(), "cells": cells}))

    def holds(name: str) -> str:
        return (server.home / name).read_text() if (server.home / name).exists() else ""

    write("as_opened = 1")
    # Not by its address: JupyterLab's router opens what that names once more, late, and would show this one then.
    blank.page.goto(f"{server.url}/lab/workspaces/both")
    blank.page.locator(".jp-DirListing-item", has_text="both.ipynb").dblclick()
    blank.page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)
    write("theirs = 1")

    blank.cell(1).locator(".cm-content").click()
    blank.page.keyboard.insert_text("mine = 1\n")
    blank.page.keyboard.press("Control+s")
    dialog = blank.page.get_by_role("dialog")
    expect(dialog).to_contain_text("both.ipynb was saved from another window", timeout=60_000)
    dialog.get_by_role("button", name="Keep mine as a copy").click()

    expect(blank.page.locator(".lm-TabBar-tab.lm-mod-current", has_text="both-mine.ipynb")).to_be_visible()
    assert "mine = 1" in holds("both-mine.ipynb")
    assert "theirs = 1" in holds("both.ipynb")
    expect(dialog).to_have_count(0)


def test_a_copy_that_cannot_be_saved_is_said_in_words(blank: Lab, server: Server) -> None:
    def write(source: str) -> None:
        cells = [outputs.cell(1, source)]
        (server.home / "away.ipynb").write_text(json.dumps({**outputs.notebook(), "cells": cells}))

    write("as_opened = 1")
    blank.page.goto(f"{server.url}/lab/tree/away.ipynb?reset")
    blank.page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)
    write("theirs = 1")
    blank.page.route(re.compile(r"/api/contents/away-mine"), lambda route: route.abort())

    blank.cell(1).locator(".cm-content").click()
    blank.page.keyboard.insert_text("mine = 1\n")
    blank.page.keyboard.press("Control+s")
    dialog = blank.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Keep mine as a copy").click(timeout=60_000)

    expect(dialog).to_contain_text("No copy was saved. Your server does not answer. Nothing is lost")
    assert "mine = 1" in blank.source(1)


def test_run_all_leads_to_the_cell_that_failed(blank: Lab, server: Server) -> None:
    cells = [outputs.cell(1, "1/0"), *(outputs.cell(number, f"print({number})\n" * 9) for number in range(2, 41))]
    (server.home / "fails.ipynb").write_text(json.dumps({**outputs.notebook(), "cells": cells}))
    blank.page.set_viewport_size({"width": 1280, "height": 700})
    blank.page.goto(f"{server.url}/lab/tree/fails.ipynb?reset")
    blank.page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)

    blank.page.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
    blank.page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()

    expect(blank.page.get_by_text("ZeroDivisionError").first).to_be_in_viewport(timeout=60_000)
    blank.page.wait_for_timeout(1000)  # what must not come, a jump to the end, has no moment
    expect(blank.page.get_by_text("ZeroDivisionError").first).to_be_in_viewport()


def test_a_narrow_window_shows_the_notebook_and_no_side_panel(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{server.url}/lab/tree/look.ipynb?reset")
    page.locator(".jp-Notebook").wait_for(timeout=60_000)
    expect(page.locator("#jp-left-stack")).to_be_hidden(timeout=60_000)
    width = page.locator(".jp-NotebookPanel").bounding_box()
    assert width is not None
    assert width["width"] > 280
    page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab").first.click()
    expect(page.locator("#jp-left-stack")).to_be_visible()
    context.close()


def test_a_second_window_gets_a_workspace_of_its_own(window: Lab) -> None:
    assert "/workspaces/" not in window.page.url

    second = window.context.new_page()
    second.goto(window.page.url)
    second.locator(".jp-Notebook").wait_for(timeout=60_000)

    assert re.search(r"/lab/workspaces/auto-\w+/tree/look\.ipynb", second.url)


def test_a_window_that_is_reloaded_keeps_its_workspace(window: Lab) -> None:
    window.page.reload()
    window.page.locator(".jp-Notebook").wait_for(timeout=60_000)

    assert "/workspaces/" not in window.page.url


def test_a_notebook_opened_with_reset_is_the_only_one_there_and_open_once(window: Lab, server: Server) -> None:
    (server.home / "other.ipynb").write_text(json.dumps(outputs.notebook()))
    window.page.goto(f"{server.url}/lab/tree/other.ipynb?reset")

    # The router has come to its end, too: it takes `reset` away.
    window.page.wait_for_url(f"{server.url}/lab/tree/other.ipynb")
    expect(window.page.locator("#jp-main-dock-panel .lm-TabBar-tab")).to_have_count(1)
    expect(window.page.locator("#jp-main-dock-panel .lm-TabBar-tab")).to_contain_text("other.ipynb")
