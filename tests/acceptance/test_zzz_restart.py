"""Ctrl-C stops everything and loses nothing; the second start has last time's notebooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import open_new
from playwright.sync_api import Browser, expect
from stage import Demo, Person, start_demo, stop_demo

pytestmark = pytest.mark.acceptance


def left_running(demo: Demo) -> list[str]:
    """Return the processes whose command or environment names this demo's state directory or its homes."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:  # it has ended, or is not ours
            continue
        if str(demo.state).encode() in told:
            found.append(told.split(b"\0\0")[0].replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_ctrl_c_leaves_nothing_running_and_the_next_start_has_everything(
    demo: Demo, ann: Person, browser: Browser
) -> None:
    newest = open_new(ann.page, demo.url, demo.state / "homes")
    newest.saved()
    notebooks = {path.name for path in (demo.state / "homes").glob("*/*.ipynb")}
    assert left_running(demo)
    stop_demo(demo)
    assert left_running(demo) == []
    again = start_demo(demo.state, demo.port, demo.log)
    demo.process = again.process
    page = browser.new_page()
    person = Person("ann", page.context, page, demo)
    person.sign_in()
    assert {path.name for path in (demo.state / "homes").glob("*/*.ipynb")} == notebooks
    expect(page.locator("main")).to_contain_text(newest.name)
    page.close()
