"""Forks: one's own of what one sees of another's notebook, and what each hands the other later, cell by cell.

What is tried to get at them is in test_forks_attacks.py, outputs are in test_forks_outputs.py.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

import saves
from integration.web.running import PERSON_IDS, Browser, Portal, csrf
from integration.web.test_attacks import without
from integration.web.test_history import Shelf
from integration.web.test_sharing import MARK, Shared, id_of
from swap import content
from swap.db.notebook_tables import notebook, notebook_version
from swap.notebooks import forks, shares, sharing
from swap.notebooks.shares import Role

OK, NOT_FOUND, FORBIDDEN, GO = HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.SEE_OTHER
CONFLICT = HTTPStatus.CONFLICT
CELLS = ("aaa = 1", "bbb = 1", "ccc = 1")


@dataclass
class Fork:
    """A fork of bertrand's, of a notebook of ann's that is shared with him."""

    it: Shared
    shelf: Shelf
    id: str

    @property
    def path(self) -> str:
        with self.it.portal.database.engine().begin() as conn:
            return str(conn.scalar(select(notebook.c.path).where(notebook.c.id == self.id)))

    @property
    def file(self) -> Path:
        return self.shelf.home / self.path

    @property
    def number(self) -> int:
        return head(self.it, self.id)

    def at(self, step: str = "") -> str:
        return f"/n/{self.id}{step}"

    def page(self, step: str = "/origin") -> str:
        return unescape(self.it.bob.get(self.at(step)).text)

    def save(self, *sources: str) -> int:
        return self.shelf.save(saves.notebook(*sources), path=self.path, base=self.number)

    def offers(self, step: str = "/origin/take") -> list[dict[str, str]]:
        """Return what the forms of a page send."""
        return offers(self.it.bob, self.at(step), self.at("/suggest" if step == "/suggest" else "/origin"))

    def send(self, step: str, **form: str) -> httpx.Response:
        return post(self.it.bob, self.at(step), **form)

    def take(self, which: int = 0) -> httpx.Response:
        return self.send("/origin/take", **self.offers()[which])

    def suggest(self, which: int = 0) -> httpx.Response:
        return self.send("/suggest", **self.offers("/suggest")[which])

    def suggested(self, by: Browser | None = None, step: str = "accept") -> list[dict[str, str]]:
        """Return what the forms of the original's suggestions send."""
        return offers(by or self.it.ann, self.it.at(f"/suggestions/{step}"), self.it.at("/suggestions"))

    def accept(self, by: Browser | None = None, which: int = 0) -> httpx.Response:
        browser = by or self.it.ann
        return post(browser, self.it.at("/suggestions/accept"), **self.suggested(browser)[which])


def post(browser: Browser, path: str, **form: str) -> httpx.Response:
    return browser.post(path, {"csrf": csrf(browser.get("/notebooks/upload").text)} | form)


def offers(browser: Browser, action: str, page: str) -> list[dict[str, str]]:
    found = re.findall(rf'<form method="post" action="{action}"[^>]*>(.*?)</form>', browser.get(page).text, re.DOTALL)
    fields = [dict(re.findall(r'name="(\w+)" value="([^"]*)"', each)) for each in found]
    return [{name: value for name, value in each.items() if name != "csrf"} for each in fields]


def head(it: Shared, notebook_id: str) -> int:
    with it.portal.database.engine().begin() as conn:
        return int(conn.scalar(select(notebook.c.head).where(notebook.c.id == notebook_id)) or 0)


def sources(file: Path) -> list[str]:
    return [each["source"] for each in json.loads(file.read_text())["cells"]]


def fork_of(it: Shared, by: Browser | None = None) -> str:
    """Fork it in one click; return the fork's id."""
    answer = it.send("/fork", by or it.bob)
    assert answer.status_code == GO
    return answer.headers["location"].split("/")[2]


def tree(page: str) -> list[tuple[int, str]]:
    """Return what a page lists of forks and origins: how deep, and which notebook."""
    found = re.findall(r'sw-forked--(\d)"><a class="b" href="/n/([^"]*)"', page)
    return [(int(depth), notebook_id) for depth, notebook_id in found]


@pytest.fixture
def it(shared: Portal) -> Shared:
    shelf, bob = Shelf(shared), shared.signed_in("bertrand")
    name = f"{secrets.token_hex(4)}.ipynb"
    # Of a content of its own: what somebody has already is a copy.
    shelf.save(saves.notebook(*CELLS, made=name), path=name)
    made = Shared(shared, shelf, bob, id_of(shared, name))
    made.share()
    return made


@pytest.fixture
def fork(it: Shared) -> Fork:
    return Fork(it, Shelf(it.portal, "bertrand"), fork_of(it))


def upstream(it: Shared, *sources: str) -> int:
    """Let ann save her notebook anew."""
    return it.shelf.save(saves.notebook(*sources), path=it.path, base=head(it, it.id))


# ── to fork ─────────────────────────────────────────────────────────────────────────────────────────
def test_a_fork_is_ones_own_from_its_first_version_on(fork: Fork) -> None:
    it = fork.it
    assert sources(fork.file) == list(CELLS)
    page = fork.page()
    assert f'href="/n/{it.id}"' in page
    assert "version 1" in page
    assert "forked" in it.bob.get(f"/notebooks/history?path={fork.path}").text
    assert it.ann.get(fork.at()).status_code == NOT_FOUND
    assert fork.save("aaa = 2", *CELLS[1:]) == 2
    assert it.opens(it.ann)
    with it.portal.database.engine().begin() as conn:
        row = conn.execute(select(notebook).where(notebook.c.id == fork.id)).one()
    assert (row.copied_from, row.copied_version, row.person_id) == (it.id, 1, PERSON_IDS["bertrand"])
    (event,) = Shared(it.portal, it.shelf, it.bob, fork.id).events("notebook-forked")
    assert event == {"notebook_id": fork.id, "path": fork.path, "original": it.id, "version": 1, "hidden": 0}


def test_the_file_is_what_the_version_is_so_that_opening_it_makes_no_other(fork: Fork) -> None:
    taken = content.take_apart(json.loads(fork.file.read_text()))
    with fork.it.portal.database.engine().begin() as conn:
        row = conn.execute(select(notebook_version).where(notebook_version.c.notebook_id == fork.id)).one()
    assert (taken.digest, content.digest(fork.file.read_bytes())) == (row.digest.hex(), row.file_digest.hex())


def test_ones_own_notebook_is_forked_under_a_free_name(it: Shared) -> None:
    made = [fork_of(it, it.ann) for _ in range(2)]
    stem = it.path.removesuffix(".ipynb")
    for number, each in enumerate(made, 2):
        assert f"{stem}-{number}.ipynb" in it.ann.get(f"/n/{each}/origin").text
        assert sources(it.shelf.home / f"{stem}-{number}.ipynb") == list(CELLS)
    assert "2 forks" in it.ann.get(it.at()).text


def test_what_it_needs_comes_along_and_no_other_metadata(it: Shared) -> None:
    lock = {"name": "cowsay", "version": "6.1", "sha256": "0" * 64}
    metadata: dict[str, Any] = {
        "swap_packages": [lock],
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": "secret-of-controls"}},
        "token": "secret-of-somebody",
        "kernelspec": {"name": "swap", "display_name": f"Python {MARK}", "language": "python"},
    }
    it.shelf.save(saves.notebook("aaa", **metadata), path=it.path, base=1)
    made = Fork(it, Shelf(it.portal, "bertrand"), fork_of(it))
    page = it.bob.get(made.at("/origin")).text
    assert "cowsay 6.1" in page
    assert MARK not in page
    assert "&lt;script&gt;" in page
    assert json.loads(made.file.read_text())["metadata"] == {
        name: metadata[name] for name in ("swap_packages", "kernelspec")
    }


# ── where it comes from ─────────────────────────────────────────────────────────────────────────────
def test_each_is_told_of_the_other_as_long_as_both_may_be_opened(fork: Fork) -> None:
    it = fork.it
    assert "1 fork<" in it.bob.get(it.at()).text
    assert "fork<" not in it.ann.get(it.at()).text
    assert "There is no fork that you may open." in it.ann.get(it.at("/forks")).text
    post(it.bob, fork.at("/share"), kind="person", whom=PERSON_IDS["ann"], role="view")
    assert "1 fork<" in it.ann.get(it.at()).text
    assert f'href="/n/{fork.id}"' in it.ann.get(it.at("/forks")).text
    assert f'forked from <a class="sw-u" href="/n/{it.id}"' in it.ann.get(fork.at()).text
    with without(shares, "role", lambda person, owner, *_: Role.OWN if person.id == owner else None):
        assert "There is no fork that you may open." in it.ann.get(it.at("/forks")).text
    it.end()
    for step in ("", "/origin"):
        page = it.bob.get(fork.at(step)).text
        assert "a notebook that you may not open" in page
        assert it.id not in page
    assert it.bob.get(it.at("/forks")).status_code == NOT_FOUND


def test_forks_of_forks_are_listed_below_them_and_origins_above(it: Shared) -> None:
    older, fork = fork_of(it, it.ann), fork_of(it)
    of_it = [Shared(it.portal, it.shelf, it.bob, each) for each in (older, fork)]
    below, beside = fork_of(of_it[1]), fork_of(of_it[0], it.ann)
    assert tree(it.bob.get(it.at("/forks")).text) == [(0, it.id), (1, fork), (2, below)]
    assert tree(it.ann.get(it.at("/forks")).text) == [(0, it.id), (1, older), (2, beside)]
    assert tree(it.bob.get(f"/n/{below}/forks").text) == [(0, it.id), (1, fork), (2, below)]
    # A fork of one that somebody may not open stands nowhere but with those who may open both.
    post(it.bob, f"/n/{below}/share", kind="person", whom=PERSON_IDS["ann"], role="view")
    assert tree(it.ann.get(it.at("/forks")).text) == [(0, it.id), (1, older), (2, beside)]
    page = it.ann.get(f"/n/{below}/forks").text
    assert tree(page) == [(1, below)]
    assert "a notebook that you may not open" in page
    assert fork not in page
    assert "3 forks" not in it.ann.get(it.at()).text
    post(it.bob, f"/n/{fork}/share", kind="person", whom=PERSON_IDS["ann"], role="view")
    assert tree(it.ann.get(it.at("/forks")).text) == [(0, it.id), (1, fork), (2, below), (1, older), (2, beside)]
    assert "4 forks" in it.ann.get(it.at()).text


def test_a_file_leads_to_the_forks_of_its_notebook_once_it_has_a_version(it: Shared) -> None:
    assert it.ann.get(f"/notebooks/forks?path={it.path}").headers["location"] == it.at("/forks")
    (it.shelf.home / "fresh.ipynb").write_text("{}")
    assert "has no version yet" in it.ann.get("/notebooks/forks?path=fresh.ipynb").text
    assert it.bob.get(f"/notebooks/forks?path={it.path}").status_code == NOT_FOUND


def test_the_forks_of_a_notebook_are_listed_in_pages(it: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "PAGE", 2)
    made = [fork_of(it, it.ann) for _ in range(3)]
    assert "2 forks and more" in it.ann.get(it.at()).text
    first = it.ann.get(it.at("/forks")).text
    second = it.ann.get(unescape(re.findall(r'href="([^"]*from=2)"', first)[0])).text
    assert [tree(page) for page in (first, second)] == [
        [(0, it.id), (1, made[2]), (1, made[1])],
        [(1, made[0])],
    ]


def test_a_notebook_that_was_forked_from_none_says_so(it: Shared) -> None:
    name = f"{secrets.token_hex(4)}.ipynb"
    it.shelf.save(saves.notebook(name), path=name)
    begun = id_of(it.portal, name)
    assert "It was begun here, and not forked." in it.ann.get(f"/n/{begun}/origin").text
    assert it.ann.get(f"/n/{begun}/suggest").status_code == CONFLICT


# ── the original moves on ───────────────────────────────────────────────────────────────────────────
def test_what_the_original_changed_is_taken_one_by_one(fork: Fork) -> None:
    assert fork.offers() == []
    upstream(fork.it, "aaa = 2", "new = 1", "ccc = 1")
    assert "The original has changed 3 cells." in fork.page("")
    assert [each["cell"] for each in fork.offers()] == [each["cell"] for each in fork.offers("/origin/leave")]
    assert fork.take().status_code == GO
    assert (fork.number, sources(fork.file)) == (2, ["aaa = 2", "bbb = 1", "ccc = 1"])
    assert fork.take().status_code == GO
    assert sources(fork.file) == ["aaa = 2", "new = 1", "bbb = 1", "ccc = 1"]
    assert fork.take().status_code == GO
    assert sources(fork.file) == ["aaa = 2", "new = 1", "ccc = 1"]
    assert fork.offers() == []
    assert "The original has changed" not in fork.page("")
    assert "with a change of the original" in fork.it.bob.get(f"/notebooks/history?path={fork.path}").text
    taken = Shared(fork.it.portal, fork.shelf, fork.it.bob, fork.id).events("cell-taken")
    assert [(each["version"], each["what"]) for each in taken] == [(2, "changed"), (3, "added"), (4, "removed")]


def test_taking_twice_is_taking_once(fork: Fork) -> None:
    upstream(fork.it, "aaa = 2", *CELLS[1:])
    (offer,) = fork.offers()
    assert [fork.send("/origin/take", **offer).status_code for _ in range(2)] == [GO, GO]
    assert fork.number == 2


def test_what_is_left_stays_away_until_it_changes_again(fork: Fork) -> None:
    upstream(fork.it, "aaa = 2", *CELLS[1:])
    assert fork.send("/origin/leave", **fork.offers()[0]).status_code == GO
    assert fork.offers() == []
    upstream(fork.it, "aaa = 3", *CELLS[1:])
    assert len(fork.offers()) == 1
    assert fork.number == 1
    assert len(Shared(fork.it.portal, fork.shelf, fork.it.bob, fork.id).events("cell-left")) == 1


def test_a_cell_that_was_edited_here_too_is_shown_with_both_and_is_taken_only_so(fork: Fork) -> None:
    upstream(fork.it, "aaa = 2", "bbb = 2", "ccc = 1")
    fork.save("aaa = 9", "bbb = 1", "ccc = 1")
    page = fork.page()
    assert "You changed this cell too." in page
    assert "<code>aaa = 9</code>" in page
    assert "<code>aaa = 2</code>" in page
    edited, clean = fork.offers()
    assert fork.send("/origin/take", **clean).status_code == GO
    assert sources(fork.file) == ["aaa = 9", "bbb = 2", "ccc = 1"]
    fork.save("aaa = 10", "bbb = 2", "ccc = 1")
    # What was shown is not what would be written over now.
    assert fork.send("/origin/take", **edited).status_code == CONFLICT
    assert sources(fork.file)[0] == "aaa = 10"
    assert fork.take().status_code == GO
    assert sources(fork.file)[0] == "aaa = 2"
    assert fork.shelf.send("restore", path=fork.path, version=fork.number - 1).status_code == GO
    assert sources(fork.file)[0] == "aaa = 10"


def test_a_file_that_was_changed_outside_is_not_written_over(fork: Fork) -> None:
    upstream(fork.it, "aaa = 2", *CELLS[1:])
    changed = json.dumps(saves.notebook("by git"))
    fork.file.write_text(changed)
    answer = fork.take()
    assert (answer.status_code, "was changed since version 1" in answer.text) == (CONFLICT, True)
    assert (fork.file.read_text(), fork.number) == (changed, 1)
    assert len(fork.offers()) == 1


def test_offers_come_in_pages(fork: Fork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "PAGE", 2)
    upstream(fork.it, *(f"{each[:3]} = 2" for each in CELLS))
    assert len(fork.offers()) == 2
    more = unescape(re.findall(r'href="([^"]*from=2)"', fork.page())[0])
    assert len(offers(fork.it.bob, fork.at("/origin/take"), more)) == 1
    assert fork.it.bob.get(fork.at("/origin?from=x")).status_code == NOT_FOUND
