"""The hub-session and token rows (H) of the security cases, on *.localhost and, real sub-domains that browsers take for one
site, on a public name under TLS.

Each attack is a function that tells what it got.  It must get nothing in the house as it is, and something
in a house whose defence against it is switched off: so each test is known to be able to fail.
"""

from __future__ import annotations

import re
import time
from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from integration.hub.attackers import person, served, token_of


# Not of the houses themselves: pytest would build one anew for each.
@pytest.fixture(params=["tunnel", "tls"])
def door(request):
    return request.param


@pytest.fixture
def house(house, door):
    return house.at(door)


@pytest.fixture(params=["tls", pytest.param("tunnel", marks=pytest.mark.long)])
def weak_door(request):
    """That an attack can succeed is shown at one door, and at the other in the long mode."""
    return request.param


@pytest.fixture
def weak_house(weak_house, weak_door):
    return weak_house.at(weak_door)


# ── H01: a form on another site ─────────────────────────────────────────────────────────────────────
def forms_of_another_site(house, site="cross-site", mode="no-cors", origin="https://evil.example"):
    """Send what an auto-submitting form would, with the victim's cookies; return which addresses did something."""
    victim = person(house, "chidi")
    cross = {"Origin": origin, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Referer": f"{origin}/"}
    got = []
    for path, data in (
        ("/hub/spawn", {}),
        (f"/hub/spawn/{victim.person_id}", {}),
        ("/hub/accept-share", {"code": "x"}),
        ("/server/stop", {}),
        ("/notebooks", {}),
        ("/sign-out", {}),
    ):
        answer = victim.post(path, data=data, headers=cross, follow=False)
        if (
            answer.status_code < 300
            or "spawn-pending" in answer.headers.get("location", "")
            or "signed-out" in answer.headers.get("location", "")
        ):
            got.append(path)
    with house.hub_api(house.runtime.web_service_token) as api:
        if api.get(f"/users/{victim.person_id}").json()["servers"]:
            got.append("a server was started")
            end = time.monotonic() + 60
            while (
                not api.get(f"/users/{victim.person_id}").json()["servers"].get("", {}).get("ready")
                and time.monotonic() < end
            ):
                time.sleep(0.2)
            api.delete(f"/users/{victim.person_id}/server")
    # A sign-in form that signs the victim in as the attacker.
    fresh = house.browser()
    if (
        fresh.post(
            "/hub/login", data={"username": "ann", "password": "demo-ann"}, headers=cross, follow=False
        ).status_code
        == 302
    ):
        got.append("/hub/login")
    return got


def forms_of_a_neighbour(house, mode="navigate"):
    """Send what a form on another person's host would: under TLS browsers send the victim's cookies along."""
    neighbour = house.address.person_url(person(house, "ann").person_id)
    return forms_of_another_site(house, "same-site", mode, neighbour)


@pytest.mark.parametrize("mode", ["no-cors", "navigate"])
def test_h01_a_form_on_another_site_does_nothing(house, mode):
    assert forms_of_another_site(house, mode=mode) == []


def test_h01_without_the_defence_it_does(weak_house):
    assert {"a server was started", "/hub/login"} <= set(forms_of_another_site(weak_house))


@pytest.mark.parametrize("mode", ["no-cors", "navigate"])
def test_h01_a_form_on_a_neighbours_page_does_nothing(house, mode):
    assert forms_of_a_neighbour(house, mode) == []


def test_h01_without_the_defence_a_neighbours_does(weak_house):
    assert {"a server was started", "/hub/login"} <= set(forms_of_a_neighbour(weak_house))


def forms_of_a_page_of_the_other_scheme(house):
    """Send what a form would on a page of the portal's own host that came without TLS, or, through a tunnel, with it."""
    own = f"{'http' if house.address.tls else 'https'}://{house.portal}:{house.address.port}"
    return forms_of_another_site(house, "same-origin", "navigate", own)


def test_h01_a_form_of_a_page_of_the_other_scheme_does_nothing(house):
    assert forms_of_a_page_of_the_other_scheme(house) == []


def test_h01_without_the_defence_it_does_too(weak_house):
    assert {"a server was started", "/hub/login"} <= set(forms_of_a_page_of_the_other_scheme(weak_house))


# ── H02: `next` leads elsewhere ─────────────────────────────────────────────────────────────────────
ELSEWHERE = (
    "//evil.com",
    "/\\evil.com",
    "https:evil.com",
    "http:evil.com",
    "\t//evil",
    "///evil.com",
    "https://evil.com/hub/",
    "//localhost@evil.com",
    "\\\\evil.com",
    "http://localhost.evil.com/",
    "javascript:alert(1)",
    "/\t/evil.com",
    "http:////evil.com",
    "//evil.com/..//localhost",
)


def location_of(house, browser, path):
    """Return where an answer leads, raw: a client that reads the address might mend it."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {house.portal}:{house.address.port}",
        f"Cookie: {browser.sent(house.portal)}",
        "Accept: text/html",
        "Connection: close",
    )
    with house.connect(house.portal) as line:
        line.sendall("\r\n".join((*lines, "", "")).encode())
        with line.makefile("rb") as answer:
            heads = answer.read().partition(b"\r\n\r\n")[0].decode("latin-1")
    found = re.search(r"^location: (.*?)\r?$", heads, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""


def leads_elsewhere(house):
    """Return which values of `next` lead a person who has just signed in away from SWAP."""
    got = []
    signed_in = person(house, "ann")
    for value in ELSEWHERE:
        for door in ("/hub/login", "/sign-in"):
            location = re.sub(
                r"[\t\r\n]", "", location_of(house, signed_in, f"{door}?" + urlencode({"next": value}))
            ).replace("\\", "/")
            # Browsers take any number of slashes for the beginning of a host.
            target = urlsplit(urljoin(f"{house.address.url}/hub/login", re.sub(r"^(https?:)?/{2,}", r"\1//", location)))
            if target.scheme != house.address.scheme or not house.address.holds(target.hostname or ""):
                got.append(value)
    return got


def test_h02_next_never_leads_away_from_swap(house):
    assert leads_elsewhere(house) == []


def test_h02_without_the_defence_it_does(weak_house):
    # Of the scheme one came by, such an address is one of the same host.
    other = "http:evil.com" if weak_house.address.tls else "https:evil.com"
    assert {"//evil.com", "/\\evil.com", other} <= set(leads_elsewhere(weak_house))


# ── H05: a token in an address ──────────────────────────────────────────────────────────────────────
def token_in_an_address(house):
    """Send somebody's token in the address of their server, with no cookie; return whether it was taken."""
    victim = served(house, "ann")
    token = token_of(house, victim.person_id)
    host, path = house.host(victim.person_id), f"/user/{victim.person_id}/api/contents"
    control = house.browser().get(path, host, headers={"Authorization": f"Bearer {token}"}, follow=False)
    assert control.status_code == 200, "the token itself is good"
    return house.browser().get(f"{path}?token={token}", host, follow=False).status_code == 200


def test_h05_a_token_in_an_address_is_not_accepted(house):
    assert not token_in_an_address(house)


def test_h05_without_the_defence_it_is(weak_house):
    assert token_in_an_address(weak_house)


def test_h05_a_token_of_one_person_does_not_open_the_server_of_another(house):
    ann, bertrand = served(house, "ann"), served(house, "o'brien")
    token = token_of(house, ann.person_id)

    answer = house.browser().get(
        f"/user/{bertrand.person_id}/api/contents",
        house.host(bertrand.person_id),
        headers={"Authorization": f"Bearer {token}"},
        follow=False,
    )

    assert answer.status_code == 403


# ── H06: a person's token at the hub's API ──────────────────────────────────────────────────────────
def powers_of_a_token(house):
    """Try everything with a token that holds all a person may do; return what was done."""
    ann, other = person(house, "ann"), person(house, "ann.smith")
    me, you = ann.person_id, other.person_id
    calls = [
        ("GET", "/users", None),
        ("POST", "/users", {"usernames": ["pzzzzzzzzz"]}),
        ("GET", f"/users/{you}", None),
        ("PATCH", f"/users/{me}", {"admin": True}),
        ("PATCH", f"/users/{you}", {"name": "pyyyyyyyyy"}),
        ("POST", f"/users/{me}/server", None),
        ("POST", f"/users/{you}/server", None),
        ("DELETE", f"/users/{you}/server", None),
        ("GET", f"/users/{you}/tokens", None),
        ("POST", f"/users/{you}/tokens", {}),
        ("GET", f"/users/{me}/tokens", None),
        ("POST", f"/users/{me}/tokens", {}),
        ("GET", f"/users/{you}/shared", None),
        ("POST", f"/shares/{me}/", {"user": you}),
        ("POST", f"/share-codes/{me}/", {}),
        ("GET", "/groups", None),
        ("POST", "/groups/admins", None),
        ("GET", "/services", None),
        ("GET", "/proxy", None),
        ("GET", "/info", None),
        ("POST", "/shutdown", {"servers": False, "proxy": False}),
        ("POST", f"/users/{you}/activity", {"last_activity": "2026-11-24T00:00:00Z"}),
    ]
    got = []
    with house.hub_api(token_of(house, me)) as api:
        assert api.get("/user").json()["name"] == me, "the token itself is good"
        for method, path, body in calls:
            answer = api.request(method, path, json=body)
            if answer.status_code not in {403, 404}:
                got.append(f"{method} {path} {answer.status_code}")
    return got


def test_h06_a_persons_token_can_do_nothing_at_the_hub(house):
    assert powers_of_a_token(house) == []


def test_h06_without_the_defence_it_can(weak_house):
    got = " ".join(powers_of_a_token(weak_house))

    assert "GET /users 200" in got
    assert "/tokens 201" in got


def test_h06_the_portals_token_can_only_read_start_and_stop_servers(house):
    ann = person(house, "ann")
    refused = [
        ("GET", "/users", None),
        ("POST", "/users", {"usernames": ["pzzzzzzzzz"]}),
        ("PATCH", f"/users/{ann.person_id}", {"admin": True}),
        ("POST", f"/users/{ann.person_id}/tokens", {}),
        ("GET", f"/users/{ann.person_id}/tokens", None),
        ("GET", "/proxy", None),
        ("POST", "/shutdown", {"servers": False, "proxy": False}),
        ("GET", "/groups", None),
        ("DELETE", f"/users/{ann.person_id}", None),
    ]

    with house.hub_api(house.runtime.web_service_token) as api:
        assert api.get(f"/users/{ann.person_id}").status_code == 200
        assert [
            path for method, path, body in refused if api.request(method, path, json=body).status_code not in {403, 404}
        ] == []


# ── H07: a token for ever ───────────────────────────────────────────────────────────────────────────
def tokens_for_ever(house):
    """Ask for tokens that outlive a sign-in, as a person and as the portal; return how long they live, in days."""
    ann = person(house, "ann")
    got = []
    for bearer in (token_of(house, ann.person_id), house.runtime.web_service_token):
        with house.hub_api(bearer) as api:
            for body in ({}, {"expires_in": 315_360_000}, {"expires_in": None}, {"expires_in": -1}):
                answer = api.post(f"/users/{ann.person_id}/tokens", json=body)
                if answer.status_code == 201:
                    got.append(answer.json()["expires_at"])
    return got


def test_h07_nobody_can_make_a_token_that_lives_for_ever(house):
    assert tokens_for_ever(house) == []


def test_h07_without_the_defence_they_can(weak_house):
    assert None in tokens_for_ever(weak_house)


def test_h07_what_the_hub_itself_gives_out_ends_with_the_sign_in(house):
    served(house, "ann")
    with house.database.engine("hub").connect() as conn:
        rows = conn.exec_driver_sql(
            "select extract(epoch from expires_at - created) / 86400 as days from jupyterhub.api_tokens where client_id"
            " <> 'jupyterhub'"
        ).all()

    assert rows
    assert all(row.days is not None and float(row.days) <= house.settings.people.sign_in_days + 0.01 for row in rows)
