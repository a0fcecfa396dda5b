"""A notebook's kernel starts when its page is asked for: once, and for notebooks that are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration.lab import outputs
from integration.lab.conftest import Server, started
from integration.lab.stand_ins import wait_for

OPENED = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
"""As a browser asks for a page that somebody opens."""


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
    with httpx.Client(follow_redirects=True, timeout=20, headers=OPENED) as client:
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


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": ""},
        {"Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch"},
    ],
)
def test_a_picture_a_frame_or_a_page_fetched_ahead_starts_none(
    browser: httpx.Client, server: Server, headers: dict[str, str]
) -> None:
    before = sessions(browser, server)
    (server.home / "seen.ipynb").write_text(json.dumps(outputs.notebook()))

    browser.get(f"{server.url}/lab/tree/seen.ipynb", headers=headers)

    assert sessions(browser, server) == before


@pytest.mark.parametrize("path", [".secret/h.ipynb", "/plain.ipynb", "ideas//plain.ipynb", "./plain.ipynb"])
def test_a_path_that_jupyterlab_would_not_write_so_starts_none(
    browser: httpx.Client, server: Server, path: str
) -> None:
    before = sessions(browser, server)
    for folder in (server.home, server.home / "ideas", server.home / ".secret"):
        folder.mkdir(exist_ok=True)
        for name in ("h", "plain"):
            (folder / f"{name}.ipynb").write_text(json.dumps(outputs.notebook()))

    browser.get(f"{server.url}/lab/tree/{path}")

    assert sessions(browser, server) == before


def test_who_opens_a_page_four_times_at_once_has_one_kernel(browser: httpx.Client, server: Server) -> None:
    (server.home / "four.ipynb").write_text(json.dumps(outputs.notebook()))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: browser.get(f"{server.url}/lab/tree/four.ipynb"), range(4)))

    def of_it() -> list[str]:
        return [each["id"] for each in sessions(browser, server) if each["path"] == "four.ipynb"]

    assert len(wait_for("the kernel's start", of_it)) == 1


def test_nobody_starts_a_kernel_without_having_signed_in(browser: httpx.Client, server: Server) -> None:
    before = sessions(browser, server)
    (server.home / "other.ipynb").write_text(json.dumps(outputs.notebook()))

    answer = httpx.get(f"{server.url}/lab/tree/other.ipynb", timeout=10)

    assert answer.status_code in {302, 403}
    assert sessions(browser, server) == before
