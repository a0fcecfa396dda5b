"""Each part is killed while somebody works: they are told what is away, and all recovers without a restart of the rest."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
import pytest
from lab import Notebook, open_new, until
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect
from sites import (
    JOINED,
    PUBLIC_NAME,
    Site,
    at_a_browser,
    locked_in_mariadb,
    running_site,
    sign_in,
    signed_in,
    statements_in_mariadb,
)
from stage import Demo

import browsers
from swap.runtime import Runtime
from swap.supervisor.model import Answer

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls"),
]

BACK_SECONDS = 180
PROGRAMS = {
    "hive": "HiveServer2",
    "mariadb": "mariadbd",
    "postgres": "postgres",
    "traefik": "traefik",
    "warden": r"swap\.processes\.warded gateway$",
    "gateway": r"swap\.processes\.serving\b",
    "portal warden": r"swap\.processes\.warded web$",
    "web": r"swap\.processes\.serving_web\b",
    "hub warden": r"swap\.processes\.warded hub$",
    "hub": r"swap\.processes\.serving_hub\b",
}
"""What the command of each has in it."""
WARDS = {"warden": "gateway", "portal warden": "web", "hub warden": "hub"}
TOGETHER = WARDS | {ward: warden for warden, ward in WARDS.items()}
"""Who ends with whom."""


@pytest.fixture(scope="module")
def site(real: Demo) -> Iterator[Site]:
    yield from running_site(real)


@pytest.fixture(scope="module")
def public_browser(playwright: Playwright, site: Site) -> Iterator[Browser]:
    browser = browsers.launch(playwright, *browsers.finding(PUBLIC_NAME, site.certificate))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def ann(public_browser: Browser, requests: list[str]) -> Iterator[BrowserContext]:
    with at_a_browser(public_browser, requests) as context:
        yield context


@pytest.fixture(scope="module")
def notebook(ann: BrowserContext, site: Site) -> Notebook:
    made = open_new(signed_in(ann, site.public_url, "ann"), site.public_url, site.homes)
    works(made)
    return made


def ask(notebook: Notebook, sql: str = JOINED) -> Locator:
    """Ask it in a cell of its own; return where the cell shows what comes of it."""
    return notebook.run(f"%%swap asked\n{sql}").locator(".jp-OutputArea")


def works(notebook: Notebook) -> None:
    """Ask both stores again and again until they answer, as a person would."""

    def answered() -> bool:
        output = ask(notebook)
        notebook.wait_idle()
        # Every error says what to do.
        said = re.compile(r"1 row ×|Error|does not answer|again", re.IGNORECASE)
        expect(output).to_contain_text(said, timeout=120_000)
        return "1 row ×" in output.inner_text()

    assert until(answered, seconds=BACK_SECONDS)


def computes(notebook: Notebook) -> None:
    """See that the kernel goes on, with what it holds."""
    expect(notebook.run("print('still', 6 * 7)").locator(".jp-OutputArea")).to_contain_text("still 42", timeout=120_000)


def command(program: psutil.Process) -> str:
    """Return what it was started with; nothing when it has ended, also while nobody has collected it."""
    try:
        return " ".join(program.cmdline())
    except psutil.NoSuchProcess:  # ZombieProcess is one
        return ""


@dataclass
class Killer:
    """Kills parts of a site and of its stores, whose own supervisors are held still meanwhile."""

    site: Site
    stores: Demo

    def all(self) -> dict[str, psutil.Process]:
        """Return what runs."""
        found = {}
        for name, words in PROGRAMS.items():
            above = psutil.Process(self.supervisor(name))
            mine = [each for each in above.children() if re.search(words, command(each))]
            if mine:
                found[name] = mine[0]
        for warden, ward in WARDS.items():
            with suppress(psutil.NoSuchProcess):
                for each in found[warden].children() if warden in found else ():
                    if re.search(PROGRAMS[ward], command(each)):
                        found[ward] = each
        return found

    def answer(self) -> bool:
        """Tell whether those of SWAP's own that are asked all answer."""
        told = Runtime.model_validate_json((self.site.state / "runtime.json").read_text(encoding="utf-8"))
        asked = ((told.gateway_port, "/v1/health"), (told.web_port, "/ping"), (told.hub_port, "/hub/health"))
        return all(Answer(port, path).comes() for port, path in asked)

    def supervisor(self, name: str) -> int:
        guard = (self.stores if name in {"hive", "mariadb"} else self.site).process.pid
        return psutil.Process(guard).children()[0].pid

    @contextmanager
    def away(self, *names: str) -> Iterator[None]:
        """Kill them for the block; then they come back by themselves, and nothing else was started anew."""
        before = self.all()
        assert before.keys() == PROGRAMS.keys(), "the control: all run"
        held = {self.supervisor(name) for name in names}
        for supervisor in held:
            os.kill(supervisor, signal.SIGSTOP)
        try:
            for name in names:
                before[name].kill()
            yield
        finally:
            for supervisor in held:
                os.kill(supervisor, signal.SIGCONT)
        assert until(lambda: self.all().keys() == PROGRAMS.keys(), seconds=BACK_SECONDS)
        assert until(self.answer, seconds=BACK_SECONDS)
        again = {name for name, process in self.all().items() if process != before[name]}
        assert again == {*names, *(TOGETHER[name] for name in names if name in TOGETHER)}


@pytest.fixture(scope="module")
def killer(site: Site, real: Demo, notebook: Notebook) -> Killer:
    return Killer(site, real)


def test_hive(killer: Killer, notebook: Notebook) -> None:
    with killer.away("hive"):
        output = ask(notebook)
        expect(output).to_contain_text("lake does not answer", timeout=120_000)
        computes(notebook)
    works(notebook)


def test_mariadb_in_the_middle_of_a_query(killer: Killer, notebook: Notebook, real: Demo) -> None:
    with locked_in_mariadb(real, "dewiki.page"):
        output = ask(notebook)
        assert until(lambda: statements_in_mariadb(real))
        with killer.away("mariadb"):
            expect(output).to_contain_text("mediawiki does not answer", timeout=120_000)
            computes(notebook)
    works(notebook)


def test_slapd(
    site: Site, public_browser: Browser, ann: BrowserContext, notebook: Notebook, requests: list[str]
) -> None:
    site.directory.kill()
    try:
        with at_a_browser(public_browser, requests) as context:
            told = sign_in(context, site.public_url, "chidi")
            expect(told.get_by_role("alert")).to_contain_text("The directory of people does not answer.")
        page = ann.new_page()
        page.goto(site.public_url)
        expect(page.get_by_role("heading", level=1)).to_contain_text("ann")
        works(notebook)
    finally:
        site.directory.start()

    def let_in() -> bool:
        with at_a_browser(public_browser, requests) as context:
            page = sign_in(context, site.public_url, "chidi")
            page.wait_for_load_state()
            return "chidi" in page.get_by_role("heading", level=1).inner_text()

    assert until(let_in, seconds=BACK_SECONDS)


def test_postgresql_in_the_middle_of_a_query(
    killer: Killer, site: Site, ann: BrowserContext, notebook: Notebook, real: Demo
) -> None:
    page = ann.new_page()
    with locked_in_mariadb(real, "dewiki.page"):
        output = ask(notebook)
        assert until(lambda: statements_in_mariadb(real))
        with killer.away("postgres"):
            page.goto(site.public_url)
            expect(page.get_by_role("heading", level=1)).to_have_text("SWAP's database does not answer")
            expect(output).to_contain_text("Running in mediawiki")
        assert until(lambda: home_of(page, site) == "ann", seconds=BACK_SECONDS)
    # The query went on meanwhile.
    expect(output).to_contain_text("1 row ×", timeout=BACK_SECONDS * 1000)
    works(notebook)


def heading(page: Page, url: str) -> str:
    """Go to a page and return what it is headed."""
    page.goto(url)
    return page.get_by_role("heading", level=1).inner_text()


def home_of(page: Page, site: Site) -> str:
    """Return whose Home the portal shows, or "" when it shows something else."""
    found = re.search("ann", heading(page, site.public_url))
    return found[0] if found else ""


def test_traefik(killer: Killer, site: Site, ann: BrowserContext, notebook: Notebook) -> None:
    dialog = notebook.page.locator(".jp-Dialog")
    with killer.away("traefik"):
        expect(dialog).to_contain_text("SWAP does not answer")
        assert dialog.count() == 1
    expect(dialog).to_have_count(0)
    # Lab connects to the kernel again at its own times, and runs what was asked for meanwhile.
    computes(notebook)
    works(notebook)
    page = ann.new_page()
    assert home_of(page, site) == "ann"


def test_the_hub(
    killer: Killer, site: Site, public_browser: Browser, ann: BrowserContext, notebook: Notebook, requests: list[str]
) -> None:
    page = ann.new_page()
    with killer.away("hub"):
        page.goto(site.public_url)
        expect(page.locator("main")).to_contain_text("The hub does not answer; running servers go on")
        with at_a_browser(public_browser, requests) as context:
            other = context.new_page()
            other.goto(site.public_url)
            expect(other.get_by_role("heading", level=1)).to_contain_text(re.compile("sign in", re.IGNORECASE))
        computes(notebook)
        works(notebook)

    def signs_in() -> bool:
        with at_a_browser(public_browser, requests) as context:
            context.set_default_timeout(10_000)
            page = context.new_page()
            page.goto(site.public_url)
            return page.get_by_label("Password").count() == 1

    assert until(signs_in, seconds=BACK_SECONDS)


@pytest.mark.parametrize(
    ("names", "told"),
    [(("web",), "SWAP’s pages do not answer"), (("web", "hub"), "SWAP’s pages and its sign-in do not answer")],
)
def test_the_portal_alone_and_with_the_hub(
    killer: Killer, site: Site, ann: BrowserContext, notebook: Notebook, names: tuple[str, ...], told: str
) -> None:
    page = ann.new_page()
    with killer.away(*names):
        page.goto(site.public_url)
        expect(page.get_by_role("heading", level=1)).to_have_text(told)
        computes(notebook)
        works(notebook)
    # The page looks again by itself.
    expect(page.get_by_role("heading", level=1)).to_contain_text("ann", timeout=BACK_SECONDS * 1000)


@pytest.mark.parametrize("name", ["gateway", "warden"])
def test_the_gateway_in_the_middle_of_a_query(
    killer: Killer, site: Site, ann: BrowserContext, notebook: Notebook, real: Demo, name: str
) -> None:
    page = ann.new_page()
    with locked_in_mariadb(real, "dewiki.page"):
        output = ask(notebook)
        assert until(lambda: statements_in_mariadb(real))
        with killer.away(name):
            # One whose warden was killed first ends what it does.
            assert until(lambda: heading(page, f"{site.public_url}/data") == "The gateway does not answer")
        expect(output).to_contain_text("SWAP was restarted while this query ran", timeout=120_000)
        assert until(lambda: not statements_in_mariadb(real)), "nobody waits for it any more"
    works(notebook)
