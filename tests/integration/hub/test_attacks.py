"""The hub-session and token rows (H) of the security cases, on *.localhost.

Each attack is a function that tells what it got.  It must get nothing in the house as it is, and something
in a house whose defence against it is switched off: so each test is known to be able to fail.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import itertools
import json
import re
import secrets
import socket
import time
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import psycopg
from jupyterhub import orm
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from swap.launch import running

CLIENT = "service-portal"
_numbers = itertools.count(1)


def token_of(house, person_id, scopes=("inherit",)):
    """Return a hub token of a person, as if theirs had got into the wrong hands."""
    engine = create_engine(house.database.url("hub"))
    with Session(engine) as session:
        user = session.query(orm.User).filter_by(name=person_id).one()
        value = orm.APIToken.new(user=user, scopes=list(scopes), expires_in=600)
    engine.dispose()
    return value


def person(house, name):
    browser = house.sign_in(name)
    browser.person_id = house.person_id(name)
    return browser


def served(house, name):
    """Return a signed-in person whose server runs and who has a cookie there."""
    browser = person(house, name)
    if running.find(house.state, browser.person_id) is None:
        house.start_server(browser.person_id)
    assert browser.get(f"/user/{browser.person_id}/lab", f"{browser.person_id}.localhost").status_code == 200
    return browser


def cookies(browser, host):
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies[host].jar)


# ── H01: a form on another site ─────────────────────────────────────────────────────────────────────
def forms_of_another_site(house):
    """Send what an auto-submitting form would, with the victim's cookies; return which addresses did something."""
    victim = person(house, "chidi")
    cross = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Referer": "https://evil.example/"}
    got = []
    for path, data in (("/hub/spawn", {}), (f"/hub/spawn/{victim.person_id}", {}), ("/hub/accept-share", {"code": "x"}),
                       ("/server/stop", {}), ("/notebooks", {}), ("/sign-out", {})):
        answer = victim.post(path, data=data, headers=cross, follow=False)
        if answer.status_code < 300 or "spawn-pending" in answer.headers.get("location", "") or "signed-out" in answer.headers.get("location", ""):
            got.append(path)
    with house.hub_api(house.runtime.web_service_token) as api:
        if api.get(f"/users/{victim.person_id}").json()["servers"]:
            got.append("a server was started")
            end = time.monotonic() + 60
            while not api.get(f"/users/{victim.person_id}").json()["servers"].get("", {}).get("ready") and time.monotonic() < end:
                time.sleep(0.2)
            api.delete(f"/users/{victim.person_id}/server")
    # A sign-in form that signs the victim in as the attacker.
    fresh = house.browser()
    if fresh.post("/hub/login", data={"username": "ann", "password": "demo-ann"}, headers=cross, follow=False).status_code == 302:
        got.append("/hub/login")
    return got


def test_h01_a_form_on_another_site_does_nothing(house):
    assert forms_of_another_site(house) == []


def test_h01_without_the_defence_it_does(weak_house):
    assert {"a server was started", "/hub/login"} <= set(forms_of_another_site(weak_house))


# ── H02: `next` leads elsewhere ─────────────────────────────────────────────────────────────────────
ELSEWHERE = ("//evil.com", "/\\evil.com", "https:evil.com", "\t//evil", "///evil.com", "https://evil.com/hub/", "//localhost@evil.com", "\\\\evil.com",
             "http://localhost.evil.com/", "javascript:alert(1)", "/\t/evil.com", "http:////evil.com", "//evil.com/..//localhost")


def location_of(house, browser, path):
    """Return where an answer leads, raw: a client that reads the address might mend it."""
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=20)
    connection.request("GET", path, headers={"Host": f"localhost:{house.port}", "Cookie": cookies(browser, "localhost"), "Accept": "text/html"})
    location = connection.getresponse().headers["Location"] or ""
    connection.close()
    return location


def leads_elsewhere(house):
    """Return which values of `next` lead a person who has just signed in away from SWAP."""
    got = []
    signed_in = person(house, "ann")
    for value in ELSEWHERE:
        for door in ("/hub/login", "/sign-in"):
            location = re.sub(r"[\t\r\n]", "", location_of(house, signed_in, f"{door}?" + urlencode({"next": value}))).replace("\\", "/")
            # Browsers take any number of slashes for the beginning of a host.
            target = urlsplit(urljoin(f"http://localhost:{house.port}/hub/login", re.sub(r"^(https?:)?/{2,}", r"\1//", location)))
            if target.scheme not in {"http", ""} or not (target.hostname == "localhost" or (target.hostname or "").endswith(".localhost")):
                got.append(value)
    return got


def test_h02_next_never_leads_away_from_swap(house):
    assert leads_elsewhere(house) == []


def test_h02_without_the_defence_it_does(weak_house):
    assert {"//evil.com", "/\\evil.com", "https:evil.com"} <= set(leads_elsewhere(weak_house))


# ── H05: a token in an address ──────────────────────────────────────────────────────────────────────
def token_in_an_address(house):
    """Send somebody's token in the address of their server, with no cookie; return whether it was taken."""
    victim = served(house, "ann")
    token = token_of(house, victim.person_id)
    host, path = f"{victim.person_id}.localhost", f"/user/{victim.person_id}/api/contents"
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

    answer = house.browser().get(f"/user/{bertrand.person_id}/api/contents", f"{bertrand.person_id}.localhost",
                                 headers={"Authorization": f"Bearer {token}"}, follow=False)

    assert answer.status_code == 403


# ── H06: a person's token at the hub's API ──────────────────────────────────────────────────────────
def powers_of_a_token(house):
    """Try everything with a token that holds all a person may do; return what was done."""
    ann, other = person(house, "ann"), person(house, "ann.smith")
    me, you = ann.person_id, other.person_id
    calls = [
        ("GET", "/users", None), ("POST", "/users", {"usernames": ["pzzzzzzzzz"]}), ("GET", f"/users/{you}", None), ("PATCH", f"/users/{me}", {"admin": True}),
        ("PATCH", f"/users/{you}", {"name": "pyyyyyyyyy"}), ("POST", f"/users/{me}/server", None), ("POST", f"/users/{you}/server", None),
        ("DELETE", f"/users/{you}/server", None), ("GET", f"/users/{you}/tokens", None), ("POST", f"/users/{you}/tokens", {}),
        ("GET", f"/users/{me}/tokens", None), ("POST", f"/users/{me}/tokens", {}), ("GET", f"/users/{you}/shared", None),
        ("POST", f"/shares/{me}/", {"user": you}), ("POST", f"/share-codes/{me}/", {}), ("GET", "/groups", None), ("POST", "/groups/admins", None),
        ("GET", "/services", None), ("GET", "/proxy", None), ("GET", "/info", None), ("POST", "/shutdown", {"servers": False, "proxy": False}),
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
    refused = [("GET", "/users", None), ("POST", "/users", {"usernames": ["pzzzzzzzzz"]}), ("PATCH", f"/users/{ann.person_id}", {"admin": True}),
               ("POST", f"/users/{ann.person_id}/tokens", {}), ("GET", f"/users/{ann.person_id}/tokens", None), ("GET", "/proxy", None),
               ("POST", "/shutdown", {"servers": False, "proxy": False}), ("GET", "/groups", None), ("DELETE", f"/users/{ann.person_id}", None)]

    with house.hub_api(house.runtime.web_service_token) as api:
        assert api.get(f"/users/{ann.person_id}").status_code == 200
        assert [path for method, path, body in refused if api.request(method, path, json=body).status_code not in {403, 404}] == []


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
            "select extract(epoch from expires_at - created) / 86400 as days from jupyterhub.api_tokens where client_id <> 'jupyterhub'").all()

    assert rows
    assert all(row.days is not None and float(row.days) <= house.settings.people.sign_in_days + 0.01 for row in rows)


# ── H10: OAuth ──────────────────────────────────────────────────────────────────────────────────────
def authorize(browser, **changes):
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {"client_id": CLIENT, "redirect_uri": "/oauth_callback", "response_type": "code", "state": "s", "code_challenge": challenge,
             "code_challenge_method": "S256"} | changes
    answer = browser.get("/hub/api/oauth2/authorize?" + urlencode({key: value for key, value in query.items() if value is not None}), follow=False)
    code = parse_qs(urlsplit(answer.headers.get("location", "")).query).get("code", [""])[0]
    return answer, code, verifier


def exchange(house, code, verifier, **changes):
    body = {"client_id": CLIENT, "client_secret": house.runtime.web_service_token, "grant_type": "authorization_code", "code": code,
            "redirect_uri": "/oauth_callback", "code_verifier": verifier} | changes
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
    for target in ("https://evil.example/", f"http://{ann.person_id}.localhost:{house.port}/user/{ann.person_id}/oauth_callback", "//evil.example/oauth_callback"):
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
    host = f"{browser.person_id}.localhost"
    lines = [f"GET /user/{browser.person_id}/api/events/subscribe HTTP/1.1", f"Host: {host}:{house.port}", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}", "Sec-WebSocket-Version: 13", f"Cookie: {cookies(browser, host)}"]
    if origin is not None:
        lines.append(f"Origin: {origin}")
    with socket.create_connection(("127.0.0.1", house.port), 10) as raw:
        raw.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(raw.recv(4096).split()[1])


def origins(house, browser, other):
    port = house.port
    return ("https://swap.example.evil.com", "https://evilswap.example", "null", f"http://localhost:{port}", f"http://{other}.localhost:{port}",
            f"http://{browser.person_id}.localhost.evil.com:{port}", f"http://{browser.person_id}.localhost", f"http://evil{browser.person_id}.localhost:{port}",
            f"https://{browser.person_id}.localhost:{port}.evil.com")


def sockets_from_elsewhere(house):
    browser = served(house, "ann")
    assert upgrade(house, browser, f"http://{browser.person_id}.localhost:{house.port}") == 101, "one's own page may"
    return [origin for origin in origins(house, browser, "pzzzzzzzzz") if upgrade(house, browser, origin) == 101]


def test_h11_no_other_origin_opens_a_websocket(house):
    assert sockets_from_elsewhere(house) == []


def test_h11_without_the_defence_they_do(weak_house):
    assert {"https://swap.example.evil.com", "https://evilswap.example"} <= set(sockets_from_elsewhere(weak_house))


# ── H13: tricks with paths at the proxy ─────────────────────────────────────────────────────────────
TRICKS = (
    "/user/{me}/..%2f..%2fuser/{you}/api", "/user/{me}/..%2f{you}/api", "/user/{me}/../{you}/api", "//user/{you}/api", "/user//{you}/api",
    "/user/{me}/%2e%2e/{you}/api", "/user/{me}/%2E%2E/%2e%2e/user/{you}/api", "/user%2f{you}/api", "/%75ser/{you}/api", "/USER/{you}/api", "/User/{YOU}/api",
    "/user/{me}/..;/{you}/api", "/user/{me}\\..\\{you}/api", "/user/{me}/..%5c{you}/api", "/user/{me}%00/../{you}/api", "/./user/./{you}/api", "/user/{you}/api",
    "/user/{you}%2fapi", "/hub/../user/{you}/api", "/user/{me}/%252e%252e/{you}/api", "/user/{me}/files/..%252f..%252f{you}/api",
)


def status_of(house, host, path):
    with socket.create_connection(("127.0.0.1", house.port), 10) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{house.port}\r\nConnection: close\r\n\r\n".encode())
        answer = raw.recv(4096).split()
        return int(answer[1]) if len(answer) > 1 else 0


def reached(house):
    """Send every trick to the attacker's host and to the portal's; return those that another's server heard of."""
    me, you = served(house, "ann").person_id, served(house, "o'brien").person_id
    log = house.state / "logs" / f"server-{you}.log"
    if hasattr(house, "open_way_to"):
        with house.hub_api(house.runtime.web_service_token), httpx.Client(auth=("hub", house.runtime.traefik_api_password)) as api:
            found = api.get(f"http://127.0.0.1:{house.runtime.traefik_api_port}/api/http/services").json()
            house.open_way_to(you, next(url for service in found if you in service["name"] for url in service["serverStatus"]))
        time.sleep(1)
    got = []
    for host in (f"{me}.localhost", "localhost", f"{me}.localhost.", "content.localhost"):
        for trick in TRICKS:
            mark = f"mark{next(_numbers)}"
            status_of(house, host, trick.format(me=me, you=you, YOU=you.upper()) + f"?{mark}")
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
    return [path for path in (f"/user/{me}/..%2fapi", f"/user/{me}/..%5capi", f"/user/{me}/a%00b") if status_of(house, f"{me}.localhost", path) != 400]


def test_h13_encoded_slashes_and_nulls_are_refused_at_the_door(house):
    assert encoded_slashes(house) == []


def test_h13_without_the_defence_they_pass(weak_house):
    assert encoded_slashes(weak_house) != []


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
            digest = hashlib.sha256(browser.cookies["localhost"]["swap_session"].encode()).digest()
            ids.append(conn.exec_driver_sql("select person_id from swap.portal_session where digest = %s", (digest,)).scalar_one())
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
        "hub": f"{runtime.hub_url}/hub/api/users", "hub info": f"{runtime.hub_url}/hub/api/info", "hub metrics": f"{runtime.hub_url}/hub/metrics",
        "proxy": f"http://127.0.0.1:{runtime.traefik_api_port}/api/http/routers", "proxy raw": f"http://127.0.0.1:{runtime.traefik_api_port}/api/rawdata",
        "gateway": f"{runtime.gateway_url}/v1/catalog", "gateway events": f"{runtime.gateway_url}/v1/servers/events", "portal": f"{runtime.web_url}/notebooks",
    }
    got = []
    for name, url in doors.items():
        for host in (None, "localhost", "127.0.0.1", "evil.example"):
            headers = {"Host": f"{host}:{house.port}"} if host else {}
            answer = httpx.get(url, headers=headers, timeout=10)
            if answer.is_success:
                got.append(name)
    for user, password in (("swap_hub", ""), ("swap_hub", "swap_hub"), ("postgres", ""), ("swap_admin", ""), ("swap_owner", "swap")):
        try:
            server = house.database.server
            psycopg.connect(host="127.0.0.1", port=server.port, dbname=house.database.name, user=user, password=password, connect_timeout=3).close()
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
    browser.sign_in("nobody-at-all", "x", headers={"X-Forwarded-For": "203.0.113.7", "X-Real-Ip": "203.0.113.7", "Forwarded": "for=203.0.113.7"})

    with house.database.engine().connect() as conn:
        detail = conn.exec_driver_sql("select detail from swap.audit_event where event = 'sign-in-failed' order by id desc limit 1").scalar_one()
    assert (detail if isinstance(detail, dict) else json.loads(detail))["client"] == browser.address
