"""A notebook saved as HTML is opened from a disk, with no policy around it: nothing in it may run, or ask another host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

import browsers
from integration.lab.conftest import Server, started
from services import NO_TLS

RUN = "window.attacked=1"
IMAGE = f"<img src=x onerror={RUN}>"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
OUTSIDE = "http://beacon.localhost:9/"
HOSTILE = [
    IMAGE,
    f"<script>{RUN}</script>",
    f"<SCRIPT/x>{RUN}</SCRIPT >",
    f"<svg onload={RUN}><animate onbegin={RUN} attributeName=x dur=1s></svg>",
    f'<svg><style><img title="</style><img src=x onerror={RUN}>"></svg>',
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror={RUN}&gt;">',
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'></noscript>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe><iframe src='javascript:parent.{RUN}'></iframe>",
    f"<object data='{OUTSIDE}o'></object><embed src='{OUTSIDE}e'><video src='{OUTSIDE}v' onerror={RUN}></video>",
    f"<form action='javascript:{RUN}'><button formaction='javascript:{RUN}' autofocus onfocus={RUN}>x</button></form>",
    f"<base href='{OUTSIDE}'><link rel=stylesheet href='{OUTSIDE}l'><meta http-equiv=refresh content='0;url={OUTSIDE}m'>",
    f"<style>@import '{OUTSIDE}i'; body {{ background: url({OUTSIDE}b) }}</style>",
    f"<p style='background:url({OUTSIDE}s);position:fixed;cursor:url({OUTSIDE}c),auto'>styled</p>",
    f"<img src='{OUTSIDE}p'><img srcset='{OUTSIDE}q 1x'><table background='{OUTSIDE}t'><tr><td>x</table>",
    *(
        f"<a href='{link}'>link</a>"
        for link in (f"javascript:{RUN}", f"JaVa&#10;Script:{RUN}", f"\x01javascript:{RUN}", f"data:text/html,<script>{RUN}</script>", "vbscript:x")
    ),
    f"<a data-commandlinker-command=x onclick={RUN}>x</a><details ontoggle={RUN} open><summary>x</summary></details>",
    f"<template><img src=x onerror={RUN}></template><textarea></textarea><title></title>{IMAGE}",
]  # fmt: skip
BREAK = f"1 onerror={RUN} x=\"'><img src=x onerror={RUN}>"


def shown(data: dict[str, Any], metadata: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": metadata or {}, **more}


def notebook() -> dict[str, Any]:
    around = {"width": BREAK, "height": BREAK, "unconfined": BREAK, "needs_background": BREAK}
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' onload='{RUN}'><script>{RUN}</script><image href='{OUTSIDE}g'/></svg>"
    )
    outputs = [
        *(shown({"text/html": each}) for each in HOSTILE),
        *(shown({"text/markdown": each}) for each in HOSTILE),
        shown({"image/png": PNG}, {"image/png": around, **around, "filenames": {"image/png": f"{OUTSIDE}f.png"}}),
        shown({"image/jpeg": BREAK}, {"image/jpeg": around}),
        shown({"image/png": BREAK}, around),
        shown({"image/svg+xml": svg}, svg_filename=f"{OUTSIDE}h.svg"),
        shown({"application/javascript": RUN}),
        shown({"text/vnd.mermaid": f"</pre>{IMAGE}"}),
        shown({"text/latex": f"$\\href{{javascript:{RUN}}}{{x}}$ {IMAGE}"}),
        shown({"text/plain": f"\x1b]8;;javascript:{RUN}\x1b\\x {IMAGE}"}),
        shown({"application/vnd.jupyter.widget-view+json": {"model_id": f"</script>{IMAGE}"}}),
        shown({f"text/html{IMAGE}": IMAGE, "application/pdf": IMAGE}),
        {"output_type": "stream", "name": "stdout", "text": IMAGE},
        {"output_type": "error", "ename": IMAGE, "evalue": IMAGE, "traceback": [IMAGE, f"\x1b[31m{IMAGE}"]},
    ]
    picture = {
        "attached": {f'image/png" onerror={RUN} x="': PNG},
        "whole": {"image/png": PNG},
        "bad": {"text/html": IMAGE},
    }
    words = "\n\n".join([*HOSTILE, "![a](attachment:attached) ![b](attachment:whole) ![c](attachment:bad)", *LINKS])
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "title": f"</title>{IMAGE}",
            "kernelspec": {"name": "swap", "display_name": IMAGE, "language": IMAGE},
            "language_info": {"name": IMAGE, "pygments_lexer": IMAGE},
            "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"x": f"</script>{IMAGE}"}}},
        },
        "cells": [
            {"cell_type": "markdown", "id": "a", "metadata": {"tags": [BREAK]}, "attachments": picture, "source": words},
            {"cell_type": "raw", "id": "b", "metadata": {"raw_mimetype": "text/html"}, "source": "".join(HOSTILE)},
            {"cell_type": "markdown", "id": "c", "metadata": {}, "source": GOOD},
            {
                "cell_type": "code",
                "id": "d",
                "metadata": {"tags": [IMAGE], "magics_language": IMAGE},
                "execution_count": 7,
                "source": f"'''{IMAGE}'''\nprint(42)",
                "outputs": outputs,
            },
        ],
    }  # fmt: skip


LINKS = (
    f"[x](javascript:{RUN})",
    f"![x]({OUTSIDE}k.png)",
    f"<javascript:{RUN}>",
    "![x](../../../etc/hostname)",
    f'```"><img src=x onerror={RUN}>\ncode\n```',
    f"$x </script>{IMAGE}$",
)
GOOD = "# A heading\n\nSome **bold** words, `code`, a [link](https://example.org/x?y=1).\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lab")
    home = folder / "home"
    home.mkdir()
    (home / "hostile.ipynb").write_text(json.dumps(notebook()))
    with ExitStack() as stack:
        yield stack.enter_context(started(folder, home))


def export(server: Server, path: str) -> str:
    headers = {"Authorization": f"token {server.hub.token()}"}
    answer = httpx.get(f"{server.url}/nbconvert/html/{path}", headers=headers, timeout=60, verify=NO_TLS)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture(
    scope="module", params=["", "&sanitize_html=false", pytest.param("&sanitize_html=true", marks=pytest.mark.long)]
)
def saved(server: Server, request: pytest.FixtureRequest) -> str:
    return export(server, f"hostile.ipynb?download=true{request.param}")


@pytest.fixture(scope="module")
def page(saved: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The file, opened as from a disk, and what it asked for."""
    file: Path = tmp_path_factory.mktemp("saved") / "hostile.html"
    file.write_text(saved)
    with browsers.running() as browser:
        made = browser.new_context().new_page()
        made.asked = []  # type: ignore[attr-defined]
        made.on("request", lambda request: made.asked.append(request.url))  # type: ignore[attr-defined]
        made.goto(file.as_uri())
        yield made


def test_nothing_in_a_saved_notebook_runs(page: Page) -> None:
    for link in page.locator("a:not([href^=http]), button, summary").all():
        link.dispatch_event("click")
    assert page.evaluate("window.attacked") is None
    assert (
        page.evaluate("document.querySelectorAll('script, iframe, object, embed, form, base, link, template').length")
        == 0
    )
    acting = """() => [...document.querySelectorAll('*')].flatMap(each => [...each.attributes])
        .filter(each => /^on|^srcdoc$|^formaction$/i.test(each.name) || /^\\s*(javascript|vbscript|data:text)/i.test(each.value))
        .map(each => each.name + '=' + each.value)"""
    assert page.evaluate(acting) == []


def test_a_saved_notebook_asks_no_other_host(page: Page) -> None:
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []  # type: ignore[attr-defined]


def test_text_tables_and_pictures_of_a_saved_notebook_stay(page: Page) -> None:
    assert page.locator("h1", has_text="A heading").count() == 1
    assert page.locator("td", has_text="2").count() >= 1
    assert page.locator("strong", has_text="bold").count() == 1
    assert page.locator("a[href='https://example.org/x?y=1']").count() == 1
    assert page.locator(f"img[src='data:image/png;base64,{PNG}']").count() >= 2
    assert page.locator("p", has_text="styled").count() >= 1
    assert page.get_by_text("print").count() >= 1
    assert "position" not in (page.locator("p", has_text="styled").first.get_attribute("style") or "")


def test_what_a_picture_says_of_itself_is_a_number_or_nothing(server: Server) -> None:
    for around, expected in (({"width": 640, "height": 9}, ["9", "640"]), ({"width": "9", "height": [1]}, [])):
        document = notebook()
        document["cells"] = [document["cells"][3] | {"outputs": [shown({"image/png": PNG}, {"image/png": around})]}]
        (server.home / "picture.ipynb").write_text(json.dumps(document))
        (tag,) = re.findall(r"<img [^>]*>", export(server, "picture.ipynb"))
        assert re.findall(r'(?:height|width)="(\d+)"', tag) == expected
        assert ("width" in tag) == bool(expected)


def test_where_nothing_cleans_it_it_runs(saved: str, page: Page) -> None:
    """The control: what the browser is given here does run where nothing cleans it."""
    del saved
    other = page.context.new_page()
    other.set_content("".join(HOSTILE[:4]))
    other.wait_for_function("window.attacked === 1")
    other.close()
