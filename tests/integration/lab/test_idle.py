"""A server in which nothing happens ends by itself; one in which anything runs does not, and its person is told before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import websocket
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import browsers
from integration.lab import outputs
from integration.lab.conftest import Server
from integration.lab.kernels import Kernel
from integration.lab.stand_ins import wait_for
from services import NO_TLS

SECONDS = 0.5
IDLE = {"SWAP_IDLE_HOURS": str(SECONDS / 3600), "SWAP_IDLE_TOLD_HOURS": str(SECONDS / 3600 / 8)}
LOOKS = 2


def until_told(name: str) -> str:
    """Return a program of the shell that runs until the test lets it end."""
    return f"touch {name}-begun; while [ ! -e {name}-go ]; do sleep 0.05; done; touch {name}-done"


def has_ended(server: Server) -> bool:
    return server.process.poll() is not None


def is_kept(server: Server, why: str) -> None:
    """See that the server finds, more than once since now, what keeps it."""

    def found() -> int:
        return server.log.read_text(errors="replace").count(why)

    before = found()
    wait_for(f"finding that {why}", lambda: has_ended(server) or found() >= before + LOOKS, 60)
    assert not has_ended(server)


def outlives(server: Server, name: str, why: str) -> None:
    """See that a program of the test keeps the server, alone; then let it end, and hold the server by other means."""
    wait_for("the beginning of what runs", (server.home / f"{name}-begun").exists)
    server.gateway.under_way = 0
    is_kept(server, why)
    server.gateway.under_way = None
    (server.home / f"{name}-go").touch()
    wait_for("the end of what ran", (server.home / f"{name}-done").exists)


@contextmanager
def terminal(server: Server, line: str) -> Iterator[str]:
    """Type a line into a terminal of the server's, and give the terminal's address."""
    headers = {"Authorization": f"token {server.hub.token()}"}
    name = httpx.post(f"{server.url}/api/terminals", headers=headers, timeout=60, verify=NO_TLS).json()["name"]
    address = f"{server.url}/terminals/websocket/{name}".replace("http://", "ws://")
    typed = websocket.create_connection(address, timeout=60, header=[f"Authorization: {headers['Authorization']}"])
    typed.send(json.dumps(["stdin", line + "\n"]))
    yield f"{server.url}/api/terminals/{name}"
    typed.shutdown()


def test_what_runs_keeps_it_and_it_ends_by_itself_once_nothing_does(launch: Callable[..., Server], home: Path) -> None:
    server = launch(extra=IDLE)
    is_kept(server, "the gateway does not say whether a query runs")
    server.gateway.under_way = 1
    is_kept(server, "1 of its person's queries run")
    server.gateway.under_way = None

    kernel = Kernel(server.url, server.hub.token())
    kernel.send(f"import subprocess; subprocess.run({until_told('cell')!r}, shell=True, check=True)")
    outlives(server, "cell", "a cell runs")
    kernel.socket.shutdown()

    with terminal(server, f"cd ~; sh -c '{until_told('program')}'"):
        outlives(server, "program", "sh runs in a terminal")
    with terminal(server, f"cd ~; setsid sh -c '{until_told('hidden')}' & disown") as address:
        wait_for("the program", (home / "hidden-begun").exists)
        headers = {"Authorization": f"token {server.hub.token()}"}
        assert httpx.delete(address, headers=headers, timeout=60, verify=NO_TLS).status_code == 204
    outlives(server, "hidden", "sh runs in a terminal")

    # A kernel and a terminal that wait for somebody keep nothing.
    with terminal(server, "touch ~/typed"):
        wait_for("the line", (home / "typed").exists)
        server.gateway.under_way = 0
        assert server.process.wait(60) == 0
    assert "Nothing has run here for" in server.log.read_text()


def test_its_person_is_told_in_lab_and_keeps_it(launch: Callable[..., Server], home: Path) -> None:
    (home / "look.ipynb").write_text(json.dumps(outputs.notebook()))
    server = launch(extra={"SWAP_IDLE_HOURS": "1", "SWAP_IDLE_TOLD_HOURS": "1"})  # told from the beginning
    with browsers.running() as browser:
        page = browser.new_page()
        page.goto(f"{server.url}/lab/tree/look.ipynb?reset")
        notice = page.locator(".Toastify__toast", has_text="Your server stops at")
        expect(notice).to_be_visible(timeout=60_000)
        expect(notice).to_contain_text("Your notebooks are saved; what their kernels hold goes.")
        found = Axe().run(page, context=".Toastify__toast")
        assert [each["id"] for each in found.response["violations"]] == []
        answer = server.get("/swap/access", server.hub.token()).json()

        with page.expect_response(
            lambda response: response.request.method == "POST" and "/swap/access" in response.url
        ):
            notice.get_by_role("button", name="Keep it running").click()

        assert server.get("/swap/access", server.hub.token()).json()["stops_at"] > answer["stops_at"]
