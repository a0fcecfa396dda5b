"""The whole story as an organisation has it: its directory, walls, Hive, MariaDB, and two ways in at once.

Ann comes through an SSH tunnel, which is all that her browser sees, and Bertrand by the public name, over TLS.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from lab import CHART, ERROR, PROGRESS, RESULT, Notebook, copy_example, outputs, until
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, expect
from sites import (
    JOINED,
    PUBLIC_NAME,
    STRANGER,
    TUNNEL_PORT,
    Site,
    at_a_browser,
    locked_in_mariadb,
    members_of,
    running_site,
    sign_in,
    signed_in,
    statements_in_mariadb,
)
from stage import SWAP, Demo

import browsers
from programs import still_running
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
PEOPLE = ("ann", "bertrand")
MISTAKES = {"ann": ["unknown-name", "forbidden"], "bertrand": ["unknown-name"]}
"""What the Welcome notebook shows of mistakes; Bertrand may read what is forbidden to Ann."""


@pytest.fixture(scope="module")
def site(real: Demo) -> Iterator[Site]:
    yield from running_site(real)


@pytest.fixture(scope="module")
def tunnel(site: Site) -> Iterator[Tunnel]:
    made = Tunnel(TUNNEL_PORT, site.port)
    yield made
    made.close()


@pytest.fixture(scope="module")
def far_browser(playwright: Playwright, tunnel: Tunnel) -> Iterator[Browser]:
    """A browser where nothing is but the tunnel's end."""
    browser = browsers.launch(playwright, program=tunnel.inside(browsers.CHROMIUM))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def public_browser(playwright: Playwright, site: Site) -> Iterator[Browser]:
    """A browser that finds the site's name, and trusts its certificate."""
    browser = browsers.launch(playwright, *browsers.finding(PUBLIC_NAME, site.certificate))
    yield browser
    browser.close()


@dataclass
class Visitor:
    """Somebody who came in by one of the two doors."""

    name: str
    url: str
    """The portal as they know it."""
    context: BrowserContext
    lab: Page
    sockets: list[str] = field(default_factory=list)
    """The addresses of their WebSockets, as they are opened."""
    own: Notebook | None = None

    @property
    def notebook(self) -> Notebook:
        """Their Welcome notebook."""
        assert self.own is not None
        return self.own

    @property
    def host(self) -> str:
        """Their server's origin."""
        return self.url.replace("//", f"//{self.notebook.person_id}.")

    @property
    def server(self) -> str:
        """What tells whether their server still lets them in."""
        return f"/user/{self.notebook.person_id}/api/me"


@pytest.fixture(scope="module")
def visitors(
    far_browser: Browser, public_browser: Browser, site: Site, requests: list[str]
) -> Iterator[dict[str, Visitor]]:
    """Ann through the tunnel and Bertrand by the public name, at once: the Welcome notebook, unchanged, after Run all."""
    with at_a_browser(far_browser, requests) as far, at_a_browser(public_browser, requests) as public:
        doors = {"ann": (far, site.tunnel_url), "bertrand": (public, site.public_url)}
        came = [Visitor(name, url, context, signed_in(context, url, name)) for name, (context, url) in doors.items()]
        for visitor in came:
            visitor.lab.on("websocket", lambda socket, heard=visitor.sockets: heard.append(socket.url))
            copy_example(visitor.lab, "Welcome to SWAP")
        for visitor in came:
            visitor.own = Notebook(visitor.lab, site.homes)
            visitor.own.start_all()
        for visitor in came:
            visitor.notebook.wait_all(seconds=240)
        yield {visitor.name: visitor for visitor in came}


@pytest.fixture(params=PEOPLE)
def visitor(request: pytest.FixtureRequest, visitors: dict[str, Visitor]) -> Visitor:
    return visitors[request.param]


@pytest.fixture(scope="module")
def neighbour(far_browser: Browser, site: Site, requests: list[str]) -> Iterator[Page]:
    """Somebody who stays in their group."""
    with at_a_browser(far_browser, requests) as context:
        yield signed_in(context, site.tunnel_url, "chidi")


def test_the_browser_sees_the_tunnels_end_and_nothing_else(far_browser: Browser, tunnel: Tunnel, site: Site) -> None:
    assert tunnel.interfaces == {"lo"}
    assert tunnel.listening == {TUNNEL_PORT}
    page = far_browser.new_page()
    page.goto(site.tunnel_url)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        page.goto(f"http://localhost:{site.port}")  # which is there, but not for this browser
    page.close()


@pytest.mark.parametrize("door", ["tunnel", "public"])
def test_who_is_in_no_group_is_told_so_on_the_sign_in_page(
    far_browser: Browser, public_browser: Browser, site: Site, requests: list[str], door: str
) -> None:
    browser, url = {"tunnel": (far_browser, site.tunnel_url), "public": (public_browser, site.public_url)}[door]
    with at_a_browser(browser, requests) as context:
        page = sign_in(context, url, STRANGER)
        told = page.get_by_role("alert")
        expect(told).to_contain_text("You are in no group that may use SWAP.")
        expect(told).to_contain_text("You need to be in analysts or readers.")
        expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="Ask for access").first).to_be_visible()


def test_welcome_runs_unchanged(visitor: Visitor) -> None:
    assert visitor.notebook.unfinished() == []
    shipped = json.loads((EXAMPLES / "welcome.ipynb").read_text(encoding="utf-8"))["cells"]
    cells = visitor.notebook.saved()["cells"]
    assert ["".join(cell["source"]) for cell in cells] == ["".join(cell["source"]) for cell in shipped]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not [cell for cell in code if "Traceback" in json.dumps(cell["outputs"])]
    mistakes = [error["error"]["category"] for cell in code for error in outputs(cell, ERROR)]
    assert mistakes == MISTAKES[visitor.name], "those that it shows, and no other"
    assert any(outputs(cell, CHART) for cell in code)
    assert not any(outputs(cell, PROGRESS) for cell in code)


def test_its_answer_joins_hive_and_mariadb(visitor: Visitor) -> None:
    cells = json.loads(visitor.notebook.path.read_text(encoding="utf-8"))["cells"]  # as saved before
    [joined] = [cell for cell in cells if "".join(cell["source"]).startswith("%%swap late_makers")]
    [shown] = outputs(joined, RESULT)
    assert shown["page"]["rows"]
    told = visitor.notebook.run("swap.sources()").locator(".jp-OutputArea")
    expect(told).to_contain_text(re.compile("hive", re.IGNORECASE))
    expect(told).to_contain_text(re.compile("mysql|mariadb", re.IGNORECASE))


def test_kernels_speak_over_websockets_of_the_persons_own_host(visitor: Visitor) -> None:
    assert [url for url in visitor.sockets if "/channels" in url]
    assert all(url.startswith(visitor.host.replace("http", "ws", 1) + "/") for url in visitor.sockets)


@pytest.mark.parametrize("way", ["button", "interrupt"])
def test_progress_names_the_store_that_is_waited_for_and_a_cancel_reaches_it(
    visitor: Visitor, real: Demo, way: str
) -> None:
    with locked_in_mariadb(real, "dewiki.page"):
        output = visitor.notebook.run(f"%%swap {way}\n{JOINED}").locator(".jp-OutputArea")
        expect(output).to_contain_text("Running in mediawiki")
        assert until(lambda: statements_in_mariadb(real))
        if way == "button":
            output.get_by_role("button", name="Cancel").click()
        else:
            visitor.notebook.interrupt()
        expect(output).to_contain_text(re.compile("cancelled", re.IGNORECASE))
        assert until(lambda: not statements_in_mariadb(real)), "nothing runs in the store any more"


def test_the_kernel_is_a_system_user_of_the_persons_own(visitor: Visitor, site: Site) -> None:
    person_id = visitor.notebook.person_id
    uid = site.uid(person_id)
    assert uid >= FIRST_UID
    kernels = [each for each in site.programs(person_id) if "ipykernel_launcher" in each.cmdline()]
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
    home = (site.homes / person_id).stat()
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
    """What was when both were taken out of their group, and what they met then."""

    at: datetime
    programs: dict[str, list[psutil.Process]]
    """What ran for each."""
    portals: dict[str, Page]
    refused: dict[str, bool]
    """Whether each next request to the portal and to their server was, in time."""
    stopped: bool
    """Whether the store no longer works for them, although what their queries wait for is still held."""


@pytest.fixture(scope="module")
def put_out(visitors: dict[str, Visitor], neighbour: Page, site: Site, real: Demo) -> PutOut:
    """Take the group away from both while a query of each waits in MariaDB, and wait until they are refused."""
    came, portals = visitors.values(), {name: visitor.context.new_page() for name, visitor in visitors.items()}
    for visitor in came:
        portals[visitor.name].goto(visitor.url)

    def answered(visitor: Visitor) -> tuple[str, str]:
        return fetched(portals[visitor.name], "/"), fetched(visitor.lab, visitor.server)

    assert {answered(visitor) for visitor in came} == {("200", "200")}, "the control"
    assert fetched(neighbour, "/") == "200"
    with locked_in_mariadb(real, "dewiki.page"):
        for visitor in came:
            visitor.notebook.run("%%swap left\nSELECT count(*) AS n FROM mediawiki.dewiki.page")
        assert until(lambda: len(statements_in_mariadb(real)) == len(visitors))
        programs = {visitor.name: site.programs(visitor.notebook.person_id) for visitor in came}
        at = datetime.now(UTC)
        site.members("analysts")
        # The portal refuses by itself; the server hears of it a moment later.
        refused = {
            visitor.name: until(lambda who=visitor: "200" not in answered(who), seconds=REFUSED_SECONDS)
            for visitor in came
        }
        stopped = until(lambda: not statements_in_mariadb(real))
    return PutOut(at, programs, portals, refused, stopped)


def moment(site: Site, person_id: str, event: str, after: datetime) -> datetime:
    """Return when something first happened to somebody since then, as the record has it."""
    return min(row.at for row in site.events(person_id) if row.event == event and row.at >= after)


def test_who_leaves_the_group_is_refused_within_a_minute(put_out: PutOut, visitor: Visitor, site: Site) -> None:
    person_id, portal = visitor.notebook.person_id, put_out.portals[visitor.name]
    assert put_out.refused[visitor.name]
    ended = moment(site, person_id, "access-ended", put_out.at)
    assert (ended - put_out.at).total_seconds() <= REFUSED_SECONDS
    [reason] = [row.detail["reason"] for row in site.events(person_id) if row.event == "access-ended"]
    assert reason == "You are in no group that may use SWAP. You need to be in analysts or readers."
    portal.goto(visitor.url)
    expect(portal.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_the_query_that_ran_is_cancelled_in_its_store(put_out: PutOut, visitor: Visitor, site: Site) -> None:
    assert put_out.stopped
    events = site.events(visitor.notebook.person_id)
    ended = [row for row in events if row.event == "query-ended" and row.at >= put_out.at]
    assert [row.detail["state"] for row in ended] == ["cancelled"]


def test_all_that_ran_for_them_is_gone_within_two_minutes(put_out: PutOut, visitor: Visitor, site: Site) -> None:
    assert put_out.programs[visitor.name]
    left = GONE_SECONDS - (datetime.now(UTC) - put_out.at).total_seconds()
    assert still_running(put_out.programs[visitor.name], left) == []
    stopped = moment(site, visitor.notebook.person_id, "server-stopped", put_out.at)
    assert (stopped - put_out.at).total_seconds() <= GONE_SECONDS


def test_who_stays_in_the_group_goes_on(put_out: PutOut, neighbour: Page) -> None:
    assert fetched(neighbour, "/") == "200"


def test_the_sign_in_page_says_which_group_is_missing_and_lets_in_who_is_back(
    put_out: PutOut, visitors: dict[str, Visitor], site: Site
) -> None:
    for visitor in visitors.values():
        told = sign_in(visitor.context, visitor.url, visitor.name).get_by_role("alert")
        expect(told).to_contain_text("You need to be in analysts or readers.")
    site.members("analysts", *members_of("analysts"))
    for visitor in visitors.values():
        page = signed_in(visitor.context, visitor.url, visitor.name)
        expect(page.locator("main")).to_contain_text(visitor.notebook.name.removesuffix(".ipynb"))


def test_without_the_tunnel_there_is_nothing_but_the_public_name(
    put_out: PutOut, tunnel: Tunnel, neighbour: Page, visitors: dict[str, Visitor], site: Site
) -> None:
    tunnel.cut()
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        neighbour.goto(site.tunnel_url)
    assert fetched(put_out.portals["bertrand"], "/ping") == "204"


def test_the_doctor_finds_the_public_name_as_browsers_do(site: Site) -> None:
    hosts = site.folder / "hosts"
    names = ("localhost", PUBLIC_NAME, f"probe--x.{PUBLIC_NAME}")
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in names))
    told = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"mount --bind {hosts} /etc/hosts && exec {SWAP} doctor"],
        cwd=site.folder,
        env=os.environ | {"SSL_CERT_FILE": str(site.certificate)},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert re.search(rf"ok +public address +{PUBLIC_NAME} leads to the portal", told), told
    assert re.search(rf"ok +public names +probe--x\.{PUBLIC_NAME} leads to the portal", told), told
