"""Thirty people at once: they sign in, start a server, and run the Welcome notebook; some of them fail in the middle.

A whole SWAP with walls (so it is measured as root), its people in a file, its sources the demo's.  Nobody is
simulated but the browser: each person has a Jupyter server and a kernel of their own, and speaks to both by HTTP and
WebSocket through Traefik.  They begin at the same moment and run every cell in order; the long one is interrupted, as
the notebook asks one to.  Of three the whole server is killed as soon as they have their first result: the others must
not feel it, and must all have the same answers.

Told are the time to the first result and to the end, a person's seconds of processor and memory, and where that is.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import tomlkit
import websocket
from stage import Demo, start, start_demo, stop, stop_demo

from benchmarks import cost
from benchmarks.figures import Figure, begin, finish, percentile
from integration.hub.conftest import House, people_document
from integration.hub.tabs import Tab
from integration.hub.test_hub_away import message
from services import temporary_directory
from swap import ports
from swap import runtime as runtimes
from swap import settings as settings_module
from swap.db.engine import create
from swap.demo.setup import EXAMPLES
from swap.launch import running

PEOPLE, STRUCK = 30, 3
FIRST_RESULT_SECONDS = 60.0
"""How long the last of thirty may wait from the click to the first result: what a server may take to start."""
LONG = "%%swap duels"
"""The cell that takes twenty seconds alone, and is interrupted when it has begun."""
RESULT, ERROR = "application/vnd.swap.result+json", "application/vnd.swap.error+json"


@dataclass
class Day:
    """What one person met."""

    name: str
    struck: bool
    signed_in: float = 0.0
    started: float = 0.0
    """Seconds from the click to the server."""
    first_result: float = 0.0
    ended: float = 0.0
    answers: dict[str, str] = field(default_factory=dict)
    """Cell → the digest of what it showed."""
    failed: str = ""


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("people", rounds=1)
    cells = _cells()
    with _site() as (house, pid):
        rest, spent = cost.memory(pid), cost.seconds(pid)
        together = threading.Barrier(PEOPLE)
        days = [Day(f"person{number:02}", number % (PEOPLE // STRUCK) == 0) for number in range(PEOPLE)]
        peak = cost.Peak([pid], every_seconds=2.0)
        began = time.monotonic()
        with peak, ThreadPoolExecutor(PEOPLE) as pool:
            list(pool.map(lambda day: _spend(day, house, cells, together), days))
        took = time.monotonic() - began
        cost.settled(pid, at_most=20)
        now, spent = cost.memory(pid), cost.seconds(pid) - spent
    _tell(days, took)
    others = [day for day in days if not day.struck]
    more = (now.total() - rest.total()) / len(others)
    print(f"  at rest: {cost.parts(rest)}\n  when all are done: {cost.parts(now)}\n  at most: {peak}")
    print(f"  a person: {more:.0f} MB with a server and a kernel, {spent / PEOPLE:.1f} s of processor for the notebook")
    ended = [day for day in others if not day.failed]
    whole = [day for day in ended if day.answers == ended[0].answers]
    for day in ended:
        for cell in (cell for cell in day.answers if day.answers[cell] != ended[0].answers[cell]):
            print(f"  {day.name} saw something else than {ended[0].name} below {cell[:60]!r}")
    finish(
        "people",
        [
            Figure("slowest first result s", max(day.first_result for day in others), FIRST_RESULT_SECONDS),
            Figure("people undisturbed", len(whole), len(others), at_least=True),
        ],
    )


def _tell(days: list[Day], took: float) -> None:
    for what in ("signed_in", "started", "first_result", "ended"):
        times = [getattr(day, what) for day in days if getattr(day, what)]
        told = f"p50 {statistics.median(times):.1f} s, p95 {percentile(times, 95):.1f} s, slowest {max(times):.1f} s"
        print(f"  {what.replace('_', ' ')}: {told} ({len(times)} people)")
    for day in days:
        if day.failed:
            print(f"  {day.name}{' (struck)' if day.struck else ''}: {day.failed[:200]}")
    print(f"  all of it took {took:.0f} s", flush=True)


def _cells() -> list[str]:
    document = json.loads((EXAMPLES / "welcome.ipynb").read_text(encoding="utf-8"))
    return ["".join(each["source"]) for each in document["cells"] if each["cell_type"] == "code"]


@contextlib.contextmanager
def _site() -> Iterator[tuple[House, int]]:
    """Run a SWAP with thirty people behind walls for the block; yield it and its supervisor's process id."""
    folder = temporary_directory()
    stores = start_demo(folder / "stores", ports.free(1)[0], folder / "stores.log")
    process = None
    try:
        process = start(["up", "--config", _settings(folder, stores)], folder / "swap.log", "SWAP runs:")
        told = runtimes.of_running(folder / "state")
        assert told is not None
        engine = create(told.database_urls["owner"])
        house = House(settings_module.load(folder / "swap.toml"), told, SimpleNamespace(engine=lambda: engine))
        yield house, process.pid
        for browser in house.browsers:
            browser.client.close()
        engine.dispose()
    finally:
        if process:
            stop(process)
        stop_demo(stores)
        shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: Path, stores: Demo) -> Path:
    """Write the settings: people of our own, the demo's sources and rights."""
    theirs = tomlkit.parse((stores.state / "swap.toml").read_text(encoding="utf-8")).unwrap()
    names = tuple(f"person{number:02}" for number in range(PEOPLE))
    (folder / "people.toml").write_text(people_document(names), encoding="utf-8")
    for source in theirs["sources"].values():
        if "password" in source:
            source["password"]["file"] = str(stores.state / source["password"]["file"])
        if "root" in source:
            source["root"] = str(stores.state / source["root"])
    written = {
        "state": str(folder / "state"),
        "kernel_env": theirs["kernel_env"],
        "examples": str(EXAMPLES),
        "site": {"port": ports.free(1)[0], "demo": True},
        "launch": {"isolation": "user"},
        "people": {"file": str(folder / "people.toml")},
        "sources": theirs["sources"],
        "policy": theirs["policy"],
    }
    (folder / "swap.toml").write_text(tomlkit.dumps(written), encoding="utf-8")
    return folder / "swap.toml"


def _spend(day: Day, house: House, cells: list[str], together: threading.Barrier) -> None:
    """Let one person sign in, and when all are there start a server and run the notebook."""
    together.wait()
    began = time.monotonic()
    try:
        browser = house.sign_in(day.name)
        browser.person_id = house.person_id(day.name)
        day.signed_in = time.monotonic() - began
        clicked = time.monotonic()
        house.start_server(browser.person_id, 300)
        day.started = time.monotonic() - clicked
        tab = Tab(house, browser)
        kernel = tab.api("/api/kernels", "POST", json={}).json()["id"]
        with contextlib.closing(_socket(tab, kernel)) as socket:
            for cell in cells:
                day.answers[cell] = _run(tab, kernel, socket, cell)
                if not day.first_result and cell.startswith("%%swap"):
                    day.first_result = time.monotonic() - clicked
                    if day.struck:
                        _strike(house, tab.person_id)
        day.ended = time.monotonic() - clicked
    except Exception as error:  # noqa: BLE001 - what went wrong for one person is told beside the others
        day.failed = f"{type(error).__name__}: {error}"


def _strike(house: House, person_id: str) -> None:
    """Kill somebody's whole server, kernels and all."""
    found = running.find(house.state, person_id)
    assert found is not None
    outermost = psutil.Process(found.pid)
    for each in (outermost, *outermost.children(recursive=True)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGKILL)


def _socket(tab: Tab, kernel: str) -> Any:
    return websocket.create_connection(
        f"ws://127.0.0.1:{tab.house.port}/user/{tab.person_id}/api/kernels/{kernel}/channels",
        timeout=300,
        host=f"{tab.host}:{tab.house.port}",
        origin=f"http://{tab.host}:{tab.house.port}",
        cookie=tab.browser.sent(tab.host),
    )


def _run(tab: Tab, kernel: str, socket: Any, cell: str) -> str:
    """Run a cell and return what it showed: rows, what a mistake is called, or text."""
    asked = json.loads(message(cell))
    # What comes after a cell with an error in it is run all the same.
    asked["content"]["stop_on_error"] = False
    sent = asked["header"]["msg_id"]
    socket.send(json.dumps(asked))
    shown: list[str] = []
    stopped = False
    while True:
        told = json.loads(socket.recv())
        if told["parent_header"].get("msg_id") != sent:
            continue
        content = told["content"]
        data = content.get("data", {})
        if cell.startswith(LONG) and not stopped and "application/vnd.swap.progress+json" in data:
            stopped = True
            tab.api(f"/api/kernels/{kernel}/interrupt", "POST")
        if RESULT in data:
            shown.append(_rows(data[RESULT]))
        elif ERROR in data:
            shown.append(str(data[ERROR].get("title")))
        elif told["msg_type"] == "stream":
            shown.append(content["text"])
        elif told["msg_type"] == "error" and not cell.startswith(LONG):
            raise AssertionError(f"{cell[:40]!r}: {content['ename']}: {content['evalue']}")
        if told["msg_type"] == "status" and content["execution_state"] == "idle":
            return "" if cell.startswith(LONG) else "\n".join(shown)


def _rows(result: dict[str, Any]) -> str:
    """Return the part of a result that is the same for everybody: no id, no time, no order that nobody asked for."""
    return json.dumps([result["columns"], sorted(result["page"]["rows"], key=str)], sort_keys=True)


if __name__ == "__main__":
    main()
