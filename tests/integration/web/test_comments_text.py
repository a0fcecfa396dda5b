"""What a comment may hold, wherever it is shown, and how many there may be."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest
from sqlalchemy import func, select, update

from integration.web.running import PERSON_IDS, csrf
from integration.web.test_comments import BAD, CONFLICT, GO, TOO_MUCH, calm, cells, rows, say, talk
from integration.web.test_sharing import MARK, Shared, id_of, it
from swap.db.notebook_tables import notebook_comment
from swap.notebooks import comments

__all__ = ["calm", "it", "talk"]


# ── what it may hold ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "text",
    [
        MARK,
        '<img src=x onerror="alert(1)">',
        "**bold** [a](javascript:alert(1)) ![b](http://evil.example/x.png)",
        '" autofocus onfocus="alert(1)',
        "{{ csrf }} {% raw %}",
        "</textarea><script>alert(1)</script>",
        "https://a.example/<script>",
    ],
)
def test_a_comment_is_text_wherever_it_is_shown(talk: Shared, text: str) -> None:
    say(talk, f"{text} @ann")
    (first,) = rows(talk)
    assert first.text == f"{text} @ann"
    for page in (
        talk.bob.get(talk.at()).text,
        talk.bob.get(talk.at("/comments")).text,
        talk.ann.get(f"/notebooks/read/{talk.path}").text,
        talk.ann.get("/notices").text,
    ):
        assert "<script>" not in page
        assert "<img" not in page
        assert not re.search(r"<[^>]*\son(error|focus)=", page)
        assert 'href="javascript' not in page


def test_addresses_are_links_that_tell_nobody_where_they_stood(talk: Shared) -> None:
    say(talk, 'See https://example.org/a?b=c&d="x.')
    assert (
        '<a href="https://example.org/a?b=c&amp;d=" target="_blank" rel="noopener noreferrer nofollow">'
        in talk.bob.get(talk.at()).text
    )


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"text": ""}, BAD),
        ({"text": " \n"}, BAD),
        ({"text": "x" * 4001}, BAD),
        ({"version": "0"}, BAD),
        ({"version": "2"}, BAD),
        ({"version": "-1"}, BAD),
        ({"version": ""}, BAD),
        ({"cell": "nowhere"}, CONFLICT),
        ({"cell": "x" * 10_000}, CONFLICT),
        ({"cell": "\x00"}, CONFLICT),
    ],
)
def test_what_is_no_comment_is_refused(talk: Shared, form: dict[str, str], status: HTTPStatus) -> None:
    assert say(talk, **form).status_code == status
    assert rows(talk) == []
    assert talk.events("comment-written") == []
    assert say(talk, "x" * 4000).status_code == GO  # the control


def test_comments_go_nowhere_with_a_file_that_is_taken_along(talk: Shared) -> None:
    say(talk, "canary-of-a-comment")
    for kind in ("seen", "ipynb", "script"):
        assert "canary-of-a-comment" not in talk.bob.get(talk.at(f"/export?as={kind}")).text


# ── floods ──────────────────────────────────────────────────────────────────────────────────────────
def test_one_person_writes_so_much_in_an_hour_wherever(talk: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    with talk.portal.database.engine().begin() as conn:
        before = conn.scalar(select(func.count()).where(notebook_comment.c.author == PERSON_IDS["bertrand"])) or 0
    monkeypatch.setattr(comments, "IN_AN_HOUR", before + 2)
    assert [say(talk).status_code for _ in range(3)] == [GO, GO, TOO_MUCH]
    first = rows(talk)[0]
    for step, form in (
        ("reply", {"thread": first.id, "text": "x"}),
        ("change", {"comment": first.id, "text": "x"}),
    ):
        assert talk.send(f"/comments/{step}", talk.bob, **form).status_code == TOO_MUCH
    assert say(talk, by=talk.ann).status_code == GO
    with talk.portal.database.engine().begin() as conn:
        conn.execute(update(notebook_comment).values(at=notebook_comment.c.at - comments.HOUR))
    assert say(talk).status_code == GO


def test_of_many_that_come_at_once_no_more_are_kept_than_may_be(talk: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "at-once.ipynb"
    talk.shelf.save(cells("x = 1"), path=other)
    places = [f"/n/{id_of(talk.portal, path)}/comments" for path in (talk.path, other)]
    with talk.portal.database.engine().begin() as conn:
        conn.execute(update(notebook_comment).values(at=notebook_comment.c.at - comments.HOUR))
    monkeypatch.setattr(comments, "IN_AN_HOUR", 2)
    form = {"csrf": csrf(talk.ann.get("/notebooks/upload").text), "cell": "", "version": "1", "text": "x"}
    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(lambda n: talk.ann.post(places[n % 2], form).status_code, range(8)))
    assert sorted(codes) == [GO] * 2 + [TOO_MUCH] * 6


@pytest.mark.parametrize(("limit", "number"), [("OF_NOTEBOOK", 2), ("OF_THREAD", 2), ("CHANGES", 1)])
def test_a_notebook_a_thread_and_a_comment_hold_so_much(
    talk: Shared, monkeypatch: pytest.MonkeyPatch, limit: str, number: int
) -> None:
    monkeypatch.setattr(comments, limit, number)
    say(talk)
    first = rows(talk)[0]

    def more(text: str) -> HTTPStatus:
        form = {"comment": first.id} if limit == "CHANGES" else {"thread": first.id}
        step = "change" if limit == "CHANGES" else "reply"
        return HTTPStatus(talk.send(f"/comments/{step}", talk.bob, text=text, **form).status_code)

    assert [more("one"), more("two")] == [GO, TOO_MUCH]
