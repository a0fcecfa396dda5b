"""plotly's figures in JupyterLab: drawn from the person's own server, in light and dark, and loaded when there is one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import nbformat
import plotly.express as px
import pytest
from playwright.sync_api import Browser, expect

from integration.lab.conftest import Server, started
from integration.lab.windows import in_each_theme

FIGURE = px.bar(
    x=["a", "b"], y=[1, 2], title="how many <a href='javascript:alert(1)'>x</a><script>alert(1)</script>"
).add_layout_image(source="http://192.0.2.1/spy.png", sizex=1, sizey=1)


GOOD = "{'data': [{'type': 'bar', 'x': ['a'], 'y': [1]}], 'layout': {}}"
BAD = "None"


def notebook(bundle: dict[str, Any]) -> str:
    output = nbformat.v4.new_output("display_data", {**bundle, "text/plain": "as plain text"})
    return str(
        nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("px.bar(…)", outputs=[output])]))
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("lab")
    home = folder / "home"
    home.mkdir()
    (home / "figure.ipynb").write_text(notebook({"application/vnd.plotly.v1+json": json.loads(FIGURE.to_json())}))
    (home / "plain.ipynb").write_text(notebook({}))
    with started(folder, home) as made:
        yield made


def test_a_figure_is_drawn_on_a_ground_of_its_own_and_asks_nobody_outside(browser: Browser, server: Server) -> None:
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    asked: list[str] = []
    page.on("response", lambda response: asked.append(response.url))
    page.goto(f"{server.url}/lab/tree/figure.ipynb")

    plot = page.locator(".jp-OutputArea .js-plotly-plot")
    expect(plot.locator(".bars .point")).to_have_count(2, timeout=60_000)

    for _ in in_each_theme(page):
        ground = plot.locator("svg.main-svg").first.evaluate("node => getComputedStyle(node).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
    assert plot.locator("script").count() == 0
    assert plot.locator("[*|href^='javascript']").count() == 0
    assert [url for url in asked if "192.0.2.1" in url] == []
    context.close()


def test_without_a_figure_its_library_is_not_loaded(browser: Browser, server: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/lab/workspaces/plain/tree/plain.ipynb")
    expect(page.locator(".jp-OutputArea-output")).to_have_text("as plain text", timeout=60_000)

    assert [url for url in asked if "plotly" in url] == []
    context.close()


@pytest.mark.parametrize(
    ("library", "shown", "why"),
    [("away", GOOD, "its library did not load. Run the cell again."), ("there", BAD, "plotly cannot read it.")],
)
def test_a_figure_that_failed_says_why_and_the_next_one_is_drawn(
    browser: Browser, server: Server, library: str, shown: str, why: str
) -> None:
    cells = [f"p = display({{M: {shown}}}, raw=True, display_id=True)", f"p.update({{M: {GOOD}}}, raw=True)"]
    head = "M = 'application/vnd.plotly.v1+json'\n"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(head + each) for each in cells])
    (server.home / f"{library}.ipynb").write_text(nbformat.writes(made))
    context = browser.new_context()
    page = context.new_page()
    script = re.compile(r"/swap/plotly/static/remoteEntry")
    if library == "away":
        page.route(script, lambda route: route.abort())
    page.goto(f"{server.url}/lab/workspaces/{library}/tree/{library}.ipynb")
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)

    page.locator(".jp-Cell").first.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-OutputArea-output").first
    expect(output).to_have_text(f"This figure of plotly cannot be drawn: {why}", timeout=60_000)
    page.unroute(script)
    page.keyboard.press("Shift+Enter")

    expect(output.locator(".js-plotly-plot .bars .point")).to_have_count(1, timeout=60_000)
    expect(output).not_to_contain_text("cannot be drawn")
    context.close()


@pytest.mark.parametrize("path", ["../../../bin/python", "static/../package.json", "style.css", "static/"])
def test_only_the_renderers_files_are_served(server: Server, path: str) -> None:
    assert httpx.get(f"{server.url}/swap/plotly/{path}", follow_redirects=False).status_code in {302, 403, 404}
    assert "jupyterlab-plotly" not in json.dumps(httpx.get(f"{server.url}/swap/plotly/package.json").text)
