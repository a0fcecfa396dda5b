"""Signing in at the real hub, behind the real proxy, into the real portal."""

from __future__ import annotations

import itertools
import math
import os
import time

import httpx
import pytest
from sqlalchemy import select

from integration.hub.conftest import TRIES
from swap.db.tables import audit_event, person
from swap.identity import PERSON_ID


def audited(house, event):
    with house.database.engine().connect() as conn:
        return [
            row.detail
            for row in conn.execute(select(audit_event).where(audit_event.c.event == event).order_by(audit_event.c.id))
        ]


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@pytest.mark.parametrize("name", ["ann", "ann.smith", "José", "o'brien", "50%", "n" * 64, "content"])
def test_people_of_any_name_sign_in_under_an_id(house, name):
    browser = house.browser()

    answer = browser.sign_in(name)

    assert answer.status_code == 200
    assert browser.session
    assert PERSON_ID.fullmatch(house.person_id(name))
    with house.hub_api(house.runtime.web_service_token) as api:
        assert api.get(f"/users/{house.person_id(name)}").json()["name"] == house.person_id(name)


def test_another_spelling_of_a_name_is_the_same_person(house):
    house.sign_in("ann")
    before = house.person_id("ann")
    browser = house.browser()

    browser.sign_in("ANN", "demo-ann")

    assert browser.session
    with house.database.engine().connect() as conn:
        assert [row.id for row in conn.execute(select(person).where(person.c.name == "ann"))] == [before]


def test_names_that_look_alike_are_different_people_with_different_homes(house):
    for name in ("a-b", "a_b", "a--b"):
        house.sign_in(name)

    assert len({house.person_id(name) for name in ("a-b", "a_b", "a--b")}) == 3


def test_a_wrong_password_says_what_happened_and_what_to_do(house):
    browser = house.browser()

    answer = browser.sign_in("chidi", "wrong")

    assert answer.status_code == 403
    assert "Name and password do not match." in answer.text
    assert "After 5 wrong tries within 15 minutes SWAP takes no more for a while." in answer.text
    assert 'role="alert"' in answer.text
    assert 'value="chidi"' in answer.text
    assert "wrong" not in answer.text.replace("wrong tries", "")
    assert not browser.session
    assert audited(house, "sign-in-failed")[-1] == {
        "name": "chidi",
        "client": browser.address,
        "reason": "name and password do not match",
    }


@pytest.mark.parametrize("secret", ["", " ", "demo-chidi ", " demo-chidi", "DEMO-CHIDI", "x" * 100_000], ids=range(6))
def test_an_empty_or_almost_right_password_lets_nobody_in(house, secret):
    browser = house.browser()

    # Another name each time, so that no pause answers in the password's place.
    answer = browser.sign_in(f"nobody-{len(secret)}-{secret[:3]}", secret)
    assert answer.status_code == 403

    answer = browser.sign_in("chidi", secret)
    assert answer.status_code == 403
    assert not browser.session
    assert house.sign_in("chidi").session  # which also ends the count of wrong tries


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "a*",
        "*)(uid=*",
        "admin)(&)",
        "\\2a",
        "ann,ou=admins",
        "ann+cn=x",
        "аnn",
        "ann\u200b",
        "{{1234*5678}}",
        "%s%n",
    ],
)
def test_a_name_that_is_nobodys_is_refused_like_any_other(house, name):
    answer = house.browser().sign_in(name, "demo-ann")

    assert answer.status_code == 403
    assert "Name and password do not match." in answer.text
    assert "7006652" not in answer.text, "a name is text, not a template"


def test_a_name_of_a_megabyte_is_refused_and_is_not_in_any_log(house):
    browser = house.browser()

    answer = browser.sign_in("m" * 1_000_000, "demo-ann")

    assert answer.status_code == 403
    assert "m" * 66 not in answer.text
    assert "m" * 65 not in house.log("hub")
    assert len(audited(house, "sign-in-failed")[-1]["name"]) == 65


def test_a_name_cannot_write_lines_into_the_log(house):
    house.browser().sign_in("eve\n2026-11-24 INFO User logged in: ann", "x")

    assert "\n2026-11-24 INFO" not in house.log("hub")


def test_no_password_is_in_any_log_nor_in_the_record(house):
    house.browser().sign_in("chidi", "a-very-wrong-password")
    house.sign_in("chidi")

    logs = "".join(house.log(name) for name in ("hub", "web", "traefik"))
    recorded = str(audited(house, "sign-in-failed")) + str(audited(house, "signed-in"))
    for secret in ("a-very-wrong-password", "demo-chidi"):
        assert secret not in logs
        assert secret not in recorded


@pytest.mark.parametrize("name", ["bertrand", "no-such-person"])
def test_after_five_wrong_tries_even_the_right_password_waits(house, name):
    browser = house.browser()
    for _ in range(5):
        assert browser.sign_in(name, "wrong").status_code == 403

    answer = browser.sign_in(name, f"demo-{name}")

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert "Too many wrong tries." in answer.text
    assert f"Try again in {math.ceil(int(answer.headers['Retry-After']) / 60)} minutes." in answer.text
    assert "A browser in which you signed in before need not wait." in answer.text
    assert not browser.session
    assert "tries are paused now" in audited(house, "sign-in-failed")[-1]["reason"]


def test_a_pause_for_one_name_does_not_hold_up_another(house):
    for _ in range(6):
        house.browser().sign_in("somebody-else", "wrong")

    assert house.sign_in("ann").session


def test_one_address_that_tries_many_names_is_paused_and_its_right_tries_neither_count_nor_excuse_others(house):
    """All may come through one tunnel: right tries must use nothing up, nor may an attacker's own start the count again."""
    browser = house.browser()
    browser.sign_in("many-0", "wrong")
    before = httpx.Cookies(browser.cookies["localhost"])
    xsrf = next(cookie.value for cookie in before.jar if cookie.name == "_xsrf")

    def status(name, secret="wrong"):
        browser.cookies["localhost"] = httpx.Cookies(before)
        data = {"_xsrf": xsrf, "username": name, "password": secret}
        return browser.post("/hub/login", data=data, follow=False).status_code

    wrong = [status(f"many-{number}") for number in range(1, TRIES // 2)]
    right = [status("ann", "demo-ann") for _ in range(TRIES)]
    more = list(itertools.takewhile(lambda found: found != 429, (status(f"more-{number}") for number in range(500))))

    assert set(wrong + more) == {403}
    assert set(right) == {302}
    assert TRIES // 2 <= len(more) < 500
    assert house.sign_in("ann").session


def test_an_unknown_name_takes_as_long_to_refuse_as_a_known_one(house):
    def seconds(name):
        browser = house.browser()
        browser.get("/sign-in")
        began = time.perf_counter()
        browser.sign_in(name, "wrong")
        return time.perf_counter() - began

    # `slow` has a hash of the usual cost; the other people of these tests have cheap ones.
    known = min(seconds("slow") for _ in range(4))
    unknown = min(seconds("unknown") for _ in range(4))
    assert unknown > 0.5 * known


def test_the_form_needs_the_pages_own_token(house):
    browser = house.browser()
    browser.get("/sign-in")

    for data in ({}, {"_xsrf": ""}, {"_xsrf": "x" * 40}):
        answer = browser.post(
            "/hub/login",
            data=data | {"username": "ann", "password": "demo-ann"},
            headers={"Sec-Fetch-Site": "cross-site"},
        )
        assert answer.status_code == 403
    assert not browser.session


def test_the_sign_in_page_offers_the_demos_people_with_their_passwords(house):
    page = house.browser().get("/sign-in")

    assert page.status_code == 200
    assert "This is a demo." in page.text
    assert 'data-name="o&#39;brien" data-password="demo-o&#39;brien"' in page.text
    assert "JupyterHub" not in page.text


def test_the_form_is_whole_without_script(house):
    page = house.browser().get("/sign-in").text
    form = page.split("<form", 1)[1].split("</form>")[0]

    for part in (
        'method="post"',
        'name="_xsrf"',
        'name="username"',
        'name="password"',
        'type="submit"',
        'for="username"',
        'for="password"',
    ):
        assert part in form
    assert "<script>" not in page
    assert "style=" not in page


def test_the_answer_says_which_content_may_be_loaded(house):
    policy = house.browser().get("/sign-in").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_signing_in_is_recorded_with_who_and_from_where(house):
    browser = house.sign_in("José")

    assert audited(house, "person-added")[-1].keys() == {"name", "groups"}
    assert audited(house, "signed-in")[-1]["client"] == browser.address


def test_a_people_file_that_is_broken_lets_nobody_in_and_removes_nobody(house):
    browser = house.sign_in("ann")
    path = house.state / "people.toml"
    good = path.read_text(encoding="utf-8")
    try:
        path.write_text("[[people]]\nname = 1\n", encoding="utf-8")
        os.utime(path, (time.time() - 60, time.time() - 60))
        # More often than a name may be wrong: nobody looked at these passwords.
        answer = [house.browser().sign_in("ann") for _ in range(6)][-1]
        looks = house.log("hub").count("was not followed")
        until(lambda: house.log("hub").count("was not followed") >= looks + 2)

        assert answer.status_code == 503
        assert "Nobody can sign in just now." in answer.text
        assert browser.get("/").status_code == 200
        assert house.person_id("ann")
    finally:
        path.write_text(good, encoding="utf-8")
    assert house.sign_in("ann").session


def test_a_password_tried_past_the_sign_in_page_counts_like_any_other(house):
    house.sign_in("chidi")
    path = f"/users/{house.person_id('chidi')}/tokens"
    before = audited(house, "sign-in-failed")

    with house.hub_api() as api:
        answer = api.post(path, json={"auth": {"username": "chidi", "password": "wrong"}})

    assert answer.status_code == 403
    counted = {"name": "chidi", "client": "127.0.0.1", "reason": "name and password do not match"}
    assert audited(house, "sign-in-failed") == [*before, counted]
