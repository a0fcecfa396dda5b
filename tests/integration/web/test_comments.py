"""Comments on the cells of a notebook: who reads, writes, changes and deletes them.

Row F01 of the list of attacks.
"""

from __future__ import annotations

import re
from html import unescape
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from sqlalchemy import select

import notebooks
from integration.web.running import PERSON_IDS, Browser
from integration.web.test_attacks import holds
from integration.web.test_sharing import Shared, id_of, it
from swap.db.notebook_tables import notebook_comment
from swap.notebooks import comments
from swap.notebooks.shares import Role
from swap.web import forms

__all__ = ["it"]
OK, GO, BAD = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.BAD_REQUEST
FORBIDDEN, NOT_FOUND, CONFLICT, TOO_MUCH = (
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)


def cells(*sources: str) -> dict[str, Any]:
    """Return a notebook whose cells have the ids a, b, c …"""
    made = [notebooks.code(source) | {"id": "abcdefgh"[place]} for place, source in enumerate(sources)]
    return notebooks.notebook(notebooks.markdown("# Title") | {"id": "title"}, *made)


def say(it: Shared, text: str = "Why?", by: Browser | None = None, **form: str) -> httpx.Response:
    return it.send("/comments", by or it.bob, **({"cell": "", "version": "1", "text": text} | form))


def rows(it: Shared) -> list[Any]:
    with it.portal.database.engine().begin() as conn:
        wanted = select(notebook_comment).where(notebook_comment.c.notebook_id == it.id)
        return list(conn.execute(wanted.order_by(notebook_comment.c.at)))


def said(it: Shared) -> list[str]:
    return [row.text for row in rows(it)]


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let these tests write more in an hour than a person."""
    monkeypatch.setattr(comments, "IN_AN_HOUR", 10_000)


def shown(page: str) -> list[str]:
    """Return the words in brackets that are comments on a page, in their order."""
    return re.findall(r'<div class="talk__said" dir="auto">&lt;(\w+)&gt;', page)


@pytest.fixture
def talk(it: Shared) -> Shared:
    """Return a notebook on which bertrand may comment."""
    assert it.share("comment").status_code == GO
    return it


# ── threads ─────────────────────────────────────────────────────────────────────────────────────────
def test_a_comment_stands_beside_the_cell_that_it_is_about(talk: Shared) -> None:
    talk.shelf.save(cells("x = 1", "y = 2"), path=talk.path, base=1)
    led = say(talk, "Why two?", cell="b", version="2")
    assert led.status_code == GO
    for browser in (talk.bob, talk.ann):
        page = browser.get(talk.at()).text
        assert "Why two?" in page
        assert re.search(r'<a class="sw-u" href="[^"]*#cell-3" target="notebook-\w+">Cell 3</a>', page)
    assert '<option value="b">cell 3: y = 2</option>' in page
    mine = talk.ann.get(f"/notebooks/read/{talk.path}").text
    assert "Why two?" in mine
    assert "Cell 3" in mine


def test_the_address_of_a_new_comment_is_on_the_page_that_it_leads_to(talk: Shared) -> None:
    path, _, anchor = say(talk).headers["location"].partition("#")
    assert f'id="{anchor}"' in talk.bob.get(path).text


def test_a_cell_that_moves_takes_its_thread_along_and_one_that_is_gone_leaves_it(talk: Shared) -> None:
    talk.shelf.save(cells("x = 1", "y = 2"), path=talk.path, base=1)
    say(talk, cell="b", version="2")
    moved = cells("x = 1", "y = 2")
    moved["cells"].insert(1, moved["cells"].pop(2))
    talk.shelf.save(moved, path=talk.path, base=2)
    page = talk.bob.get(talk.at()).text
    assert ">Cell 2</a>" in page
    assert "of version 2" in page
    talk.shelf.save(cells("x = 1"), path=talk.path, base=3)
    assert "A cell that is gone" in talk.bob.get(talk.at()).text
    assert say(talk, cell="b", version="2").status_code == CONFLICT
    assert len(rows(talk)) == 1


def test_people_reply_resolve_and_open_again(talk: Shared) -> None:
    say(talk, "Why?")
    (first,) = rows(talk)
    assert talk.send("/comments/reply", talk.ann, thread=first.id, text="Because.").status_code == GO
    assert said(talk) == ["Why?", "Because."]
    assert talk.send("/comments/resolve", talk.ann, thread=first.id).status_code == GO
    page = talk.bob.get(talk.at()).text
    assert "Because." not in page
    assert "All 1 thread" in page
    assert "resolved by ann" in talk.bob.get(talk.at("/comments")).text
    assert talk.send("/comments/reply", talk.bob, thread=first.id, text="No.").status_code == CONFLICT
    assert talk.send("/comments/reopen", talk.bob, thread=first.id).status_code == GO
    assert talk.send("/comments/reply", talk.bob, thread=first.id, text="No.").status_code == GO
    assert [event["resolved"] for event in talk.events("thread-resolved")] == [True, False]


def test_to_resolve_twice_is_once(talk: Shared) -> None:
    say(talk)
    (first,) = rows(talk)
    for _ in range(2):
        assert talk.send("/comments/resolve", talk.bob, thread=first.id).status_code == GO
    assert len(talk.events("thread-resolved")) == 1


def test_everybody_changes_and_deletes_their_own_and_the_audit_has_each_text(talk: Shared) -> None:
    say(talk, "Wy?")
    (first,) = rows(talk)
    assert talk.send("/comments/change", talk.bob, comment=first.id, text="Why?").status_code == GO
    page = talk.bob.get(talk.at()).text
    assert "Why?" in page
    assert '<span class="sub">, changed</span>' in page
    talk.send("/comments/reply", talk.ann, thread=first.id, text="Because.")
    assert talk.send("/comments/delete", talk.bob, comment=first.id).status_code == GO
    page = talk.ann.get(talk.at()).text
    assert "Why?" not in page
    assert "This comment was deleted." in page
    assert "Because." in page
    assert talk.send("/comments/change", talk.bob, comment=first.id, text="Again").status_code == NOT_FOUND
    written = [(event["text"], event["changes"]) for event in talk.events("comment-written")]
    assert written == [("Wy?", 0), ("Why?", 1), ("Because.", 0)]
    assert [event["author"] for event in talk.events("comment-deleted")] == [PERSON_IDS["bertrand"]]


def test_a_thread_of_which_all_is_deleted_is_gone(talk: Shared) -> None:
    say(talk)
    (first,) = rows(talk)
    talk.send("/comments/delete", talk.bob, comment=first.id)
    assert "Nobody has said anything yet" in talk.bob.get(talk.at("/comments")).text


def test_threads_and_long_threads_are_paged(talk: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comments, "PAGE", 2)
    monkeypatch.setattr(comments, "LAST", 1)
    monkeypatch.setattr(comments, "PAGE_OF_THREAD", 2)
    for text in ("one", "two", "three"):
        say(talk, f"<{text}>")
    first = rows(talk)[0]
    for text in ("four", "five"):
        talk.send("/comments/reply", talk.bob, thread=first.id, text=f"<{text}>")
    page = talk.bob.get(talk.at("/comments")).text
    assert shown(page) == ["three", "two"]
    older = talk.bob.get(unescape(re.findall(r'href="([^"]*from=2)"', page)[0])).text
    assert shown(older) == ["one", "five"]
    assert "1 comment between" in older
    whole = talk.bob.get(talk.at(f"/comments?thread={first.id}")).text
    assert shown(whole) == ["one", "four"]
    later = talk.bob.get(unescape(re.findall(r'href="([^"]*thread=[^"]*from=2)"', whole)[0])).text
    assert shown(later) == ["five"]
    assert "All 3 threads" in talk.bob.get(talk.at()).text
    assert "between" not in whole
    assert talk.bob.get(talk.at("/comments?from=-1")).status_code == NOT_FOUND
    for bad in ("%00", "x", "%F0%9F%98%80"):
        assert talk.bob.get(talk.at(f"/comments?thread={bad}")).status_code == NOT_FOUND


def test_a_file_and_a_cell_lead_to_the_form_that_begins_with_the_cell(talk: Shared) -> None:
    talk.shelf.save(cells("x = 1", "y = 2"), path=talk.path, base=1)
    led = talk.ann.get(f"/notebooks/comments?path={talk.path}&cell=b").headers["location"]
    assert led == talk.at("/comments?cell=b")
    page = talk.ann.get(led).text
    assert '<option value="b" selected>cell 3: y = 2</option>' in page
    missing = "The cell that you come from is not in version 2."
    assert missing not in page
    assert missing in talk.ann.get(talk.at("/comments?cell=new")).text
    assert talk.ann.get(f"/notebooks/comments?path={talk.path}").headers["location"] == talk.at("/comments")
    assert talk.bob.get(f"/notebooks/comments?path={talk.path}").status_code == NOT_FOUND
    (talk.shelf.home / "new.ipynb").write_text("{}")
    assert "has no version yet" in talk.ann.get("/notebooks/comments?path=new.ipynb").text


# ── who may ─────────────────────────────────────────────────────────────────────────────────────────
def test_whoever_may_view_reads_comments_and_writes_none(it: Shared) -> None:
    it.share("view")
    say(it, "By ann", it.ann)
    (first,) = rows(it)
    page = it.bob.get(it.at()).text
    assert "By ann" in page
    assert "<textarea" not in page

    def attack() -> bool:
        return GO in {
            say(it).status_code,
            it.send("/comments/reply", it.bob, thread=first.id, text="x").status_code,
            it.send("/comments/resolve", it.bob, thread=first.id).status_code,
        }

    assert say(it).status_code == FORBIDDEN
    holds(attack, Role, "includes", lambda *_: True)


def test_f01_comments_on_what_is_not_shared_are_as_on_what_is_not_there(it: Shared) -> None:
    say(it, "By ann", it.ann)
    (first,) = rows(it)
    assert it.bob.get(it.at("/comments")).status_code == NOT_FOUND
    assert say(it).status_code == NOT_FOUND
    assert it.send("/comments/reply", it.bob, thread=first.id, text="x").status_code == NOT_FOUND
    assert said(it) == ["By ann"]


def test_f01_a_comment_of_another_notebook_is_reached_by_none(talk: Shared) -> None:
    """One may comment on one notebook, and names a thread and a comment of another in its forms."""
    name = "other.ipynb"
    talk.shelf.save(cells("x = 1"), path=name)
    other = Shared(talk.portal, talk.shelf, talk.bob, id_of(talk.portal, name))
    say(other, "Private", other.ann)
    (first,) = rows(other)
    for step, form in (
        ("reply", {"thread": first.id, "text": "x"}),
        ("change", {"comment": first.id, "text": "x"}),
        ("delete", {"comment": first.id}),
        ("resolve", {"thread": first.id}),
    ):
        assert talk.send(f"/comments/{step}", talk.bob, **form).status_code == NOT_FOUND, step
    assert talk.bob.get(talk.at(f"/comments?thread={first.id}")).status_code == NOT_FOUND
    assert said(other) == ["Private"]


def test_nobody_changes_what_another_said(talk: Shared) -> None:
    say(talk, "By ann", talk.ann)
    (first,) = rows(talk)

    def attack() -> bool:
        talk.send("/comments/change", talk.bob, comment=first.id, text="By bertrand")
        talk.send("/comments/delete", talk.bob, comment=first.id)
        return said(talk) != ["By ann"]

    assert talk.send("/comments/change", talk.bob, comment=first.id, text="x").status_code == FORBIDDEN
    holds(attack, comments, "_demand_own", lambda *_: None)


def test_a_comment_is_whose_session_it_came_with(talk: Shared) -> None:
    say(talk, author=PERSON_IDS["ann"], person=PERSON_IDS["ann"], author_id=PERSON_IDS["ann"])
    assert [row.author for row in rows(talk)] == [PERSON_IDS["bertrand"]]


def test_whoever_may_manage_it_deletes_any_and_changes_none(talk: Shared) -> None:
    say(talk, "By bertrand")
    (first,) = rows(talk)
    assert talk.send("/comments/change", talk.ann, comment=first.id, text="x").status_code == FORBIDDEN
    assert talk.send("/comments/delete", talk.ann, comment=first.id).status_code == GO
    assert said(talk) == [""]


def test_the_audit_has_who_read_the_comments_on_anothers_notebook(talk: Shared) -> None:
    for browser in (talk.ann, talk.bob):
        browser.get(talk.at("/comments"))
    assert [event["how"] for event in talk.events("notebook-read")] == ["comments"]


def test_an_ended_share_ends_writing(talk: Shared) -> None:
    say(talk)
    (first,) = rows(talk)
    talk.end()
    assert talk.send("/comments/change", talk.bob, comment=first.id, text="x").status_code == NOT_FOUND
    assert talk.send("/comments/delete", talk.bob, comment=first.id).status_code == NOT_FOUND
    assert said(talk) == ["Why?"]


@pytest.mark.parametrize("step", ["", "/reply", "/change", "/delete", "/resolve", "/reopen"])
def test_a_form_of_a_foreign_page_says_nothing(talk: Shared, step: str) -> None:
    say(talk)
    (first,) = rows(talk)
    form = {"cell": "", "version": "1", "text": "x", "thread": first.id, "comment": first.id}

    def attack() -> bool:
        return talk.bob.post(talk.at(f"/comments{step}"), form).status_code == GO

    holds(attack, forms, "check_csrf", lambda *_: None)
