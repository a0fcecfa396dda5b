"""A person's own notebooks at the gateway: what their own server reads of them, and nobody else's does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import text

import saves
from integration.gateway.desks import CITIES, COUNTRIES, Desk
from integration.gateway.gateways import POLICY, Gateway, Person
from integration.gateway.test_shared import Reader, asked, read, share
from swap.identity import Principal, Via
from swap.notebooks import comments, saving
from swap.notebooks.comments import Place

STEPS = ("", "/version")
NOWHERE = "There is no history of this notebook."


@pytest.fixture
def ann(shared: Gateway) -> Desk:
    return Desk(shared, "ann", "analysts", "data-privacy")


@pytest.fixture
def bob(shared: Gateway) -> Desk:
    return Desk(shared, "bob", "readers")


def own(desk: Desk, path: str, step: str = "", reader: Reader | None = None) -> httpx.Response:
    return (reader or Reader(desk)).ask(f"/v1/own{step}?path={quote(path)}")


def beside(desk: Desk, saved: tuple[str, int]) -> dict[str, Any]:
    return dict(asked(desk, saved[0], "/beside").json())


def says(person: Person, saved: tuple[str, int], cell: str, what: str) -> None:
    who = Principal(person.id, "x", frozenset(), Via.PORTAL)
    with person.gateway.database.engine("owner").begin() as conn:
        comments.add(conn, who, saved[0], Place(cell, 1), what, datetime.now(UTC), lambda: f"c{abs(hash(what))}")


def test_the_newest_version_comes_as_it_was_saved_wherever_it_was(ann: Desk) -> None:
    first, second = saves.notebook("one", widgets={"state": "mine"}), saves.notebook("two")
    ann.home.save(first, path="folder/a.ipynb")
    said, document = read(own(ann, "folder/a.ipynb", "/version"))
    assert (said["shown"], said["role"], document) == (1, "own", first)
    with ann.swap.database.engine("owner").begin() as conn:
        other = saves.sent(second, path="folder/a.ipynb", base=1)
        saving.save(conn, POLICY, ann.principal, other, datetime.now(UTC), lambda: "n")
    said, document = read(own(ann, "folder/a.ipynb", "/version"))
    assert (said["shown"], document) == (2, second)


def test_beside_ones_own_stands_its_history_its_readers_and_what_it_comes_from(ann: Desk, bob: Desk) -> None:
    ann.asks(CITIES, "k1")
    ann.asks(COUNTRIES, "k1")
    saved = ann.saves("Berlin", kernel="k1", path="cities.ipynb")
    ann.saves("Bonn", kernel="k1", path="cities.ipynb", base=1)
    share(ann, saved, "person", bob.person.id)
    says(ann.person, saved, "a-cell", "Is this right?")
    told = own(ann, "cities.ipynb").json()
    assert (told["notebook"], told["version"], told["outputs"], told["hidden"]) == (saved[0], 2, 1, 0)
    assert [(each["number"], each["folded"]) for each in told["history"]["versions"]] == [(2, 1)]
    assert [(each["name"], each["role"], each["sees"]) for each in told["readers"]] == [("bob", "view", 0)]
    assert [(each["cell"], each["comments"][0]["text"]) for each in told["comments"]["threads"]] == [
        ("a-cell", "Is this right?")
    ]
    assert told["tables"] == [["lake", "canonical", "countries"], ["lake", "wmf", "pageview_hourly"]]
    assert (told["other_tables"], told["origin"], told["forks"]) == (False, None, 0)


def test_beside_anothers_stands_what_its_reader_may_know(ann: Desk, bob: Desk) -> None:
    """F02."""
    ann.asks(CITIES, "k1")
    saved = ann.saves("Berlin", kernel="k1")
    share(ann, saved, "person", bob.person.id)
    told = beside(bob, saved)
    assert (told["role"], told["comments_allowed"], told["history"], told["readers"]) == ("view", False, None, None)
    assert (told["hidden"], told["tables"], told["other_tables"]) == (1, [], True)
    bob.swap.set_groups(bob.person, "analysts")
    told = beside(bob, saved)
    assert (told["hidden"], told["tables"], told["other_tables"]) == (1, [["lake", "wmf", "pageview_hourly"]], False)


@pytest.mark.parametrize("step", STEPS)
def test_anothers_path_leads_to_nothing_of_theirs(ann: Desk, bob: Desk, step: str) -> None:
    """F01: by its path, or by an id in its place; also of what is shared with who asks."""
    saved = ann.saves("x", path="mine.ipynb")
    share(ann, saved, "person", bob.person.id)
    assert own(ann, "mine.ipynb", step).status_code == 200, "the control"
    for path in ("mine.ipynb", saved[0], f"/n/{saved[0]}", "../ann/mine.ipynb", "%"):
        answer = own(bob, path, step)
        assert (answer.status_code, answer.json()["error"]["title"]) == (404, NOWHERE)
    bob.saves("of bob", path="mine.ipynb")
    answer = own(bob, "mine.ipynb", step)
    assert answer.status_code == 200
    assert saved[0].encode() not in answer.content, "of two of one name each has their own"


@pytest.mark.parametrize("step", STEPS)
def test_no_other_power_reads_them(ann: Desk, step: str) -> None:
    ann.saves("x", path="a.ipynb")
    reader = Reader(ann)
    assert own(ann, "a.ipynb", step, reader).status_code == 200, "the control"
    for via in (Via.KERNEL, Via.PORTAL, Via.SERVER):
        reader.token = ann.person.token(via)
        assert own(ann, "a.ipynb", step, reader).status_code == 403, via
    reader.token = ann.home.credential
    assert own(ann, "a.ipynb", step, reader).status_code == 401


@pytest.mark.parametrize("step", STEPS)
def test_what_was_deleted_or_whose_person_signed_out_is_not_read(ann: Desk, step: str) -> None:
    ann.saves("x", path="a.ipynb")
    reader = Reader(ann)
    reader.token = reader.new_token().json()["token"]
    assert own(ann, "a.ipynb", step, reader).status_code == 200, "the control"
    ann.home.ask("DELETE", "/v1/notebooks?path=a.ipynb")
    assert own(ann, "a.ipynb", step, reader).status_code == 404
    with ann.swap.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.sign_in SET ended_at = now() WHERE person_id = :id"), {"id": ann.person.id})
    assert own(ann, "a.ipynb", step, reader).status_code == 401
