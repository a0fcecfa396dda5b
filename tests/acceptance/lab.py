"""A person's hands in JupyterLab: open a notebook, run cells, look at outputs and at what was saved."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Locator, Page, expect

T = TypeVar("T")
RESULT = "application/vnd.swap.result+json"
ERROR = "application/vnd.swap.error+json"
PROGRESS = "application/vnd.swap.progress+json"
CHART = "application/vnd.vegalite.v6+json"


def until(ask: Callable[[], T], *, seconds: float = 60) -> T:
    """Return the first true answer; the last one when there is none in time."""
    end = time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < end:
        time.sleep(0.1)
    return answer


class Notebook:
    """One open notebook."""

    def __init__(self, page: Page, homes: Path) -> None:
        self.page = page
        page.wait_for_url("**/lab/tree/**", timeout=120_000)
        self.person_id = page.url.split("/user/")[1].split("/")[0]
        self.name = page.url.split("/lab/tree/")[1].split("?")[0]
        self.path = homes / self.person_id / self.name
        self.tab = page.locator("#jp-main-dock-panel .lm-TabBar-tab")
        self.panel = page.locator(".jp-NotebookPanel")
        expect(self.panel.locator(".jp-Cell").first).to_be_visible(timeout=90_000)
        self.wait_idle()

    def wait_idle(self, *, seconds: float = 120) -> None:
        """Wait until the kernel has nothing to do."""
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=seconds * 1000)

    def cell(self, index: int) -> Locator:
        return self.panel.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')

    def run_first(self) -> Locator:
        """Run the first cell with the keyboard and return it."""
        self.cell(0).locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        return self.cell(0)

    def write(self, source: str) -> Locator:
        """Add a cell at the end, write into it, and return it."""
        place = self.page.locator("#jp-main-statusbar").get_by_role("button", name=re.compile(r"^Cell \d+.\d+$"))
        expect(place).not_to_have_text(re.compile(r"\b0$"))  # it has a cell, and the bar may not know yet
        count = int(place.inner_text().rpartition("/")[2])
        self.panel.locator(".jp-Notebook-footer").click()
        expect(place).to_have_text(f"Cell {count + 1}/{count + 1}")
        cell = self.cell(count)
        cell.locator(".cm-content").click()
        self.page.keyboard.insert_text(source)
        return cell

    def run(self, source: str) -> Locator:
        """Add a cell at the end, run it, and return it."""
        cell = self.write(source)
        self.page.keyboard.press("Control+Enter")
        return cell

    def run_all(self, *, seconds: float = 600) -> None:
        """Run every cell and wait for the last."""
        self.start_all()
        self.wait_all(seconds=seconds)

    def start_all(self) -> None:
        """Run every cell."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()

    def wait_all(self, *, seconds: float = 600) -> None:
        """Wait for the last cell."""
        assert until(lambda: not self.unfinished(), seconds=seconds), "every cell has run"
        self.wait_idle()

    def unfinished(self) -> list[int]:
        """Save, and return the places of code cells that have no number yet."""
        time.sleep(1)
        return [
            i
            for i, cell in enumerate(self.saved()["cells"])
            if cell["cell_type"] == "code" and "".join(cell["source"]).strip() and cell["execution_count"] is None
        ]

    def saved(self) -> dict[str, Any]:
        """Save the notebook and return what is in the file."""
        before = self.path.stat().st_mtime_ns
        for _ in range(4):  # a toolbar that is drawn anew just then loses a click, as it would a person's
            self.panel.locator('[data-jp-item-name="save"]').locator("button, jp-button").first.click()
            if until(lambda: self.path.stat().st_mtime_ns > before, seconds=20):
                break
        assert self.path.stat().st_mtime_ns > before, "the notebook is saved"
        return until(self._read)

    def _read(self) -> dict[str, Any]:
        try:
            read: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError:  # it is being written
            return {}
        return read

    def interrupt(self) -> None:
        """Press the toolbar's stop button."""
        self.panel.locator(
            '[data-command="notebook:interrupt-kernel"], [data-jp-item-name="interrupt"] button,'
            ' [data-jp-item-name="interrupt"] jp-button'
        ).first.click()


def outputs(cell: dict[str, Any], mime: str) -> list[dict[str, Any]]:
    """Return the contents of a saved cell's outputs that are of one type."""
    return [output["data"][mime] for output in cell.get("outputs", ()) if mime in output.get("data", {})]


def open_new(page: Page, url: str, homes: Path) -> Notebook:
    """Press New notebook on Home."""
    page.goto(url)
    page.get_by_role("button", name="New notebook").first.click()
    return Notebook(page, homes)


def open_example(page: Page, url: str, homes: Path, title: str) -> Notebook:
    """Copy an example from Home."""
    page.goto(url)
    copy_example(page, title)
    return Notebook(page, homes)


def copy_example(page: Page, title: str) -> None:
    """Press the button of an example on Home, which leads to its copy."""
    page.get_by_role("button", name=f"Copy the example {title}", exact=True).click()


def open_welcome(page: Page, url: str, homes: Path) -> Notebook:
    """Copy the Welcome notebook, which ships without outputs, and run all of it."""
    notebook = open_example(page, url, homes, "Welcome to SWAP")
    assert all(not cell.get("outputs") for cell in notebook.saved()["cells"]), "Welcome ships without outputs"
    notebook.run_all()
    return notebook
