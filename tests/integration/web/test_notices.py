"""What somebody is told in the portal: as long as they may see what it is about, and not a word longer."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from http import HTTPStatus

import pytest
from sqlalchemy import select, update

from integration.web.running import PERSON_IDS, Browser
from integration.web.test_attacks import holds
from integration.web.test_comments import rows, say
from integration.web.test_sharing import Shared, groups, it
from swap.db.notebook_tables import notebook, notebook_share, notice
from swap.db.tables import audit_event, person
from swap.notebooks import comments, notices, shares
from swap.notebooks.shares import Role

__all__ = ["it"]
OK, GO, BAD, NOT_FOUND = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND


@pytest.fixture(autouse=True)
def calm(it: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let these tests write more in an hour than a person, and begin with nothing to tell."""
    monkeypatch.setattr(comments, "IN_AN_HOUR", 10_000)
    with it.portal.database.engine().begin() as conn:
        conn.execute(notice.delete())


def told(browser: Browser) -> list[str]:
    """Return what the page lists, in words."""
    return [unescape(found) for found in re.findall(r'class="as-link">([^<]*)<', browser.get("/notices").text)]


def new(browser: Browser, path: str = "/notebooks") -> int:
    """Return the number in the head of a page."""
    found = re.search(r"<b>(\d+)\+? new</b>", browser.get(path).text)
    return 0 if found is None else int(found[1])


def follow(browser: Browser) -> str:
    """Open the newest notice, and return where it leads."""
    found = re.findall(r'name="notice" value="(\d+)"', browser.get("/notices").text)
    return str(browser.submit("/notices/follow", "/notices", notice=found[0]).headers["location"])


def test_a_share_is_told_counted_opened_and_read(it: Shared) -> None:
    assert (new(it.bob), told(it.bob)) == (0, [])
    it.share()
    name = it.path.removesuffix(".ipynb")
    assert (new(it.bob), told(it.bob)) == (1, [f"ann shares {name} with you"])
    assert follow(it.bob) == it.at()
    assert (new(it.bob), len(told(it.bob))) == (0, 1)
    assert new(it.ann) == 0


def test_an_offer_is_told_as_long_as_it_can_be_taken(it: Shared) -> None:
    it.share("own")
    assert [words for words in told(it.bob) if "offers you" in words]
    it.share("manage")
    assert told(it.bob) == []


def test_a_role_that_changes_and_a_share_with_a_group_are_no_news(it: Shared) -> None:
    it.share()
    it.share("comment")
    it.share(kind="everyone", whom="")
    assert len(told(it.bob)) == 1


def test_who_shares_again_and_again_tells_once_until_it_is_read(it: Shared) -> None:
    for _ in range(3):
        it.share()
        it.end()
    it.share()
    assert new(it.bob) == 1
    follow(it.bob)
    it.end()
    it.share()
    assert new(it.bob) == 1


def test_a_mention_leads_to_its_thread_and_shows_its_text(it: Shared) -> None:
    it.share("comment")
    say(it, "Look, @ann")
    assert told(it.ann) == [f"bertrand mentions you in {it.path.removesuffix('.ipynb')}"]
    assert "Look, @ann" in it.ann.get("/notices").text
    (first,) = rows(it)
    where = follow(it.ann)
    assert where == it.at(f"/comments?thread={first.id}")
    assert "Look, @ann" in it.ann.get(where).text


@pytest.mark.parametrize("how", ["share", "group", "expiry", "deleted"])
def test_who_may_not_open_it_any_more_sees_neither_its_name_nor_what_was_said(it: Shared, how: str) -> None:
    groups(it.portal, "research")
    it.share("comment", **({"kind": "group", "whom": "research"} if how == "group" else {}))
    say(it, "canary @bertrand", it.ann)
    assert new(it.bob) >= 1
    notice_id = re.findall(r'name="notice" value="(\d+)"', it.bob.get("/notices").text)[0]

    def attack() -> bool:
        page = it.bob.get("/notices").text
        led = it.bob.submit("/notices/follow", "/notices", notice=notice_id)
        return "canary" in page or it.path.removesuffix(".ipynb") in page or led.status_code == GO or new(it.bob) > 0

    assert attack()  # the control: it is there
    if how == "share":
        it.end()
    elif how == "group":
        groups(it.portal, "analysts")
    elif how == "expiry":
        with it.portal.database.engine().begin() as conn:
            past = datetime.now(UTC) - timedelta(seconds=1)
            conn.execute(update(notebook_share).where(notebook_share.c.notebook_id == it.id).values(expires_at=past))
    else:
        it.delete()
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(notice).values(read_at=None))
    if how == "deleted":
        assert not attack()
    else:
        holds(attack, shares, "role", lambda *_: Role.VIEW)


def test_a_comment_that_is_deleted_is_told_no_more(it: Shared) -> None:
    say(it, "@bertrand", it.ann)
    it.share("comment")
    say(it, "canary @bertrand", it.ann)
    newest = rows(it)[-1]
    assert "canary" in it.bob.get("/notices").text
    it.send("/comments/delete", it.ann, comment=newest.id)
    assert "canary" not in it.bob.get("/notices").text


def test_nobody_follows_or_reads_anothers(it: Shared) -> None:
    it.share("comment")
    with it.portal.database.engine().begin() as conn:
        theirs = conn.scalar(select(notice.c.id).where(notice.c.person_id == PERSON_IDS["bertrand"]))
    assert it.ann.submit("/notices/follow", "/notices", notice=str(theirs)).status_code == NOT_FOUND
    it.ann.submit("/notices/read", "/notices")
    assert new(it.bob) == 1
    for bad in ("", "x", "-1", "1" * 30, "²"):
        assert it.bob.submit("/notices/follow", "/notices", notice=bad).status_code == BAD


def test_all_are_read_at_once(it: Shared) -> None:
    it.share("comment")
    for _ in range(2):
        say(it, "@bertrand", it.ann)
    assert new(it.bob) == 3
    assert it.bob.submit("/notices/read", "/notices").headers["location"] == "/notices"
    assert (new(it.bob), len(told(it.bob))) == (0, 3)


def test_they_are_paged_and_counted_up_to_a_number(it: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "PAGE", 2)
    it.share("comment")
    for _ in range(2):
        say(it, "@bertrand", it.ann)
    first = it.bob.get("/notices").text
    later = unescape(re.findall(r'href="([^"]*from=2)"', first)[0])
    assert (first.count('class="as-link"'), it.bob.get(later).text.count('class="as-link"')) == (2, 1)
    assert it.bob.get("/notices?from=x").status_code == NOT_FOUND
    monkeypatch.setattr(notices, "COUNTED", 2)
    assert new(it.bob) == 2


def test_the_number_stands_on_every_page_and_a_part_of_one_has_none(it: Shared) -> None:
    it.share()
    assert [new(it.bob, path) for path in ("/", "/data", "/notebooks", "/help", "/nothing-here")] == [1] * 5


def test_somebody_chooses_how_they_are_told_by_mail(it: Shared) -> None:
    assert it.bob.submit("/notices/mail", "/notices", mail="daily").status_code == GO
    with it.portal.database.engine().begin() as conn:
        chosen = conn.scalar(select(person.c.mail_choice).where(person.c.id == PERSON_IDS["bertrand"]))
        events = list(conn.scalars(select(audit_event.c.detail).where(audit_event.c.event == "mail-chosen")))
    assert (chosen, events[-1]) == ("daily", {"mail": "daily"})
    assert it.bob.submit("/notices/mail", "/notices", mail="hourly").status_code == BAD
    assert "This site sends no mail." in it.bob.get("/notices").text


def test_a_notebook_of_a_hostile_name_is_told_as_text(it: Shared) -> None:
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(notebook).where(notebook.c.id == it.id).values(path="<b>x.ipynb"))
    it.share()
    assert told(it.bob) == ["ann shares <b>x with you"]
