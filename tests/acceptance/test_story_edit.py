"""A colleague edits a shared notebook, and its owner hears of it, looks at it, and takes it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from lab import Notebook, open_new
from playwright.sync_api import Page, expect
from stage import Demo, Person

pytestmark = pytest.mark.acceptance


def share(page: Page, whom: str, role: str) -> str:
    """Share the notebook whose page of shares is open; return its address."""
    page.get_by_label("Find people and groups").fill(whom)
    page.get_by_role("button", name="Find").click()
    page.get_by_label(f"Role of {whom}").select_option(label=role)
    page.get_by_role("button", name=f"Share with {whom}").click()
    expect(page.get_by_role("button", name=f"End sharing with {whom}")).to_be_visible()
    return re.sub("/share.*", "", page.url)


def test_share_edit_accept(chidi: Person, bertrand: Person, demo: Demo, homes: Path) -> None:
    hers = open_new(chidi.page, demo.url, homes)
    hers.write("first = 1")
    hers.saved()
    with chidi.page.expect_popup() as opened:
        hers.panel.get_by_text("Share", exact=True).click()
    shares = opened.value
    address = share(shares, "bertrand", "may edit")

    # He opens it from its page, edits it in his own JupyterLab, and saves.
    page = bertrand.context.new_page()
    page.goto(address)
    way = "Open in JupyterLab"
    page.get_by_role("link", name=way).or_(page.get_by_role("button", name=way)).click()
    his = page.locator(".jp-NotebookPanel:visible")
    sign = his.locator(".swap-sign")
    expect(sign).to_contain_text("chidi shares this with you, to edit.")
    cell = his.locator(".jp-Cell").filter(has_text="first = 1")
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    # His kernel is known by what it asks: of one that asks nothing, outputs may come from all that he has read.
    page.keyboard.insert_text("\nimport swap; swap.sql('SELECT 1 AS one'); print('of bertrand')")
    expect(his.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible()
    page.keyboard.press("Shift+Enter")
    expect(cell.locator(".jp-OutputArea-output").last).to_have_text("of bertrand")
    before = sign.inner_text()
    page.keyboard.press("Control+s")
    expect(sign).not_to_have_text(before)
    page.close()

    # Her page shows whose version it is; her JupyterLab hears of it when she saves, and leads to the history.
    shares.goto(address)
    expect(shares.locator("main")).to_contain_text("by bertrand")
    shares.close()
    accept(chidi, hers)
    dialog = chidi.page.get_by_role("dialog")
    hers.panel.locator('[data-jp-item-name="save"]').locator("button, jp-button").first.click()
    expect(dialog).to_contain_text("Saved elsewhere meanwhile")
    dialog.get_by_role("button", name="Take what was saved").click()
    expect(hers.panel.locator(".jp-OutputArea-output").last).to_have_text("of bertrand")
    sources = ["".join(cell["source"]) for cell in json.loads(hers.path.read_text())["cells"]]
    assert any("print('of bertrand')" in source for source in sources)


def accept(chidi: Person, hers: Notebook) -> None:
    """Save, hear of the newer version, and restore it from the history."""
    hers.write("second = 2")
    hers.panel.locator('[data-jp-item-name="save"]').locator("button, jp-button").first.click()
    dialog = chidi.page.get_by_role("dialog")
    expect(dialog).to_contain_text("was saved elsewhere meanwhile, as version")
    with chidi.page.expect_popup() as opened:
        dialog.get_by_role("button", name="Look at the history").click()
    history = opened.value
    newest = history.get_by_role("table").get_by_role("row").nth(1)
    expect(newest).to_contain_text("bertrand")
    newest.get_by_role("link", name=re.compile("^Changes")).click()
    expect(history.locator(".sw-diff__l--new").last).to_contain_text("print('of bertrand')")
    history.get_by_role("link", name="Back to the history").click()
    newest.get_by_role("link", name=re.compile("^Restore")).click()
    history.get_by_role("button", name=re.compile("^Restore version")).click()
    expect(newest).to_contain_text("restored from version")
    history.close()
