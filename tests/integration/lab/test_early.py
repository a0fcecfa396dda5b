"""A notebook's kernel starts when its page is asked for: once, and for notebooks that are there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from integration.lab import outputs
from integration.lab.conftest import Server, started
from integration.lab.stand_ins import wait_for
from swap.lab import early

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
    with httpx.Client(follow_redirects=True, timeout=60, headers=OPENED) as client:
        assert client.get(f"{server.url}/lab").status_code == 200
        yield client


def sessions(browser: httpx.Client, server: Server) -> list[dict[str, Any]]:
    headers = {"Sec-Fetch-Mode": "same-origin", "X-XSRFToken": browser.cookies["_xsrf"]}
    answer = browser.get(f"{server.url}/api/sessions", headers=headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def started_by(browser: httpx.Client, server: Server, ask: Callable[[], object]) -> set[str]:
    """Return the notebooks whose kernels were started by what is asked, once that of another opened later has been."""
    before = {each["path"] for each in sessions(browser, server)}
    later = f"later {uuid4()}.ipynb"
    (server.home / later).write_text(json.dumps(outputs.notebook()))
    ask()

    def open_later() -> bool:
        browser.get(f"{server.url}/lab/tree/{later}")
        return later in {each["path"] for each in sessions(browser, server)}

    wait_for("the later kernel's start", open_later)
    return {each["path"] for each in sessions(browser, server)} - before - {later}


def test_the_page_of_a_notebook_starts_its_kernel_once_and_other_pages_start_none(
    browser: httpx.Client, server: Server
) -> None:
    for path in ("notes.txt", "gone.ipynb", "ideas"):
        assert started_by(browser, server, partial(browser.get, f"{server.url}/lab/tree/{path}")) == set()

    def of_it() -> list[dict[str, Any]]:
        return [each for each in sessions(browser, server) if each["path"] == "ideas/a b.ipynb"]

    browser.get(f"{server.url}/lab/tree/ideas/a%20b.ipynb?reset")
    (session,) = wait_for("the kernel's start", of_it)
    assert (session["path"], session["name"], session["type"]) == ("ideas/a b.ipynb", "a b.ipynb", "notebook")
    assert session["kernel"]["name"] == "swap"

    assert started_by(browser, server, partial(browser.get, f"{server.url}/lab/tree/ideas/a%20b.ipynb")) == set()
    assert [each["id"] for each in of_it()] == [session["id"]]


@pytest.mark.parametrize(("named", "kernel"), [("swap-r", "swap-r"), ("swap", "swap"), ("another", "swap")])
def test_a_notebook_gets_the_kernel_that_it_names_if_it_is_one_of_ours(
    browser: httpx.Client, server: Server, named: str, kernel: str
) -> None:
    document = outputs.notebook()
    document["metadata"]["kernelspec"]["name"] = named
    (server.home / f"{named}.ipynb").write_text(json.dumps(document))

    browser.get(f"{server.url}/lab/tree/{named}.ipynb")
    (session,) = wait_for(
        "the kernel's start", lambda: [each for each in sessions(browser, server) if each["path"] == f"{named}.ipynb"]
    )
    assert session["kernel"]["name"] == kernel


def test_a_notebook_too_large_to_look_into_is_left_to_jupyterlab(browser: httpx.Client, server: Server) -> None:
    (server.home / "large.ipynb").write_text(json.dumps(outputs.notebook()) + " " * early.READ_BYTES)
    assert started_by(browser, server, partial(browser.get, f"{server.url}/lab/tree/large.ipynb")) == set()


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
    (server.home / "seen.ipynb").write_text(json.dumps(outputs.notebook()))

    seen = partial(browser.get, f"{server.url}/lab/tree/seen.ipynb", headers=headers)

    assert started_by(browser, server, seen) == set()


@pytest.mark.parametrize("path", [".secret/h.ipynb", "/plain.ipynb", "ideas//plain.ipynb"])
def test_a_path_that_jupyterlab_would_not_write_so_starts_none(
    browser: httpx.Client, server: Server, path: str
) -> None:
    for folder in (server.home, server.home / "ideas", server.home / ".secret"):
        folder.mkdir(exist_ok=True)
        for name in ("h", "plain"):
            (folder / f"{name}.ipynb").write_text(json.dumps(outputs.notebook()))

    assert started_by(browser, server, partial(browser.get, f"{server.url}/lab/tree/{path}")) == set()


def test_who_opens_a_page_and_asks_for_its_session_many_times_at_once_has_one_kernel(
    browser: httpx.Client, server: Server
) -> None:
    (server.home / "four.ipynb").write_text(json.dumps(outputs.notebook()))
    session = {"path": "four.ipynb", "name": "four.ipynb", "type": "notebook", "kernel": {"name": "swap"}}
    headers = {"Sec-Fetch-Mode": "same-origin", "X-XSRFToken": browser.cookies["_xsrf"]}

    def ask(number: int) -> str:
        if number % 2:
            return str(browser.get(f"{server.url}/lab/tree/four.ipynb").status_code)
        answer = browser.post(f"{server.url}/api/sessions", headers=headers, json=session)
        return str(answer.json()["kernel"]["id"])

    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(ask, range(8)))

    assert len(told - {"200"}) == 1
    assert {each["kernel"]["id"] for each in sessions(browser, server) if each["path"] == "four.ipynb"} < told


def test_nobody_starts_a_kernel_without_having_signed_in(browser: httpx.Client, server: Server) -> None:
    (server.home / "other.ipynb").write_text(json.dumps(outputs.notebook()))

    def ask() -> None:
        answer = httpx.get(f"{server.url}/lab/tree/other.ipynb", timeout=60, headers=OPENED)
        assert answer.status_code in {302, 403}

    assert started_by(browser, server, ask) == set()
