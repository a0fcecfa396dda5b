"""Attacks on forks, with each defence switched off once.

Row F01 of the list of attacks; all addresses of forks are tried in test_sharing.py, too.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from http import HTTPStatus

import pytest
from sqlalchemy import select

import saves
from integration.web.running import PERSON_IDS
from integration.web.test_attacks import holds
from integration.web.test_forks import CELLS, Fork, fork, it, post, upstream
from integration.web.test_sharing import MARK, Shared, id_of
from swap import content
from swap.db.notebook_tables import notebook_part
from swap.notebooks import shares
from swap.notebooks.shares import Role
from swap.web import forms

__all__ = ["fork", "it"]
OK, NOT_FOUND, FORBIDDEN, GO = HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.SEE_OTHER
CONFLICT = HTTPStatus.CONFLICT


def test_f01_nobody_forks_what_is_not_shared_with_them(it: Shared) -> None:
    it.end()

    def attack() -> bool:
        return it.send("/fork", it.bob).status_code == GO

    assert it.send("/fork", it.bob).status_code == NOT_FOUND
    holds(attack, shares, "role", lambda *_: Role.VIEW)


def test_f01_a_fork_is_told_no_more_of_an_original_that_is_shared_no_more(fork: Fork) -> None:
    upstream(fork.it, "aaa = 'news'", *CELLS[1:])
    (offer,) = fork.offers()
    fork.it.end()

    def attack() -> bool:
        return fork.send("/origin/take", **offer).status_code == GO or "'news'" in fork.page()

    assert fork.send("/origin/take", **offer).status_code == CONFLICT
    holds(attack, shares, "role", owner_or(Role.VIEW))


def owner_or(role: Role) -> Callable[..., Role]:
    return lambda person, owner, *_: Role.OWN if person.id == owner else role


def test_f01_nobody_suggests_to_what_is_shared_with_them_no_more(fork: Fork) -> None:
    fork.save("aaa = 5", *CELLS[1:])
    (offer,) = fork.offers("/suggest")
    fork.it.end()

    def attack() -> bool:
        return fork.send("/suggest", **offer).status_code == GO

    assert fork.send("/suggest", **offer).status_code == CONFLICT
    holds(attack, shares, "role", owner_or(Role.VIEW))


def test_f01_who_may_view_it_accepts_and_declines_nothing_and_sees_no_suggestion(fork: Fork) -> None:
    fork.save("aaa = 5", *CELLS[1:])
    fork.suggest()
    (form,) = fork.suggested()

    def attack() -> bool:
        return post(fork.it.bob, fork.it.at("/suggestions/accept"), **form).status_code == GO

    assert post(fork.it.bob, fork.it.at("/suggestions/decline"), **form).status_code == FORBIDDEN
    assert fork.it.bob.get(fork.it.at("/suggestions")).status_code == FORBIDDEN
    holds(attack, Role, "includes", lambda *_: True)


def test_f01_who_may_manage_a_fork_takes_nothing_into_it(fork: Fork) -> None:
    it = fork.it
    upstream(it, "aaa = 2", *CELLS[1:])
    (offer,) = fork.offers()
    post(it.bob, fork.at("/share"), kind="person", whom=PERSON_IDS["ann"], role="manage")

    def attack() -> bool:
        return post(it.ann, fork.at("/origin/leave"), **offer).status_code == GO

    assert post(it.ann, fork.at("/origin/take"), **offer).status_code == FORBIDDEN
    assert it.ann.get(fork.at("/origin")).status_code == FORBIDDEN
    holds(attack, shares, "role", lambda *_: Role.OWN)


def test_f01_a_form_names_a_cell_of_this_pair_alone(it: Shared, fork: Fork) -> None:
    """Neither another notebook's cell nor a part nor another's suggestion is reached by its name."""
    other = f"{secrets.token_hex(4)}.ipynb"
    it.shelf.save(saves.notebook("private = 1"), path=other)
    upstream(it, "aaa = 2", *CELLS[1:])
    (offer,) = fork.offers()
    with it.portal.database.engine().begin() as conn:
        found = select(notebook_part.c.digest).where(notebook_part.c.notebook_id == id_of(it.portal, other))
        private = [each.hex() for each in conn.scalars(found)]
    for name in (*private, "", "\x00", "x" * 1000):
        assert fork.send("/origin/take", cell=name, **{"is": offer["is"]}).status_code == GO
        assert fork.send("/suggest", cell=name, **{"is": offer["is"]}).status_code == GO
    assert (fork.number, "private" in fork.file.read_text()) == (1, False)
    fork.save("aaa = 5", *CELLS[1:])
    fork.suggest()
    (form,) = fork.suggested()
    for name in ("", "\x00", "x" * 1000, private[0]):
        assert post(it.ann, it.at("/suggestions/accept"), **(form | {"suggestion": name})).status_code == CONFLICT
    elsewhere = f"/n/{id_of(it.portal, other)}/suggestions/accept"
    assert post(it.ann, elsewhere, **form).status_code == CONFLICT
    assert fork.accept().status_code == GO  # the control
    assert it.events("suggestion-accepted")[0]["version"] == 3


def test_f01_a_part_that_a_fork_has_from_elsewhere_is_not_taken_along(fork: Fork) -> None:
    """Of a fork's parts the suggested one alone comes into the original."""
    fork.save("aaa = 5", "hidden = 'of the fork'", *CELLS[1:])
    fork.suggest(0)
    assert fork.accept().status_code == GO
    with fork.it.portal.database.engine().begin() as conn:
        parts = conn.execute(select(notebook_part).where(notebook_part.c.notebook_id == fork.it.id)).all()
    said = b"".join(content.unpacked(each.content, each.size_bytes) for each in parts)
    assert b"aaa = 5" in said
    assert b"of the fork" not in said


@pytest.mark.parametrize("step", ["/origin/take", "/origin/leave", "/suggest", "/fork"])
def test_no_other_page_sends_a_forks_forms(fork: Fork, step: str) -> None:
    def attack() -> bool:
        return fork.it.bob.post(fork.at(step), {"cell": "x", "is": "x"}).status_code == GO

    assert fork.it.bob.post(fork.at(step), {}, Origin="http://evil.example").status_code == FORBIDDEN
    holds(attack, forms, "check_csrf", lambda *_: None)


@pytest.mark.parametrize("step", ["accept", "decline"])
def test_no_other_page_decides_on_suggestions(fork: Fork, step: str) -> None:
    fork.save("aaa = 5", *CELLS[1:])
    fork.suggest()
    (form,) = fork.suggested(step=step)

    def attack() -> bool:
        return fork.it.ann.post(fork.it.at(f"/suggestions/{step}"), form).status_code == GO

    holds(attack, forms, "check_csrf", lambda *_: None)


def test_what_is_in_a_cell_is_text_on_every_page(fork: Fork) -> None:
    it = fork.it
    upstream(it, f"aaa = {MARK}", *CELLS[1:])
    fork.save(CELLS[0], f"bbb = {MARK}", CELLS[2])
    fork.suggest()
    pages = [it.bob.get(fork.at("/origin")), it.bob.get(fork.at("/suggest")), it.ann.get(it.at("/suggestions"))]
    for page in pages:
        assert page.status_code == OK
        assert MARK not in page.text
        assert "&lt;script&gt;" in page.text
