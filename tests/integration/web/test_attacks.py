"""Attacks on the portal.  Each is named; each fails when its defence is switched off, which the same test shows.

A defence is switched off by a fixture of the test (`adapt`, or a module attribute put back at the end), never
by a setting of the product.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import jwt
import pytest

from integration.web.doubles import TABLES, column
from integration.web.running import ADMINS, PERSON_IDS, Browser, Portal, csrf, finish_sign_in, running
from services import Database
from swap import homes
from swap.web import auth, forms, guard, hub, paths

REDIRECT = HTTPStatus.SEE_OTHER


@contextmanager
def without(module: Any, name: str, instead: Any) -> Iterator[None]:
    """Switch a defence off for the block."""
    kept = getattr(module, name)
    setattr(module, name, instead)
    try:
        yield
    finally:
        setattr(module, name, kept)


def holds(attack: Callable[[], bool], module: Any, name: str, instead: Any) -> None:
    """Assert that `attack` fails, and that it would succeed without the defence: a test that cannot fail proves nothing."""
    assert not attack(), "the attack succeeded"
    with without(module, name, instead):
        assert attack(), f"the attack fails for another reason than {name}"


# ── Forms ───────────────────────────────────────────────────────────────────────────────────────────
def test_a_form_without_the_sessions_mark_changes_nothing(portal: Portal) -> None:
    browser = portal.signed_in()

    def attack() -> bool:
        return browser.post("/notebooks", {"table": ""}).status_code == REDIRECT

    holds(attack, forms, "check_csrf", lambda *_: None)


def test_another_persons_mark_is_no_mark_of_mine(portal: Portal) -> None:
    ann, bertrand = portal.signed_in("ann"), portal.signed_in("bertrand")
    mark = csrf(bertrand.get("/").text)

    def attack() -> bool:
        return ann.post("/notebooks", {"csrf": mark}).status_code == REDIRECT

    holds(attack, forms, "check_csrf", lambda *_: None)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://paaaaaaaaa.localhost:{port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:{port}.evil.example"},
        {"Origin": "http://localhost:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "", "Sec_Fetch_Site": ""},
    ],
    ids=str,
)
def test_a_form_of_another_origin_changes_nothing_even_with_the_right_mark(
    shared: Portal, headers: dict[str, str]
) -> None:
    browser = shared.signed_in()
    mark = csrf(browser.get("/").text)
    sent = {key: value.format(port=shared.port) for key, value in headers.items()}

    def attack() -> bool:
        return browser.post("/notebooks", {"csrf": mark}, **sent).status_code == REDIRECT

    holds(attack, forms, "check_origin", lambda *_: None)


def test_every_post_of_the_portal_demands_mark_and_origin(portal: Portal) -> None:
    browser = portal.signed_in("boss", (ADMINS, "analysts"))  # for others the admin's forms do not exist
    from swap.web.routes import ROUTES  # noqa: PLC0415 - read here: the list is the subject

    posts = [route.path for route in ROUTES if route.method == "POST"]
    assert len(posts) >= 6
    for path in posts:
        assert browser.post(path, {"mode": "dark"}).status_code == HTTPStatus.FORBIDDEN, path
        assert (
            browser.post(path, {"csrf": csrf(browser.get("/").text)}, Origin="http://evil.example").status_code
            == HTTPStatus.FORBIDDEN
        ), path


def test_the_session_cookie_is_not_sent_with_forms_of_other_sites(portal: Portal) -> None:
    browser = Browser(portal.port)
    answer = finish_sign_in(portal, browser, portal.person())
    line = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(auth.SESSION_COOKIE))
    assert "HttpOnly" in line
    assert "SameSite=lax" in line
    assert "Path=/" in line
    assert "Domain" not in line


def test_a_form_that_is_too_large_is_refused_before_it_is_read(portal: Portal) -> None:
    browser = portal.signed_in()
    mark = csrf(browser.get("/").text)
    assert browser.post("/notebooks", {"csrf": mark, "table": "x" * 70_000}).status_code == HTTPStatus.BAD_REQUEST


# ── Signing in ──────────────────────────────────────────────────────────────────────────────────────
def test_a_session_fixed_before_signing_in_is_never_adopted(portal: Portal) -> None:
    browser = Browser(portal.port, cookies={auth.SESSION_COOKIE: "known-to-the-attacker"})
    finish_sign_in(portal, browser, portal.person())
    assert browser.cookies[auth.SESSION_COOKIE] != "known-to-the-attacker"
    assert Browser(portal.port, cookies={auth.SESSION_COOKIE: "known-to-the-attacker"}).get("/").status_code == REDIRECT


def test_two_sign_ins_have_two_sessions(portal: Portal) -> None:
    first, second = portal.signed_in(), portal.signed_in()
    assert first.cookies[auth.SESSION_COOKIE] != second.cookies[auth.SESSION_COOKIE]


def test_only_the_digest_of_a_session_is_kept(portal: Portal) -> None:
    browser = portal.signed_in()
    with portal.database.engine().connect() as conn:
        rows = conn.exec_driver_sql("SELECT * FROM swap.portal_session").all()
    assert len(rows) == 1
    assert browser.cookies[auth.SESSION_COOKIE] not in str(rows)
    assert browser.cookies[auth.SESSION_COOKIE].encode() not in bytes(rows[0][0])


def test_an_answer_another_browser_asked_for_signs_nobody_in(portal: Portal) -> None:
    """Login CSRF: the attacker's own code in the victim's browser would make the victim work in the attacker's account."""
    attacker, victim = Browser(portal.port), Browser(portal.port)
    query = parse_qs(urlsplit(attacker.get("/sign-in").headers["location"]).query)
    code = portal.hub.authorise(query, portal.person("bertrand"))

    def attack() -> bool:
        return victim.get(f"/oauth_callback?code={code}&state={query['state'][0]}").status_code == REDIRECT

    assert not attack()
    # Without the binding to the browser (here: with the attacker's own cookie in the victim's browser) it would work.
    victim.cookies.update(attacker.cookies)
    assert attack()


def test_a_state_counts_once(portal: Portal) -> None:
    browser = Browser(portal.port)
    begun = browser.get("/sign-in")
    kept = dict(browser.cookies)
    query = parse_qs(urlsplit(begun.headers["location"]).query)
    person = portal.person()

    def again() -> bool:
        browser.cookies.update(kept)
        code = portal.hub.authorise(query, person)
        return browser.get(f"/oauth_callback?code={code}&state={query['state'][0]}").status_code == REDIRECT

    assert again()
    holds(again, auth.Used, "first_time", lambda *_: True)


def test_a_state_ends_after_ten_minutes(portal: Portal) -> None:
    browser = Browser(portal.port)
    old, long_ago = auth.Pending("s" * 43, "v" * 43, "/"), datetime.now(UTC) - timedelta(seconds=601)
    person = portal.person()

    def attack() -> bool:
        browser.cookies["swap_oauth_ssssssss"] = auth.seal(portal.runtime.web_service_token, old, long_ago)
        code = portal.hub.authorise({}, person)
        portal.hub.requires_pkce = False
        return browser.get(f"/oauth_callback?code={code}&state={'s' * 43}").status_code == REDIRECT

    holds(attack, auth, "STATE_SECONDS", 10_000)


def test_a_pending_sign_in_nobody_sealed_is_refused(portal: Portal) -> None:
    """With a cookie of their own making, attackers would choose state, verifier and where the sign-in leads."""
    person = portal.person()

    def attack() -> bool:
        forged = auth.seal("not the key", auth.Pending(secrets.token_hex(20), "v" * 43, "/"), datetime.now(UTC))
        state = jwt.decode(forged, options={"verify_signature": False})["state"]
        browser = Browser(portal.port, cookies={f"swap_oauth_{state[:8]}": forged})
        portal.hub.requires_pkce = False
        return (
            browser.get(f"/oauth_callback?code={portal.hub.authorise({}, person)}&state={state}").status_code
            == REDIRECT
        )

    holds(attack, auth, "_key", lambda _: b"the same for everybody who knows it")


def test_a_code_without_the_verifier_it_was_asked_with_is_worth_nothing(portal: Portal) -> None:
    """PKCE: a code that leaked (a log, a history) must not do without the secret the browser's sign-in holds."""
    person = portal.person()
    victim = parse_qs(urlsplit(Browser(portal.port).get("/sign-in").headers["location"]).query)
    assert victim["code_challenge_method"] == ["S256"]
    leaked = portal.hub.authorise(victim, person)

    def attack() -> bool:
        nonlocal leaked
        thief = Browser(portal.port)
        own = parse_qs(urlsplit(thief.get("/sign-in").headers["location"]).query)
        worked = thief.get(f"/oauth_callback?code={leaked}&state={own['state'][0]}").status_code == REDIRECT
        leaked = portal.hub.authorise(victim, person)
        return worked

    assert not attack()
    portal.hub.requires_pkce = False
    assert attack()


def test_a_code_counts_once(portal: Portal) -> None:
    browser = Browser(portal.port)
    query = parse_qs(urlsplit(browser.get("/sign-in").headers["location"]).query)
    code = portal.hub.authorise(query, portal.person())
    assert browser.get(f"/oauth_callback?code={code}&state={query['state'][0]}").status_code == REDIRECT
    second = Browser(portal.port)
    state = parse_qs(urlsplit(second.get("/sign-in").headers["location"]).query)["state"][0]
    answer = second.get(f"/oauth_callback?code={code}&state={state}")
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert auth.SESSION_COOKIE not in second.cookies


def test_a_hub_that_names_nobody_we_know_signs_nobody_in(portal: Portal) -> None:
    for name in ("content", "../x", "", "pzzzzzzzzz"):
        browser = Browser(portal.port)
        answer = finish_sign_in(portal, browser, name)
        assert answer.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}, name
        assert auth.SESSION_COOKIE not in browser.cookies


EVIL = [
    "//evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https://evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "http:///evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "/ /evil.example",
    "//evil.example/..",
    "/%09/evil.example\n",
    " //evil.example",
]


@pytest.mark.parametrize("target", EVIL)
def test_signing_in_leads_nowhere_but_here(shared: Portal, target: str) -> None:
    """H02: an open redirect behind a real sign-in page lends its good name to a false one."""
    person = shared.person()

    def attack() -> bool:
        try:
            answer = finish_sign_in(shared, Browser(shared.port), person, quote(target))
        except httpx.InvalidURL:  # the client refuses even to look at such a Location
            return True
        return answer.headers.get("location", "") != "/"

    holds(attack, paths, "local", lambda value: value)


def test_signing_in_leads_back_to_the_page_that_asked(portal: Portal) -> None:
    browser = Browser(portal.port)
    asked = browser.get("/data/lake?q=page%20view").headers["location"]
    assert asked.startswith("/sign-in?next=")
    assert (
        finish_sign_in(portal, browser, portal.person(), asked.removeprefix("/sign-in?next=")).headers["location"]
        == "/data/lake?q=page%20view"
    )


# ── Sessions end ────────────────────────────────────────────────────────────────────────────────────
def test_signing_out_ends_every_session_of_mine_and_nobody_elses(portal: Portal) -> None:
    here, elsewhere, other = portal.signed_in("ann"), portal.signed_in("ann"), portal.signed_in("bertrand")
    stolen = dict(here.cookies)
    answer = here.submit("/sign-out")
    assert answer.headers["location"] == "/signed-out"
    assert auth.SESSION_COOKIE not in here.cookies
    assert Browser(portal.port, cookies=stolen).get("/").status_code == REDIRECT
    assert elsewhere.get("/").status_code == REDIRECT
    assert other.get("/").status_code == HTTPStatus.OK
    with portal.database.engine().connect() as conn:
        epoch, events = (
            conn.exec_driver_sql("SELECT epoch FROM swap.person WHERE name = 'ann'").scalar(),
            conn.exec_driver_sql("SELECT count(*) FROM swap.audit_event WHERE event = 'signed-out'").scalar(),
        )
    assert epoch == 1
    assert events == 1


def test_signing_out_deletes_the_hubs_cookies_too(portal: Portal) -> None:
    browser = portal.signed_in()
    gone = [line for line in browser.submit("/sign-out").headers.get_list("set-cookie") if "Max-Age=0" in line]
    assert any(line.startswith("jupyterhub-hub-login=") and "Path=/hub/" in line for line in gone)
    assert any(line.startswith("jupyterhub-session-id=") for line in gone)


def test_a_link_alone_signs_nobody_out(portal: Portal) -> None:
    browser = portal.signed_in()
    assert browser.get("/sign-out").status_code == HTTPStatus.OK
    assert browser.get("/").status_code == HTTPStatus.OK


def test_signed_out_people_see_no_page_of_theirs(portal: Portal) -> None:
    from swap.web.routes import ROUTES  # noqa: PLC0415 - read here: the list is the subject

    browser = Browser(portal.port)
    for route in ROUTES:
        path = route.path.replace("{page:path}", "reference/sql").replace("{path:path}", "a.ipynb")
        path = path.format(
            source="lake", schema="wmf", table="pageview_hourly", notebook_id="0" * 32, report_id="0", run_id="0"
        )
        answer = browser.get(path) if route.method == "GET" else browser.post(path, {"csrf": ""})
        assert answer.status_code == (HTTPStatus.OK if route.public and path != "/sign-out" else REDIRECT), path


# ── Names that are code ─────────────────────────────────────────────────────────────────────────────
SCRIPT = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def test_names_comments_and_titles_that_are_code_stay_text(database: Database, tmp_path: Path) -> None:
    def pages(portal: Portal) -> list[str]:
        portal.gateway.tables = TABLES | {
            "lake.wmf.pageview_hourly": {
                **TABLES["lake.wmf.pageview_hourly"],
                "comment": SCRIPT,
                "owner": SCRIPT,
                "partitions": ["b"],
                "divided": {
                    "keys": ["b"],
                    "finer": "",
                    "count": 1,
                    "newest": [{"values": [SCRIPT], "parts": 1, "rows": 1, "exact": True}],
                },
                "columns": [
                    column(
                        "a", SCRIPT, SCRIPT, sensitivity=SCRIPT, readable=False, rule=SCRIPT, because=SCRIPT, ask=SCRIPT
                    ),
                    column("b", "text", partition=True),
                ],
            }
        }
        portal.gateway.failure = {"category": "source-failed", "title": SCRIPT, "why": SCRIPT, "todo": SCRIPT}
        browser = portal.signed_in("ann", (SCRIPT,))
        with portal.database.engine().begin() as conn:
            conn.exec_driver_sql("UPDATE swap.person SET name = %s", (SCRIPT,))
        home = portal.home()
        home.mkdir(parents=True, exist_ok=True)
        (home / "a.ipynb").write_text(
            json.dumps({"cells": [{"cell_type": "markdown", "source": f"# {SCRIPT}"}]}), encoding="utf-8"
        )
        (home / "<img src=x onerror=alert(1)>.ipynb").write_text("{}", encoding="utf-8")
        (portal.settings.examples or home).joinpath("evil.ipynb").write_text(
            json.dumps(
                {
                    "cells": [{"cell_type": "code", "source": f"%%swap x\n{SCRIPT}"}],
                    "metadata": {"title": SCRIPT, "summary": SCRIPT, "tag": SCRIPT},
                }
            ),
            encoding="utf-8",
        )
        table = "/data/lake/wmf/pageview_hourly"
        return [
            browser.get(path).text
            for path in (
                "/",
                "/notebooks",
                "/data",
                "/data/lake",
                f"/data/lake?q={quote(SCRIPT)}",
                table,
                f"{table}/preview",
                f"/server?next={quote(SCRIPT)}.ipynb",
                "/sign-out",
                f"/nothing/{quote(SCRIPT)}",
            )
        ]

    def is_code(texts: list[str]) -> bool:
        return any('<script>alert("x")' in text or "<img src=x" in text for text in texts)

    with running(database, tmp_path) as portal:
        texts = pages(portal)
        assert not is_code(texts)
        assert sum("&lt;script&gt;" in text for text in texts) >= 8
        portal_templates = None

    def plain(app: Any) -> None:
        nonlocal portal_templates
        portal_templates = app.state.portal.templates
        portal_templates.autoescape = False

    with running(database, tmp_path, plain) as portal:
        assert is_code(pages(portal))


def test_no_page_may_run_inline_script_or_be_framed(portal: Portal) -> None:
    browser = portal.signed_in()
    for path in ("/", "/data", "/signed-out", "/nothing", "/server", "/static/build/nothing"):
        headers = browser.get(path).headers
        policy = {part.split(" ")[0]: part.split(" ")[1:] for part in headers["content-security-policy"].split("; ")}
        assert policy["default-src"] == ["'none'"]
        assert policy["script-src"] == policy["style-src"] == ["'self'"]
        assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"


def test_pages_hold_no_inline_script_style_or_outside_address(portal: Portal) -> None:
    browser = portal.signed_in()
    for path in (
        "/",
        "/notebooks",
        "/data",
        "/data/lake",
        "/data/lake/wmf/pageview_hourly",
        "/help/localhost-name",
        "/server",
    ):
        text = browser.get(path).text
        assert "<script>" not in text
        assert " style=" not in text
        assert " onclick" not in text
        assert "https://" not in text


# ── Other people's things ───────────────────────────────────────────────────────────────────────────
def test_nobody_reads_another_persons_notebooks(portal: Portal) -> None:
    """IDOR: no address, form field or cookie of mine names another's home."""
    secret = portal.runtime.homes / PERSON_IDS["bertrand"] / "payroll.ipynb"
    secret.parent.mkdir()
    secret.write_text(
        json.dumps({"cells": [{"cell_type": "markdown", "source": "# Payroll of everybody"}]}), encoding="utf-8"
    )
    ann, bertrand = portal.signed_in("ann"), portal.signed_in("bertrand")
    assert "Payroll of everybody" in bertrand.get("/notebooks").text
    other = PERSON_IDS["bertrand"]
    for path in (
        "/",
        "/notebooks",
        f"/notebooks?person={other}",
        f"/notebooks?q=../{other}/payroll",
        f"/server?next=../{other}/payroll.ipynb",
        f"/server?next={other}/payroll.ipynb",
    ):
        answer = ann.get(path, X_Forwarded_User=other, Cookie2=f"person={other}")
        assert "Payroll" not in answer.text, path
        assert other not in answer.headers.get("location", ""), path


TRAVERSAL = [
    "../pbbbbbbbbb/payroll.ipynb",
    "..%2Fpbbbbbbbbb%2Fpayroll.ipynb",
    "/etc/passwd.ipynb",
    "a/../../x.ipynb",
    "./x.ipynb",
    "a//x.ipynb",
    "x.ipynb\x00",
    "..\\x.ipynb",
    "a\nb.ipynb",
    "x.txt",
]


@pytest.mark.parametrize("path", TRAVERSAL)
def test_the_way_to_a_notebook_never_leaves_the_home(shared: Portal, path: str) -> None:
    browser = shared.signed_in()
    shared.hub.state[PERSON_IDS["ann"]] = "running"
    answer = browser.submit("/server/start", next=path)
    location = answer.headers["location"]
    assert location.startswith(f"http://{PERSON_IDS['ann']}.localhost:{shared.port}/user/{PERSON_IDS['ann']}/lab")
    assert not location.removeprefix(
        f"http://{PERSON_IDS['ann']}.localhost:{shared.port}/user/{PERSON_IDS['ann']}/lab"
    ).lstrip("/") or ".." not in location.replace("..%252F", "")


def test_links_in_a_home_are_not_followed(portal: Portal, tmp_path: Path) -> None:
    """S01: the person's code may put a link there; reading through it would show what the portal can read and they cannot."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "markdown", "source": "# The secret of the house"}]}), encoding="utf-8"
    )
    home = portal.home()
    home.mkdir()
    (home / "link.ipynb").symlink_to(outside / "secret.ipynb")
    (home / "folder").symlink_to(outside)
    os.mkfifo(home / "pipe.ipynb")
    browser = portal.signed_in()
    page = browser.get("/notebooks")
    assert page.status_code == HTTPStatus.OK
    assert "The secret of the house" not in page.text
    assert "link.ipynb" not in page.text


def test_a_home_that_is_a_link_is_not_written_through(portal: Portal, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    portal.home().symlink_to(outside)
    portal.hub.state[PERSON_IDS["ann"]] = "running"
    browser = portal.signed_in()

    def attack() -> bool:
        browser.submit("/notebooks")
        return bool(list(outside.iterdir()))

    holds(attack, homes, "OPEN_DIRECTORY", os.O_RDONLY | os.O_DIRECTORY)


def test_no_example_but_the_sites_is_copied(portal: Portal, tmp_path: Path) -> None:
    (tmp_path / "other.ipynb").write_text(json.dumps({"cells": [], "metadata": {}}), encoding="utf-8")
    browser = portal.signed_in()
    for name in ("../other", "..", "/etc/passwd", "top-pages.ipynb", "nothing", "a\x00"):
        assert browser.submit("/notebooks", example=name).status_code == HTTPStatus.NOT_FOUND, name


# ── Hosts ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost.evil.example:{port}", "paaaaaaaaa.localhost:{port}", ""]
)
def test_a_host_that_is_not_ours_reaches_no_session(shared: Portal, host: str) -> None:
    """DNS rebinding: a foreign name that resolves to loopback makes the browser send requests here."""
    browser = shared.signed_in()

    def attack() -> bool:
        return "ann" in browser.get("/", Host=host.format(port=shared.port)).text

    holds(attack, guard.Guard, "_elsewhere", lambda *_: None)


def test_the_hubs_secret_never_reaches_a_browser(portal: Portal) -> None:
    browser = Browser(portal.port)
    begun = browser.get("/sign-in")
    assert portal.runtime.web_service_token not in str(begun.headers) + str(browser.cookies)
    assert hub.CLIENT_ID in begun.headers["location"]
