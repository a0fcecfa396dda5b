"""The gallery: what finds a notebook, for whom, and in which order; stars, and signs of what became of it."""

from __future__ import annotations

import re
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from html import unescape
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

import notebooks
from integration.web.running import PERSON_IDS, Browser, Portal
from integration.web.test_attacks import without
from integration.web.test_comments import say
from integration.web.test_sharing import MARK, NOBODYS, Shared, groups, id_of, it
from swap.db import tables
from swap.db.notebook_tables import notebook_card, notebook_comment, notebook_due, notebook_share
from swap.errors import Unavailable
from swap.notebooks import cards, gallery, share_store, shares, sight
from swap.notebooks.shares import Role
from swap.policy.decide import decide
from swap.policy.model import Resource
from swap.query import lineage
from swap.settings.policy import Grant, Policy
from swap.web import gallery as web_gallery
from swap.web.gateway import AWAY, Gateway

__all__ = ["it"]
OK, NOT_FOUND, GO = HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.SEE_OTHER


def made(portal: Portal) -> None:
    """Let every card that is due be made now, also one that the portal is making just now."""
    engine, waiting = portal.database.engine("web"), True
    while waiting:
        cards.work_off(engine)
        with engine.begin() as conn:
            waiting = bool(conn.execute(select(notebook_due.c.id).with_for_update()).all())


def found(it: Shared, browser: Browser | None = None, **asked: str) -> list[str]:
    """Return the ids of the notebooks that the gallery lists, in its order."""
    made(it.portal)
    return listed(look(browser or it.bob, **asked))


def listed(page: str) -> list[str]:
    """Return the ids of the notebooks that a page lists."""
    return re.findall(r'<a class="b" href="/n/([^"/]*)"', page)


def look(browser: Browser, **asked: str) -> str:
    answer = browser.get(address(**asked))
    assert answer.status_code == OK, answer.text
    return answer.text


def address(**asked: str) -> str:
    query = "&".join(f"{name.rstrip('_')}={quote(value, safe='')}" for name, value in asked.items())
    return f"/gallery?{query}"


def word() -> str:
    """Return a word that is in nothing else."""
    return f"w{secrets.token_hex(6)}"


def save(it: Shared, *cells: dict[str, Any]) -> None:
    it.shelf.save(notebooks.notebook(*cells), path=it.path, base=1)


def another(it: Shared, *cells: dict[str, Any]) -> Shared:
    """Return one more notebook of ann's."""
    name = f"{secrets.token_hex(4)}.ipynb"
    it.shelf.save(notebooks.notebook(*cells), path=name)
    return Shared(it.portal, it.shelf, it.bob, id_of(it.portal, name))


# ── who finds it ────────────────────────────────────────────────────────────────────────────────────
def test_a_notebook_is_found_by_who_may_open_it_and_by_nobody_else(it: Shared) -> None:
    only = word()
    save(it, notebooks.markdown(f"# {only}"))
    assert found(it, it.ann, q=only) == [it.id]
    assert found(it, q=only) == []
    assert it.id not in found(it)
    it.share()
    assert found(it, q=only) == [it.id]
    assert it.id in found(it)
    it.end()
    assert found(it, q=only) == []
    with without(shares, "role", lambda *_: Role.VIEW):
        assert found(it, q=only) == []  # the statement leaves it out as well


def test_what_ends_is_gone_at_once_also_before_its_card_is_made_anew(
    it: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card may say that a notebook is open to somebody; only shares let them in."""
    only = word()
    save(it, notebooks.markdown(f"# {only}"))
    groups(it.portal, "analysts", "research")
    it.share(kind="group", whom="research")
    assert found(it, q=only) == [it.id]
    monkeypatch.setattr(cards, "work_off", lambda *_: None)

    def still(browser: Browser = it.bob) -> list[str]:
        return listed(look(browser, q=only))

    groups(it.portal, "analysts")
    assert still() == [], "who left the group"
    groups(it.portal, "analysts", "research")
    assert still() == [it.id]
    with it.portal.database.engine().begin() as conn:
        mine = notebook_share.c.notebook_id == it.id
        conn.execute(update(notebook_share).where(mine).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert still() == [], "a share that is over"
    with without(share_store, "opens", lambda *_: text("true")), without(shares, "role", lambda *_: Role.VIEW):
        assert still() == [it.id]  # the control
    with without(share_store, "opens", lambda *_: text("true")):
        assert still() == [], "shares.role has the last word"
    with it.portal.database.engine().begin() as conn:
        conn.execute(update(notebook_share).where(mine).values(expires_at=None))
    assert still() == [it.id]
    it.delete()
    assert still() == still(it.ann) == [], "a deleted one"


def test_others_notebooks_change_nothing_of_what_one_sees(it: Shared) -> None:
    """No count, no place in the order, and no suggestion tells of a notebook that one may not open."""
    both, shown = word(), word()
    save(it, notebooks.markdown(f"# {shown}\n\n{both}"))
    it.share()
    before = found(it, q=both), look(it.bob, q=both)
    secret = another(it, notebooks.markdown(f"# {both}\n\n{both} {both}"))
    secret.send("/star")
    after = found(it, q=both), look(it.bob, q=both)
    assert before[0] == after[0] == [it.id]
    assert _bare(before[1]) == _bare(after[1])
    secret.share()
    assert found(it, q=both) == [secret.id, it.id]  # the control: it stands before the other


def _bare(page: str) -> str:
    return re.sub(r'name="csrf" value="[^"]*"|\d+ (minutes?|hours?) ago|just now', "", page)


def test_comments_find_it_for_who_may_open_it_and_deleted_ones_never(it: Shared) -> None:
    said, kept = word(), word()
    it.share("comment")
    say(it, f"Look at {said}")
    say(it, f"And at {kept}")
    assert found(it, q=said) == found(it, it.ann, q=said, in_="comments") == [it.id]
    assert found(it, q=said, in_="code") == []
    assert said not in re.sub(r'value="[^"]*"|“[^”]*”|q=\w+', "", look(it.bob, q=said)), "nothing of it is shown"
    with it.portal.database.engine().begin() as conn:
        name = conn.scalar(select(notebook_comment.c.id).where(notebook_comment.c.text.contains(said)))
    assert it.send("/comments/delete", it.bob, comment=str(name)).status_code == GO
    assert listed(look(it.bob, q=said)) == [], "at once"
    assert found(it, q=said) == []
    assert found(it, q=kept) == [it.id]  # the control
    it.end()
    assert found(it, q=kept) == []
    assert found(it, it.ann, q=kept) == [it.id]


def test_outputs_find_nothing_and_are_shown_nowhere(it: Shared) -> None:
    output, code = word(), word()
    save(it, notebooks.code(f"show('{code}')", notebooks.printed(f"{output} {code}\n")))
    assert found(it, it.ann, q=output) == []
    page = look(it.ann, q=code)
    assert found(it, it.ann, q=code) == [it.id]
    assert code in page
    assert output not in page


def test_who_asks_for_a_group_of_others_is_told_nothing(it: Shared) -> None:
    """That a notebook one may open is shared with a group that one is not in is its managers' affair."""
    it.portal.person("chidi", ("research",))
    groups(it.portal, "analysts")
    it.share(kind="group", whom="analysts")
    it.share(kind="group", whom="research")
    assert found(it, group="analysts").count(it.id) == 1  # the control
    theirs, nobodys = (it.bob.get(address(group=name)) for name in ("research", "nobodys"))
    assert theirs.status_code == nobodys.status_code == NOT_FOUND


def test_a_person_without_a_notebook_for_me_is_as_one_that_there_is_not(it: Shared) -> None:
    pages = [look(it.bob, by=each) for each in (PERSON_IDS["ann"], "pzzzzzzzzz")]
    assert "Nothing of this person" in pages[1]
    save(it, notebooks.markdown("# Mine"))
    lonely = another(it, notebooks.markdown("# Alone"))
    it.portal.person("chidi")
    with it.portal.database.engine().begin() as conn:
        chidi = conn.scalar(select(tables.person.c.id).where(tables.person.c.name == "chidi"))
    page = look(it.bob, by=str(chidi))
    assert "chidi" not in page
    assert lonely.id not in page


@pytest.mark.parametrize(
    "asked",
    [
        "'",
        "' | 'a",
        "!a",
        "a & !b:*",
        "(((",
        ":*",
        "a <-> b",
        "\\",
        "%",
        "_",
        "a%' OR 1=1 --",
        "\0",
        "a\0b",
        "\ud83d".encode("utf-8", "surrogatepass").decode("latin-1"),
        "x" * 10_000,
        "a b " * 2_500,
        "<script>alert('canary')</script>",
        "*",
        "ａ：＊",
    ],
)
def test_no_query_means_anything_to_the_database(it: Shared, asked: str) -> None:
    made(it.portal)
    for name in ("q", "uses", "by", "group", "in", "order", "from", "starred"):
        answer = it.bob.get(address(**{name: asked}))
        assert answer.status_code in {OK, NOT_FOUND}, (name, answer.text)
        assert "<script>alert" not in answer.text
    assert it.id not in answer.text


def test_a_hostile_notebook_is_text_and_harms_no_other(it: Shared) -> None:
    save(
        it,
        notebooks.markdown(f"# {MARK}"),
        notebooks.code("\0' & !'x':* \\ \ud800" + MARK),
        notebooks.code("x" * 99_000),
        notebooks.code(" ".join(f"n{number}" for number in range(20_000))),
        {"cell_type": "code", "id": "deep", "metadata": {}, "source": 7, "outputs": [], "execution_count": 1},
    )
    other = another(it, notebooks.markdown("# Fine"))
    it.share()
    other.share()
    assert {it.id, other.id} <= set(found(it))
    page = look(it.bob, q="canary")
    assert MARK not in page
    assert "&lt;" in page
    assert it.id in page


# ── what finds it, and in which order ───────────────────────────────────────────────────────────────
def test_words_are_found_in_titles_text_and_code_and_the_title_counts_most(it: Shared) -> None:
    only = word()
    save(it, notebooks.markdown("# Views"), notebooks.code(f"wmf.{only}_hourly"))
    titled = another(it, notebooks.markdown(f"# About {only}"))
    texted = another(it, notebooks.markdown(f"# Text\n\nSays {only.upper()}."))
    assert found(it, it.ann, q=only) == [titled.id, texted.id, it.id]
    assert found(it, it.ann, q=f"{only} hourly") == [it.id]
    assert found(it, it.ann, q=f"{only}_HOURLY") == [it.id]
    assert found(it, it.ann, q=only[:8]) == [titled.id, texted.id, it.id]
    assert found(it, it.ann, q=f"{only} {word()}") == []
    assert [found(it, it.ann, q=only, in_=each) for each in ("title", "text", "code")] == [
        [titled.id],
        [texted.id, titled.id] if found(it, it.ann, q=only, in_="text")[0] == texted.id else [titled.id, texted.id],
        [it.id],
    ]
    page = look(it.ann, q=only)
    assert f"wmf.<mark>{only}</mark>_hourly" in page


def test_a_page_goes_on_where_the_last_one_ended(it: Shared) -> None:
    only = word()
    made_ = [another(it, notebooks.markdown(f"# {only} {number}")).id for number in range(gallery.PAGE + 2)]
    pages = [found(it, it.ann, q=only, from_=str(begins)) for begins in (0, gallery.PAGE)]
    assert [len(each) for each in pages] == [gallery.PAGE, 2]
    assert set(pages[0] + pages[1]) == set(made_)
    recent = found(it, it.ann)
    assert recent == made_[::-1][: gallery.PAGE]
    assert f"from={gallery.PAGE}" in unescape(look(it.ann))


def test_stars_and_readers_make_a_notebook_popular(it: Shared) -> None:
    only = word()
    groups(it.portal, only)
    save(it, notebooks.markdown("# Old"))
    newer = another(it, notebooks.markdown("# New"))
    for each in (it, newer):
        each.share(kind="group", whom=only)
    assert found(it, group=only) == [newer.id, it.id]
    assert it.opens()
    assert it.opens()
    assert found(it, group=only, order="popular") == [it.id, newer.id], "one reader, counted once"
    assert [newer.send("/star", it.bob).status_code for _ in range(2)] == [GO, GO]
    assert found(it, group=only, order="popular") == [newer.id, it.id]
    assert found(it, group=only, starred="1") == [newer.id]
    assert newer.id not in found(it, it.ann, starred="1")
    assert ">Unstar</button>" in it.bob.get(newer.at()).text
    it.send("/star")
    newer.send("/unstar", it.bob)
    assert found(it, group=only, order="popular") == [it.id, newer.id]
    assert [each["starred"] for each in newer.events("notebook-starred")] == [True, False]
    with it.portal.database.engine().begin() as conn:
        row = conn.execute(select(notebook_card).where(notebook_card.c.notebook_id == it.id)).one()
    assert (row.stars, row.readers) == (1, 1)


def test_who_may_not_open_a_notebook_gives_no_star(it: Shared) -> None:
    assert it.send("/star", it.bob).status_code == NOT_FOUND
    assert it.send("/unstar", it.bob).status_code == NOT_FOUND
    nobodys = Shared(it.portal, it.shelf, it.bob, NOBODYS)
    pages = [_bare(each.send("/star", it.bob).text.replace(each.id, "")) for each in (it, nobodys)]
    assert pages[0] == pages[1]
    it.share()
    assert it.send("/star", it.bob).status_code == GO  # the control


def test_notebooks_of_a_person_and_of_a_group(it: Shared) -> None:
    only = word()
    groups(it.portal, only)
    it.share(kind="group", whom=only)
    assert found(it, group=only) == [it.id]
    page = look(it.bob, by=PERSON_IDS["ann"])
    assert "Notebooks of <b>ann</b> that you may open." in page
    assert it.id in page
    assert it.id not in found(it, by=PERSON_IDS["bertrand"])


# ── tables, and what became of them ─────────────────────────────────────────────────────────────────
def reads(it: Shared, *columns: tuple[str, str, str, str]) -> None:
    """Let ann's kernels have read some columns, and her notebook have an output of them."""
    read = frozenset(Resource(*each) for each in columns)
    with it.portal.database.engine().begin() as conn:
        kept = {"digest": lineage.digest(read), "columns": lineage.encode(read)}
        conn.execute(upsert(tables.lineage).values(**kept).on_conflict_do_nothing())
        values = {"person_id": PERSON_IDS["ann"], "lineage": lineage.digest(read), "last_at": datetime.now(UTC)}
        conn.execute(insert(tables.kernel_read).values(kernel_id=secrets.token_hex(4), **values))
    it.shelf.now = datetime.now(UTC)
    save(it, notebooks.code("views", notebooks.printed(secrets.token_hex(4))))


def test_notebooks_are_found_by_a_table_that_they_use_also_on_its_page(it: Shared) -> None:
    table = ("lake", "wmf", "pageview_hourly")
    reads(it, (*table, "country"), ("lake", "secret", "salaries", "amount"))
    it.share()
    page = it.bob.get("/data/lake/wmf/pageview_hourly").text
    assert f'href="/n/{it.id}"' not in page
    made(it.portal)
    assert it.id in found(it, uses="lake/wmf/pageview_hourly")
    assert it.id in found(it, uses="lake.wmf.pageview_hourly")
    assert f'href="/n/{it.id}"' in it.bob.get("/data/lake/wmf/pageview_hourly").text
    listed = look(it.bob)
    assert "lake.wmf.pageview_hourly" in listed
    assert "salaries" not in listed, "a table that one may not know of"
    assert found(it, uses="lake.secret.salaries") == []
    assert "or you may not know of it" in look(it.bob, uses="lake.secret.salaries")
    it.end()
    assert it.id not in found(it, uses="lake.wmf.pageview_hourly")
    assert f'href="/n/{it.id}"' not in it.bob.get("/data/lake/wmf/pageview_hourly").text


def test_a_failed_run_is_told_to_who_may_see_the_output_that_failed(it: Shared) -> None:
    error = {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}
    it.share()
    groups(it.portal, "analysts")
    reads(it, ("lake", "secret", "salaries", "amount"))
    it.shelf.save(
        notebooks.notebook(notebooks.code("fine", notebooks.printed('"output_type":"error"'))), path=it.path, base=2
    )
    assert "Last run failed" not in row(it, it.ann)
    it.shelf.save(notebooks.notebook(notebooks.code("boom()", error)), path=it.path, base=3)
    assert "Last run failed" in row(it, it.ann)
    assert "Last run failed" not in row(it), "bertrand may not see this output"
    with without(sight, "hidden", lambda *_: {}):
        assert "Last run failed" in row(it)  # the control


def row(it: Shared, browser: Browser | None = None) -> str:
    """Return the row of the notebook in the gallery."""
    name = it.path.removesuffix(".ipynb")
    assert found(it, browser, q=name) == [it.id]
    return re.findall(r"<tr>.*?</tr>", look(browser or it.bob, q=name), re.DOTALL)[1]


def test_tables_that_changed_or_went_are_told_to_who_may_know_of_them(
    it: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    it.share()
    reads(it, ("lake", "wmf", "pageview_hourly", "country"), ("lake", "wmf", "gone", "x"), ("lake", "secret", "y", "z"))
    policy = Policy(grants=(Grant(name="wmf", groups=("everyone", "analysts"), on=("lake.wmf",)),))
    monkeypatch.setattr(web_gallery, "decide", lambda _, *rest: decide(policy, *rest))
    groups(it.portal, "analysts")
    fresh = row(it)
    assert "Table changed" not in fresh
    assert "Table gone" in fresh
    assert "lake.wmf.gone" in fresh
    assert "secret" not in fresh
    it.portal.gateway.changed["lake.wmf.pageview_hourly"] = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert "Table changed" in row(it)
    it.portal.gateway.changed["lake.wmf.pageview_hourly"] = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert "Table changed" not in row(it)


def test_without_the_gateway_the_list_stays(it: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    reads(it, ("lake", "wmf", "pageview_hourly", "country"))
    assert "pageview_hourly" in row(it, it.ann)
    monkeypatch.setattr(Gateway, "_get", _away)
    assert "pageview_hourly" not in row(it, it.ann)


def _away(*_: Any, **__: Any) -> Any:
    raise Unavailable(AWAY)


# ── beginnings ──────────────────────────────────────────────────────────────────────────────────────
def test_who_has_nothing_is_shown_how_to_begin(portal: Portal) -> None:
    browser = portal.signed_in("bertrand", ())
    page = look(browser)
    assert "Nothing here yet" in page
    assert 'aria-label="Copy the example Top pages and their size"' in page
    assert "Gallery" in browser.get("/notebooks").text
    none = look(browser, q="mobile")
    assert "No notebook that you may open fits" in none
    assert "Copy the example" not in none


def test_a_card_is_made_by_the_portal_itself(it: Shared) -> None:
    only = word()
    save(it, notebooks.markdown(f"# {only}"))
    until = time.monotonic() + 60
    while it.id not in look(it.ann, q=only):
        assert time.monotonic() < until
        threading.Event().wait(0.1)


def test_a_card_that_cannot_be_made_keeps_no_other_from_being_made(it: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    only, real = word(), cards.make
    other = another(it, notebooks.markdown(f"# {only}"))

    def fails(conn: Connection, notebook_id: str) -> None:
        if notebook_id == it.id:
            conn.execute(text("select 1 / 0"))
        real(conn, notebook_id)

    monkeypatch.setattr(cards, "make", fails)
    save(it, notebooks.markdown(f"# {only}"))
    assert found(it, it.ann, q=only) == [other.id]
    monkeypatch.undo()
    it.share()
    assert set(found(it, it.ann, q=only)) == {it.id, other.id}
