"""Sharing a notebook in the portal: who may open it, who may share it, and what ends it.

Rows F01, F06 and R14 of the list of attacks.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import select, update

import notebooks
from integration.web.running import PERSON_IDS, Browser, Portal, csrf
from integration.web.test_attacks import holds, without
from integration.web.test_history import Shelf
from integration.web.test_reading import ask, framed
from swap.db.notebook_tables import notebook, notebook_share
from swap.db.tables import audit_event
from swap.notebooks import shares, sharing
from swap.notebooks.shares import Role
from swap.people import service as people
from swap.web import forms
from swap.web.routes import ROUTES

OK, NOT_FOUND, FORBIDDEN, GO = HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.SEE_OTHER
MARK = "<script>alert('canary')</script>"
NOBODYS = "0" * 32


def document(title: str = "Mobile readers") -> dict[str, Any]:
    """Return a notebook with text, code and a picture that is no output."""
    picture = {"attachments": {"a.png": {"image/png": notebooks.png(5, 4)}}}
    return notebooks.notebook(
        notebooks.markdown(f"# {title}\n\n![a](attachment:a.png)", **picture), notebooks.code("x = 1")
    )


@dataclass
class Shared:
    """A notebook of ann's, and the browsers of ann and of bertrand, who may open it when it is shared with him."""

    portal: Portal
    shelf: Shelf
    bob: Browser
    id: str

    @property
    def ann(self) -> Browser:
        return self.shelf.browser

    @property
    def path(self) -> str:
        with self.portal.database.engine().begin() as conn:
            return str(conn.scalar(select(notebook.c.path).where(notebook.c.id == self.id)))

    def at(self, step: str = "") -> str:
        return f"/n/{self.id}{step}"

    def send(self, step: str, by: Browser | None = None, **form: str) -> httpx.Response:
        browser = by or self.ann
        mark = csrf(browser.get("/notebooks/upload").text)
        return browser.post(self.at(step), {"csrf": mark} | form)

    def share(self, role: str = "view", by: Browser | None = None, **form: str) -> httpx.Response:
        """Share it, with bertrand if nobody else is named."""
        return self.send("/share", by, **({"kind": "person", "whom": PERSON_IDS["bertrand"], "role": role} | form))

    def end(self, by: Browser | None = None, **form: str) -> httpx.Response:
        return self.send("/share/end", by, **({"kind": "person", "whom": PERSON_IDS["bertrand"]} | form))

    def opens(self, browser: Browser | None = None) -> bool:
        return (browser or self.bob).get(self.at()).status_code == OK

    def delete(self) -> None:
        """Delete the file, as its owner does in the portal."""
        mark = csrf(self.ann.get("/notebooks/upload").text)
        assert self.ann.post("/notebooks/delete", {"csrf": mark, "path": self.path}).status_code == GO

    def events(self, event: str) -> list[dict[str, Any]]:
        with self.portal.database.engine().begin() as conn:
            wanted = select(audit_event.c.detail).where(
                audit_event.c.event == event, audit_event.c.detail["notebook_id"].astext == self.id
            )
            return list(conn.scalars(wanted.order_by(audit_event.c.id)))


@pytest.fixture
def it(shared: Portal) -> Shared:
    shelf, bob = Shelf(shared), shared.signed_in("bertrand")
    name = f"{secrets.token_hex(4)}.ipynb"
    shelf.save(document(), path=name)
    return Shared(shared, shelf, bob, id_of(shared, name))


def id_of(portal: Portal, path: str) -> str:
    with portal.database.engine().begin() as conn:
        return str(conn.scalar(select(notebook.c.id).where(notebook.c.path == path)))


def groups(portal: Portal, *names: str, person: str = "bertrand") -> None:
    """Let the directory say which groups somebody is in."""
    with portal.database.engine().begin() as conn:
        people.ensure_person(conn, f"test:{person}", person, names, lambda: PERSON_IDS[person])


# ── private by default; a share opens it ────────────────────────────────────────────────────────────
def test_a_notebook_is_opened_by_whom_it_is_shared_with_and_shown_as_it_was_saved_last(it: Shared) -> None:
    assert not it.opens()
    assert it.share().status_code == GO
    (it.shelf.home / "elsewhere.ipynb").write_text("what lies in a home is nobody's else")
    page = it.bob.get(it.at())
    assert "Mobile readers" in page.text
    assert "version 1, saved" in page.text
    assert ">ann</b>" in page.text
    frame = ask(it.portal, framed(page.text))
    assert '<h1 id="Mobile-readers">' in frame.text or "Mobile readers" in frame.text
    picture = re.findall(r'src="([^"]*)"', frame.text)[0]
    fresh = framed(it.bob.get(it.at()).text)
    assert ask(it.portal, fresh + picture).headers["content-type"] == "image/png"
    it.shelf.save(document("Second"), path=it.path, base=1)
    assert "version 2, saved" in it.bob.get(it.at()).text


def test_it_is_taken_along_with_what_one_may_see(it: Shared) -> None:
    it.share()
    seen, bare, script = (it.bob.get(it.at(f"/export?as={kind}")) for kind in ("seen", "ipynb", "script"))
    assert [cell["cell_type"] for cell in seen.json()["cells"]] == ["markdown", "code"]
    assert bare.json()["cells"][1]["outputs"] == []
    assert script.text.endswith("# %%\nx = 1\n")
    assert "Mobile readers" in it.bob.get(it.at("/export?as=html")).text
    assert it.bob.get(it.at("/export?as=pdf")).status_code == NOT_FOUND
    led = it.bob.get(it.at("/alone"))
    assert ask(it.portal, led.headers["location"]).status_code == OK
    assert [event["how"] for event in it.events("notebook-read")] == ["seen", "ipynb", "script", "html", "print"]


def test_what_an_owner_opens_is_no_news(it: Shared) -> None:
    assert it.opens(it.ann)
    assert it.events("notebook-read") == []


def test_it_stands_under_shared_with_me_until_it_is_not(it: Shared) -> None:
    row = f'href="/n/{it.id}"'
    assert (
        "Nobody shares a notebook with you yet" in it.bob.get("/notebooks").text
        or row not in it.bob.get("/notebooks").text
    )
    it.share()
    assert row in it.bob.get("/notebooks").text
    assert row not in it.ann.get("/notebooks").text
    it.end()
    assert row not in it.bob.get("/notebooks").text


def test_a_list_of_many_goes_on_where_it_ended(it: Shared) -> None:
    with it.portal.database.engine().begin() as conn:
        for number in range(sharing.PAGE + 3):
            person = people.ensure_person(conn, f"test:many-{number}", f"many {number:03}", (), lambda: "p" + secrets.token_hex(9).translate(str.maketrans("0189", "abcd"))[:9])  # fmt: skip
            values = {"kind": "person", "whom": person.id, "role": "view", "shared_by": it.shelf.principal.id}
            conn.execute(notebook_share.insert().values(notebook_id=it.id, at=datetime.now(UTC), **values))
    first = it.ann.get(it.at("/share")).text
    assert first.count('aria-label="Change the role of many') == sharing.PAGE
    later = unescape(re.findall(r'href="([^"]*from=50)"', first)[0])
    assert it.ann.get(later).text.count('aria-label="Change the role of many') == 3
    assert it.ann.get(it.at("/share?from=-1")).status_code == NOT_FOUND


def test_a_group_opens_it_as_long_as_one_is_in_it(it: Shared) -> None:
    groups(it.portal, "research")
    it.share(kind="group", whom="research")
    assert it.opens()
    address = framed(it.bob.get(it.at()).text)
    groups(it.portal, "analysts")
    assert not it.opens()
    assert f'href="/n/{it.id}"' not in it.bob.get("/notebooks").text
    assert ask(it.portal, address).status_code == FORBIDDEN


def test_everyone_who_may_sign_in_opens_it(it: Shared) -> None:
    it.share(kind="everyone", whom="")
    assert it.opens()
    assert it.opens(it.portal.signed_in("carla", groups=()))
    stranger = Browser(it.portal.port)
    assert stranger.get(it.at()).headers["location"].startswith("/sign-in")


def test_a_share_ends_with_its_last_day(it: Shared) -> None:
    today = datetime.now(UTC).date()
    assert it.share(until=today.isoformat()).status_code == GO
    assert f'value="{today.isoformat()}"' in it.ann.get(it.at("/share")).text
    assert it.opens()
    address = framed(it.bob.get(it.at()).text)
    with it.portal.database.engine().begin() as conn:
        ended = update(notebook_share).where(notebook_share.c.notebook_id == it.id)
        conn.execute(ended.values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert not it.opens()
    assert f'href="/n/{it.id}"' not in it.bob.get("/notebooks").text
    assert ask(it.portal, address).status_code == FORBIDDEN
    assert "they cannot open it any more" in it.ann.get(it.at("/share")).text


def test_a_role_is_changed_and_every_change_is_in_the_audit(it: Shared) -> None:
    it.share()
    it.share("manage")
    it.end()
    it.end()
    assert [(event["role"], event["was"]) for event in it.events("notebook-shared")] == [
        ("view", ""),
        ("manage", "view"),
    ]
    assert [event["was"] for event in it.events("notebook-share-ended")] == ["manage"]


def test_people_and_groups_are_found_by_the_beginning_of_their_name(it: Shared) -> None:
    groups(it.portal, "research", "a%b")
    page = it.ann.get(it.at("/share?find=BERT")).text
    assert f'name="whom" value="{PERSON_IDS["bertrand"]}"' in page
    assert 'name="whom" value="research"' in it.ann.get(it.at("/share?find=res")).text
    for nobody in ("ertrand", "%", "_", "\\", "\x01"):
        assert "no person or group begins with this" in it.ann.get(it.at(f"/share?find={quote(nobody)}")).text
    assert f'name="whom" value="{PERSON_IDS["ann"]}"' not in it.ann.get(it.at("/share?find=ann")).text


@pytest.mark.parametrize(
    "form",
    [
        {"whom": "pzzzzzzzzz"},
        {"whom": PERSON_IDS["ann"]},
        {"kind": "group", "whom": "no such group"},
        {"kind": "everyone", "whom": "x"},
        {"kind": "folder"},
        {"role": "owner"},
        {"role": "reader"},
        {"role": "own", "kind": "everyone", "whom": ""},
        {"until": "2001-01-01"},
        {"until": "soon"},
    ],
)
def test_what_cannot_be_shared_is_refused_and_changes_nothing(it: Shared, form: dict[str, str]) -> None:
    assert it.share(**form).status_code == HTTPStatus.BAD_REQUEST
    assert it.events("notebook-shared") == []
    assert it.share().status_code == GO  # the control


def test_a_file_leads_to_the_page_of_its_notebook_once_it_has_a_version(it: Shared) -> None:
    led = it.ann.get(f"/notebooks/share?path={it.path}")
    assert led.headers["location"] == it.at("/share")
    (it.shelf.home / "new.ipynb").write_text("{}")
    assert "has no version yet" in it.ann.get("/notebooks/share?path=new.ipynb").text
    assert it.bob.get(f"/notebooks/share?path={it.path}").status_code == NOT_FOUND
    assert f'href="/notebooks/share?path={it.path}"' in it.ann.get("/notebooks").text


def test_a_notebook_that_was_deleted_is_nobodys(it: Shared) -> None:
    it.share()
    it.delete()
    assert not it.opens()
    assert not it.opens(it.ann)
    assert f'href="/n/{it.id}"' not in it.bob.get("/notebooks").text


# ── the owner gives it away ─────────────────────────────────────────────────────────────────────────
def test_a_notebook_that_is_offered_becomes_whose_it_is_when_they_take_it(it: Shared) -> None:
    it.share("own")
    assert "offers you this notebook" in it.bob.get(it.at()).text
    assert it.opens(it.ann)
    assert it.send("/take", it.bob).status_code == GO
    home = it.portal.home("bertrand")
    (file,) = [path for path in home.iterdir() if path.name == it.path]
    assert "Mobile readers" in file.read_text()
    assert it.events("notebook-taken") == [{"notebook_id": it.id, "before": PERSON_IDS["ann"], "path": file.name}]
    assert "owner</span>" in it.bob.get(it.at("/share")).text
    assert it.opens(it.ann)
    # What was the owner's file is there still, and no longer this notebook's.
    assert it.ann.get(f"/notebooks/history?path={file.name}").text.count("has no version yet") == 1
    other = Shelf(it.portal, "bertrand")
    assert other.save(document("Third"), path=file.name, base=1) == 2


def test_an_offer_is_taken_once_and_by_nobody_else(it: Shared) -> None:
    assert it.send("/take", it.bob).status_code == NOT_FOUND
    it.share("manage")
    assert it.send("/take", it.bob).status_code == HTTPStatus.CONFLICT
    assert it.send("/take", it.ann).status_code == HTTPStatus.CONFLICT
    it.share("own")
    assert it.end(it.bob).status_code == GO  # not taken
    assert it.send("/take", it.bob).status_code == NOT_FOUND
    assert it.events("notebook-taken") == []


# ── attacks ─────────────────────────────────────────────────────────────────────────────────────────
def routes() -> list[Any]:
    return [route for route in ROUTES if "{notebook_id}" in route.path]


def asked(browser: Browser, route: Any, notebook_id: str) -> httpx.Response:
    path = route.path.replace("{notebook_id}", notebook_id)
    if route.method == "POST":
        form = {"kind": "person", "whom": PERSON_IDS["ann"], "role": "view"}
        return browser.post(path, {"csrf": csrf(browser.get("/notebooks/upload").text)} | form)
    return browser.get(f"{path}?as=seen&version=1&chart={NOBODYS}.chart")


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route.method} {route.path}")
def test_f01_a_notebook_that_is_not_shared_is_exactly_as_one_that_does_not_exist(it: Shared, route: Any) -> None:
    """F06: to guess or to be told an address helps nobody: status, headers and body are the same."""
    theirs, none = asked(it.bob, route, it.id), asked(it.bob, route, NOBODYS)
    assert theirs.status_code == none.status_code == NOT_FOUND
    own = {"date", "server"}
    assert {name: value for name, value in theirs.headers.items() if name not in own} == {
        name: value for name, value in none.headers.items() if name not in own
    }
    assert theirs.text == none.text.replace(NOBODYS, it.id)


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route.method} {route.path}")
def test_f01_one_function_decides_on_every_route_with_a_notebooks_address(
    it: Shared, route: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    it.share("manage")
    assert asked(it.bob, route, it.id).status_code != NOT_FOUND  # the control
    it.share("manage")
    monkeypatch.setattr(shares, "role", lambda *_: None)
    assert asked(it.bob, route, it.id).status_code == NOT_FOUND
    assert asked(it.ann, route, it.id).status_code == NOT_FOUND


def test_f01_one_function_decides_what_is_listed_and_what_an_address_gives(
    it: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    it.share()
    first, second = (framed(it.bob.get(it.at()).text) for _ in range(2))
    assert ask(it.portal, first).status_code == OK
    assert f'href="/n/{it.id}"' in it.bob.get("/notebooks").text
    monkeypatch.setattr(shares, "role", lambda *_: None)
    assert ask(it.portal, second).status_code == FORBIDDEN
    assert f'href="/n/{it.id}"' not in it.bob.get("/notebooks").text


@pytest.mark.parametrize("bad", ["%00", "%2e%2e", "x" * 65, "a%2fb", "%F0%9F%98%80", "'--"])
def test_an_id_that_is_none_is_not_found(it: Shared, bad: str) -> None:
    assert {asked(it.ann, route, bad).status_code for route in routes()} == {NOT_FOUND}


def test_r14_no_address_gives_what_is_not_shared_any_more(it: Shared) -> None:
    """Neither the page nor a picture, a copy in a cache, or a file to take along."""
    it.share()
    used, unused = (framed(it.bob.get(it.at()).text) for _ in range(2))
    shown_ = ask(it.portal, used)
    picture = re.findall(r'src="([^"]*)"', shown_.text)[0]
    assert ask(it.portal, used + picture).status_code == OK
    assert "no-store" in shown_.headers["cache-control"]
    assert "no-store" in ask(it.portal, used + picture).headers["cache-control"]
    it.end()

    def attack() -> bool:
        answers = [ask(it.portal, used + picture), it.bob.get(it.at("/export?as=seen")), it.bob.get(it.at("/alone"))]
        return any(answer.status_code in {OK, GO} for answer in answers)

    assert ask(it.portal, unused).status_code == FORBIDDEN
    holds(attack, shares, "role", lambda *_: Role.VIEW)


def test_r14_an_address_serves_nobody_elses_share(it: Shared) -> None:
    """What was rendered for one reader is not another's: the address of ann's view names ann."""
    it.share()
    address = framed(it.ann.get(it.at()).text)
    it.end()
    assert ask(it.portal, address).status_code == OK  # ann owns it


Attack = Callable[[Shared], httpx.Response]


@pytest.mark.parametrize(
    "attack",
    [
        lambda it: it.share("manage", it.bob),
        lambda it: it.share("view", it.bob, kind="everyone", whom=""),
        lambda it: it.end(it.bob, kind="person", whom=PERSON_IDS["ann"]),
        lambda it: it.bob.get(it.at("/share")),
        lambda it: it.bob.get(it.at("/share?find=a")),
    ],
    ids=["raises-own-role", "shares-on", "ends-anothers", "sees-with-whom", "searches"],
)
def test_whoever_may_view_it_shares_nothing(it: Shared, attack: Attack) -> None:
    it.share()

    def succeeds() -> bool:
        return attack(it).status_code in {OK, GO}

    assert attack(it).status_code == FORBIDDEN
    holds(succeeds, Role, "includes", lambda *_: True)


def test_whoever_may_manage_it_cannot_give_it_away_or_own_it(it: Shared) -> None:
    it.share("manage")
    assert it.share("own", it.bob).status_code == FORBIDDEN
    assert it.share("own", it.bob, whom=it.portal.person("carla")).status_code == FORBIDDEN
    assert "may become the owner" not in it.bob.get(it.at("/share")).text
    assert "may become the owner" in it.ann.get(it.at("/share")).text
    assert it.end(it.bob, whom=PERSON_IDS["ann"]).status_code == GO  # ends nothing: ann has no share
    assert it.opens(it.ann)
    assert it.share("view", it.bob, kind="everyone", whom="").status_code == GO  # the control


def test_rights_that_end_while_a_page_is_open_are_seen_in_the_next_form(it: Shared) -> None:
    it.share("manage")
    page = it.bob.get(it.at("/share"))
    it.end()
    answer = it.bob.post(it.at("/share"), {"csrf": csrf(page.text), "kind": "everyone", "whom": "", "role": "view"})
    assert answer.status_code == NOT_FOUND
    assert it.events("notebook-shared")[-1]["kind"] == "person"


@pytest.mark.parametrize("step", ["/share", "/share/end", "/take"])
def test_no_other_page_sends_these_forms(it: Shared, step: str) -> None:
    it.share("own")
    form = {"kind": "person", "whom": PERSON_IDS["bertrand"], "role": "view"}

    def attack() -> bool:
        return it.bob.post(it.at(step), form).status_code == GO

    assert it.bob.post(it.at(step), form, Origin="http://evil.example").status_code == FORBIDDEN
    holds(attack, forms, "check_csrf", lambda *_: None)


def test_names_are_text_on_every_page(it: Shared) -> None:
    groups(it.portal, MARK)
    it.shelf.save(document(MARK), path=it.path, base=1)
    assert it.share(kind="group", whom=MARK).status_code == GO
    pages = [it.ann.get(it.at("/share")), it.ann.get(it.at(f"/share?find={quote(MARK)}")), it.bob.get(it.at())]
    for page in pages:
        assert page.status_code == OK
        assert MARK not in page.text
        assert "&lt;script&gt;" in page.text


def test_what_a_page_shows_is_asked_again(it: Shared) -> None:
    it.share()
    still = unescape(re.findall(r'data-still="([^"]*)"', it.bob.get(it.at()).text)[0])
    assert it.bob.get(still).status_code == HTTPStatus.NO_CONTENT
    assert it.bob.get(still[:-1] + ("0" if still[-1] != "0" else "1")).status_code == HTTPStatus.CONFLICT
    it.shelf.save(document("Second"), path=it.path, base=1)
    assert it.bob.get(still).status_code == HTTPStatus.NO_CONTENT, "a newer version takes no page away"
    it.end()
    assert it.bob.get(still).status_code == NOT_FOUND
    with without(shares, "role", lambda *_: Role.VIEW):
        assert it.bob.get(still).status_code == HTTPStatus.NO_CONTENT  # the control
