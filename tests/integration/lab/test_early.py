"""A notebook's kernel starts when its page is asked for: once, and for notebooks that are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration.lab import outputs
from integration.lab.conftest import Server, started
from integration.lab.stand_ins import wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("lab")
    home = folder / "home"
    (home / "ideas").mkdir(parents=True)
    (home / "ideas" / "a b.ipynb").write_text(json.dumps(outputs.notebook()))
    (home / "notes.txt").write_text("words")
    with ExitStack() as stack:
        yield stack.enter_context(started(folder, home))


@pytest.fixture
def browser(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(follow_redirects=True, timeout=20, headers={"Sec-Fetch-Mode": "navigate"}) as client:
        assert client.get(f"{server.url}/lab").status_code == 200
        yield client


def sessions(browser: httpx.Client, server: Server) -> list[dict[str, Any]]:
    headers = {"Sec-Fetch-Mode": "same-origin", "X-XSRFToken": browser.cookies["_xsrf"]}
    answer = browser.get(f"{server.url}/api/sessions", headers=headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def test_the_page_of_a_notebook_starts_its_kernel_once_and_other_pages_start_none(
    browser: httpx.Client, server: Server
) -> None:
    for path in ("notes.txt", "gone.ipynb", "ideas"):
        browser.get(f"{server.url}/lab/tree/{path}")
    assert sessions(browser, server) == []

    browser.get(f"{server.url}/lab/tree/ideas/a%20b.ipynb?reset")
    (session,) = wait_for("the kernel's start", lambda: sessions(browser, server))
    assert (session["path"], session["name"], session["type"]) == ("ideas/a b.ipynb", "a b.ipynb", "notebook")
    assert session["kernel"]["name"] == "swap"

    browser.get(f"{server.url}/lab/tree/ideas/a%20b.ipynb")
    assert [each["id"] for each in sessions(browser, server)] == [session["id"]]


def test_nobody_starts_a_kernel_without_having_signed_in(browser: httpx.Client, server: Server) -> None:
    before = sessions(browser, server)
    (server.home / "other.ipynb").write_text(json.dumps(outputs.notebook()))

    answer = httpx.get(f"{server.url}/lab/tree/other.ipynb", timeout=10)

    assert answer.status_code in {302, 403}
    assert sessions(browser, server) == before
