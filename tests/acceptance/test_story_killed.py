"""Stores and the directory are killed while somebody works: who asks is told, and all recovers without a restart of the rest."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import pytest
from lab import Notebook, open_new, until
from playwright.sync_api import Browser, BrowserContext, Locator, Playwright, expect
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
    "gateway": r"swap\.processes\.warded$",
    "web": r"swap\.processes\.warded_web$",
    "hub": "swap.processes.hub",
}
"""What the command of each has in it; where people have walls, gateway and portal are killed with their wardens."""


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
        expect(output).to_contain_text(re.compile(r"1 row ×|Error|does not answer|again", re.IGNORECASE))
        return "1 row ×" in output.inner_text()

    assert until(answered, seconds=BACK_SECONDS)


def computes(notebook: Notebook) -> None:
    """See that the kernel goes on, with what it holds."""
    expect(notebook.run("print('still', 6 * 7)").locator(".jp-OutputArea")).to_contain_text("still 42")


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
        return found

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
        again = {name for name, process in self.all().items() if process != before[name]}
        assert again == set(names)


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
