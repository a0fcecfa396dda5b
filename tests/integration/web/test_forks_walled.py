"""Forks at a portal that touches homes itself, and at one that has no power and asks for what is done in a home."""

from __future__ import annotations

import secrets
from http import HTTPStatus

import saves
from integration.web.running import Portal
from integration.web.test_forks import CELLS, Fork, fork_of, sources, upstream
from integration.web.test_history import Shelf
from integration.web.test_sharing import Shared, id_of

GO = HTTPStatus.SEE_OTHER


def test_a_notebook_is_forked_follows_its_original_and_gives_back(either: Portal) -> None:
    ann, bob = either.signed_in(), either.signed_in("bertrand")
    for browser in (ann, bob):
        browser.get("/notebooks")  # the home is made
    shelf, name = Shelf(either), f"{secrets.token_hex(4)}.ipynb"
    shelf.save(saves.notebook(*CELLS), path=name)
    it = Shared(either, shelf, bob, id_of(either, name))
    it.share()
    fork = Fork(it, Shelf(either, "bertrand"), fork_of(it))
    assert fork.file.stat().st_uid == either.home("bertrand").stat().st_uid

    upstream(it, "aaa = 2", *CELLS[1:])
    assert fork.take().status_code == GO
    assert sources(fork.file) == ["aaa = 2", *CELLS[1:]]
    fork.save("aaa = 2", "bbb = 5", "ccc = 1")
    for person in ("ann", "bertrand"):
        either.give(person)
    assert fork.suggest().status_code == GO
    assert fork.accept().status_code == GO
    assert sources(shelf.home / name) == ["aaa = 2", "bbb = 5", "ccc = 1"]
    assert (shelf.home / name).stat().st_uid == either.home("ann").stat().st_uid
