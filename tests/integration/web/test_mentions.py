"""Whom a comment tells: who may open the notebook, once, and nobody learns from it who else there is."""

from __future__ import annotations

import re

from sqlalchemy import select

from integration.web.running import PERSON_IDS, csrf
from integration.web.test_attacks import holds
from integration.web.test_comments import calm, rows, say, talk
from integration.web.test_sharing import Shared, it
from swap.db.notebook_tables import notice
from swap.notebooks import shares
from swap.notebooks.shares import Role

__all__ = ["calm", "it", "talk"]


def told(it: Shared, who: str) -> list[str]:
    with it.portal.database.engine().begin() as conn:
        wanted = select(notice.c.kind).where(notice.c.person_id == who, notice.c.notebook_id == it.id)
        return list(conn.scalars(wanted.order_by(notice.c.id)))


def test_a_mention_tells_those_who_may_open_it_and_nobody_else(talk: Shared) -> None:
    carla = talk.portal.person("carla", ())
    say(talk, "@carla @ann", talk.bob)
    assert told(talk, carla) == []
    assert told(talk, PERSON_IDS["ann"]) == ["mention"]

    def attack() -> bool:
        say(talk, "@carla", talk.bob)
        return bool(told(talk, carla))

    holds(attack, shares, "role", lambda *_: Role.COMMENT)


def test_a_mention_reaches_a_member_of_a_group_as_long_as_it_is_one(talk: Shared) -> None:
    talk.portal.person("dora", ("readers",))
    talk.share(kind="group", whom="readers")
    dora = talk.portal.person("dora", ("readers",))
    say(talk, "@Dora")
    assert told(talk, dora) == ["mention"]
    talk.portal.person("dora", ())
    say(talk, "@dora")
    assert told(talk, dora) == ["mention"]


def test_nothing_on_the_page_tells_who_exists_or_who_may_open_it(talk: Shared) -> None:
    """What a mention of somebody looks like, of whom there is nobody: the page is the same."""
    talk.portal.person("carla", ())

    def looks(name: str) -> str:
        say(talk, f"@{name}!")
        (newest,) = [row for row in rows(talk) if row.text == f"@{name}!"]
        page = talk.bob.get(talk.at(f"/comments?thread={newest.id}")).text
        mark = csrf(page)
        talk.send("/comments/delete", talk.bob, comment=newest.id)
        for varies in (newest.id, f"@{name}!", mark):
            page = page.replace(varies, "-")
        return re.sub(r"<time[^>]*>[^<]*</time>", "", page)

    assert looks("ann") == looks("carla") == looks("nobody")


def test_a_change_tells_whom_it_mentions_anew_and_nobody_twice(talk: Shared) -> None:
    say(talk, "Hm", talk.ann)
    (first,) = rows(talk)
    assert told(talk, PERSON_IDS["bertrand"]) == ["share"]
    for text in ("@bertrand", "@bertrand!", "@bertrand?"):
        talk.send("/comments/change", talk.ann, comment=first.id, text=text)
    assert told(talk, PERSON_IDS["bertrand"]) == ["share", "mention"]


def test_who_wrote_in_a_thread_hears_of_replies_and_an_owner_of_comments(talk: Shared) -> None:
    say(talk)
    (first,) = rows(talk)
    talk.send("/comments/reply", talk.ann, thread=first.id, text="Because.")
    talk.send("/comments/reply", talk.bob, thread=first.id, text="Ah.")
    assert told(talk, PERSON_IDS["ann"]) == ["comment", "reply"]
    assert told(talk, PERSON_IDS["bertrand"]) == ["share", "reply"]
