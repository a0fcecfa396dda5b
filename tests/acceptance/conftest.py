"""A whole SWAP, as `make demo` starts it, and a real browser: started once for the acceptance tests.

Where the kernel allows it, everything here lives in a network namespace that has loopback and
nothing else (scripts/run-tests arranges that), so no page can reach an outside host.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from services import free_port

CHROMIUM = Path("/usr/bin/chromium")
SWAP = Path(sys.executable).parent / "swap"
START_SECONDS = 240

expect.set_options(timeout=30_000)


@dataclass
class Demo:
    """A running `swap demo`: its address, its state directory, its process."""

    port: int
    state: Path
    process: subprocess.Popen[bytes]
    log: Path
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def start_demo(state: Path, port: int, log: Path) -> Demo:
    """Start the demo as `make demo` does and wait until its sign-in page answers."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [SWAP, "demo", "--port", str(port), "--state", str(state)], stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    demo = Demo(port, state, process, log)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"swap demo ended with {process.returncode}:\n{demo.output()}")
        if "demo-ann" in demo.output():
            return demo
        time.sleep(0.2)
    pytest.fail(f"swap demo was not ready after {START_SECONDS} s:\n{demo.output()}")


def stop_demo(demo: Demo) -> None:
    """Press Ctrl-C, as a person would, and wait for the end."""
    if demo.process.poll() is None:
        demo.process.send_signal(signal.SIGINT)
        demo.process.wait(timeout=60)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    running = start_demo(folder / "state", free_port(), folder / "swap-demo.log")
    yield running
    stop_demo(running)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as session:
        yield session


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail("The acceptance tests need a browser. Run: apt-get install -y chromium")
    browser = playwright.chromium.launch(
        executable_path=str(CHROMIUM),
        args=["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
    )
    yield browser
    browser.close()


@dataclass
class Person:
    """Somebody at a browser of their own."""

    name: str
    context: BrowserContext
    page: Page
    demo: Demo

    def sign_in(self) -> None:
        """Sign in as the demo's page offers it: a click fills the form."""
        self.page.goto(self.demo.url)
        self.page.locator(f'[data-u="{self.name}"]').click()
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(self.name)


def _visit(browser: Browser, demo: Demo, name: str, **options: object) -> Person:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)  # type: ignore[arg-type]
    context.on("request", lambda request: demo.requests.append(request.url))
    person = Person(name, context, context.new_page(), demo)
    person.sign_in()
    return person


@pytest.fixture(scope="session")
def ann(browser: Browser, demo: Demo) -> Iterator[Person]:
    person = _visit(browser, demo, "ann")
    yield person
    person.context.close()


@pytest.fixture
def bertrand(browser: Browser, demo: Demo) -> Iterator[Person]:
    person = _visit(browser, demo, "bertrand")
    yield person
    person.context.close()


@pytest.fixture
def chidi(browser: Browser, demo: Demo) -> Iterator[Person]:
    person = _visit(browser, demo, "chidi")
    yield person
    person.context.close()


@pytest.fixture(scope="session", autouse=True)
def no_outside_host(demo: Demo) -> Iterator[None]:
    """Every request the browser made in all these tests went to this machine."""
    yield
    outside = {url for url in demo.requests
               if urlsplit(url).scheme in {"http", "https", "ws", "wss"}
               and not (urlsplit(url).hostname or "").endswith("localhost")}
    assert not outside


@pytest.fixture
def http(demo: Demo) -> Iterator[httpx.Client]:
    """A client without a session, on the portal's address."""
    with httpx.Client(base_url=f"http://127.0.0.1:{demo.port}", headers={"Host": f"localhost:{demo.port}"}, trust_env=False) as client:
        yield client
