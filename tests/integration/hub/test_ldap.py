"""People of a real directory at the real hub: in, and out again when the directory says so."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

import services
import slapd
from conformance.proxy import Proxy
from integration.hub.conftest import Browser, House, build, demolish
from slapd import Slapd
from swap.db.embedded import EmbeddedPostgres
from swap.db.tables import audit_event, person
from swap.hub.directories import registry
from swap.launch import running
from swap.launch.model import Running

PASSWORD = "what {} says"
NAMES = ("ann", "bob", "cleo", "dan", "eve", "fay", "gus", "hal")
OPERATORS = ("ida", "jan")
ALLOWED = ("analysts", "researchers")


def password(name: str) -> str:
    return PASSWORD.format(name)


@dataclass
class Peopled:
    """A house, the directory its people come from, and what is between them."""

    house: House
    directory: Slapd
    between: Proxy

    def sign_in(self, name: str, secret: str | None = None, browser=None):
        """Sign somebody in; return the browser and the page that came."""
        browser = browser or self.house.browser()
        return browser, browser.sign_in(name, password(name) if secret is None else secret)

    def signed_in(self, name: str):
        browser, page = self.sign_in(name)
        assert browser.session, page.text
        return browser

    def groups(self, group: str, *members: str) -> None:
        """Put exactly these people into a group."""
        self.directory.set(f"cn={group},{slapd.GROUPS}", "member", *(f"uid={each},{slapd.PEOPLE}" for each in members))


def inhabited(postgres: EmbeddedPostgres, place: Path, **more) -> Iterator[Peopled]:
    certificate = services.certificate(place, "localhost")
    directory = Slapd(
        *(slapd.person(name, password(name)) for name in (*NAMES, *OPERATORS)),
        slapd.group("analysts", *(name for name in NAMES if name != "bob")),
        slapd.group("researchers", "ann"),
        slapd.group("operators", *OPERATORS),
        certificate=certificate,
    )
    secret = place / "directory"
    secret.touch(mode=0o600)
    secret.write_text(slapd.ACCOUNT_PASSWORD)
    between = Proxy(("127.0.0.1", directory.port))
    settings = {
        "servers": [f"ldap://localhost:{between.port}"],
        "ca": str(certificate[0]),
        "bind_dn": slapd.ACCOUNT,
        "bind_password": {"file": str(secret)},
        "base": slapd.PEOPLE,
        "groups_base": slapd.GROUPS,
        "allowed_groups": list(ALLOWED),
        "admin_group": "operators",
        "name_hint": "The name you use for the wiki.",
        "access_page": "https://wiki.example.org/Access?a=1&b=2",
        "password_page": "https://account.example.org/",
    }
    # Behind walls, as a site has it, where we may: then the hub has copies of the password and the authority.
    launch = {"isolation": "user" if os.geteuid() == 0 else "none"}
    house = build(postgres, people={"authenticator": "ldap", "ldap": settings | more}, launch=launch)
    try:
        with between:
            house.start("traefik")
            house.start("gateway", "web", "hub")
            yield Peopled(house, directory, between)
    finally:
        demolish(house)
        directory.close()


@pytest.fixture(scope="module")
def peopled(embedded_postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peopled]:
    yield from inhabited(embedded_postgres, tmp_path_factory.mktemp("directory"))


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def events(house: House, person_id: str) -> list[tuple[str, dict]]:
    with house.database.engine().connect() as conn:
        rows = conn.execute(select(audit_event).where(audit_event.c.person_id == person_id).order_by(audit_event.c.id))
        return [(row.event, row.detail) for row in rows]


def test_the_hub_says_at_its_start_what_of_the_directory_needs_attention(peopled):
    until(lambda: ", certificate: ends " in peopled.house.log("hub"))


def test_somebody_of_the_directory_signs_in_with_their_groups(peopled):
    peopled.signed_in("ann")

    with peopled.house.database.engine().connect() as conn:
        found = conn.execute(select(person).where(person.c.name == "ann")).one()
    assert set(found.groups) == {"analysts", "researchers"}
    assert found.directory_key == "ldap:" + peopled.directory.values(f"uid=ann,{slapd.PEOPLE}", "entryUUID")[0]


def test_somebody_of_no_allowed_group_is_told_so_once_the_password_is_right(peopled):
    browser, page = peopled.sign_in("bob")

    assert page.status_code == 403
    assert not browser.session
    assert "You are in no group that may use SWAP." in page.text
    assert "You need to be in analysts or researchers." in page.text
    _, wrong = peopled.sign_in("bob", "wrong")
    assert "group that may" not in wrong.text


def test_who_is_in_the_directorys_admin_group_runs_swap(peopled):
    ida, ann = peopled.signed_in("ida"), peopled.signed_in("ann")

    assert 'href="/admin"' in ida.get("/").text
    assert ida.get("/admin").status_code == 200
    assert 'href="/admin"' not in ann.get("/").text
    assert ann.get("/admin").status_code == 404


def test_the_page_tells_a_stranger_nothing_about_who_exists(peopled):
    """The same words for a wrong name, a wrong password, and a right one that the directory refuses."""
    pages = [peopled.sign_in(name, "wrong")[1].text.split("<form")[0] for name in ("ann", "bob", "nobody", "*")]

    assert "Name and password do not match." in pages[0]
    assert len(set(pages)) == 1


@dataclass
class Before:
    """What somebody had open before the directory changed."""

    browser: Browser
    person_id: str
    server: Running | None = None


@pytest.fixture(scope="module")
def changed(peopled) -> Iterator[dict[str, Before]]:
    """Change what the directory says of six people, and wait until the hub has followed: less than a minute."""
    had = {}
    for name in ("ann", "cleo", "dan", "eve", "fay", "ida"):
        browser = peopled.signed_in(name)
        had[name] = Before(browser, peopled.house.person_id(name))
    for name in ("cleo", "dan"):
        peopled.house.start_server(had[name].person_id)
        had[name].server = running.find(peopled.house.state, had[name].person_id)
    peopled.groups("analysts", *(name for name in NAMES if name not in {"bob", "cleo"}))
    peopled.groups("researchers", "hal", "ida")
    peopled.groups("operators", "jan")
    peopled.directory.set_password(f"uid=dan,{slapd.PEOPLE}", password("dan"), "another")
    peopled.directory.set(f"uid=eve,{slapd.PEOPLE}", "pwdAccountLockedTime", "000001010000Z")
    peopled.directory.delete(f"uid=fay,{slapd.PEOPLE}")
    for name in ("cleo", "dan", "eve", "fay"):
        until(lambda browser=had[name].browser: not browser.get("/", follow=False).is_success)
    yield had
    peopled.groups("analysts", *(name for name in NAMES if name != "bob"))
    peopled.groups("researchers", "ann")
    peopled.groups("operators", *OPERATORS)


def test_who_leaves_the_admin_group_runs_nothing_any_more_and_may_still_come_in(peopled, changed):
    ida = changed["ida"].browser

    until(lambda: ida.get("/admin").status_code == 404)
    assert 'href="/admin"' not in ida.get("/").text
    assert ida.get("/", follow=False).is_success


def test_who_leaves_the_group_loses_everything_and_comes_back_as_who_they_were(peopled, changed):
    cleo = changed["cleo"]
    until(lambda: not running.is_alive(cleo.server))

    assert (
        "access-ended",
        {"reason": "You are in no group that may use SWAP. You need to be in analysts or researchers."},
    ) in (events(peopled.house, cleo.person_id))
    assert not peopled.sign_in("cleo")[0].session
    peopled.groups("analysts", *(name for name in NAMES if name != "bob"))
    peopled.signed_in("cleo")
    assert peopled.house.person_id("cleo") == cleo.person_id


def test_another_password_ends_sessions_and_the_server(peopled, changed):
    dan = changed["dan"]
    until(lambda: not running.is_alive(dan.server))

    assert "password-changed" in dict(events(peopled.house, dan.person_id))
    assert not peopled.sign_in("dan")[0].session
    assert peopled.sign_in("dan", "another")[0].session


def test_a_lock_ends_access_and_the_page_tells_a_stranger_nothing_of_it(peopled, changed):
    assert ("access-ended", {"reason": "Your account is locked."}) in events(peopled.house, changed["eve"].person_id)
    _, page = peopled.sign_in("eve")
    assert "Name and password do not match." in page.text
    assert "your account may be locked" in page.text


def test_somebody_else_who_is_given_a_name_finds_nothing_of_who_had_it(peopled, changed):
    fay = changed["fay"]
    peopled.directory.change(
        f"dn: uid=fay,{slapd.PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: fay\ncn: x\nsn: x\n"
        f"userPassword: {password('fay')}\n"
    )
    peopled.groups("analysts", *(name for name in NAMES if name != "bob"))

    peopled.signed_in("fay")

    with peopled.house.database.engine().connect() as conn:
        ids = conn.execute(select(person.c.id).where(person.c.name == "fay")).scalars().all()
    assert len(ids) == 2
    assert fay.person_id in ids
    assert not fay.browser.get("/", follow=False).is_success


def test_a_change_of_groups_counts_and_ends_nothing(peopled, changed):
    with peopled.house.database.engine().connect() as conn:
        groups = conn.execute(select(person.c.groups).where(person.c.id == changed["ann"].person_id)).scalar_one()
    assert groups == ["analysts"]
    assert changed["ann"].browser.get("/", follow=False).is_success


def test_the_page_says_who_may_come_in_and_where_to_ask(peopled):
    page = peopled.house.browser().get("/sign-in").text

    assert "<code>analysts</code> or <code>researchers</code>" in page
    assert 'href="https://wiki.example.org/Access?a=1&amp;b=2"' in page
    assert 'href="https://account.example.org/"' in page
    assert "The name you use for the wiki." in page


def test_a_hundred_wrong_passwords_lock_nobody_at_the_directory(peopled):
    """slapd locks after the sixth."""
    dn = f"uid=gus,{slapd.PEOPLE}"
    statuses = [peopled.sign_in("gus", "wrong")[1].status_code for _ in range(100)]

    assert statuses.count(403) == 5
    assert len(peopled.directory.values(dn, "pwdFailureTime")) == 5
    assert peopled.directory.values(dn, "pwdAccountLockedTime") == []


def test_without_the_defence_six_do(peopled):
    """Asked as often as that, the directory locks."""
    settings = peopled.house.settings
    directory = registry.directory(settings)
    for _ in range(6):
        assert directory.authenticate("hal", "wrong") is None

    assert peopled.directory.values(f"uid=hal,{slapd.PEOPLE}", "pwdAccountLockedTime")


def test_while_the_directory_says_nothing_others_are_served_until_the_grace_is_over(peopled):
    """It is said to who comes; then everybody's access ends, and comes back with the directory."""
    other = peopled.signed_in("ann")
    stranger = peopled.house.browser()
    done: list[str] = []

    def sign_in():
        done.append(f"{stranger.sign_in('cleo', password('cleo')).status_code}")

    peopled.between.blackhole()
    waiting = threading.Thread(target=sign_in)
    try:
        waiting.start()
        # Asked of the hub itself, which waits for the directory in another thread.
        with peopled.house.hub_api(peopled.house.runtime.web_service_token) as api:
            assert api.get(f"/users/{peopled.house.person_id('ann')}").status_code == 200
        assert other.get("/", follow=False).status_code == 200
        done.append("others")
        waiting.join()
        assert done == ["others", "503"]
        page = stranger.sign_in("cleo", password("cleo"))
        assert "The directory of people does not answer." in page.text
        until(lambda: "was not followed" in peopled.house.log("hub"))
        assert other.get("/", follow=False).status_code == 200, "who is signed in goes on"
        long_ago = time.time() - 16 * 60
        os.utime(peopled.house.state / "directory-seen", (long_ago, long_ago))
        until(lambda: not other.get("/", follow=False).is_success)
        assert ("access-ended", {"reason": "the directory has not answered for 15 min"}) in (
            events(peopled.house, peopled.house.person_id("ann"))
        )
    finally:
        peopled.between.heal()
        waiting.join()
    until(lambda: peopled.sign_in("ann")[0].session)


def test_no_password_is_in_any_log_nor_in_the_record(peopled):
    peopled.sign_in("ann", "a-very-wrong-password")
    peopled.signed_in("ann")

    logs = "".join(peopled.house.log(name) for name in ("hub", "web", "gateway", "traefik"))
    with peopled.house.database.engine().connect() as conn:
        logs += str(conn.execute(select(audit_event)).all())
    for secret in ("a-very-wrong-password", password("ann"), slapd.ACCOUNT_PASSWORD):
        assert secret not in logs
