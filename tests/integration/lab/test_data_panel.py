"""The panel "Data" of JupyterLab in a real browser, before a catalog of 50,000 tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect

from integration.lab.conftest import Server, started
from integration.lab.windows import forgotten, in_each_theme

TABLES = 50_000
PER_SCHEMA = 250
OPEN = {"readable": True, "rule": None, "ask": None}
LOCK = {"readable": False, "rule": "below-country", "because": "locks places", "ask": "data-privacy"}


def schema(number: int) -> str:
    return f"wiki{number:03d}"


def table(number: int) -> dict[str, Any]:
    name = f"page_{number:05d}"
    where = schema(number // PER_SCHEMA)
    return {
        "name": f"lake.{where}.{name}",
        "written": f"lake.{where}.{name}",
        "source": "lake",
        "schema": where,
        "table": name,
        "comment": f"What <b>page</b> {number} holds",
        "matched": [],
        **(LOCK if number == 1 else OPEN),
    }


def asked(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def schemas(path: str, body: bytes) -> dict[str, Any]:
    del body
    query = asked(path)
    first = int(query["after"].removeprefix("wiki")) + 1 if query.get("after") else 0
    last = min(first + int(query["limit"]), TABLES // PER_SCHEMA)
    return {
        "schemas": [
            {"name": schema(n), "visible": PER_SCHEMA, "readable": 0 if n == 3 else PER_SCHEMA}
            for n in range(first, last)
        ]
    }


def tables(path: str, body: bytes) -> dict[str, Any]:
    del body
    query = asked(path)
    if query.get("text"):
        numbers = [n for n in range(TABLES) if query["text"] in f"page_{n:05d}"]
        if query["text"] == "city":
            assert query["columns"] == "true"
            return {"tables": [table(0) | {"matched": ["city"]}], "after": ""}
    else:
        begin = int(query["schema"].removeprefix("wiki")) * PER_SCHEMA
        numbers = list(range(begin, begin + PER_SCHEMA))
    start = int(query.get("after") or 0)
    limit = int(query["limit"])
    more = len(numbers) > start + limit
    return {
        "tables": [table(n) for n in numbers[start : start + limit]],
        "after": str(start + limit) if more else "",
    }


COLUMNS = [
    {
        "name": "page_title",
        "written": "page_title",
        "type": "text",
        "comment": "With underscores",
        "partition": False,
        **OPEN,
    },
    {"name": "Views of it", "written": '"Views of it"', "type": "bigint", "comment": "", "partition": False, **OPEN},
    {"name": "city", "written": "city", "type": "text", "comment": "", "partition": False, **LOCK},
    {"name": "day", "written": "day", "type": "integer", "comment": "", "partition": True, **OPEN},
]
SOURCES = [
    {"name": "lake", "title": "Parquet files", "up": True, "tables": {"visible": TABLES, "readable": TABLES - 1}},
    {"name": "mediawiki", "title": "PostgreSQL", "up": False, "tables": {"visible": 3, "readable": 3}},
]


def code(cell_id: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "source": source,
        "execution_count": None,
        "outputs": [],
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lab")
    home = folder / "home"
    home.mkdir()
    document = {
        "cells": [code("a", ""), code("b", "%%swap\nSELECT ")],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (home / "look.ipynb").write_text(json.dumps(document))
    with started(folder, home) as made:
        answer(made)
        yield made


@pytest.fixture(autouse=True)
def catalog(server: Server) -> None:
    answer(server)


def answer(server: Server) -> None:
    server.gateway.answers.update(
        {
            "GET /v1/catalog": (200, {"sources": SOURCES}),
            "GET /v1/catalog/schemas": (200, schemas),
            "GET /v1/catalog/tables": (200, tables),
            "GET /v1/catalog/lake/wiki000/page_00000": (200, {"columns": COLUMNS}),
            "GET /v1/catalog/lake/wiki000/page_00001": (200, {"columns": COLUMNS[2:3]}),
        }
    )


RENDERED_MS = 30_000
"""Hundreds of rows are looked through for the one that is meant."""


class Lab:
    """A window with a notebook and the panel open."""

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self.page: Page = context.new_page()
        self.page.goto(server.url + "/lab/tree/look.ipynb?reset")
        self.page.locator(".jp-Notebook .jp-Cell").nth(1).wait_for(timeout=60_000)
        self.page.set_default_timeout(20_000)
        # JupyterLab's own router comes late, and then takes the keyboard for the notebook.
        expect(self.page).not_to_have_url(re.compile("reset"), timeout=60_000)
        self.page.get_by_role("tab", name="Data you may query").click()
        self.panel = self.page.locator("#swap-data")
        self.tree = self.panel.get_by_role("tree")
        expect(self.tree.get_by_role("treeitem").first).to_be_visible()

    def row(self, name: str) -> Locator:
        # By XPath, which browsers find among hundreds of rows at once.
        return self.tree.locator(
            "xpath=.//*[@role='treeitem']"
            f"[*[contains(@class, 'dp-r')]/*[contains(@class, 'dp-n')][normalize-space() = '{name}']]"
        )

    def open(self, *names: str) -> None:
        for name in names:
            self.row(name).locator(":scope > .dp-r > .dp-n").click()

    def source(self, number: int) -> str:
        return str(self.page.locator(".jp-Notebook .jp-Cell").nth(number - 1).locator(".cm-content").inner_text())


SIZE: ViewportSize = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Lab]:
    made = browser.new_context(viewport=SIZE, color_scheme="light")
    yield Lab(made, server)
    made.close()


@pytest.fixture
def looked(shared: Lab) -> Lab:
    """A window of those tests that change no cell, with a new tree."""
    shared.tree.evaluate("tree => tree.replaceChildren()")
    search = shared.panel.get_by_role("searchbox")
    # One of them: each asks the catalog.
    if search.input_value():
        search.press("Escape")
    else:
        shared.panel.get_by_role("button", name="Ask the catalog again").click()
    expect(shared.row("lake")).to_have_attribute("aria-expanded", "false")
    return shared


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=SIZE, color_scheme="light")
    yield made
    made.close()


@pytest.fixture
def lab(context: BrowserContext, server: Server) -> Iterator[Lab]:
    with forgotten(context, server.url):
        yield Lab(context, server)


def test_sources_schemas_tables_and_columns_open_one_below_the_other(looked: Lab) -> None:
    looked.open("lake", "wiki000", "page_00000")
    expect(looked.row("page_title").locator(".dp-a")).to_have_text("text")
    expect(looked.row("day").locator(".dp-s")).to_have_text("Partition column.")
    expect(looked.row("lake").locator(":scope > .dp-r > .dp-a")).to_have_text("49,999 of 50,000")
    expect(looked.row("mediawiki").locator(".dp-a")).to_have_text("down")
    looked.open("wiki000")
    expect(looked.row("page_title")).to_be_hidden()


def test_what_is_locked_says_by_which_rule_and_whom_to_ask(looked: Lab) -> None:
    looked.open("lake", "wiki000", "page_00000")
    expect(looked.row("city").locator(".dp-s")).to_have_text("Locked by the rule below-country. Ask data-privacy.")
    expect(looked.row("city").get_by_role("img", name="locked")).to_be_visible()
    expect(looked.row("page_00001").locator(":scope > .dp-s").first).to_have_text(
        "Locked by the rule below-country. Ask data-privacy."
    )
    expect(looked.row("wiki003").get_by_role("img", name="locked")).to_be_visible()
    # What may not be read goes into no cell.
    expect(looked.row("page_00001").get_by_role("button")).to_have_count(0)
    looked.row("city").press("Enter")
    assert "city" not in looked.source(1) + looked.source(2)


def test_fifty_thousand_tables_are_asked_for_a_page_at_a_time(looked: Lab, server: Server) -> None:
    before = len(server.gateway.asked)
    looked.open("lake")
    expect(looked.row("wiki099")).to_be_visible(timeout=RENDERED_MS)
    expect(looked.row("wiki100")).to_have_count(0, timeout=RENDERED_MS)
    looked.open("Show more")
    expect(looked.row("wiki199")).to_be_visible(timeout=RENDERED_MS)
    expect(looked.row("Show more")).to_have_count(0, timeout=RENDERED_MS)
    looked.open("wiki000")
    expect(looked.row("page_00099")).to_be_visible(timeout=RENDERED_MS)
    looked.row("Show more").press("Enter")
    expect(looked.row("page_00199")).to_be_visible(timeout=RENDERED_MS)
    expect(looked.row("page_00100")).to_be_focused(timeout=RENDERED_MS)
    paths = [urlsplit(path).path for _, path, _ in server.gateway.asked[before:] if "/v1/catalog" in path]
    assert paths == ["/v1/catalog/schemas"] * 2 + ["/v1/catalog/tables"] * 2


def test_a_search_goes_through_all_sources_and_their_columns(looked: Lab) -> None:
    search = looked.panel.get_by_role("searchbox")
    search.fill("page_4999")
    expect(looked.panel.get_by_role("status")).to_have_text("10 tables with “page_4999”")
    expect(looked.row("page_49990").locator(".dp-s").first).to_have_text("lake.wiki199")
    search.fill("page")
    expect(looked.panel.get_by_role("status")).to_have_text("The first 50 tables with “page”")
    search.fill("city")
    expect(looked.row("page_00000").locator(".dp-s").first).to_have_text("lake.wiki000 · has city")
    search.fill("zzz")
    expect(looked.panel.get_by_role("status")).to_have_text(
        "No table has “zzz” in its name, its columns or its comment."
    )
    search.press("Escape")
    expect(looked.row("lake")).to_be_visible()


def test_a_table_in_an_empty_cell_becomes_a_statement_and_columns_follow_the_cursor(lab: Lab) -> None:
    lab.page.locator(".jp-Notebook .jp-Cell").nth(0).locator(".cm-content").click()
    lab.open("lake", "wiki000", "page_00000")
    lab.page.get_by_role("button", name="Put lake.wiki000.page_00000 into the cell").click()
    expect(lab.panel.get_by_role("status")).to_have_text("lake.wiki000.page_00000 is in the cell.")
    assert lab.source(1) == "%%swap\nSELECT *\nFROM lake.wiki000.page_00000\nLIMIT 10"
    lab.page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".cm-content").click()
    lab.page.keyboard.press("Control+End")
    lab.open("page_title", "Views of it")
    assert lab.source(2) == '%%swap\nSELECT page_title, "Views of it"'


def test_a_name_is_dragged_into_a_cell(lab: Lab) -> None:
    lab.open("lake", "wiki000")
    target = lab.page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".cm-line").last
    lab.row("page_00000").locator(":scope > .dp-r").drag_to(target)
    expect(lab.page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".cm-content")).to_contain_text(
        "lake.wiki000.page_00000"
    )
    assert len(lab.page.locator(".jp-Notebook .jp-Cell").all()) == 2


def test_the_tree_is_walked_by_keyboard(lab: Lab) -> None:
    lab.panel.get_by_role("searchbox").press("ArrowDown")
    expect(lab.row("lake")).to_be_focused()
    lab.page.keyboard.press("ArrowRight")
    expect(lab.row("lake")).to_have_attribute("aria-expanded", "true")
    expect(lab.row("wiki000")).to_be_visible()
    for key, name in (("ArrowRight", "wiki000"), ("ArrowDown", "wiki001"), ("End", "mediawiki"), ("Home", "lake")):
        lab.page.keyboard.press(key)
        expect(lab.row(name)).to_be_focused()
    lab.page.keyboard.press("ArrowDown")
    lab.page.keyboard.press("ArrowRight")
    expect(lab.row("page_00000")).to_be_visible()
    lab.page.keyboard.press("ArrowDown")
    expect(lab.panel.locator(".dp-k")).to_have_text("What <b>page</b> 0 holds")
    lab.page.keyboard.press("Enter")
    expect(lab.panel.get_by_role("status")).to_have_text("lake.wiki000.page_00000 is in the cell.")
    lab.page.keyboard.press("ArrowLeft")
    expect(lab.row("wiki000")).to_be_focused()
    lab.page.keyboard.press("ArrowLeft")
    expect(lab.row("page_00000")).to_be_hidden()


def test_without_the_gateway_the_panel_says_so_and_asks_again(looked: Lab, server: Server) -> None:
    server.gateway.answers["GET /v1/catalog/schemas"] = (
        503,
        {
            "error": {
                "category": "unavailable",
                "title": "The catalog does not answer.",
                "todo": "Try again in a minute.",
                "suggestions": [],
            }
        },
    )
    looked.open("lake")
    failed = looked.row("The catalog does not answer. Try again in a minute. Try again")
    expect(failed).to_be_visible()
    server.gateway.answers["GET /v1/catalog/schemas"] = (200, schemas)
    failed.press("Enter")
    expect(looked.row("wiki000")).to_be_visible()
    server.gateway.answers["GET /v1/catalog"] = (200, {"sources": []})
    looked.panel.get_by_role("button", name="Ask the catalog again").click()
    expect(looked.panel.get_by_role("status")).to_contain_text("No source is open to you.")


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.long)])
def test_nothing_in_the_panel_is_serious_for_axe(browser: Browser, server: Server, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="light")
    made = Lab(context, server)
    made.open("lake", "wiki000", "page_00000")
    expect(made.row("page_title")).to_be_visible()
    made.row("page_title").focus()
    for scheme in in_each_theme(made.page):
        found = Axe().run(made.page, context={"include": [["#swap-data"]]}, options={"resultTypes": ["violations"]})
        broken = [(item["id"], item["nodes"][0]["html"][:200]) for item in found.response["violations"]]
        assert broken == [], scheme
    context.close()
