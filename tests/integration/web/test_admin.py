"""The pages of those who run SWAP: for them alone, for many people, and an end to everything of one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import ProgrammingError

from integration.web.running import ADMINS, PERSON_IDS, Browser, Portal, csrf
from integration.web.test_attacks import holds
from swap.db.tables import audit_event, jupyter_server, person, portal_session, query_run, sign_in
from swap.people import service
from swap.web import app
from swap.web.routes import ROUTES

ANN = PERSON_IDS["ann"]
PAGES = [route.path for route in ROUTES if route.admin and route.method == "GET"]
NOW = datetime.now(UTC)


@pytest.fixture
def boss(portal: Portal) -> Browser:
    return portal.signed_in("boss", (ADMINS, "analysts"))


def crowd(portal: Portal, size: int) -> None:
    """Let many be known; every third is signed in."""
    ids = [f"pz{n:08d}".translate(str.maketrans("0189", "abcd")) for n in range(size)]
    groups = [["analysts"] if n % 2 else ["analysts", "readers"] for n in range(size)]
    with portal.database.engine().begin() as conn:
        people = [
            {"id": ids[n], "directory_key": f"k{n}", "name": f"person {n:03d}", "groups": groups[n]}
            for n in range(size)
        ]
        conn.execute(insert(person), people)
        signed_in = [
            {"id": each, "person_id": each, "created_at": NOW, "expires_at": NOW + timedelta(days=1)}
            for each in ids[::3]
        ]
        conn.execute(insert(sign_in), signed_in)


def query(portal: Portal, person_id: str, query_id: str, state: str = "running", **more: Any) -> None:
    with portal.database.engine().begin() as conn:
        conn.execute(
            insert(query_run).values(
                id=query_id,
                person_id=person_id,
                via="kernel",
                statement="SELECT hunter2",
                sources=["lake"],
                state=state,
                **more,
            )
        )


def server(portal: Portal, person_id: str, server_id: str, credential: str) -> None:
    with portal.database.engine().begin() as conn:
        service.launch_server(conn, person_id, server_id, credential, datetime.now(UTC))


def names(page: str) -> list[str]:
    return re.findall(r'href="/admin/person\?id=\w+">([^<]+)<', page)


# ── For whom ────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("path", PAGES)
def test_for_others_the_page_does_not_exist(portal: Portal, path: str) -> None:
    ann = portal.signed_in()

    def attack() -> bool:
        return ann.get(f"{path}?id={ANN}").status_code == HTTPStatus.OK

    holds(attack, app, "demand_admin", lambda *_: None)
    answer, missing = ann.get(path), ann.get("/admin/nothing")
    assert answer.status_code == missing.status_code == HTTPStatus.NOT_FOUND
    assert answer.text.replace(path, "") == missing.text.replace("/admin/nothing", "")
    assert "/admin" not in ann.get("/").text


def test_others_end_nothing(portal: Portal) -> None:
    bertrand, _ = portal.signed_in("bertrand"), portal.signed_in("ann")

    def attack() -> bool:
        bertrand.submit("/admin/end", id=ANN)
        with portal.database.engine().begin() as conn:
            return not service.access(conn, ANN, datetime.now(UTC)).live

    holds(attack, app, "demand_admin", lambda *_: None)


def test_who_leaves_the_group_is_out_with_the_next_page(portal: Portal, boss: Browser) -> None:
    assert boss.get("/admin").status_code == HTTPStatus.OK
    assert 'href="/admin"' in boss.get("/").text

    with portal.database.engine().begin() as conn:
        conn.execute(update(person).where(person.c.name == "boss").values(groups=["analysts"]))

    assert boss.get("/admin").status_code == HTTPStatus.NOT_FOUND
    assert 'href="/admin"' not in boss.get("/").text


# ── What is there ───────────────────────────────────────────────────────────────────────────────────
def test_five_hundred_people_come_by_pages(portal: Portal, boss: Browser) -> None:
    crowd(portal, 499)
    first = boss.get("/admin").text
    assert "500 people" in first
    assert names(first)[:2] == ["boss", "person 000"]
    assert len(names(first)) == 50
    assert "People 1 to 50 of 500" in first

    seen, page = names(first), first
    while (found := re.search(r'rel="next" href="([^"]+)"', page)) is not None:
        page = boss.get(found[1].replace("&amp;", "&")).text
        seen += names(page)
    assert len(seen) == len(set(seen)) == 500
    assert "People 451 to 500 of 500" in page


def test_people_are_found_by_name_and_by_group(portal: Portal, boss: Browser) -> None:
    crowd(portal, 200)
    found = boss.get("/admin?q=PERSON+01&group=readers").text
    assert names(found) == [f"person 0{n}" for n in range(10, 20, 2)]
    assert "5 people in readers with “PERSON 01” in the name" in found
    later = boss.get("/admin?group=readers").text
    assert "group=readers&amp;from=50" in later
    assert "Nobody has “100%”" in boss.get("/admin?q=100%25").text


@pytest.mark.parametrize("begins", ["-1", "x", "99999999", "٣", "1e3", ""])
def test_a_page_that_is_not_there_is_no_error(portal: Portal, boss: Browser, begins: str) -> None:
    assert boss.get(f"/admin?from={begins}").status_code == HTTPStatus.OK


def test_groups_tell_how_many_are_in_them(portal: Portal, boss: Browser) -> None:
    crowd(portal, 10)
    cells = re.findall(r'group=([\w-]+)">.*?"People">(\d+)<.*?"Signed in">(\d+)<', boss.get("/admin/groups").text)
    assert cells == [("analysts", "11", "5"), ("readers", "5", "2"), (ADMINS, "1", "1")]


def test_servers_and_queries_that_run_are_listed_with_whose_they_are(portal: Portal, boss: Browser) -> None:
    portal.person("ann")
    server(portal, ANN, "s1", "c1")
    query(portal, ANN, "q1")
    query(portal, ANN, "q2", "waiting")
    query(portal, ANN, "q3", "done", ended_at=NOW)

    servers, queries = boss.get("/admin/servers").text, boss.get("/admin/queries").text
    assert "1 server runs" in servers
    assert names(servers) == ["ann"]
    assert "2 queries wait or run" in queries
    assert names(queries) == ["ann", "ann"]
    assert "q3" not in queries
    for page in (queries, boss.get(f"/admin/person?id={ANN}").text, boss.get("/admin").text):
        assert "hunter2" not in page


def test_the_portals_account_cannot_read_what_was_asked(portal: Portal) -> None:
    with portal.database.engine("web").connect() as conn:
        conn.execute(text("SELECT id, person_id, state, sources, created_at FROM swap.query_run"))
    for column in ("statement", "reads", "handles", "error"):
        with portal.database.engine("web").connect() as conn, pytest.raises(ProgrammingError):
            conn.execute(text(f"SELECT {column} FROM swap.query_run"))


def test_limits_are_those_of_the_settings(portal: Portal, boss: Browser) -> None:
    page = boss.get("/admin/limits").text
    assert "limits.rows" in page
    assert "5,000,000" in page
    assert "launch.idle_hours" in page


def test_a_name_is_text_and_nothing_else(portal: Portal, boss: Browser) -> None:
    with portal.database.engine().begin() as conn:
        service.ensure_person(conn, "x", "<b>x</b>", ("<i>g</i>",), lambda: "pxxxxxxxxx")
    for path in ("/admin", "/admin/groups", "/admin/person?id=pxxxxxxxxx", "/admin/end?id=pxxxxxxxxx"):
        page = boss.get(path).text
        assert "<b>x" not in page
        assert "<i>g" not in page


# ── End everything ──────────────────────────────────────────────────────────────────────────────────
def test_everything_of_a_person_ends_and_that_is_recorded(portal: Portal, boss: Browser) -> None:
    ann = portal.signed_in()
    server(portal, ANN, "s1", "c1")
    portal.hub.state[ANN] = "running"
    asked = boss.get(f"/admin/end?id={ANN}").text
    assert "End everything of ann?" in asked

    answer = boss.post("/admin/end", {"csrf": csrf(asked), "id": ANN})

    assert answer.headers["location"] == f"/admin/person?id={ANN}&ended=1"
    assert "Everything of ann has ended." in boss.get(answer.headers["location"]).text
    assert ann.get("/").headers["location"].startswith("/sign-in")
    assert portal.hub.state[ANN] == "stopped"
    with portal.database.engine().connect() as conn:
        assert service.access(conn, ANN, datetime.now(UTC)) == service.Access(live=False, epoch=1)
        for table in (sign_in, portal_session, jupyter_server):
            ended = conn.scalars(select(table.c.ended_at).where(table.c.person_id == ANN)).all()
            assert ended
            assert None not in ended
        events = conn.execute(select(audit_event).order_by(audit_event.c.id)).all()
    by = portal.person("boss", (ADMINS, "analysts"))
    assert [(row.event, row.person_id, row.detail) for row in events] == [
        ("server-stopped", ANN, {"server_id": "s1"}),
        ("everything-ended", by, {"whose": ANN}),
    ]
    # Nobody is shut out: that is the directory's.
    assert portal.signed_in().get("/").status_code == HTTPStatus.OK


def test_without_the_hub_the_access_ends_and_the_page_says_what_did_not(portal: Portal, boss: Browser) -> None:
    ann = portal.signed_in()
    mark = csrf(boss.get(f"/admin/end?id={ANN}").text)
    portal.hub.close()

    answer = boss.post("/admin/end", {"csrf": mark, "id": ANN})

    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "The access of ann has ended, but their server was not stopped" in answer.text
    assert ann.get("/").headers["location"].startswith("/sign-in")


def test_an_address_alone_says_of_nobody_that_everything_has_ended(portal: Portal, boss: Browser) -> None:
    portal.signed_in()

    assert "has ended" not in boss.get(f"/admin/person?id={ANN}&ended=1").text


def test_to_others_the_form_is_not_there_whatever_they_send(portal: Portal) -> None:
    ann = portal.signed_in()

    for sent in ({"id": ANN}, {"csrf": "x", "id": ANN}):
        assert ann.post("/admin/end", sent).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("person_id", ["", "pnobodyxxx", "x" * 300, "' OR 1=1"])
def test_nobody_by_this_id_is_not_found(portal: Portal, boss: Browser, person_id: str) -> None:
    assert boss.get(f"/admin/person?id={person_id}").status_code == HTTPStatus.NOT_FOUND
    assert boss.submit("/admin/end", id=person_id).status_code == HTTPStatus.NOT_FOUND
