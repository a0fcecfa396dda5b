"""Leaving the people file, changing groups in it, and signing out."""

from __future__ import annotations

import os
import signal
import time

import pytest
import tomlkit
from sqlalchemy import select

from integration.hub.conftest import CHEAP
from swap.db.tables import audit_event, person
from swap.launch import running


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@pytest.fixture
def people(house):
    """Change the people file for one test."""
    path = house.state / "people.toml"
    before = path.read_text(encoding="utf-8")

    def change(verb):
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
        verb(document)
        path.write_text(tomlkit.dumps(document), encoding="utf-8")
        # The sweeper leaves a file alone that may still be being written.
        os.utime(path, (time.time() - 60, time.time() - 60))

    yield change
    path.write_text(before, encoding="utf-8")
    os.utime(path, (time.time() - 30, time.time() - 30))


def without(name):
    def verb(document):
        document["people"] = [entry for entry in document["people"] if entry["name"] != name]

    return verb


def hub_tokens(house, person_id):
    with house.database.engine("hub").connect() as conn:
        return conn.exec_driver_sql(
            "select t.client_id from api_tokens t join users u on u.id = t.user_id where u.name = %s",
            (person_id,),
        ).all()


def test_who_leaves_the_file_loses_everything_within_five_seconds(house, people):
    browser = house.sign_in("a-b")
    person_id = house.person_id("a-b")
    house.start_server(person_id)
    assert browser.get(f"/user/{person_id}/api/status", f"{person_id}.localhost").status_code in {200, 403}
    server = running.find(house.state, person_id)

    people(without("a-b"))
    until(lambda: not browser.get("/", follow=False).is_success, 5)

    assert "Sign in" in browser.get("/").text or browser.get("/", follow=False).is_redirect
    with house.database.engine().connect() as conn:
        assert conn.execute(select(person.c.removed_at).where(person.c.id == person_id)).scalar_one() is not None
        assert (
            "person-removed"
            in conn.execute(select(audit_event.c.event).where(audit_event.c.person_id == person_id)).scalars().all()
        )
    until(lambda: not running.is_alive(server))
    until(lambda: not hub_tokens(house, person_id), 5)
    assert house.browser().sign_in("a-b").status_code == 403


def test_whoever_comes_back_under_the_same_key_is_somebody_else_with_an_empty_home(house, people):
    house.sign_in("a_b")
    before = house.person_id("a_b")
    people(without("a_b"))
    with house.database.engine().connect() as conn:
        until(lambda: conn.execute(select(person.c.removed_at).where(person.c.id == before)).scalar_one() is not None)
    people(lambda document: document["people"].append({**document["people"][0], "key": "a_b", "name": "a_b"}))

    assert house.browser().sign_in("a_b", "demo-ann").status_code == 200

    assert house.person_id("a_b") != before


def test_another_password_in_the_file_ends_sessions_tokens_and_the_server_within_five_seconds(house, people):
    browser = house.sign_in("changed")
    person_id = house.person_id("changed")
    house.start_server(person_id)
    server = running.find(house.state, person_id)

    def verb(document):
        entry = next(entry for entry in document["people"] if entry["name"] == "changed")
        entry["password"] = CHEAP.hash("another")

    people(verb)
    until(lambda: not browser.get("/", follow=False).is_success, 5)

    assert "Sign in" in browser.get("/").text
    until(lambda: not running.is_alive(server))
    with house.database.engine().connect() as conn:
        recorded = conn.execute(select(audit_event.c.event).where(audit_event.c.person_id == person_id)).scalars().all()
    assert "password-changed" in recorded
    assert "server-stopped" in recorded
    again = house.browser()
    assert again.sign_in("changed", "demo-changed").status_code == 403
    again.sign_in("changed", "another")
    assert again.session
    assert house.person_id("changed") == person_id, "and is the same person as before"


def test_a_server_that_does_not_listen_keeps_no_token_of_the_hubs_and_is_killed(house, people):
    browser = house.sign_in("stopped")
    person_id = house.person_id("stopped")
    house.start_server(person_id)
    server = running.find(house.state, person_id)
    os.killpg(server.pid, signal.SIGSTOP)
    assert hub_tokens(house, person_id)

    def verb(document):
        entry = next(entry for entry in document["people"] if entry["name"] == "stopped")
        entry["password"] = CHEAP.hash("another")

    people(verb)
    until(lambda: not browser.get("/", follow=False).is_success, 5)

    # It is not the server's end that takes the tokens away.
    until(lambda: not running.is_alive(server) or not hub_tokens(house, person_id), 20)
    assert running.is_alive(server)
    until(lambda: not running.is_alive(server), 20)


def test_no_sign_in_counts_before_what_the_former_password_opened_is_forgotten(house, people):
    before = house.sign_in("kept")
    person_id = house.person_id("kept")

    def verb(document):
        entry = next(entry for entry in document["people"] if entry["name"] == "kept")
        entry["password"] = CHEAP.hash("another")

    with house.database.engine("hub").begin() as conn:
        conn.exec_driver_sql(
            "create function keep() returns trigger language plpgsql as"
            " $$ begin raise exception 'it stays'; end $$;"
            f"create trigger keep before update on users for each row when (new.name = '{person_id}')"
            " execute function keep()"
        )
    try:
        people(verb)
        until(lambda: not before.get("/", follow=False).is_success)
        refused = house.browser()
        assert refused.sign_in("kept", "another").status_code == 503
        assert not refused.session
        assert not before.get("/", follow=False).is_success
        assert hub_tokens(house, person_id)
    finally:
        with house.database.engine("hub").begin() as conn:
            conn.exec_driver_sql("drop function keep cascade")

    until(lambda: not hub_tokens(house, person_id))
    again = house.browser()
    again.sign_in("kept", "another")
    assert again.session
    assert not before.get("/", follow=False).is_success


def test_a_change_of_groups_in_the_file_counts_within_seconds(house, people):
    house.sign_in("ann.smith")

    def verb(document):
        next(entry for entry in document["people"] if entry["name"] == "ann.smith")["groups"] = ["readers"]

    people(verb)

    def groups():
        with house.database.engine().connect() as conn:
            return conn.execute(select(person.c.groups).where(person.c.name == "ann.smith")).scalar_one()

    until(lambda: groups() == ["readers"])


def test_signing_out_ends_the_hubs_own_cookie_and_tokens(house):
    browser = house.sign_in("chidi")
    stolen = dict(browser.cookies)
    hub_cookie = next(
        cookie.value for cookie in browser.cookies["localhost"].jar if cookie.name == "jupyterhub-hub-login"
    )

    browser.sign_out()
    time.sleep(3)
    thief = house.browser()
    thief.cookies["localhost"] = stolen["localhost"]
    thief.cookies["localhost"].set("jupyterhub-hub-login", hub_cookie, path="/hub/")

    assert "Sign in" in thief.get("/sign-in").text
    assert not thief.session


def test_signing_in_again_does_not_revive_a_cookie_from_before(house):
    browser = house.sign_in("chidi")
    hub_cookie = next(
        cookie.value for cookie in browser.cookies["localhost"].jar if cookie.name == "jupyterhub-hub-login"
    )
    browser.sign_out()

    again = house.sign_in("chidi")
    thief = house.browser()
    thief.get("/sign-in")
    thief.cookies["localhost"].set("jupyterhub-hub-login", hub_cookie, path="/hub/")

    thief.get("/sign-in")
    assert not thief.session
    assert again.get("/", follow=False).status_code == 200


def test_a_second_browser_of_the_same_person_stays_signed_in(house):
    first = house.sign_in("chidi")
    second = house.sign_in("chidi")

    assert first.get("/", follow=False).status_code == 200
    assert second.get("/", follow=False).status_code == 200
