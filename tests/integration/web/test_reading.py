"""A notebook as it is read: the page around it, the host on which it is shown, and whom an address serves.

Rows R13, R14 and F01 of the list of attacks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import httpx
import pytest

import notebooks
from integration.web.running import PERSON_IDS, Browser, Portal, csrf
from integration.web.test_attacks import holds, without
from services import NO_TLS
from swap.people import service, signed
from swap.web import content

OK, NOT_FOUND, FORBIDDEN = HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN


@pytest.fixture
def ann(shared: Portal) -> Browser:
    browser = shared.signed_in()
    picture = notebooks.shown({"image/png": notebooks.png(5, 4), "text/plain": "<Figure>"})
    for path, made in (
        ("first.ipynb", notebooks.content(notebooks.markdown("# Mobile readers\n\n## Where"), notebooks.code("x = 1", picture))),
        ("ideas/naïve #1?.ipynb", notebooks.content(notebooks.markdown("# Naïve"))),
        (".hidden/secret.ipynb", notebooks.content()),
        ("empty.ipynb", notebooks.content()),
        ("old.ipynb", b'{"nbformat": 3, "worksheets": []}'),
        ("broken.ipynb", b"<script>"),
    ):  # fmt: skip
        file = shared.home() / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made)
    return browser


def framed(page: str) -> str:
    """Return the address that a page has in its frame."""
    return unescape(re.findall(r'<iframe class="reader" name="[^"]*" src="([^"]*)"', page)[0])


def ask(portal: Portal, url: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Ask the host of notebooks, as a browser does: without any cookie."""
    split = urlsplit(url)
    path = f"{split.path}?{split.query}" if split.query else split.path
    sent = {"Host": split.netloc, **{key.replace("_", "-"): value for key, value in headers.items()}}
    with httpx.Client(trust_env=False, verify=NO_TLS, timeout=60) as client:
        return client.request(method, f"http://127.0.0.1:{portal.port}{path}", headers=sent)


def address(browser: Browser, path: str = "first.ipynb") -> str:
    return framed(browser.get(f"/notebooks/read/{quote(path)}").text)


# ── the page around it ──────────────────────────────────────────────────────────────────────────────
def test_a_notebook_is_read_without_a_server(shared: Portal, ann: Browser) -> None:
    before = len(shared.hub.requests)
    home = ann.get("/").text
    assert 'href="/notebooks/read/first.ipynb"' in home
    page = ann.get("/notebooks/read/first.ipynb")
    shown = ask(shared, framed(page.text))
    assert (page.status_code, shown.status_code) == (OK, OK)
    assert "Mobile readers" in page.text
    assert '<h2 id="Mobile-readers">Mobile readers</h2>' in shown.text
    assert not [each for each in shared.hub.requests[before:] if not each.startswith("GET")]


def test_names_of_all_kinds_have_an_address(ann: Browser) -> None:
    path = quote("ideas/naïve #1?.ipynb")
    assert f'href="/notebooks/read/{path}"' in ann.get("/notebooks").text
    assert ann.get(f"/notebooks/read/{path}").status_code == OK


def test_code_is_shown_when_it_is_asked_for(shared: Portal, ann: Browser) -> None:
    folded = ask(shared, address(ann)).text
    page = ann.get("/notebooks/read/first.ipynb?code=all").text
    assert '<details class="fold">' in folded
    assert '<details class="fold" open>' in ask(shared, framed(page)).text


def test_an_empty_notebook_says_so(ann: Browser) -> None:
    page = ann.get("/notebooks/read/empty.ipynb")
    assert page.status_code == OK
    assert "This notebook is empty" in page.text
    assert "<iframe" not in page.text


@pytest.mark.parametrize(("path", "says"), [("old.ipynb", "in format 3"), ("broken.ipynb", "not a notebook")])
def test_what_cannot_be_shown_is_told_why(ann: Browser, path: str, says: str) -> None:
    page = ann.get(f"/notebooks/read/{path}")
    assert page.status_code == HTTPStatus.BAD_REQUEST
    assert says in page.text
    assert "Open in JupyterLab" in page.text
    assert "<iframe" not in page.text


def test_files_to_take_along(ann: Browser) -> None:
    script = ann.get("/notebooks/export?path=first.ipynb&as=script")
    bare = ann.get("/notebooks/export?path=first.ipynb&as=ipynb")
    assert script.headers["content-disposition"] == "attachment; filename*=UTF-8''first.py"
    assert script.text.endswith("# %%\nx = 1\n")
    assert json.loads(bare.text)["cells"][1]["outputs"] == []
    page = ann.get("/notebooks/export?path=first.ipynb&as=html")
    assert page.headers["content-disposition"] == "attachment; filename*=UTF-8''first.html"
    assert page.headers["content-type"] == "application/octet-stream"
    assert '<img src="data:image/png;base64,' in page.text
    assert ann.get("/notebooks/export?path=first.ipynb&as=pdf").status_code == NOT_FOUND


def test_a_view_to_print_is_the_notebook_alone(shared: Portal, ann: Browser) -> None:
    led = ann.get("/notebooks/alone?path=first.ipynb&code=all")
    assert led.status_code == HTTPStatus.SEE_OTHER
    assert '<details class="fold" open>' in ask(shared, led.headers["location"]).text


def test_a_notebook_that_changes_is_read_anew(shared: Portal, ann: Browser) -> None:
    former = address(ann)
    (shared.home() / "first.ipynb").write_bytes(notebooks.content(notebooks.markdown("# Other")))
    assert "Other" in ask(shared, address(ann)).text
    # What was on the page stays what its address shows.
    assert "Mobile readers" in ask(shared, former).text


# ── whom an address serves ──────────────────────────────────────────────────────────────────────────
PATHS = (
    "first.ipynb",
    "../paaaaaaaaa/first.ipynb",
    "/etc/passwd",
    "%2e%2e/x.ipynb",
    ".hidden/secret.ipynb",
    "none.ipynb",
    "first.ipynb/",
)


@pytest.mark.parametrize(
    "route", ["/notebooks/read/{}", "/notebooks/alone?path={}", "/notebooks/export?as=ipynb&path={}"]
)
def test_f01_anothers_notebook_is_as_one_that_does_not_exist(shared: Portal, ann: Browser, route: str) -> None:
    bertrand = shared.signed_in("bertrand")
    none = bertrand.get(route.format("none.ipynb"))
    for path in PATHS:
        answer = bertrand.get(route.format(path))
        assert answer.status_code == none.status_code == NOT_FOUND, path
    assert ann.get(route.format("first.ipynb")).status_code in {OK, HTTPStatus.SEE_OTHER}
    assert ann.get(route.format(".hidden/secret.ipynb")).status_code == NOT_FOUND


def test_r14_an_address_gives_a_notebook_once(shared: Portal, ann: Browser) -> None:
    def attack() -> bool:
        url = address(ann)
        assert ask(shared, url).status_code == OK
        return ask(shared, url).status_code == OK

    holds(attack, content.Once, "first_time", lambda *_: True)


def test_r14_whoever_has_it_already_is_told_that_it_is_the_same(shared: Portal, ann: Browser) -> None:
    url = address(ann)
    mark = ask(shared, url).headers["etag"]
    again = ask(shared, url, If_None_Match=mark)
    assert (again.status_code, again.content) == (HTTPStatus.NOT_MODIFIED, b"")
    assert ask(shared, url, If_None_Match='"other"').status_code == FORBIDDEN


@pytest.fixture
def later(shared: Portal, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Move the clock of addresses."""

    def move(seconds: float) -> None:
        monkeypatch.setattr("swap.web.clock.Clock.now", lambda _: datetime.now(UTC) + timedelta(seconds=seconds))

    del shared
    return move


def test_r14_an_address_ends(
    shared: Portal, ann: Browser, later: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, kept, other = address(ann), address(ann), address(ann)
    picture = re.findall(r'src="([^"]*)"', ask(shared, kept).text)[0]
    later(61)
    assert ask(shared, url).status_code == FORBIDDEN
    assert ask(shared, kept + picture).status_code == OK
    with without(content, "SECONDS", 1e6):
        assert ask(shared, other).status_code == OK  # the control
    later(content.PICTURES_SECONDS + 1)
    assert ask(shared, kept + picture).status_code == FORBIDDEN
    monkeypatch.setattr(signed, "_require_alive", lambda *_: None)
    assert ask(shared, kept + picture).status_code == OK  # the control


def test_r14_an_address_ends_with_the_sign_in(shared: Portal, ann: Browser) -> None:
    url, kept = address(ann), address(ann)
    picture = re.findall(r'src="([^"]*)"', ask(shared, kept).text)[0]

    def gone() -> bool:
        return ask(shared, url).status_code == ask(shared, kept + picture).status_code == FORBIDDEN

    assert ask(shared, kept + picture).status_code == OK
    with shared.database.engine().begin() as conn:
        service.sign_out(conn, PERSON_IDS["ann"], datetime.now(UTC))
    assert gone()
    shared.signed_in()
    assert gone()  # signing in again revives nothing


def test_r14_nobody_can_make_an_address_or_change_one(shared: Portal, ann: Browser) -> None:
    bertrand = shared.signed_in("bertrand")
    (shared.home("bertrand")).mkdir(exist_ok=True)
    (shared.home("bertrand") / "own.ipynb").write_bytes(notebooks.content(notebooks.markdown("# Own")))
    url = address(bertrand, "own.ipynb")
    head, body, mark = urlsplit(url).path.split("/")[2].split(".")
    forged = signed.sign("k" * 32, content.AUDIENCE, {"sub": PERSON_IDS["ann"], "epoch": 0, "path": "first.ipynb", "is": "0"}, now=datetime.now(UTC), seconds=60)  # fmt: skip
    for token in (
        f"{head}.{body}.{mark[:-4]}AAAA",
        f"{head}.{body}x.{mark}",
        forged,
        "x",
        f"{head}.{body}.",
        "..%2f..",
    ):
        made = f"{url.partition('/read/')[0]}/read/{token}/"
        assert ask(shared, made).status_code in {FORBIDDEN, NOT_FOUND}, token
    session = bertrand.cookies["swap_session"]
    assert ask(shared, f"{url.partition('/read/')[0]}/read/{session}/").status_code == FORBIDDEN
    assert ask(shared, url).status_code == OK
    # A picture of a notebook has no address in another's.
    picture = re.findall(r'src="([^"]*)"', ask(shared, address(ann)).text)[0]
    assert ask(shared, address(ann) + picture).status_code == OK
    assert ask(shared, address(bertrand, "own.ipynb") + picture).status_code == NOT_FOUND


# ── the host ────────────────────────────────────────────────────────────────────────────────────────
def test_r13_every_answer_there_is_shut_in(shared: Portal, ann: Browser) -> None:
    url = address(ann)
    origin = url.partition("/read/")[0]
    page = ask(shared, url)
    picture = re.findall(r'src="([^"]*)"', page.text)[0]
    sheet = re.findall(r'href="(/static/[^"]*)"', page.text)[0]
    answers = [
        page,
        ask(shared, url + picture),
        ask(shared, origin + sheet),
        ask(shared, f"{origin}/"),
        ask(shared, url, "POST"),
    ]
    assert [each.status_code for each in answers] == [OK, OK, OK, NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED]
    for each in answers:
        policy = dict(part.partition(" ")[::2] for part in each.headers["content-security-policy"].split("; "))
        assert policy == {
            "sandbox": "allow-popups allow-popups-to-escape-sandbox",
            "default-src": "'none'",
            "img-src": origin,
            "style-src": origin,
            "form-action": "'none'",
            "base-uri": "'none'",
            "frame-ancestors": ann.origin,
        }
        assert each.headers["x-content-type-options"] == "nosniff"
        assert each.headers["referrer-policy"] == "no-referrer"
        assert each.headers["cross-origin-opener-policy"] == "same-origin"
        assert "set-cookie" not in each.headers
    # A page of another site can use none as a script of its own.
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert page.headers["cache-control"] == "private, no-cache"


def test_nothing_of_the_portal_is_on_that_host(shared: Portal, ann: Browser) -> None:
    origin = address(ann).partition("/read/")[0]
    cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in ann.cookies.items())}
    for path in (
        "/",
        "/notebooks",
        "/sign-in",
        "/static/build/manifest.json",
        "/help",
        "/oauth_callback",
        "/admin",
    ):
        assert ask(shared, origin + path, **cookies).status_code == NOT_FOUND, path


def test_nothing_of_that_host_is_on_the_portals_or_a_persons(shared: Portal, ann: Browser) -> None:
    url = address(ann)
    for host in (
        f"localhost:{shared.port}",
        f"paaaaaaaaa.localhost:{shared.port}",
        "content.evil.example",
        f"x.content.localhost:{shared.port}",
    ):
        assert ask(shared, url, Host=host).status_code in {NOT_FOUND, HTTPStatus.MISDIRECTED_REQUEST}, host


def test_the_page_frames_that_host_alone_and_lets_it_do_no_more(ann: Browser) -> None:
    page = ann.get("/notebooks/read/first.ipynb")
    origin = framed(page.text).partition("/read/")[0]
    assert f"frame-src {origin};" in page.headers["content-security-policy"]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert csrf(page.text) not in framed(page.text)
