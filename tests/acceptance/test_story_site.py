"""The whole story as an organisation has it: its directory, walls, Hive, MariaDB, and an SSH tunnel as the only way in."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from lab import CHART, ERROR, PROGRESS, RESULT, Notebook, open_example, outputs, until
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, expect
from sites import PUBLIC_PORT, STRANGER, Site, members_of, running_site, sign_in, signed_in
from stage import Demo

import browsers
from programs import still_running
from swap.demo.mariadb_server import MariadbServer
from swap.demo.mediawiki import READER
from swap.demo.setup import EXAMPLES
from tunnel import Tunnel

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls, and a browser a network of its own"),
]

REFUSED_SECONDS = 60
GONE_SECONDS = 120
FIRST_UID = 2_100_000_000


@pytest.fixture(scope="module")
def site(real: Demo) -> Iterator[Site]:
    yield from running_site(real)


@pytest.fixture(scope="module")
def tunnel(site: Site) -> Iterator[Tunnel]:
    made = Tunnel(PUBLIC_PORT, site.port)
    yield made
    made.close()


@pytest.fixture(scope="module")
def far_browser(playwright: Playwright, tunnel: Tunnel) -> Iterator[Browser]:
    """A browser where nothing is but the tunnel's end."""
    browser = browsers.launch(playwright, program=tunnel.inside(browsers.CHROMIUM))
    yield browser
    browser.close()


@contextmanager
def at_a_browser(browser: Browser, requests: list[str]) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    context.on("request", lambda request: requests.append(request.url))
    yield context
    context.close()


@pytest.fixture(scope="module")
def ann(far_browser: Browser, requests: list[str]) -> Iterator[BrowserContext]:
    with at_a_browser(far_browser, requests) as context:
        yield context


@pytest.fixture(scope="module")
def bertrand(far_browser: Browser, requests: list[str]) -> Iterator[BrowserContext]:
    with at_a_browser(far_browser, requests) as context:
        yield context


@pytest.fixture(scope="module")
def sockets() -> list[str]:
    """The addresses of ann's WebSockets, as they are opened."""
    return []


@pytest.fixture(scope="module")
def welcome(ann: BrowserContext, site: Site, sockets: list[str]) -> Notebook:
    """The Welcome notebook, unchanged, as ann has it after Run all."""
    page = signed_in(ann, site, "ann")
    page.on("websocket", lambda socket: sockets.append(socket.url))
    notebook = open_example(page, site.url, site.homes, "Welcome to SWAP")
    notebook.run_all(seconds=240)
    return notebook


def statements_in_mariadb(stores: Demo) -> list[str]:
    """Ask the store itself what SWAP runs there."""
    wanted = f"SELECT info FROM information_schema.processlist WHERE user = '{READER}' AND info LIKE '%swap:%'"
    return MariadbServer(stores.state, 0).execute([wanted]).splitlines()


@contextmanager
def locked_in_mariadb(stores: Demo, table: str) -> Iterator[None]:
    """Hold a table for the block, so that whoever reads it waits."""
    command = ["mariadb", "--no-defaults", "--socket=socket", "--user=root", "--batch", "--unbuffered", "-N"]
    with subprocess.Popen(
        command, cwd=MariadbServer(stores.state, 0).data, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(f"LOCK TABLES {table} WRITE; SELECT 'held';\n".encode())
        holder.stdin.flush()
        assert holder.stdout.readline() == b"held\n"
        yield


def test_the_browser_sees_the_tunnels_end_and_nothing_else(far_browser: Browser, tunnel: Tunnel, site: Site) -> None:
    assert tunnel.interfaces == {"lo"}
    assert tunnel.listening == {PUBLIC_PORT}
    page = far_browser.new_page()
    page.goto(site.url)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        page.goto(f"http://localhost:{site.port}")  # which is there, but not for this browser
    page.close()


def test_who_is_in_no_group_is_told_so_on_the_sign_in_page(
    far_browser: Browser, site: Site, requests: list[str]
) -> None:
    with at_a_browser(far_browser, requests) as context:
        page = sign_in(context, site, STRANGER)
        told = page.get_by_role("alert")
        expect(told).to_contain_text("You are in no group that may use SWAP.")
        expect(told).to_contain_text("You need to be in analysts or readers.")
        expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="Ask for access").first).to_be_visible()


def test_welcome_runs_unchanged(welcome: Notebook) -> None:
    assert welcome.unfinished() == []
    shipped = json.loads((EXAMPLES / "welcome.ipynb").read_text(encoding="utf-8"))["cells"]
    cells = welcome.saved()["cells"]
    assert ["".join(cell["source"]) for cell in cells] == ["".join(cell["source"]) for cell in shipped]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not [cell for cell in code if "Traceback" in json.dumps(cell["outputs"])]
    mistakes = [error["error"]["category"] for cell in code for error in outputs(cell, ERROR)]
    assert mistakes == ["unknown-name", "forbidden"], "those that it shows, and no other"
    assert any(outputs(cell, CHART) for cell in code)
    assert not any(outputs(cell, PROGRESS) for cell in code)


def test_its_answer_joins_hive_and_mariadb(welcome: Notebook) -> None:
    cells = json.loads(welcome.path.read_text(encoding="utf-8"))["cells"]  # as the test before this one saved them
    [joined] = [cell for cell in cells if "".join(cell["source"]).startswith("%%swap late_makers")]
    [shown] = outputs(joined, RESULT)
    assert shown["page"]["rows"]
    told = welcome.run("swap.sources()").locator(".jp-OutputArea")
    expect(told).to_contain_text(re.compile("hive", re.IGNORECASE))
    expect(told).to_contain_text(re.compile("mysql|mariadb", re.IGNORECASE))


def test_kernels_speak_over_websockets_of_the_persons_own_host(welcome: Notebook, sockets: list[str]) -> None:
    assert [url for url in sockets if "/channels" in url]
    assert all(url.startswith(f"ws://{welcome.person_id}.localhost:{PUBLIC_PORT}/") for url in sockets)


@pytest.mark.parametrize("way", ["button", "interrupt"])
def test_progress_names_the_store_that_is_waited_for_and_a_cancel_reaches_it(
    welcome: Notebook, real: Demo, way: str
) -> None:
    with locked_in_mariadb(real, "dewiki.page"):
        output = welcome.run(
            f"%%swap {way}\nSELECT count(*) AS n, max(c.name) AS c FROM mediawiki.dewiki.page,"
            " (SELECT max(name) AS name FROM lake.canonical_data.countries) c"
        ).locator(".jp-OutputArea")
        expect(output).to_contain_text("Running in mediawiki")
        assert until(lambda: statements_in_mariadb(real))
        if way == "button":
            output.get_by_role("button", name="Cancel").click()
        else:
            welcome.interrupt()
        expect(output).to_contain_text(re.compile("cancelled", re.IGNORECASE))
        assert until(lambda: not statements_in_mariadb(real)), "nothing runs in the store any more"


def test_the_kernel_is_a_system_user_of_the_persons_own(welcome: Notebook, site: Site) -> None:
    uid = site.uid(welcome.person_id)
    assert uid >= FIRST_UID
    kernels = [each for each in site.programs(welcome.person_id) if "ipykernel_launcher" in each.cmdline()]
    assert kernels
    for kernel in kernels:
        status = dict(
            line.split(":\t", 1)
            for line in Path(f"/proc/{kernel.pid}/status").read_text().splitlines()
            if ":\t" in line
        )
        assert (set(status["Uid"].split()), set(status["Gid"].split())) == ({str(uid)}, {str(uid)})
        assert (int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"]) == (0, 0, "1")
        for kind in ("net", "mnt", "pid", "ipc"):
            assert (
                Path(f"/proc/{kernel.pid}/ns/{kind}").readlink()
                != Path(f"/proc/{site.process.pid}/ns/{kind}").readlink()
            )
    home = (site.homes / welcome.person_id).stat()
    assert (home.st_uid, home.st_mode & 0o777) == (uid, 0o700)


def fetched(page: Page, address: str) -> str:
    """Ask for an address from a page, as its scripts do: the status, the kind of another answer, or "" without one."""
    return str(
        page.evaluate(
            "address => fetch(address, {redirect: 'manual', cache: 'no-store', headers: {'X-XSRFToken':"
            " (/_xsrf=([^;]+)/.exec(document.cookie) || ['', ''])[1]}})"
            ".then(told => told.status ? String(told.status) : told.type, () => '')",
            address,
        )
    )


@dataclass(frozen=True)
class PutOut:
    """What was when somebody was taken out of their group, and what they met then."""

    at: datetime
    programs: list[psutil.Process]
    """What ran for them."""
    portal: Page
    refused: bool
    """Whether each next request to the portal and to their server was, in time."""
    stopped: bool
    """Whether the store no longer works for them, although what their query waits for is still held."""
    neighbour: Page
    """Of somebody who stays in the group."""


@pytest.fixture(scope="module")
def put_out(welcome: Notebook, ann: BrowserContext, bertrand: BrowserContext, site: Site, real: Demo) -> PutOut:
    """Take the group away from ann while her query waits in MariaDB, and wait until she is refused."""
    neighbour, portal = signed_in(bertrand, site, "bertrand"), ann.new_page()
    portal.goto(site.url)
    assert (fetched(portal, "/"), fetched(welcome.page, server(welcome))) == ("200", "200"), "the control"
    with locked_in_mariadb(real, "dewiki.page"):
        welcome.run("%%swap left\nSELECT count(*) AS n FROM mediawiki.dewiki.page")
        assert until(lambda: statements_in_mariadb(real))
        programs = site.programs(welcome.person_id)
        at = datetime.now(UTC)
        site.members("analysts", *(name for name in members_of("analysts") if name != "ann"))
        # The portal refuses by itself; the server hears of it a moment later.
        refused = until(
            lambda: "200" not in (fetched(portal, "/"), fetched(welcome.page, server(welcome))), seconds=REFUSED_SECONDS
        )
        stopped = until(lambda: not statements_in_mariadb(real))
    return PutOut(at, programs, portal, refused, stopped, neighbour)


def server(notebook: Notebook) -> str:
    return f"/user/{notebook.person_id}/api/me"


def moment(site: Site, person_id: str, event: str, after: datetime) -> datetime:
    """Return when something first happened to somebody since then, as the record has it."""
    return min(row.at for row in site.events(person_id) if row.event == event and row.at >= after)


def test_who_leaves_the_group_is_refused_within_a_minute(put_out: PutOut, welcome: Notebook, site: Site) -> None:
    assert put_out.refused
    ended = moment(site, welcome.person_id, "access-ended", put_out.at)
    assert (ended - put_out.at).total_seconds() <= REFUSED_SECONDS
    [reason] = [row.detail["reason"] for row in site.events(welcome.person_id) if row.event == "access-ended"]
    assert reason == "You are in no group that may use SWAP. You need to be in analysts or readers."
    put_out.portal.goto(site.url)
    expect(put_out.portal.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_the_query_that_ran_is_cancelled_in_its_store(put_out: PutOut, welcome: Notebook, site: Site) -> None:
    assert put_out.stopped
    ended = [row for row in site.events(welcome.person_id) if row.event == "query-ended" and row.at >= put_out.at]
    assert [row.detail["state"] for row in ended] == ["cancelled"]


def test_all_that_ran_for_them_is_gone_within_two_minutes(put_out: PutOut, welcome: Notebook, site: Site) -> None:
    assert put_out.programs
    left = GONE_SECONDS - (datetime.now(UTC) - put_out.at).total_seconds()
    assert still_running(put_out.programs, left) == []
    stopped = moment(site, welcome.person_id, "server-stopped", put_out.at)
    assert (stopped - put_out.at).total_seconds() <= GONE_SECONDS


def test_who_stays_in_the_group_goes_on(put_out: PutOut) -> None:
    assert fetched(put_out.neighbour, "/") == "200"


def test_the_sign_in_page_says_which_group_is_missing_and_lets_in_who_is_back(
    put_out: PutOut, ann: BrowserContext, welcome: Notebook, site: Site
) -> None:
    told = sign_in(ann, site, "ann").get_by_role("alert")
    expect(told).to_contain_text("You need to be in analysts or readers.")
    site.members("analysts", *members_of("analysts"))
    page = signed_in(ann, site, "ann")
    expect(page.locator("main")).to_contain_text(welcome.name.removesuffix(".ipynb"))


def test_without_the_tunnel_there_is_nothing(put_out: PutOut, tunnel: Tunnel, site: Site) -> None:
    tunnel.cut()
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        put_out.neighbour.goto(site.url)
