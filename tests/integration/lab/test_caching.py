"""Browsers keep nothing of what is a person's: after the sign-out it is not in their cache."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

import browsers
from integration.lab.conftest import Server, started
from services import NO_TLS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lab")
    home = folder / "home"
    home.mkdir()
    (home / "small.ipynb").write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}))
    (home / "small.csv").write_text("a,b\n1,2\n")
    with ExitStack() as stack:
        yield stack.enter_context(started(folder, home))


def get(server: Server, path: str) -> httpx.Response:
    headers = {"Authorization": f"token {server.hub.token()}"}
    return httpx.get(server.url + path, headers=headers, timeout=120, verify=NO_TLS)


@pytest.mark.parametrize(
    "path",
    [
        "/lab",
        "/lab/tree/small.ipynb",
        "/api/contents",
        "/api/contents/small.ipynb",
        "/api/contents/none.ipynb",
        "/api/contents/small.ipynb/checkpoints",
        "/files/small.csv",
        "/files/small.csv?download=1",
        "/nbconvert/html/small.ipynb",
        "/nbconvert/script/small.ipynb",
        "/api/sessions",
        "/api/me",
        "/lab/api/settings/@jupyterlab/apputils-extension:themes",
        "/lab/api/workspaces/default",
        "/swap/queries/none/page",
        "/swap/access",
        "/lab/api/news",
        "/none",
        "/static/none.js",
    ],
)
def test_nothing_that_is_the_persons_is_kept_by_a_browser(server: Server, path: str) -> None:
    assert get(server, path).headers["Cache-Control"] == "no-store"


def test_programs_are_kept(server: Server) -> None:
    """JupyterLab is megabytes: a page must not load it anew each time."""
    page = get(server, "/lab").text
    for path in re.findall(r"(?:src|href)=\"/user/[^/]+(/static/[^\"]+\.js[^\"]*)\"", page)[:2]:
        assert "no-store" not in get(server, path).headers.get("Cache-Control", ""), path


def test_a_notebook_does_not_come_out_of_the_browsers_cache(server: Server) -> None:
    read = """async ([path, cache]) => {
        try { return (await (await fetch(path, {cache, mode: 'same-origin'})).text()).length } catch { return 0 } }"""
    with browsers.running() as browser:
        page = browser.new_page()
        page.goto(f"{server.url}/lab/tree/small.ipynb")
        base = server.url[server.url.index("/user") :]
        kept = page.evaluate("[...document.scripts].map(each => each.src).find(each => each.includes('/static/'))")
        assert page.evaluate(read, [kept, "force-cache"]) > 0
        assert page.evaluate(read, [kept, "only-if-cached"]) > 0, "the control: a program is in the cache"
        for path in ("/api/contents/small.ipynb?content=1", "/files/small.csv"):
            assert page.evaluate(read, [base + path, "default"]) >= 0
            assert page.evaluate(read, [base + path, "only-if-cached"]) == 0
