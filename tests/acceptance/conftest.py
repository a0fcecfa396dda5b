"""A whole SWAP, as `make demo` starts it, and a real browser: started once for the acceptance tests.

Where the kernel allows it, everything here lives in a network namespace that has loopback and
nothing else (scripts/run-tests arranges that), so no page can reach an outside host.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from lab import Notebook, open_welcome
from playwright.sync_api import Browser, Playwright, sync_playwright
from sites import PUBLIC_NAME
from stage import Demo, Person, start_demo, stop_demo, visit

import browsers
from services import temporary_directory
from swap import ports


@pytest.fixture(scope="session")
def requests() -> list[str]:
    """What browsers asked for in all these tests: addresses."""
    return []


@pytest.fixture(scope="session")
def demo(requests: list[str]) -> Iterator[Demo]:
    yield from a_demo(requests)


@pytest.fixture(scope="session")
def real(requests: list[str]) -> Iterator[Demo]:
    """A demo on real stores, beside the plain one."""
    yield from a_demo(requests, "--stores", "real")


def a_demo(requests: list[str], *options: str) -> Iterator[Demo]:
    """Run one for the block."""
    folder = temporary_directory()
    running = start_demo(folder / "state", ports.free(1)[0], folder / "swap-demo.log", *options)
    running.requests = requests
    yield running
    stop_demo(running)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as session:
        yield session


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = browsers.launch(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def ann(browser: Browser, demo: Demo) -> Iterator[Person]:
    person = visit(browser, demo, "ann")
    yield person
    person.context.close()


@pytest.fixture(scope="session")
def homes(demo: Demo) -> Path:
    return demo.state / "homes"


@pytest.fixture(scope="session")
def welcome(ann: Person, demo: Demo, homes: Path) -> Notebook:
    """The Welcome notebook as ann has it after Run all."""
    return open_welcome(ann.page, demo.url, homes)


@pytest.fixture
def bertrand(browser: Browser, demo: Demo) -> Iterator[Person]:
    person = visit(browser, demo, "bertrand")
    yield person
    person.context.close()


@pytest.fixture
def chidi(browser: Browser, demo: Demo) -> Iterator[Person]:
    person = visit(browser, demo, "chidi")
    yield person
    person.context.close()


@pytest.fixture(scope="session", autouse=True)
def no_outside_host(requests: list[str]) -> Iterator[None]:
    """Every request the browser made in all these tests went to this machine."""
    yield
    outside = {
        url
        for url in requests
        if urlsplit(url).scheme in {"http", "https", "ws", "wss"}
        and not (urlsplit(url).hostname or "").endswith(("localhost", PUBLIC_NAME))
    }
    assert not outside


@pytest.fixture
def http(demo: Demo) -> Iterator[httpx.Client]:
    """A client without a session, on the portal's address."""
    with httpx.Client(
        base_url=f"http://127.0.0.1:{demo.port}", headers={"Host": f"localhost:{demo.port}"}, trust_env=False
    ) as client:
        yield client
