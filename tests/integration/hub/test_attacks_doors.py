"""The hub-session and token rows (H) of the security cases, on *.localhost and, real sub-domains that browsers take for one
site, on a public name under TLS.

Each attack is a function that tells what it got.  It must get nothing in the house as it is, and something
in a house whose defence against it is switched off: so each test is known to be able to fail.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import secrets
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import psycopg
import pytest

from integration.hub.attackers import person, served
from services import NO_TLS

CLIENT = "service-portal"
_numbers = itertools.count(1)


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


# ── H10: OAuth ──────────────────────────────────────────────────────────────────────────────────────
def authorize(browser, **changes):
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "client_id": CLIENT,
        "redirect_uri": "/oauth_callback",
        "response_type": "code",
        "state": "s",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    } | changes
    answer = browser.get(
        "/hub/api/oauth2/authorize?" + urlencode({key: value for key, value in query.items() if value is not None}),
        follow=False,
    )
    code = parse_qs(urlsplit(answer.headers.get("location", "")).query).get("code", [""])[0]
    return answer, code, verifier


def exchange(house, code, verifier, **changes):
    body = {
        "client_id": CLIENT,
        "client_secret": house.runtime.web_service_token,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "/oauth_callback",
        "code_verifier": verifier,
    } | changes
    with house.hub_api() as api:
        return api.post("/oauth2/token", data={key: value for key, value in body.items() if value is not None})


def test_h10_the_dance_itself_works(house):
    answer, code, verifier = authorize(person(house, "ann"))

    assert answer.headers["location"].startswith("/oauth_callback?")
    assert exchange(house, code, verifier).status_code == 200


def code_used_twice(house):
    _, code, verifier = authorize(person(house, "ann"))
    assert exchange(house, code, verifier).status_code == 200
    return exchange(house, code, verifier).status_code == 200


def no_pkce(house):
    _, code, _ = authorize(person(house, "ann"), code_challenge=None, code_challenge_method=None)
    return bool(code) and exchange(house, code, None, code_verifier=None).status_code == 200


def code_sent_elsewhere(house):
    ann = person(house, "ann")
    got = []
    for target in (
        "https://evil.example/",
        *(
            f"{address.person_url(ann.person_id)}/user/{ann.person_id}/oauth_callback"
            for address in house.settings.addresses
        ),
        "//evil.example/oauth_callback",
    ):
        answer, code, _ = authorize(ann, redirect_uri=target)
        if code and answer.headers["location"].startswith(target):
            got.append(target)
    return got


def test_h10_a_code_works_once(house):
    assert not code_used_twice(house)


def test_h10_without_the_defence_it_works_twice(weak_house):
    assert code_used_twice(weak_house)


def test_h10_no_code_is_given_without_pkce(house):
    assert not no_pkce(house)


def test_h10_without_the_defence_it_is(weak_house):
    assert no_pkce(weak_house)


def test_h10_a_code_is_worth_nothing_without_the_secret_it_was_asked_for_with(house):
    _, code, _ = authorize(person(house, "ann"))

    assert exchange(house, code, "another-verifier-" + "x" * 40).status_code == 400


def test_h10_a_code_is_sent_to_the_portal_only(house):
    assert code_sent_elsewhere(house) == []


def test_h10_without_the_defence_it_is_sent_anywhere(weak_house):
    assert "https://evil.example/" in code_sent_elsewhere(weak_house)


# ── H11: a WebSocket from another origin ────────────────────────────────────────────────────────────
def upgrade(house, browser, origin):
    """Open the events WebSocket of the person's own server, with their cookies, from a page of `origin`; return the status."""
    host = house.host(browser.person_id)
    lines = [
        f"GET /user/{browser.person_id}/api/events/subscribe HTTP/1.1",
        f"Host: {host}:{house.address.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Cookie: {browser.sent(host)}",
    ]
    if origin is not None:
        lines.append(f"Origin: {origin}")
    with house.connect(host) as raw:
        raw.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(raw.recv(4096).split()[1])


def origins(house, browser, other):
    address, host = house.address, house.host(browser.person_id)
    elsewhere = next(each for each in house.settings.addresses if each != address)
    return (
        "https://swap.example.evil.com",
        "https://evilswap.example",
        "null",
        address.url,
        address.person_url(other),
        elsewhere.person_url(browser.person_id),
        f"{address.scheme}://{host}.evil.com:{address.port}",
        f"{address.scheme}://{host}",
        f"{address.scheme}://evil{host}:{address.port}",
        f"https://{host}:{address.port}.evil.com",
        # Before TLS anybody on the way can write a page of this very host.
        *([f"http://{host}:{address.port}"] if address.tls else []),
    )


def sockets_from_elsewhere(house):
    browser = served(house, "ann")
    assert upgrade(house, browser, house.address.person_url(browser.person_id)) == 101, "one's own page may"
    return [origin for origin in origins(house, browser, "pzzzzzzzzz") if upgrade(house, browser, origin) == 101]


def test_h11_no_other_origin_opens_a_websocket(house):
    assert sockets_from_elsewhere(house) == []


def test_h11_without_the_defence_they_do(weak_house):
    assert {"https://swap.example.evil.com", "https://evilswap.example"} <= set(sockets_from_elsewhere(weak_house))


# ── H13: tricks with paths at the proxy ─────────────────────────────────────────────────────────────
TRICKS = (
    "/user/{me}/..%2f..%2fuser/{you}/api",
    "/user/{me}/..%2f{you}/api",
    "/user/{me}/../{you}/api",
    "//user/{you}/api",
    "/user//{you}/api",
    "/user/{me}/%2e%2e/{you}/api",
    "/user/{me}/%2E%2E/%2e%2e/user/{you}/api",
    "/user%2f{you}/api",
    "/%75ser/{you}/api",
    "/USER/{you}/api",
    "/User/{YOU}/api",
    "/user/{me}/..;/{you}/api",
    "/user/{me}\\..\\{you}/api",
    "/user/{me}/..%5c{you}/api",
    "/user/{me}%00/../{you}/api",
    "/./user/./{you}/api",
    "/user/{you}/api",
    "/user/{you}%2fapi",
    "/hub/../user/{you}/api",
    "/user/{me}/%252e%252e/{you}/api",
    "/user/{me}/files/..%252f..%252f{you}/api",
)


def status_of(house, host, path):
    # Under TLS the name that the handshake asks for is one that SWAP has; what it then asks for is the attack.
    with house.connect(house.portal) as raw:
        line = f"GET {path} HTTP/1.1\r\nHost: {host}:{house.address.port}\r\nConnection: close\r\n\r\n"
        raw.sendall(line.encode())
        answer = raw.recv(4096).split()
        return int(answer[1]) if len(answer) > 1 else 0


def reached(house):
    """Send every trick to the attacker's host and to the portal's; return those that another's server heard of."""
    me, you = served(house, "ann").person_id, served(house, "o'brien").person_id
    log = house.state / "logs" / f"server-{you}.log"
    if hasattr(house, "open_way_to"):
        with (
            house.hub_api(house.runtime.web_service_token),
            httpx.Client(auth=("hub", house.runtime.traefik_api_password)) as api,
        ):
            found = api.get(f"http://127.0.0.1:{house.runtime.traefik_api_port}/api/http/services").json()
            house.open_way_to(
                you, next(url for service in found if you in service["name"] for url in service["serverStatus"])
            )
        time.sleep(1)
    got = []
    for host in (house.host(me), house.portal, f"{house.host(me)}.", house.host("content")):
        for trick in TRICKS:
            mark = f"mark{next(_numbers)}"
            # In the path: no log holds a query string.
            status_of(house, host, trick.format(me=me, you=you, YOU=you.upper()) + f"/{mark}")
            got.append((trick, host, mark))
    time.sleep(0.5)
    heard = log.read_text(encoding="utf-8", errors="replace")
    return [(trick, host) for trick, host, mark in got if mark in heard]


def test_h13_no_trick_with_a_path_reaches_another_persons_server(house):
    assert reached(house) == []


def test_h13_without_the_defence_some_do(weak_house):
    assert "/user/{you}/api" in {trick for trick, _ in reached(weak_house)}


def encoded_slashes(house):
    me = served(house, "ann").person_id
    return [
        path
        for path in (f"/user/{me}/..%2fapi", f"/user/{me}/..%5capi", f"/user/{me}/a%00b")
        if status_of(house, house.host(me), path) != 400
    ]


def test_h13_encoded_slashes_and_nulls_are_refused_at_the_door(house):
    assert encoded_slashes(house) == []


def test_h13_without_the_defence_they_pass(weak_house):
    assert encoded_slashes(weak_house) != []


def test_h13_a_name_with_a_dot_behind_it_leads_nowhere(house):
    assert status_of(house, f"{house.portal}.", "/hub/login") == 421


def test_h13_without_the_defence_it_is_the_name_without(weak_house):
    assert status_of(weak_house, f"{weak_house.portal}.", "/hub/login") == 200


# ── H14: names that collide ─────────────────────────────────────────────────────────────────────────
def collisions(house):
    """Return how many of the people whose names differ in marks only are taken for another."""
    names = ("a-b", "a_b", "a--b")
    ids = []
    for name in names:
        browser = house.sign_in(name)
        page = browser.get("/").text
        assert name in page
        with house.database.engine().connect() as conn:
            digest = hashlib.sha256(browser.cookies[house.portal]["swap_session"].encode()).digest()
            ids.append(
                conn.exec_driver_sql(
                    "select person_id from swap.portal_session where digest = %s", (digest,)
                ).scalar_one()
            )
    return len(names) - len(set(ids))


def test_h14_names_that_look_alike_share_nothing(house):
    assert collisions(house) == 0


def test_h14_without_the_defence_they_share_a_home(weak_house):
    assert collisions(weak_house) > 0


def named_server(house):
    person_id = person(house, "ann.smith").person_id
    with house.hub_api(house.runtime.web_service_token) as api:
        answer = api.post(f"/users/{person_id}/servers/x-y")
        if answer.status_code in {201, 202}:
            time.sleep(1)
            api.delete(f"/users/{person_id}/servers/x-y", headers={"Content-Type": "application/json"})
            return True
    return False


def test_h14_servers_have_no_names_that_could_collide(house):
    assert not named_server(house)


def test_h14_without_the_defence_they_have(weak_house):
    assert named_server(weak_house)


# ── H15: from the person's own code straight to our ports ───────────────────────────────────────────
def open_doors(house):
    """Knock at every port of ours with nothing in hand, as kernel code on this machine can; return which opened."""
    runtime = house.runtime
    doors = {
        "hub": f"{runtime.hub_url}/hub/api/users",
        "hub info": f"{runtime.hub_url}/hub/api/info",
        "hub metrics": f"{runtime.hub_url}/hub/metrics",
        "proxy": f"http://127.0.0.1:{runtime.traefik_api_port}/api/http/routers",
        "proxy raw": f"http://127.0.0.1:{runtime.traefik_api_port}/api/rawdata",
        "gateway": f"{runtime.gateway_url}/v1/catalog",
        "gateway events": f"{runtime.gateway_url}/v1/servers/events",
        "portal": f"{runtime.web_url}/notebooks",
    }
    got = []
    for name, url in doors.items():
        for host in (None, "localhost", "127.0.0.1", "evil.example"):
            headers = {"Host": f"{host}:{house.port}"} if host else {}
            answer = httpx.get(url, headers=headers, timeout=60, verify=NO_TLS)
            if answer.is_success:
                got.append(name)
    for user, password in (
        ("swap_hub", ""),
        ("swap_hub", "swap_hub"),
        ("postgres", ""),
        ("swap_admin", ""),
        ("swap_owner", "swap"),
    ):
        try:
            server = house.database.server
            psycopg.connect(
                host="127.0.0.1",
                port=server.port,
                dbname=house.database.name,
                user=user,
                password=password,
                connect_timeout=3,
            ).close()
        except psycopg.OperationalError:
            continue
        got.append(f"postgres as {user}")
    return sorted(set(got))


def test_h15_no_port_of_ours_opens_to_empty_hands(house):
    assert open_doors(house) == []


def test_h15_without_the_defence_one_does(weak_house):
    assert "proxy" in open_doors(weak_house)


def test_h15_a_person_cannot_claim_to_come_from_elsewhere(house):
    browser = house.browser()
    browser.sign_in(
        "nobody-at-all",
        "x",
        headers={"X-Forwarded-For": "203.0.113.7", "X-Real-Ip": "203.0.113.7", "Forwarded": "for=203.0.113.7"},
    )

    with house.database.engine().connect() as conn:
        detail = conn.exec_driver_sql(
            "select detail from swap.audit_event where event = 'sign-in-failed' order by id desc limit 1"
        ).scalar_one()
    assert (detail if isinstance(detail, dict) else json.loads(detail))["client"] == browser.address
