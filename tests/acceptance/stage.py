"""The stage of the acceptance tests: a whole SWAP as `make demo` starts it, and people at browsers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

CHROMIUM = Path("/usr/bin/chromium")
SWAP = Path(sys.executable).parent / "swap"
START_SECONDS = 480

expect.set_options(timeout=60_000)


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


def start_demo(state: Path, port: int, log: Path, *options: str) -> Demo:
    """Start the demo as `make demo` does and wait until its sign-in page answers."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [SWAP, "demo", "--port", str(port), "--state", str(state), *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
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
        demo.process.wait(timeout=180)


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
        self.page.locator(f'[data-name="{self.name}"]').click()
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(self.name)


def visit(browser: Browser, demo: Demo, name: str, **options: object) -> Person:
    """Let somebody sign in at a browser of their own; what it asks for is remembered."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    context.on("request", lambda request: demo.requests.append(request.url))
    person = Person(name, context, context.new_page(), demo)
    person.sign_in()
    return person
