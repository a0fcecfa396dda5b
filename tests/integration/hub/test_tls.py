"""The public address: TLS that SWAP's own Traefik ends, beside the tunnel's plain one."""

from __future__ import annotations

import re
import socket
import ssl

import httpx
import pytest
from playwright.sync_api import expect

import browsers
import services
from integration.hub.attackers import served
from integration.hub.conftest import PUBLIC, password
from swap import certificates
from swap.launch import running


@pytest.fixture
def tls(house):
    return house.at("tls")


# ── the entry ───────────────────────────────────────────────────────────────────────────────────────
def test_a_person_comes_in_over_tls_and_through_a_tunnel_and_finds_the_same_server(house, tls):
    public, tunnel = served(tls, "ann"), served(house, "ann")

    one, other = (
        browser.get(f"/user/{browser.person_id}/api/status", seen.host(browser.person_id), follow=False)
        for browser, seen in ((public, tls), (tunnel, house))
    )

    assert one.status_code == other.status_code == 200
    assert one.json()["started"] == other.json()["started"]


def test_pages_and_the_lab_lead_within_the_address_they_were_asked_at(house, tls):
    for seen, other in ((tls, house), (house, tls)):
        browser = served(seen, "ann")
        texts = [
            browser.get(path, host).text
            for path, host in (
                ("/", ""),
                ("/help/localhost-name", ""),
                (f"/user/{browser.person_id}/lab", seen.host(browser.person_id)),
                ("/server-gone", seen.host(browser.person_id)),
            )
        ]
        policies = [browser.get("/").headers["content-security-policy"], *texts]

        assert all(f"//{other.portal}:{other.address.port}" not in text for text in policies)
        assert f'"swapHome": "{seen.address.url}"' in texts[2]


def test_every_answer_demands_tls_from_then_on_and_none_through_a_tunnel_does(house, tls):
    browser = served(tls, "ann")
    host = tls.host(browser.person_id)
    answers = [
        browser.get(path, on, follow=False)
        for path, on in (("/", ""), ("/hub/login", ""), ("/nowhere", host), (f"/user/{browser.person_id}/lab", host))
    ]

    assert {answer.headers.get("strict-transport-security") for answer in answers} == {
        "max-age=31536000; includeSubDomains"
    }
    assert "strict-transport-security" not in served(house, "ann").get("/").headers


def test_no_cookie_of_one_address_is_taken_at_the_other(house, tls):
    public = tls.sign_in("bertrand")
    stolen = {f"__Host-{cookie.name}": cookie.value for cookie in public.cookies[PUBLIC].jar}
    plain = {cookie.name: cookie.value for cookie in public.cookies[PUBLIC].jar}

    with_prefix, without = (
        house.browser().get(
            "/", headers={"Cookie": "; ".join(f"{name}={value}" for name, value in pairs.items())}, follow=False
        )
        for pairs in (stolen, {})
    )
    # A neighbour's server can set the one and the other for all hosts: browsers do not take \xa0 for a space.
    tossed, disguised = (
        tls.browser().get("/", headers={"Cookie": "; ".join(pairs).encode("latin-1")}, follow=False)
        for pairs in (
            [f"{name}={value}" for name, value in plain.items()],
            [f"\xa0__Host-{name}={value}" for name, value in plain.items()],
        )
    )

    # Each is led to the sign-in: nobody is known by it.
    assert public.get("/", follow=False).status_code == 200
    assert {answer.headers["location"] for answer in (with_prefix, without, tossed, disguised)} == {"/sign-in?next=%2F"}


def test_the_public_name_is_not_answered_without_tls(house):
    answer = house.browser().get("/", PUBLIC, follow=False)
    person = house.browser().get("/user/pabcdefghi/api", f"pabcdefghi.{PUBLIC}", follow=False)

    assert answer.status_code in {404, 421}
    assert person.status_code in {404, 421}


def test_the_tunnels_names_are_not_answered_over_tls(house, tls):
    for path in ("/hub/home", "/hub/login", "/", "/user/pabcdefghi/lab"):
        with tls.connect(PUBLIC) as line:
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert int(line.recv(4096).split()[1]) in {404, 421}


def test_plain_http_is_led_to_tls_and_nowhere_else(house):
    url = f"http://127.0.0.1:{house.settings.origins.http_port}/data?x=1"

    def led(host):
        return httpx.get(url, headers={"Host": host}, verify=services.NO_TLS)

    public = house.settings.origins.url
    assert led(PUBLIC).headers["location"] == f"{public}/data?x=1"
    assert led(f"pabcdefghi.{PUBLIC}:80").headers["location"] == public.replace("//", "//pabcdefghi.") + "/data?x=1"
    for host in ("localhost", "evil.com", f"{PUBLIC}.evil.com", f"x.{PUBLIC}", f"evil{PUBLIC}"):
        assert led(host).status_code == 404, host


# That it is deprecated is why it is asked for.
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_old_tls_and_other_names_are_refused(house, tls):
    def handshake(name, newest=ssl.TLSVersion.TLSv1_3):
        trusted = services.trusting(house.settings.origins.certificate)
        trusted.check_hostname = False
        trusted.set_ciphers("ALL:@SECLEVEL=0")
        trusted.minimum_version, trusted.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, newest
        with (
            socket.create_connection(("127.0.0.1", tls.address.port), 10) as line,
            trusted.wrap_socket(line, server_hostname=name) as spoken,
        ):
            return spoken.version()

    assert handshake(PUBLIC) == "TLSv1.3"
    assert handshake(f"pabcdefghi.{PUBLIC}", ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        handshake(PUBLIC, ssl.TLSVersion.TLSv1_1)
    for name in ("other.example.org", "example.org", f"a.b.{PUBLIC}", None):
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            handshake(name)


FORGED = {
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1",
    "X-Forwarded-For": "203.0.113.7",
    "X-Real-Ip": "203.0.113.7",
    "X-Scheme": "http",
    "Forwarded": "for=203.0.113.7;host=evil.example;proto=http",
}


@pytest.mark.parametrize("name", ["tunnel", "tls"])
def test_what_a_client_says_of_how_it_came_changes_nothing(house, name):
    seen = house.at(name)
    forged = FORGED | ({} if seen.address.tls else {"X-Forwarded-Proto": "https", "X-Scheme": "https"})
    browser = seen.browser()
    known, told = (browser.get("/sign-in", headers=headers) for headers in ({}, forged))
    answer = browser.sign_in("chidi", headers=forged)

    strip = re.compile(r'value="[^"]*"|state=[^&"]*|code_challenge=[^&"]*|state%3D[^&"]*')
    assert strip.sub("", told.text).count("evil.example") == 0
    assert known.status_code == told.status_code == 200
    assert browser.session, answer.text
    with house.database.engine().connect() as conn:
        client = conn.exec_driver_sql(
            "select detail->>'client' from swap.audit_event where event = 'signed-in' order by id desc limit 1"
        ).scalar_one()
    assert client == browser.address


# ── the certificate ─────────────────────────────────────────────────────────────────────────────────
def shown(seen):
    with seen.connect(PUBLIC) as line:
        return line.getpeercert(binary_form=True)


def test_a_changed_certificate_is_shown_without_a_restart_and_one_that_is_no_good_is_not(house, tls, tmp_path):
    origins = house.settings.origins
    kept = {path: path.read_bytes() for path in (origins.certificate, origins.key)}
    watch = certificates.Watch(origins.pair, house.runtime.traefik_directory)
    before, traefik = shown(tls), house.processes["traefik"].pid
    new = services.certificate(tmp_path, PUBLIC, more=(f"*.{PUBLIC}",))
    try:
        assert watch.look() == ""
        origins.key.write_bytes(new[1].read_bytes())
        assert "cannot be used, so the former one stays" in watch.look()
        assert shown(tls) == before

        origins.certificate.write_bytes(new[0].read_bytes())
        assert watch.look() == "The certificate changed; SWAP shows the new one."
        # A line that trusts the new one alone is refused until Traefik has heard of it.
        house.wait_until(lambda: accepted(tls))
        assert shown(tls) != before
        assert house.processes["traefik"].pid == traefik
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
        watch.look()
        house.wait_until(lambda: accepted(tls))


def accepted(seen):
    try:
        return bool(shown(seen))
    except ssl.SSLCertVerificationError:
        return False


# ── in a browser ────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def chromium(house, weak_house):
    shown = (each.settings.origins.certificate for each in (house, weak_house))
    with browsers.running(*browsers.finding(PUBLIC, *shown)) as browser:
        yield browser


def sign_in(page, seen, name):
    page.goto(f"{seen.address.url}/sign-in")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password(name))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{seen.address.url}/")


def test_a_browser_signs_in_starts_a_server_and_runs_a_cell_over_tls(chromium, house, tls):
    context = chromium.new_context()
    page = context.new_page()
    outside = []
    context.on("request", lambda asked: outside.append(asked.url) if f"{PUBLIC}:" not in asked.url else None)
    sign_in(page, tls, "over-tls")
    page.get_by_role("button", name="New notebook").first.click()
    page.wait_for_url(re.compile(rf"https://p[a-z2-7]{{9}}\.{re.escape(PUBLIC)}:.*/lab/tree/.*"), timeout=90_000)
    editor = page.locator(".jp-Notebook .cm-content").last
    editor.wait_for(timeout=60_000)
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=120_000)
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("print(6 * 7)")
    expect(editor).to_have_text("print(6 * 7)")
    page.keyboard.press("Shift+Enter")
    page.locator(".jp-OutputArea-output", has_text="42").first.wait_for(timeout=60_000)

    person_id = house.person_id("over-tls")
    assert running.find(house.state, person_id) is not None
    kept = context.cookies()
    assert all(cookie["secure"] and not cookie["domain"].startswith(".") for cookie in kept), kept
    names = {cookie["name"] for cookie in kept}
    assert {"__Host-swap_session", "__Host-jupyterhub-hub-login", f"__Host-jupyterhub-user-{person_id}"} <= names
    assert {name for name in names if not name.startswith("__Host-")} <= {"_xsrf", "swap_mode"}
    assert [url for url in outside if not url.startswith(("data:", "blob:"))] == []
    context.close()


# ── H01 and H03 as a browser meets them: a page of a neighbour's server ─────────────────────────────────
def neighbour(context, seen):
    """Open a page of a host below the portal's, whose script does what a neighbour's could: anything but be elsewhere.

    It is one of SWAP's own, so that browsers see it come from this machine, and its policy is left out of account.
    """
    page = context.new_page()
    page.goto(f"{seen.address.person_url('anybody')}/")
    return page


ASKS = """async ([portal, own]) => {
    const ask = (url, how) => fetch(url, {mode: 'no-cors', credentials: 'include', ...how}).catch(() => null);
    await ask(portal + '/');
    await ask(portal + '/sign-out', {method: 'POST', body: new URLSearchParams({csrf: 'x'})});
    await ask(own + '/api/contents');
    await ask(own + '/files/notes.js');
}"""
SENDS = """url => {
    const form = Object.assign(document.createElement('form'), {method: 'post', action: url});
    document.body.append(form);
    form.submit();
}"""


def answered(chromium, seen):
    """Ask from a neighbour's page, with the victim's cookies; return what was answered with more than a refusal."""
    context = chromium.new_context(bypass_csp=True)
    victim = context.new_page()
    sign_in(victim, seen, "ann")
    person_id = seen.person_id("ann")
    if running.find(seen.state, person_id) is None:
        seen.start_server(person_id)
    own = f"{seen.address.person_url(person_id)}/user/{person_id}"
    victim.goto(f"{own}/lab")
    victim.wait_for_url(f"{own}/lab*", timeout=60_000)
    page = neighbour(context, seen)
    # What was said on the line: pages and their debuggers do not hear of an answer that is not for the page.
    asked, sent, said = {}, {}, {}
    wire = context.new_cdp_session(page)

    def asks(told):
        # The page's own picture is none of it.
        if not told["request"]["url"].startswith(seen.address.person_url("anybody")):
            asked.setdefault(told["requestId"], told["request"]["url"])

    wire.on("Network.requestWillBeSent", asks)
    wire.on("Network.requestWillBeSentExtraInfo", lambda told: sent.setdefault(told["requestId"], told["headers"]))
    wire.on("Network.responseReceivedExtraInfo", lambda told: said.setdefault(told["requestId"], told["statusCode"]))
    wire.send("Network.enable")
    page.evaluate(ASKS, [seen.address.url, own])
    while len(asked) < 4 or not asked.keys() <= sent.keys() & said.keys():
        page.wait_for_timeout(20)
    got = [url for number, url in asked.items() if said[number] < 400]
    assert all("cookie" in {name.lower() for name in sent[number]} for number in asked), "cookies are sent along"
    with page.expect_navigation() as led:
        page.evaluate(SENDS, f"{seen.address.url}/hub/login")
    if led.value.headers.get("content-type", "").startswith("text/html"):
        got.append(led.value.url)
    context.close()
    return got


def test_h01_nothing_that_a_neighbours_page_asks_for_is_answered(chromium, tls):
    assert answered(chromium, tls) == []


def test_h01_without_the_defence_it_is(chromium, weak_house):
    weak = weak_house.at("tls")

    assert {f"{weak.address.url}/", f"{weak.address.url}/hub/login"} <= set(answered(chromium, weak))


def signed_in_as_the_attacker(chromium, seen):
    """H03: set the attacker's cookies for all hosts of SWAP, from the page of the attacker's own server."""
    attacker = seen.sign_in("bertrand")
    theirs = {cookie.name: cookie.value for cookie in attacker.cookies[PUBLIC].jar}
    context = chromium.new_context(bypass_csp=True)
    page = neighbour(context, seen)
    page.evaluate(
        """([cookies, domain]) => {
            for (const [name, value] of Object.entries(cookies))
                for (const prefix of ['', '__Host-'])
                    for (const path of ['/', '/hub/', '/hub/login', '/hub/api'])
                        document.cookie = `${prefix}${name}=${value}; domain=${domain}; path=${path}; secure`;
        }""",
        [theirs, PUBLIC],
    )
    assert context.cookies(seen.address.url), "such a page can set cookies for the portal"
    page.goto(f"{seen.address.url}/")
    known = page.get_by_label("User name").count() == 0 and "bertrand" in page.content()
    context.close()
    return known


def test_h03_a_neighbours_page_cannot_sign_anybody_in_as_somebody_else(chromium, tls):
    assert not signed_in_as_the_attacker(chromium, tls)


def test_h03_without_the_defence_it_can(chromium, weak_house):
    assert signed_in_as_the_attacker(chromium, weak_house.at("tls"))
