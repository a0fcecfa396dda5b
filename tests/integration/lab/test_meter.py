"""A person meets real limits: JupyterLab's server says how much is used, and which limit ended or refused what."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from integration.lab import walled
from integration.lab.conftest import Server
from integration.lab.kernels import Kernel
from integration.lab.stand_ins import wait_for
from integration.lab.windows import in_each_theme
from services import NO_TLS
from swap import disks
from town import ANN, Town

MEMORY_BYTES = 900_000_000
PROCESSES = 150
DISK_BYTES = 120_000_000
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")

TAKE = f"kept = bytearray({MEMORY_BYTES}); kept[::4096] = b'x' * len(kept[::4096])"
BOMB = f"""
import os, signal
started = []
try:
    while len(started) < {PROCESSES}:
        if (pid := os.fork()) == 0:
            signal.pause()
        started.append(pid)
except BlockingIOError as error:
    print(error)
for pid in started:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""
FILL = f"""
try:
    with open("large", "wb") as file:
        for _ in range({DISK_BYTES // 1_000_000}):
            file.write(bytes(1_000_000))
except OSError as error:
    print(error)
"""

CLEAR = "import os; os.remove('large')"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Ann's server behind walls, with limits that a test meets soon."""
    state = Path(tempfile.mkdtemp(prefix="swap-meter-"))
    state.chmod(0o711)
    town = Town(state, {"memory_bytes": MEMORY_BYTES, "cpus": 1.5, "processes": PROCESSES, "disk_bytes": DISK_BYTES})
    try:
        with walled.started(town) as made:
            yield made
    finally:
        town.close()
        disks.close_all(state, town.runtime.homes)
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def kernel(server: Server) -> Iterator[Kernel]:
    made = Kernel(server.url, server.hub.token())
    yield made
    server.home.joinpath("large").unlink(missing_ok=True)
    made.socket.shutdown()
    httpx.delete(f"{server.url}/api/kernels/{made.id}", headers=made.headers, timeout=60, verify=NO_TLS)


def ask(server: Server, path: str) -> Any:
    answer = server.get(f"/swap/{path}", server.hub.token())
    assert answer.status_code == 200, answer.text
    return answer.json()


def title(server: Server, limit: str) -> str | None:
    """Return what is said of a limit, or None."""
    error = ask(server, f"limit/{limit}")["error"]
    if error is None:
        return None
    assert error["category"] == "limit"
    assert error["todo"]
    return str(error["title"])


@ROOT
def test_it_says_what_is_used_of_what_may_be(server: Server) -> None:
    ask(server, "use")
    use = wait_for(
        "the rate of the processors", lambda: (u := ask(server, "use")["use"])["processors"]["used"] is not None and u
    )

    assert {name: part["limit"] for name, part in use.items() if name not in {"disk", "files", "memory"}} == {
        "processors": 1.5,
        "processes": PROCESSES,
    }
    assert use["memory"]["limit"] == pytest.approx(MEMORY_BYTES, abs=4096)
    assert 20e6 < use["memory"]["used"] < MEMORY_BYTES
    assert 0 < use["processes"]["used"] < PROCESSES
    assert DISK_BYTES / 2 < use["disk"]["limit"] <= DISK_BYTES
    assert 0 < use["files"]["used"] < use["files"]["limit"]
    assert server.get("/swap/use").status_code == 403, "to its person alone"


@ROOT
def test_a_kernel_that_took_too_much_memory_is_told_so(server: Server, kernel: Kernel) -> None:
    kernel.send(TAKE)
    said = wait_for("what is said of it", lambda: title(server, f"memory/{kernel.id}"), 60)

    assert said == "This kernel was ended: your programs met your limit of 0.9 GB of memory."
    assert ask(server, "use")["programs_ended"] == 0


@ROOT
def test_one_that_was_killed_otherwise_is_not(server: Server, kernel: Kernel) -> None:
    restarts = server.log.read_text(errors="replace").count("restarting kernel")
    kernel.send("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    wait_for(
        "its being started again", lambda: server.log.read_text(errors="replace").count("restarting kernel") > restarts
    )

    assert title(server, f"memory/{kernel.id}") is None


@ROOT
def test_a_program_that_took_too_much_is_counted_and_its_kernel_lives(server: Server, kernel: Kernel) -> None:
    before = ask(server, "use")["programs_ended"]
    code = kernel.value(
        f"import json, subprocess, sys; print(json.dumps(subprocess.run([sys.executable, '-c', {TAKE!r}]).returncode))"
    )

    assert code == -9
    wait_for("its being counted", lambda: ask(server, "use")["programs_ended"] == before + 1)
    assert title(server, f"memory/{kernel.id}") is None


@ROOT
def test_a_fork_bomb_is_refused_and_told(server: Server, kernel: Kernel) -> None:
    assert title(server, "processes") is None, "the control"

    assert "Resource temporarily unavailable" in kernel.run(BOMB, prints=True)

    assert title(server, "processes") == f"Your programs met your limit of {PROCESSES} processes and threads."
    assert title(server, "processes") is None, "once"


@ROOT
def test_a_full_disk_is_told(server: Server, kernel: Kernel) -> None:
    assert title(server, "disk") is None, "the control"

    assert "No space left on device" in kernel.run(FILL, prints=True)

    assert re.fullmatch(r"Your disk of 0\.1\d* GB is full\.", title(server, "disk") or "")
    kernel.run(CLEAR)
    assert title(server, "disk") is None


def test_without_walls_it_says_what_is_used_and_no_limit(launch: Callable[..., Server]) -> None:
    server = launch()
    kernel = Kernel(server.url, server.hub.token())
    use = ask(server, "use")["use"]
    before = use["memory"]["used"]
    kernel.run("kept = bytearray(b'x') * 200_000_000")

    assert set(use) == {"memory", "processors"}
    assert use["memory"]["limit"] is None
    assert ask(server, "use")["use"]["memory"]["used"] > before + 150e6
    assert title(server, "processes") is None
    assert title(server, "disk") is None
    kernel.socket.shutdown()


# ── What JupyterLab shows ───────────────────────────────────────────────────────────────────────────
def opened(browser: Browser, server: Server, source: str) -> Page:
    """Open a notebook of one cell."""
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "execution_count": None, "outputs": []}
    document = {
        "cells": [cell],
        "metadata": {"kernelspec": {"name": "swap", "display_name": "Python (SWAP)", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = server.home / "look.ipynb"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert ANN.uid is not None
    os.chown(path, ANN.uid, ANN.uid)
    page = browser.new_context(color_scheme="light").new_page()
    page.goto(f"{server.url}/lab/tree/look.ipynb?reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    return page


def run(page: Page) -> None:
    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.press("Control+Enter")


def violations(page: Page, *where: str) -> list[str]:
    found = Axe().run(page, context={"include": [[each] for each in where]}, options={"resultTypes": ["violations"]})
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found.response["violations"]]


@ROOT
def test_the_status_bar_says_what_is_used_and_all_of_it_by_key(browser: Browser, server: Server) -> None:
    page = opened(browser, server, "1")
    meter = page.locator(".swap-use")
    expect(meter).to_contain_text("Memory", timeout=60_000)
    expect(meter).to_contain_text("of 900 MB")
    expect(meter).to_have_accessible_name(re.compile(r"What you use: memory \d+ MB of 900 MB; .*Details"))
    assert [violations(page, ".swap-use") for _ in in_each_theme(page)] == [[], []]

    meter.focus()
    page.keyboard.press("Enter")

    dialog = page.get_by_role("dialog", name="What you use")
    for label in ("Memory", "Processors", "Processes", "Disk", "Files"):
        expect(dialog.get_by_role("row").filter(has=page.get_by_role("rowheader", name=label))).to_contain_text(" of ")
    assert [violations(page, ".jp-Dialog") for _ in in_each_theme(page)] == [[], []]
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.context.close()


@ROOT
def test_a_cell_whose_kernel_was_ended_says_why_and_so_does_the_dialog(browser: Browser, server: Server) -> None:
    page = opened(browser, server, TAKE)
    run(page)

    said = "This kernel was ended: your programs met your limit of 0.9 GB of memory"
    dialog = page.locator(".jp-Dialog")
    expect(dialog.filter(has_text=said)).to_be_visible(timeout=60_000)
    expect(dialog).to_have_count(1)
    assert violations(page, ".jp-Dialog") == []
    dialog.get_by_role("button", name="Ok").click()
    expect(dialog).to_have_count(0)
    output = page.locator(".jp-Cell .sq-e")
    expect(output).to_contain_text(said)
    expect(output).to_contain_text("What this notebook held in memory is gone")
    assert violations(page, ".sq-e") == []
    page.context.close()


@ROOT
@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        (BOMB.replace("    print(error)", "    refused = error") + "raise refused", "BlockingIOError", "processes and"),
        (f"with open('large', 'wb') as file: file.write(bytes({DISK_BYTES}))", "OSError", "Your disk of 0.1"),
        ("raise OSError(28, 'No space left on device')", "OSError", ""),
    ],
    ids=["processes", "disk", "neither"],
)
def test_a_cell_that_was_refused_something_says_what(
    browser: Browser, server: Server, kernel: Kernel, source: str, error: str, said: str
) -> None:
    del kernel  # it is there to clear up
    page = opened(browser, server, source)
    with page.expect_response(lambda answer: "/swap/limit/" in answer.url, timeout=60_000):
        run(page)

    expect(page.locator(".jp-OutputArea-output").first).to_contain_text(error)
    if said:
        expect(page.locator(".jp-Cell .sq-e")).to_contain_text(said)
    else:
        expect(page.locator(".jp-Cell .sq-e")).to_have_count(0)
    page.context.close()
