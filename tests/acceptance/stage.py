"""The stage of the acceptance tests: a whole SWAP as `make demo` starts it, and people at browsers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
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
    command = ["demo", "--port", str(port), "--state", str(state), *options]
    return Demo(port, state, start(command, log, "demo-ann"), log)


def start(command: Sequence[str | Path], log: Path, says: str) -> subprocess.Popen[bytes]:
    """Start a command of `swap`, and wait until it says that it is ready."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [SWAP, *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        said = log.read_text(encoding="utf-8", errors="replace")
        if process.poll() is not None:
            pytest.fail(f"swap {command[0]} ended with {process.returncode}:\n{said}")
        if says in said:
            return process
        time.sleep(0.2)
    pytest.fail(f"swap {command[0]} was not ready after {START_SECONDS} s:\n{log.read_text()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C, as a person would, and wait for the end."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=180)


def stop_demo(demo: Demo) -> None:
    """End it as a person would."""
    stop(demo.process)


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
