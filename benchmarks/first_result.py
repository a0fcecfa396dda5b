"""From the click on New notebook to the first query result on screen, against stock JupyterHub with a driver.

Both sides: the same machine, browser, Python environment, table and statement; the person's server is
stopped before every round, and neither hub keeps servers warm.  SWAP: New notebook on its Home page, then
a `%%swap` cell.  The peer: Start My Server on its home page, the launcher's Python card, then a cell with
psycopg and pandas.  Every shown value is read from the page and compared between the sides.

What each side keeps running between rounds is its own: JupyterHub and its proxy there; hub, proxy,
portal and gateway here (the gateway keeps one combiner process started ahead, as it does in use).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright
from stage import Demo, Person, start_demo, stop_demo

import browsers
from services import temporary_directory
from swap import ports

ROUNDS = 7
TARGET = 1.0
PEER = Path(__file__).parent / "peers" / "jupyterhub"
STATEMENT = "SELECT carrier, name FROM {} ORDER BY carrier LIMIT 10"
LAST_ROW = "Envoy Air"
PEER_CELL = """import os, psycopg, pandas as pd
with psycopg.connect(os.environ["PEER_POSTGRES"]) as connection:
    cursor = connection.execute("{}")
    result = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
result"""

Round = Callable[[Page], list[str]]


def main() -> None:
    """Measure, and print the figures of every round and the last line."""
    folder = temporary_directory()
    demo = start_demo(folder / "state", ports.free(1)[0], folder / "swap.log")
    peer = Peer(folder / "peer", demo)
    try:
        with sync_playwright() as playwright:
            _measure(browsers.launch(playwright), demo, peer)
    finally:
        peer.stop()
        stop_demo(demo)
        shutil.rmtree(folder, ignore_errors=True)


def _measure(browser: Browser, demo: Demo, peer: Peer) -> None:
    swap, other = Swap(browser, demo), peer.sign_in(browser)
    seconds: dict[str, list[float]] = {"swap": [], "peer": []}
    for number in range(ROUNDS + 1):
        values = {}
        for name, side in (("swap", swap), ("peer", other)):
            took, values[name] = side.round()
            if number:  # the first round fills the disk's cache and is not counted
                seconds[name].append(took)
        assert values["swap"] == values["peer"], f"the sides show different rows: {values}"
        if number:
            print(f"round {number}: swap {seconds['swap'][-1]:.2f} s, JupyterHub {seconds['peer'][-1]:.2f} s")
    ratio = statistics.median(ours / theirs for ours, theirs in zip(seconds["swap"], seconds["peer"], strict=True))
    print(
        f"median: swap {statistics.median(seconds['swap']):.2f} s, JupyterHub"
        f" {statistics.median(seconds['peer']):.2f} s"
    )
    print(f"first_result ratio={ratio:.2f} target={TARGET:.2f} {'ok' if ratio <= TARGET else 'short'}")


def _type_and_run(page: Page, source: str) -> None:
    cell = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").first
    cell.locator(".cm-content").click(timeout=90_000)
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    # JupyterLab drops a cell that is run before its kernel is there; a person sees that and waits, on both sides.
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=60_000)
    page.keyboard.press("Shift+Enter")


class Swap:
    """SWAP's side."""

    def __init__(self, browser: Browser, demo: Demo, name: str = "ann") -> None:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        self._person = Person(name, context, context.new_page(), demo)
        self._person.sign_in()
        self._home = self._person.page
        self._demo = demo

    def round(self) -> tuple[float, list[str]]:
        """Stop the server, then click and wait.  Returns seconds and the shown values."""
        self._stop()
        return self.first_result()

    def first_result(self) -> tuple[float, list[str]]:
        """Click New notebook, and wait for the first result.  Returns seconds and the shown values."""
        self._home.goto(self._demo.url)
        button = self._home.get_by_role("button", name="New notebook").first
        begin = time.perf_counter()
        button.click()
        _type_and_run(self._home, "%%swap result\n" + STATEMENT.format("mediawiki.nyc.airlines"))
        output = self._home.locator(".jp-OutputArea").first
        expect(output).to_contain_text(LAST_ROW, timeout=60_000)
        took = time.perf_counter() - begin
        return took, _values(output.locator("tbody td").all_inner_texts())

    def _stop(self) -> None:
        runtime = json.loads((self._demo.state / "runtime.json").read_text())
        api = httpx.Client(
            base_url=f"http://127.0.0.1:{runtime['hub_port']}/hub/api",
            headers={"Authorization": f"token {runtime['web_service_token']}"},
            trust_env=False,
        )
        for home in (self._demo.state / "homes").glob("p*"):
            api.delete(f"/users/{home.name}/server")
            _until(lambda home=home: not api.get(f"/users/{home.name}").json().get("server"))
            for notebook in home.glob("*.ipynb"):
                notebook.unlink()
        self._home.goto("about:blank")


class Peer:
    """Stock JupyterHub's side."""

    def __init__(self, folder: Path, demo: Demo) -> None:
        folder.mkdir()
        subprocess.run(["npm", "ci", "--silent", "--ignore-scripts"], cwd=PEER, check=True)
        settings = (demo.state / "swap.toml").read_text()
        password = (demo.state / "secrets" / "postgres-mediawiki_reader").read_text().strip()
        port = next(
            line.split("=")[1].strip()
            for line in settings.split("[sources.mediawiki]")[1].splitlines()
            if line.startswith("port")
        )
        self._port = ports.free(1)[0]
        self._home = folder / "home"
        self._home.mkdir()
        environment = {
            **{key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PEER_FOLDER": str(folder),
            "PEER_PORT": str(self._port),
            "PEER_HUB_PORT": str(ports.free(1)[0]),
            "PEER_PROXY_PORT": str(ports.free(1)[0]),
            "PEER_LAKE": str(demo.state / "lake"),
            "PEER_PROXY": str(PEER / "node_modules/.bin/configurable-http-proxy"),
            "PEER_POSTGRES": f"host=127.0.0.1 port={port} user=mediawiki_reader password={password} dbname=mediawiki",
        }
        with (folder / "hub.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(PEER / "jupyterhub_config.py")],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._url = f"http://127.0.0.1:{self._port}"
        _until(lambda: _answers(f"{self._url}/hub/login"))

    def sign_in(self, browser: Browser) -> Peer:
        """Sign in and stay on the hub's home page."""
        self._page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        self._page.goto(f"{self._url}/hub/login?next=/hub/home")
        self._page.locator("#username_input").fill("ann")
        self._page.locator("#password_input").fill("any")
        self._page.locator("#login_submit").click()
        self._page.locator("#start").wait_for()
        return self

    def round(self) -> tuple[float, list[str]]:
        """Stop the server, then click and wait.  Returns seconds and the shown values."""
        page = self._page
        page.goto(f"{self._url}/hub/home")
        stop = page.locator("#stop")
        if stop.is_visible():
            stop.click()
            expect(stop).to_be_hidden(timeout=30_000)
            page.goto(f"{self._url}/hub/home")
        # A home as new in every round: JupyterLab would open last round's notebook instead of its launcher.
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir()
        start = page.locator("#start")
        expect(start).to_contain_text("Start My Server", timeout=30_000)
        begin = time.perf_counter()
        start.click()
        page.locator('.jp-LauncherCard[data-category="Notebook"]').first.click(timeout=90_000)
        _type_and_run(page, PEER_CELL.format(STATEMENT.format("nyc.airlines")))
        output = page.locator(".jp-OutputArea").first
        expect(output).to_contain_text(LAST_ROW, timeout=60_000)
        took = time.perf_counter() - begin
        values = _values(output.locator("tbody td").all_inner_texts())
        return took, values

    def stop(self) -> None:
        """End the hub, its proxy and its servers."""
        self._process.terminate()
        self._process.wait(timeout=30)


def _values(cells: list[str]) -> list[str]:
    """Return the shown values without row numbers and spaces."""
    return [cell.strip() for cell in cells if cell.strip() and not cell.strip().isdigit()]


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _until(ask: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ask():
        if time.monotonic() > end:
            message = "the other side did not answer in time"
            raise TimeoutError(message)
        time.sleep(0.1)


if __name__ == "__main__":
    main()
