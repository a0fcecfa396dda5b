"""Attacks by strangers at the sign-in page: stopping others, hiding where they come from, planting a session, keeping one.

As with the other attacks, each gets nothing in the house as it is, and something in a house without the defence.
"""

from __future__ import annotations

import re
import time
from urllib.parse import urlencode

import httpx
import tomlkit
from sqlalchemy import select

from integration.hub.attackers import served, token_of
from integration.hub.conftest import CHEAP
from services import NO_TLS
from swap.db.tables import audit_event
from swap.hub import clients
from swap.launch import running

ELSEWHERE = "203.0.113.9"
PLANTED = "0" * 32


# ── sign-in is stopped for others ───────────────────────────────────────────────────────────────────
def stopped(house):
    """Try wrong passwords until both the person's name and the address have to wait; return whom it stops."""
    owner = house.sign_in("held-up")
    owner.sign_out()
    # Through tunnels everybody comes from one address.
    attacker = house.browser(owner.address)
    page = attacker.get("/hub/login").text
    xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page)[1]

    def wrong(name):
        data = {"_xsrf": xsrf, "username": name, "password": "wrong"}
        return attacker.post("/hub/login", data=data, follow=False).status_code

    def wrong_until_paused(name_of):
        return any(wrong(name_of(number)) == 429 for number in range(500))

    assert wrong_until_paused(lambda number: f"nobody-{number}")
    # The name is held up from elsewhere, on an account of its own.
    other = house.browser()
    assert any(other.sign_in("held-up", "wrong").status_code == 429 for _ in range(50))
    return owner.sign_in("held-up").status_code == 429


def test_wrong_tries_of_strangers_do_not_stop_a_browser_in_which_the_person_signed_in_before(house):
    assert not stopped(house)


def test_without_the_defence_they_do(weak_house):
    assert stopped(weak_house)


def test_the_cookie_of_a_known_browser_lets_nobody_in_and_opens_no_other_name(house):
    owner = house.sign_in("a--b")
    known = {cookie.name: cookie for cookie in owner.cookies["localhost"].jar if cookie.name.startswith("swap_known_")}
    assert len(known) == 1
    (cookie,) = known.values()
    thief = house.browser()
    thief.cookies["localhost"] = httpx.Cookies()
    thief.cookies["localhost"].set(cookie.name, cookie.value, path=cookie.path)

    assert thief.sign_in("a--b", "wrong").status_code == 403
    assert not thief.session
    statuses = [thief.sign_in("no-such-name", "wrong").status_code for _ in range(7)]
    assert 429 in statuses


# ── where a request comes from ──────────────────────────────────────────────────────────────────────
SAID = {
    "X-Forwarded-For": ELSEWHERE,
    "X-Real-Ip": ELSEWHERE,
    "Forwarded": f"for={ELSEWHERE}",
    "X_Forwarded_For": ELSEWHERE,
    "Connection": "keep-alive, X-Forwarded-For, X-Real-Ip",
    clients.PROOF: "x",
}


def recorded(house, name):
    with house.database.engine().connect() as conn:
        rows = conn.execute(select(audit_event.c.detail).where(audit_event.c.event == "sign-in-failed")).scalars()
        return [row["client"] for row in rows if row["name"] == name]


def past_traefik(house):
    """Speak to the hub's own port, as any program of this machine can; return the address that was recorded."""
    with httpx.Client(base_url=house.runtime.hub_url, timeout=30, verify=NO_TLS) as client:
        client.headers["Sec-Fetch-Mode"] = "navigate"
        page = client.get("/hub/login", headers=SAID).text
        data = {
            "_xsrf": re.search(r'name="_xsrf" value="([^"]+)"', page)[1],
            "username": "past-traefik",
            "password": "wrong",
        }
        assert client.post("/hub/login", data=data, headers=SAID).status_code == 403
    return recorded(house, "past-traefik")[-1]


def test_nobody_but_traefik_says_where_a_request_comes_from(house):
    assert past_traefik(house) == "127.0.0.1"


def test_without_the_defence_anybody_does(weak_house):
    assert past_traefik(weak_house) == ELSEWHERE


def test_what_a_client_says_of_its_own_address_is_not_believed(house):
    browser = house.browser()
    browser.sign_in("through-traefik", "wrong", headers=SAID)

    assert recorded(house, "through-traefik") == [browser.address]


def test_the_proof_that_traefik_shows_is_in_no_log(house):
    house.browser().sign_in("nobody", "wrong")

    proof = clients.proof(house.runtime)
    assert all(proof not in house.log(name) for name in ("hub", "web", "traefik"))


# ── a session that was planted before ───────────────────────────────────────────────────────────────
def kept(house):
    """Put cookies into a browser before its person signs in; return which of them are worth something afterwards."""
    browser = house.browser()
    planted = httpx.Cookies()
    for name in ("swap_session", "jupyterhub-session-id"):
        planted.set(name, PLANTED, path="/")
    browser.cookies["localhost"] = planted
    assert browser.sign_in("chidi").status_code == 200
    after = {cookie.name: cookie.value for cookie in browser.cookies["localhost"].jar}
    assert {"swap_session", "jupyterhub-session-id"} <= after.keys()
    return {name for name, value in after.items() if value == PLANTED}


def test_a_session_id_that_was_there_before_the_sign_in_is_not_kept(house):
    assert kept(house) == set()


def test_without_the_defence_the_hubs_is(weak_house):
    assert kept(weak_house) == {"jupyterhub-session-id"}


def test_a_session_id_is_another_after_each_sign_in(house):
    browser = house.sign_in("chidi")

    def ids():
        jar = browser.cookies["localhost"].jar
        return {cookie.value for cookie in jar if cookie.name in {"swap_session", "jupyterhub-session-id"}}

    first = ids()
    browser.sign_out()
    browser.sign_in("chidi")

    assert len(first) == 2
    assert not first & ids()


# ── a thief, after the password was changed ─────────────────────────────────────────────────────────
def still_open(house):
    """Give a person another password, with which they sign in at once; return what a thief still has."""
    thief = served(house, "50%")
    token = token_of(house, thief.person_id)
    host = f"{thief.person_id}.localhost"
    server = running.find(house.state, thief.person_id)
    path = house.state / "people.toml"
    before = path.read_text(encoding="utf-8")
    document = tomlkit.parse(before)
    next(entry for entry in document["people"] if entry["name"] == "50%")["password"] = CHEAP.hash("another")
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    try:
        owner = house.browser()
        owner.sign_in("50%", "another")
        assert owner.session
        got = set()
        if thief.get("/", follow=False).status_code == 200:
            got.add("portal")
        authorized = thief.get("/hub/api/oauth2/authorize?" + urlencode(AUTHORIZE), follow=False)
        if authorized.headers.get("location", "").startswith("/oauth_callback?"):
            got.add("hub")
        with house.hub_api(token) as api:
            if api.get("/user").status_code == 200:
                got.add("token")
        if has_ended(server):
            assert owner.get("/", follow=False).status_code == 200
        elif thief.get(f"/user/{thief.person_id}/api/contents", host, follow=False).status_code == 200:
            got.add("server")
        return got
    finally:
        path.write_text(before, encoding="utf-8")


AUTHORIZE = {
    "client_id": "service-portal",
    "redirect_uri": "/oauth_callback",
    "response_type": "code",
    "state": "s",
    "code_challenge": "x" * 43,
    "code_challenge_method": "S256",
}


def has_ended(server, seconds=15):
    """Wait for a process to end; tell whether it did."""
    end = time.monotonic() + seconds
    while running.is_alive(server):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_another_password_ends_what_a_thief_has_before_the_new_one_opens_anything(house):
    assert still_open(house) == set()


def test_without_the_defence_the_thief_keeps_it(weak_house):
    assert still_open(weak_house) == {"portal", "hub", "token", "server"}
