"""From the click on New notebook to the first query result on screen, against stock JupyterHub with a driver.

Both sides: the same machine, browser, Python environment, table and statement.  SWAP: New notebook on its Home page,
then a `%%swap` cell.  The peer: Start My Server (or My Server) on its home page, the launcher's Python card, then a
cell with psycopg and pandas.  Every shown value is read from the page and compared between the sides.

Cold: the person's server is stopped before, and neither hub keeps servers warm.  Warm: the server runs, with the
kernel of the notebook before; the click makes another notebook.  Each round is cold, then warm, in turns.

What each side keeps running between rounds is its own: JupyterHub and its proxy there; hub, proxy,
portal and gateway here (the gateway keeps one combiner process started ahead, as it does in use).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright
from stage import Demo, Person, start_demo, stop_demo

import browsers
from benchmarks.figures import ROUNDS, Figure, begin, finish, ratio
from services import temporary_directory
from swap import ports

COLD, WARM_SECONDS = 0.5, 2.0
"""Targets: in parts of the peer's time, and in seconds from the click."""
PEER = Path(__file__).parent / "peers" / "jupyterhub"
STATEMENT = "SELECT carrier, name FROM {} ORDER BY carrier LIMIT 10"
LAST_ROW = "Envoy Air"
PEER_CELL = """import os, psycopg, pandas as pd
with psycopg.connect(os.environ["PEER_POSTGRES"]) as connection:
    cursor = connection.execute("{}")
    result = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
result"""

CELL = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell .cm-content"
OUTPUT = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea"
FREE = """selector => {
  const cell = document.querySelector(selector);
  const at = cell?.getBoundingClientRect();
  return at?.height > 0 && cell.contains(document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2));
}"""
"""Nothing stands before an element any more: it can be clicked."""
SHOWS = "([selector, text]) => document.querySelector(selector)?.innerText.includes(text)"


@dataclass(frozen=True, slots=True)
class Shown:
    """What one click led to."""

    values: list[str]
    phases: Mapping[str, float]
    """Phase → seconds, in order."""

    @property
    def seconds(self) -> float:
        """Return the time from the click to the result."""
        return sum(self.phases.values())


def main() -> None:
    """Measure, and print the figures of every round and the last line."""
    begin("first_result")
    folder = temporary_directory()
    demo = start_demo(folder / "state", ports.free(1)[0], folder / "swap.log")
    peer = Peer(folder / "peer", demo)
    try:
        with sync_playwright() as playwright:
            shown = _measure(browsers.launch(playwright), demo, peer)
    finally:
        peer.stop()
        stop_demo(demo)
        shutil.rmtree(folder, ignore_errors=True)
    for each, rounds in shown.items():
        _tell(each, rounds)
    seconds = {each: [one.seconds for one in rounds] for each, rounds in shown.items()}
    print(f"  warm / JupyterHub: {ratio(seconds['warm, swap'], seconds['warm, JupyterHub']):.2f}")
    cold = ratio(seconds["cold, swap"], seconds["cold, JupyterHub"])
    warm = statistics.median(seconds["warm, swap"])
    finish("first_result", [Figure("cold / JupyterHub", cold, COLD), Figure("warm s", warm, WARM_SECONDS)])


def _measure(browser: Browser, demo: Demo, peer: Peer) -> dict[str, list[Shown]]:
    """Return what is measured → what each round that counts showed."""
    swap, other = Swap(browser, demo), peer.sign_in(browser)
    sides: dict[str, Callable[[], Shown]] = {
        "cold, swap": swap.cold,
        "cold, JupyterHub": other.cold,
        "warm, swap": swap.warm,
        "warm, JupyterHub": other.warm,
    }
    shown = defaultdict(list)
    for number in range(ROUNDS + 1):
        this = {name: side() for name, side in sides.items()}
        values = {tuple(one.values) for one in this.values()}
        assert len(values) == 1, f"the sides show different rows: {values}"
        if number:  # the first round fills the disk's cache and is not counted
            print(f"  round {number}: " + "; ".join(f"{name} {one.seconds:.2f} s" for name, one in this.items()))
            for name, one in this.items():
                shown[name].append(one)
    return shown


def _tell(name: str, rounds: Sequence[Shown]) -> None:
    """Print the medians of a side's phases."""
    phases = {phase: statistics.median(one.phases[phase] for one in rounds) for phase in rounds[0].phases}
    told = ", ".join(f"{phase} {seconds:.2f}" for phase, seconds in phases.items())
    print(f"  {name}: {statistics.median(one.seconds for one in rounds):.2f} s ({told})", flush=True)


def _result(page: Page, began: float, source: str) -> Shown:
    """Type a cell and run it in the notebook that is about to open; wait for its result."""
    page.locator(CELL).first.wait_for(state="attached", timeout=90_000)
    # Looked at with each frame: Playwright itself tries again only every half a second.
    page.wait_for_function(FREE, arg=CELL, timeout=60_000)
    page.locator(CELL).first.click()
    opened = time.time()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    # JupyterLab drops a cell that is run before its kernel is there; a person sees that and waits, on both sides.
    page.wait_for_function(SHOWS, arg=["#jp-main-statusbar", "| Idle"], timeout=60_000)
    ready = time.time()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(SHOWS, arg=[OUTPUT, LAST_ROW], timeout=60_000)
    ended = time.time()
    # On the browser's clock, which is the same machine's: when it asked for the page, and when the page came.
    asked, came = page.evaluate(
        "[performance.timeOrigin, performance.timeOrigin + performance.getEntriesByType('navigation')[0].responseEnd]"
    )
    phases = {
        "until the page is asked for": asked / 1e3 - began,
        "page": (came - asked) / 1e3,
        "notebook": opened - came / 1e3,
        "kernel": ready - opened,
        "result": ended - ready,
    }
    values = page.locator(OUTPUT).first.locator("tbody td").all_inner_texts()
    return Shown([cell.strip() for cell in values if cell.strip() and not cell.strip().isdigit()], phases)


class Swap:
    """SWAP's side."""

    def __init__(self, browser: Browser, demo: Demo, name: str = "ann") -> None:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        self._person = Person(name, context, context.new_page(), demo)
        self._person.sign_in()
        self._home = self._person.page
        self._demo = demo

    def cold(self) -> Shown:
        """Stop the server, then click and wait."""
        self._stop()
        return self.first_result()

    def warm(self) -> Shown:
        """Click and wait while the server runs."""
        return self.first_result()

    def first_result(self) -> Shown:
        """Click New notebook, and wait for the first result."""
        self._home.goto(self._demo.url)
        button = self._home.get_by_role("button", name="New notebook").first
        expect(button).to_be_visible()
        began = time.time()
        button.click()
        return _result(self._home, began, "%%swap result\n" + STATEMENT.format("mediawiki.nyc.airlines"))

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

    def cold(self) -> Shown:
        """Stop the server, then click and wait."""
        self._page.goto(f"{self._url}/hub/home")
        stop = self._page.locator("#stop")
        if stop.is_visible():
            stop.click()
            expect(stop).to_be_hidden(timeout=30_000)
        return self._first_result("Start My Server")

    def warm(self) -> Shown:
        """Click and wait while the server runs."""
        return self._first_result("My Server")

    def _first_result(self, words: str) -> Shown:
        page = self._page
        page.goto("about:blank")  # the notebook that is open keeps itself
        # A home as new: JupyterLab would open the notebook before instead of its launcher.
        for path in self._home.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        page.goto(f"{self._url}/hub/home")
        start = page.locator("#start")
        expect(start).to_have_text(re.compile(r"^\s*" + r"\s+".join(words.split()) + r"\s*$"), timeout=30_000)
        began = time.time()
        start.click()
        page.locator('.jp-LauncherCard[data-category="Notebook"]').first.click(timeout=90_000)
        return _result(page, began, PEER_CELL.format(STATEMENT.format("nyc.airlines")))

    def stop(self) -> None:
        """End the hub, its proxy and its servers."""
        self._process.terminate()
        self._process.wait(timeout=30)


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
