"""A save is a version; its history shows what changed, and goes back, also while the notebook is open."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from lab import Notebook, open_new
from playwright.sync_api import Page, expect
from stage import Demo, Person

pytestmark = pytest.mark.acceptance


def version(page: Page) -> int:
    """Return the version that the status bar says."""
    link = page.locator(".swap-saved")
    expect(link).to_have_text(re.compile(r"^Saved, version \d+$"))
    return int(link.inner_text().rpartition(" ")[2])


def saved_as(notebook: Notebook) -> int:
    """Save, and return the version that it is then."""
    before = notebook.page.locator(".swap-saved").inner_text() if notebook.page.locator(".swap-saved").count() else ""
    notebook.saved()
    expect(notebook.page.locator(".swap-saved")).not_to_have_text(before)
    return version(notebook.page)


def no_barrier(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


def test_save_history_restore(chidi: Person, demo: Demo, homes: Path) -> None:
    notebook = open_new(chidi.page, demo.url, homes)
    notebook.write("first = 1")
    first = saved_as(notebook)
    notebook.write("second = 2")
    assert saved_as(notebook) == first + 1

    # The history opens from the status bar.
    with chidi.page.expect_popup() as opened:
        chidi.page.locator(".swap-saved").click()
    history = opened.value
    expect(history.get_by_role("heading", level=1)).to_contain_text("History of untitled-")
    rows = history.get_by_role("table").get_by_role("row")
    expect(rows.nth(1)).to_contain_text(f"{first + 1} newest")
    expect(rows.nth(1)).to_contain_text("chidi")
    no_barrier(history)

    # What the newest changed is one cell that was added.
    history.get_by_role("link", name=f"Changes in version {first + 1}").click()
    expect(history.get_by_role("heading", level=1)).to_have_text(f"From version {first} to {first + 1}")
    expect(history.locator(".sw-diff__l--new")).to_have_text(re.compile("second = 2$"))
    expect(history.locator(".sw-diff__l--old")).to_have_count(0)
    no_barrier(history)

    # The first version has a name, so that it is not folded away, and is restored.
    history.get_by_role("link", name="Back to the history").click()
    history.get_by_role("link", name="Show each save").click()
    history.get_by_label(f"Name of version {first}", exact=True).fill("before the second")
    history.get_by_role("button", name=f"Name version {first}", exact=True).click()
    expect(history.get_by_label(f"Name of version {first}", exact=True)).to_have_value("before the second")
    history.get_by_role("link", name=f"Restore version {first}", exact=True).click()
    expect(history.locator("main")).to_contain_text(f"becomes version {first + 2}")
    no_barrier(history)
    history.get_by_role("button", name=f"Restore version {first}", exact=True).click()
    expect(history.get_by_role("table").get_by_role("row").nth(1)).to_contain_text(f"restored from version {first}")
    sources = ["".join(cell["source"]) for cell in json.loads(notebook.path.read_text())["cells"]]
    assert sources[-1] == "first = 1"
    history.close()

    # JupyterLab, where it is open with a change of its own, asks before it writes over what was restored.
    notebook.write("third = 3")
    notebook.panel.locator('[data-jp-item-name="save"]').locator("button, jp-button").first.click()
    dialog = chidi.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Saved elsewhere meanwhile")
    dialog.get_by_role("button", name="Take what was saved").click()
    expect(notebook.panel.locator(".jp-Notebook")).not_to_contain_text("third = 3")
    expect(notebook.panel.locator(".jp-Notebook")).not_to_contain_text("second = 2")
    notebook.cell(1).locator(".cm-content").click()
    chidi.page.keyboard.press("Control+End")
    chidi.page.keyboard.insert_text("\nfourth = 4")
    assert saved_as(notebook) == first + 3
