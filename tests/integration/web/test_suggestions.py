"""What a fork suggests to the notebook it was forked from, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from http import HTTPStatus
from typing import Any

import pytest
from sqlalchemy import func, select, update

import notebooks
import saves
from integration.web.running import PERSON_IDS, Browser
from integration.web.test_forks import CELLS, Fork, fork, fork_of, head, it, post, sources, upstream
from integration.web.test_notices import follow, told
from integration.web.test_sharing import Shared
from swap import content
from swap.db.notebook_tables import notebook_part, notebook_suggestion, notice
from swap.notebooks import suggestions

__all__ = ["fork", "it"]
GO, CONFLICT = HTTPStatus.SEE_OTHER, HTTPStatus.CONFLICT


def test_a_cell_is_suggested_back_and_accepted_by_the_owner(fork: Fork) -> None:
    it = fork.it
    fork.save("aaa = 5", "bbb = 1", "mine = 1", "ccc = 1")
    assert len(fork.offers("/suggest")) == 2
    assert [fork.suggest(0).status_code for _ in range(2)] == [GO, GO]  # each is the first that is left
    assert fork.offers("/suggest") == []
    assert "it waits" in fork.page("/suggest")
    assert "2 cells are suggested." in it.ann.get(it.at()).text
    page = unescape(it.ann.get(it.at("/suggestions")).text)
    assert "suggested by bertrand" in page
    assert "<code>aaa = 5</code>" in page
    assert fork.accept().status_code == GO
    assert fork.accept().status_code == GO
    assert sources(it.shelf.home / it.path) == ["aaa = 5", "bbb = 1", "mine = 1", "ccc = 1"]
    assert head(it, it.id) == 3
    assert "with a cell that bertrand suggested" in it.ann.get(f"/notebooks/history?path={it.path}").text
    assert "Nothing is suggested" in it.ann.get(it.at("/suggestions")).text
    assert "nothing in your notebook that the original has not got" in fork.page("/suggest")
    assert fork.offers() == []
    events = it.events("suggestion-accepted")
    assert [(each["version"], each["suggested_by"]) for each in events] == [(number, PERSON_IDS["bertrand"]) for number in (2, 3)]  # fmt: skip
    assert it.shelf.save(saves.notebook("aaa = 6"), path=it.path, base=3) == 4


def test_what_is_declined_changes_nothing_and_is_told(fork: Fork) -> None:
    it = fork.it
    fork.save("aaa = 5", *CELLS[1:])
    fork.suggest()
    (form,) = fork.suggested(step="decline")
    assert post(it.ann, it.at("/suggestions/decline"), **form).status_code == GO
    assert post(it.ann, it.at("/suggestions/decline"), **form).status_code == CONFLICT
    assert (head(it, it.id), fork.suggested()) == (1, [])
    assert "ann declined it." in fork.page("/suggest")
    assert len(it.events("suggestion-declined")) == 1
    assert fork.suggest().status_code == GO  # again
    assert len(fork.suggested()) == 1


def told_of(it: Shared, browser: Browser) -> list[str]:
    """Return what somebody is told of a notebook, but for that it is shared, the newest first."""
    name = it.path.removesuffix(".ipynb")
    return [words for words in told(browser) if name in words and "shares" not in words]


def test_the_owner_is_told_of_a_suggestion_and_its_author_of_what_became_of_it(fork: Fork) -> None:
    it, name = fork.it, fork.it.path.removesuffix(".ipynb")
    fork.save("aaa = 5", "bbb = 5", "ccc = 5")
    fork.suggest(0)
    fork.suggest(0)
    assert told_of(it, it.ann) == [f"bertrand suggests a change to {name}"], "once until it is read"
    assert follow(it.ann) == it.at("/suggestions")
    fork.suggest(0)
    assert len(told_of(it, it.ann)) == 2
    fork.accept()
    assert told_of(it, it.bob) == [f"ann accepts what you suggested to {name}"]
    assert follow(it.bob) == it.at()
    (form, _) = fork.suggested(step="decline")
    post(it.ann, it.at("/suggestions/decline"), **form)
    assert told_of(it, it.bob)[0] == f"ann declines what you suggested to {name}"
    it.end()
    assert told_of(it, it.bob) == []


def test_what_one_suggests_to_ones_own_and_decides_oneself_is_no_news(fork: Fork) -> None:
    it = fork.it
    own = Fork(replace(it, bob=it.ann), it.shelf, fork_of(it, it.ann))
    own.save("aaa = 7", *CELLS[1:])
    assert own.suggest().status_code == GO
    assert own.accept().status_code == GO
    assert told_of(it, it.ann) == []


def test_who_may_manage_it_no_more_is_told_of_no_suggestion(fork: Fork) -> None:
    it = fork.it
    carla = it.portal.signed_in("carla")
    it.share("manage", whom=it.portal.person("carla"))
    fork.save("aaa = 5", *CELLS[1:])
    fork.suggest()
    with it.portal.database.engine().begin() as conn:
        conn.execute(
            update(notice)
            .where(notice.c.notebook_id == it.id, notice.c.kind == "suggestion")
            .values(person_id=it.portal.person("carla"))
        )
    assert len(told_of(it, carla)) == 1  # the control
    it.share("view", whom=it.portal.person("carla"))
    assert told_of(it, carla) == []


def test_who_manages_it_accepts_and_writes_nobodys_file(fork: Fork) -> None:
    it = fork.it
    carla = it.portal.signed_in("carla")
    it.share("manage", whom=it.portal.person("carla"))
    fork.save("aaa = 5", *CELLS[1:])
    fork.suggest()
    assert fork.accept(carla).status_code == GO
    assert (head(it, it.id), sources(it.shelf.home / it.path)) == (2, list(CELLS))
    assert "Restore version 2" in it.ann.get(f"/notebooks/history?path={it.path}").text
    # Her file is what version 1 was: it may be written over.
    fork.save("aaa = 5", "bbb = 5", "ccc = 1")
    fork.suggest()
    assert fork.accept().status_code == GO
    assert (head(it, it.id), sources(it.shelf.home / it.path)) == (3, ["aaa = 5", "bbb = 5", "ccc = 1"])


def test_a_suggestion_to_a_cell_that_changed_meanwhile_shows_both(fork: Fork) -> None:
    it = fork.it
    fork.save("aaa = 5", *CELLS[1:])
    fork.suggest()
    (before,) = fork.suggested()
    upstream(it, "aaa = 2", *CELLS[1:])
    page = unescape(it.ann.get(it.at("/suggestions")).text)
    assert "This cell changed here since it was forked." in page
    assert "<code>aaa = 2</code>" in page
    assert post(it.ann, it.at("/suggestions/accept"), **before).status_code == CONFLICT
    assert sources(it.shelf.home / it.path)[0] == "aaa = 2"
    assert fork.accept().status_code == GO
    assert sources(it.shelf.home / it.path)[0] == "aaa = 5"


def test_what_is_there_already_is_accepted_without_a_version(fork: Fork) -> None:
    fork.save("aaa = 5", *CELLS[1:])
    fork.suggest()
    upstream(fork.it, "aaa = 5", *CELLS[1:])
    assert "A cell that is so already" in fork.it.ann.get(fork.it.at("/suggestions")).text
    assert fork.accept().status_code == GO
    assert head(fork.it, fork.it.id) == 2


def test_a_suggestion_brings_no_output(fork: Fork) -> None:
    document = saves.notebook("aaa = 5", *CELLS[1:], outputs={0: [notebooks.printed("of bertrand's rights")]})
    fork.shelf.save(document, path=fork.path, base=1)
    fork.suggest()
    fork.accept()
    written = (fork.it.shelf.home / fork.it.path).read_text()
    assert "aaa = 5" in written
    assert "bertrand" not in written
    with fork.it.portal.database.engine().begin() as conn:
        named = content.digest(next(iter(outputs_of(document))))
        found = select(func.count()).where(notebook_part.c.notebook_id == fork.it.id)
        assert conn.scalar(found.where(notebook_part.c.digest == bytes.fromhex(named))) == 0
        assert conn.scalar(found) == 3 + 1 + 1 + 1  # and the suggested cell, and its version's manifest


def outputs_of(document: dict[str, Any]) -> list[bytes]:
    taken = content.take_apart(document)
    return [taken.parts[name] for name in content.read(taken.manifest).outputs()]


def test_so_many_suggestions_of_one_person_wait_at_most(fork: Fork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "WAITING", 1)
    fork.save("aaa = 5", "bbb = 5", "ccc = 1")
    first, second = fork.offers("/suggest")
    assert fork.send("/suggest", **first).status_code == GO
    assert fork.send("/suggest", **second).status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    with fork.it.portal.database.engine().begin() as conn:
        wanted = select(func.count()).where(notebook_suggestion.c.notebook_id == fork.it.id)
        assert conn.scalar(wanted) == 1
