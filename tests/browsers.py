"""The browser that tests drive: Chromium as Debian has it, which asks nobody anything by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
_QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def launch(playwright: Playwright) -> Browser:
    """Start it.  A browser that is not there fails: `make test` installs it."""
    assert CHROMIUM.exists(), "These tests need a browser. Run: apt-get install -y chromium"
    return playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(_QUIET))


@contextmanager
def running() -> Iterator[Browser]:
    """Run one for the block."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()
