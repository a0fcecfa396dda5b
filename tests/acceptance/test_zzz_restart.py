"""Ctrl-C stops everything and loses nothing; the second start has last time's notebooks."""

from __future__ import annotations

import subprocess

import pytest
from playwright.sync_api import Browser, expect
from stage import Demo, Person, start_demo, stop_demo

pytestmark = pytest.mark.acceptance


def left_running(demo: Demo) -> list[str]:
    """Processes that name this demo's state directory, or were started from its homes."""
    listing = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(demo.state) in line]


def test_ctrl_c_leaves_nothing_running_and_the_next_start_has_everything(demo: Demo, ann: Person, browser: Browser) -> None:
    notebooks = {path.name for path in (demo.state / "homes").glob("*/*.ipynb")}
    assert notebooks
    assert left_running(demo)
    stop_demo(demo)
    assert left_running(demo) == []
    again = start_demo(demo.state, demo.port, demo.log)
    demo.process = again.process
    page = browser.new_page()
    person = Person("ann", page.context, page, demo)
    person.sign_in()
    assert {path.name for path in (demo.state / "homes").glob("*/*.ipynb")} == notebooks
    expect(page.locator("main")).to_contain_text("Welcome to SWAP")
    page.close()
    assert ann.name == "ann"
