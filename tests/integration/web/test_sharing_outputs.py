"""Outputs of a shared notebook: each reader sees those alone whose data they may read, on every way to them.

Rows F02 and F03 of the list of attacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import unescape
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert

import notebooks
from integration.web.running import PERSON_IDS, Browser, Portal, running
from integration.web.test_history import Shelf
from integration.web.test_reading import ask, framed
from integration.web.test_sharing import Shared, groups, id_of
from services import Database
from swap.db import tables
from swap.notebooks import sight
from swap.policy.model import Resource
from swap.query import lineage
from swap.settings.policy import Denial, Grant, Policy

OK, FORBIDDEN, GO = HTTPStatus.OK, HTTPStatus.FORBIDDEN, HTTPStatus.SEE_OTHER
CITIES = frozenset({Resource("lake", "wmf", "pageview_hourly", "city")})
POLICY = Policy(
    grants=(Grant(name="views", groups=("analysts",), on=("lake",)),),
    denials=(
        Denial(
            name="below-country",
            on=("lake.wmf.pageview_hourly.city",),
            unless_groups=("data-privacy",),
            because="locks places smaller than a country",
            ask="data-privacy",
        ),
    ),
)
SECRET = "Ulan Bator 42"


@pytest.fixture(scope="module")
def judged(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running(module_database, tmp_path_factory.mktemp("portal"), policy=POLICY) as made:
        yield made


@pytest.fixture
def it(judged: Portal) -> Shared:
    """Return a notebook with one output of cities and a picture of them, shared with bertrand, who may not read them."""
    shelf, bob = Shelf(judged), judged.signed_in("bertrand")
    with judged.database.engine().begin() as conn:
        kept = {"digest": lineage.digest(CITIES), "columns": lineage.encode(CITIES)}
        conn.execute(upsert(tables.lineage).values(**kept).on_conflict_do_nothing())
        values = {"person_id": PERSON_IDS["ann"], "lineage": lineage.digest(CITIES), "last_at": datetime.now(UTC)}
        conn.execute(insert(tables.kernel_read).values(kernel_id=f"k{datetime.now(UTC).timestamp()}", **values))
    name = f"{datetime.now(UTC).timestamp():.6f}.ipynb".replace(".", "-", 1)
    shelf.now = datetime.now(UTC)
    shelf.save(document(), path=name)
    made = Shared(judged, shelf, bob, id_of(judged, name))
    groups(judged, "analysts")
    made.share()
    return made


def document(secret: str = SECRET) -> dict[str, Any]:
    return notebooks.notebook(
        notebooks.markdown("# Cities"),
        notebooks.code("cities", notebooks.printed(secret)),
        notebooks.code("plot()", notebooks.shown({"image/png": notebooks.png(50, 40), "text/plain": secret})),
    )


def shown(it: Shared, browser: Browser | None = None) -> str:
    return ask(it.portal, framed((browser or it.bob).get(it.at()).text)).text


def test_f02_in_place_of_outputs_stands_what_they_come_from_and_whom_to_ask(it: Shared) -> None:
    page = it.bob.get(it.at()).text
    assert "2 of 2 outputs are hidden from you." in page
    assert "<code>lake.wmf.pageview_hourly</code>" in page
    assert "data-privacy" in page
    frame = shown(it)
    assert frame.count("These outputs are hidden from you.") == 2
    assert SECRET not in frame
    assert "<img" not in frame
    assert "cities" in frame
    assert SECRET in shown(it, it.ann)
    assert it.events("notebook-read")[-1]["hidden"] == 2


WAYS: dict[str, Callable[[Shared], str]] = {
    "page": shown,
    "print": lambda it: ask(it.portal, it.bob.get(it.at("/alone")).headers["location"]).text,
    "seen": lambda it: it.bob.get(it.at("/export?as=seen")).text,
    "ipynb": lambda it: it.bob.get(it.at("/export?as=ipynb")).text,
    "script": lambda it: it.bob.get(it.at("/export?as=script")).text,
    "html": lambda it: it.bob.get(it.at("/export?as=html")).text,
}


@pytest.mark.parametrize("way", WAYS)
def test_f03_nothing_that_is_taken_along_holds_what_one_may_not_see(
    it: Shared, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SECRET not in WAYS[way](it)
    if way in {"page", "print", "seen", "html"}:
        monkeypatch.setattr(sight, "_verdicts", lambda *given: dict.fromkeys(given[-1]))
        assert SECRET in WAYS[way](it)  # the control


def test_f02_rights_are_those_of_now_and_an_open_page_is_loaded_anew_when_they_change(it: Shared) -> None:
    groups(it.portal, "analysts", "data-privacy")
    page = it.bob.get(it.at()).text
    assert "hidden from you" not in page
    used, unused = framed(page), framed(it.bob.get(it.at()).text)
    frame = ask(it.portal, used).text
    picture = re.findall(r'src="([^"]*\.png)"', frame)[0]
    still = unescape(re.findall(r'data-still="([^"]*)"', page)[0])
    assert SECRET in frame
    assert ask(it.portal, used + picture).status_code == OK
    assert it.bob.get(still).status_code == HTTPStatus.NO_CONTENT
    groups(it.portal, "analysts")
    assert it.bob.get(still).status_code == HTTPStatus.CONFLICT
    assert ask(it.portal, unused).status_code == FORBIDDEN
    assert ask(it.portal, used + picture).status_code == FORBIDDEN
    assert SECRET not in shown(it)


def test_f02_what_was_rendered_for_one_reader_is_not_shown_to_another(it: Shared) -> None:
    """Also not when both see the same version within a minute, in whichever order."""
    assert SECRET in shown(it, it.ann)
    assert SECRET not in shown(it)
    assert SECRET in shown(it, it.ann)


def test_the_share_page_says_what_each_will_see(it: Shared) -> None:
    it.share(kind="group", whom="analysts")
    it.share(kind="everyone", whom="")
    page = it.ann.get(it.at("/share")).text
    assert page.count("who is in no other group sees 0 of 2 outputs") == 2
    assert page.count("<span>sees 0 of 2 outputs") == 1
    groups(it.portal, "analysts", "data-privacy")
    assert "<span>sees 0 of 2 outputs" not in it.ann.get(it.at("/share")).text


def test_a_notebook_is_taken_by_who_may_see_all_its_versions_hold(it: Shared) -> None:
    """Who owns a notebook sees all of it: so nobody comes to outputs by becoming its owner."""
    path = it.path
    it.shelf.save(notebooks.notebook(notebooks.markdown("# No output is left")), path=path, base=1)
    it.share("own")
    answer = it.send("/take", it.bob)
    assert (answer.status_code, "lake.wmf.pageview_hourly" in answer.text) == (FORBIDDEN, True)
    assert it.events("notebook-taken") == []
    assert not (it.portal.home("bertrand") / path).exists()
    groups(it.portal, "analysts", "data-privacy")
    assert it.send("/take", it.bob).status_code == GO  # the control
    assert Path(it.portal.home("bertrand") / path).exists()


def test_f03_the_state_of_controls_is_its_owners_alone(it: Shared) -> None:
    state = {"application/vnd.jupyter.widget-state+json": {"state": {"m": {"state": {"value": SECRET}}}}}
    more = document() | {"metadata": document()["metadata"] | {"widgets": state}}
    it.shelf.save(more, path=it.path, base=1)
    assert [way for way, seen in WAYS.items() if SECRET in seen(it)] == []
    assert it.ann.get(it.at("/export?as=seen")).json()["metadata"]["widgets"] == state  # the control
