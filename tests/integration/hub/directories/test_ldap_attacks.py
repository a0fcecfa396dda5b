"""Attacks on the way to a directory and through it.

Each gets nothing; and something where a fixture has switched its defence off, so that the test is seen to fail.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
import threading
import uuid
from collections.abc import Iterator

import pytest

import services
import slapd
from conformance.proxy import Proxy
from integration.hub.directories.conftest import password, people
from slapd import GROUPS, PEOPLE
from swap.connectors import wire
from swap.hub.directories.base import DirectoryAway
from swap.hub.directories.ldap import connection, directory, names, servers
from swap.hub.directories.ldap import groups as of_groups
from swap.hub.directories.ldap import people as of_people
from swap.hub.proving import Proving

ENTRIES = (*people("ann", "bob"), slapd.group("analysts", "ann"))


def key(name: str) -> str:
    return f"ldap:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def got_in(asked, name, secret):
    """Return who somebody is taken for, "" for nobody or when nothing can be said."""
    try:
        found = asked.authenticate(name, secret)
    except DirectoryAway:
        return ""
    return found.name if found else ""


# ── A01: no password ────────────────────────────────────────────────────────────────────────────────
BLANK = ["", " ", "   ", "\t", "\0", "\0what ann says"]


@pytest.fixture
def trusting(started):
    """A server that takes a name without a password for a question that needs no proof, and says yes."""
    return started(*ENTRIES, more="allow bind_anon_dn")


@pytest.fixture
def takes_any_password(monkeypatch):
    monkeypatch.setattr(connection, "is_proof", lambda *_: True)


@pytest.fixture
def asks_nobody_who_it_is(monkeypatch):
    monkeypatch.setattr(directory, "_is_really", lambda *_: True)


@pytest.mark.parametrize("secret", BLANK)
def test_without_a_password_nobody_is_asked(trusting, asked, secret):
    assert got_in(asked(trusting), "ann", secret) == ""
    assert trusting.asked("BIND dn=") == []


def test_a_yes_to_no_password_is_not_believed(trusting, asked, takes_any_password):
    assert got_in(asked(trusting), "ann", "") == ""


def test_without_the_defences_no_password_opens(trusting, asked, takes_any_password, asks_nobody_who_it_is):
    assert got_in(asked(trusting), "ann", "") == "ann"


# ── A02, A03, A05: names that mean more ─────────────────────────────────────────────────────────────
INJECTIONS = [
    "*",
    "a*",
    "an*",
    "*)(uid=*",
    "ann)(cn=*",
    "admin)(&)",
    "\\2a",
    "a\\6en",
    "ann,ou=people",
    "ann+cn=x",
    "ann\0",
    "ann\n",
]
FOREIGN = ["аnn", "ann\u200b", "a\u00adnn", "nobody"]


@pytest.fixture
def writes_names_as_they_are(monkeypatch):
    monkeypatch.setattr(names, "equal", lambda attribute, value: f"({attribute}={value})")


@pytest.fixture
def believes_the_directory(monkeypatch):
    monkeypatch.setattr(of_people, "is_called", lambda *_: True)


@pytest.mark.parametrize("name", INJECTIONS + FOREIGN, ids=ascii)
def test_a_name_is_a_name_whatever_is_in_it(started, asked, name):
    server = started(*ENTRIES)

    assert got_in(asked(server), name, password("ann")) == ""
    assert len(server.asked("SRCH base=")) <= 1


def test_what_means_something_in_a_filter_is_written_so_that_it_does_not(started, asked):
    server = started(*ENTRIES)
    got_in(asked(server), "a*)(cn=", "x")

    (line,) = server.asked("SRCH base=")
    assert "uid=a\\2A\\29\\28cn=" in line


def test_a_name_that_the_directory_reads_otherwise_is_nobodys(started, asked, writes_names_as_they_are):
    """SWAP compares by itself, too."""
    assert got_in(asked(started(*ENTRIES)), "an*", password("ann")) == ""


def test_without_the_defences_a_pattern_is_somebody(started, asked, writes_names_as_they_are, believes_the_directory):
    assert got_in(asked(started(*ENTRIES)), "an*", password("ann")) == "ann"


# ── A06, A07: somebody between ──────────────────────────────────────────────────────────────────────
@pytest.fixture
def verifies_nothing(monkeypatch):
    def context(ca):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        return made

    monkeypatch.setattr(wire, "context", context)


@pytest.fixture(params=["another's name", "another authority", "ended"])
def impostor(request, started, tmp_path):
    """A server with a certificate that says something else, and what SWAP says of it."""
    name, ends, why = {
        "another's name": ("elsewhere", dt.timedelta(days=1), "Hostname mismatch"),
        "another authority": ("localhost", dt.timedelta(days=1), "self-signed certificate"),
        "ended": ("localhost", dt.timedelta(days=-1), "certificate has expired"),
    }[request.param]
    certificate = services.certificate(tmp_path, name, ends)
    trusted = {} if request.param == "another authority" else {"ca": certificate[0]}
    return started(*ENTRIES, certificate=certificate), trusted, why


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_nothing_is_said_to_a_server_that_is_not_the_one(impostor, asked, scheme):
    server, trusted, why = impostor
    port = server.port if scheme == "ldap" else server.tls_port
    directory = asked(f"{scheme}://localhost:{port}", **trusted)

    with pytest.raises(DirectoryAway, match=why):
        directory.authenticate("ann", password("ann"))

    assert server.asked("BIND dn=") == []


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_without_the_defence_an_impostor_hears_passwords(impostor, asked, verifies_nothing, scheme):
    server, trusted, _ = impostor
    port = server.port if scheme == "ldap" else server.tls_port

    assert got_in(asked(f"{scheme}://localhost:{port}", **trusted), "ann", password("ann")) == "ann"


@pytest.fixture
def goes_on_in_the_clear(monkeypatch):
    monkeypatch.setattr(connection, "_start_tls", lambda plain, *_: plain)


def said_to_one_without_tls(started, asked):
    """Ask a server that offers no encryption; return what was said on the way."""
    server = started(*ENTRIES, certificate=None)
    with Proxy(("127.0.0.1", server.port)) as between:
        between.passed = bytearray()
        got_in(asked(f"ldap://localhost:{between.port}"), "ann", password("ann"))
        return bytes(between.passed)


def test_where_starttls_is_stripped_nothing_is_said_in_the_clear(started, asked):
    said = said_to_one_without_tls(started, asked)

    assert b"1.3.6.1.4.1.1466.20037" in said
    assert slapd.ACCOUNT_PASSWORD.encode() not in said
    assert b"ann" not in said


def test_without_the_defence_it_is(started, asked, goes_on_in_the_clear):
    said = said_to_one_without_tls(started, asked)

    assert slapd.ACCOUNT_PASSWORD.encode() in said
    assert password("ann").encode() in said


AGREED = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"


@contextlib.contextmanager
def answering(*answers: bytes, tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, bytearray]]:
    """Answer what comes with these bytes, one after the other, and keep all that is said."""
    listener, heard = socket.create_server(("127.0.0.1", 0)), bytearray()

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                left = list(answers)
                with contextlib.suppress(OSError), tls.wrap_socket(client, server_side=True) if tls else client as talk:
                    while said := talk.recv(65536):
                        heard.extend(said)
                        if left:
                            talk.sendall(left.pop(0))

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        serving.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x30\x84\xff\xff\xff\xff" + b"x" * 100,
        b"\x30\x05\x02\x01\x01\x78\x00",
        # Agreed, and at once something in the clear that is to count as said after encryption began.
        AGREED + b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
        AGREED,
    ],
    ids=range(6),
)
def test_no_answer_to_starttls_makes_swap_say_a_password_in_the_clear(asked, answer):
    with answering(answer) as (port, heard):
        assert got_in(asked(f"ldap://localhost:{port}"), "ann", password("ann")) == ""

    assert slapd.ACCOUNT_PASSWORD.encode() not in heard
    assert b"ann" not in heard


BOUND = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"
FOUND = b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00"


@pytest.mark.parametrize(
    "answers",
    [
        [b"\x00" * 64],
        [b"\x30\x84\xff\xff\xff\xff"],
        [BOUND[:-2]],
        [BOUND, b"\x30\x0b\x02\x01\x02\x64\x06\x04\x02\xff\xfe\x30\x00" + FOUND],
        [BOUND, b"\x30\x82\x00"],
        # The policy's word on a password, which is none.
        [b"\x30\x2d" + BOUND[2:] + b"\xa0\x1f\x30\x1d\x04\x191.3.6.1.4.1.42.2.27.8.5.1\x04\x00"],
    ],
    ids=range(6),
)
def test_an_answer_that_cannot_be_read_is_none(asked, certified, answers):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certified)
    with answering(*answers, tls=tls) as (port, _), pytest.raises(DirectoryAway):
        asked(f"ldaps://localhost:{port}").sweep([key("ann")])


def test_no_protocol_below_tls_1_2_is_spoken(asked):
    assert servers._verifying(asked("ldaps://localhost")._settings).minimum_version == ssl.TLSVersion.TLSv1_2


# ── A09: two people of one name ─────────────────────────────────────────────────────────────────────
TWO = (
    *ENTRIES,
    f"\ndn: ou=guests,{PEOPLE}\nobjectClass: organizationalUnit\nou: guests\n",
    slapd.person("ann", "a guest", dn=f"uid=ann,ou=guests,{PEOPLE}", identity=str(uuid.UUID(int=7))),
)


@pytest.fixture
def takes_the_first(monkeypatch):
    monkeypatch.setattr(
        directory.LdapDirectory,
        "_named",
        lambda self, account, name: self._search(account, names.equal("uid", name), 9)[-1],
    )


@pytest.mark.parametrize("secret", [password("ann"), "a guest"])
def test_of_two_people_with_one_name_neither_gets_in(started, asked, secret):
    assert got_in(asked(started(*TWO)), "ann", secret) == ""


def test_without_the_defence_the_second_does(started, asked, takes_the_first):
    assert got_in(asked(started(*TWO)), "ann", "a guest") == "ann"


def test_two_people_with_one_id_are_both_gone(started, asked):
    twin = slapd.person("twin", "twin", more=(), identity=str(uuid.uuid5(uuid.NAMESPACE_URL, "ann")))

    assert asked(started(*ENTRIES, twin)).sweep([key("ann"), key("bob")]).keys() == {key("bob")}


# ── a name that was given to somebody else ──────────────────────────────────────────────────────────
@pytest.fixture
def knows_people_by_name(monkeypatch):
    monkeypatch.setattr(of_people, "key", lambda entry, settings: f"ldap:{of_people.name(entry, settings)}")


def test_whoever_is_given_a_name_is_not_who_had_it(started, asked):
    before, after = given_to_somebody_else(started(*ENTRIES), asked)

    assert after.name == before.name
    assert after.key != before.key


def test_without_the_defence_they_inherit(started, asked, knows_people_by_name):
    before, after = given_to_somebody_else(started(*ENTRIES), asked)

    assert after.key == before.key


def given_to_somebody_else(server, asked):
    """Give a name to somebody else; return whom it meant before, and whom afterwards."""
    asking = asked(server)
    before = asking.authenticate("ann", password("ann"))
    server.delete(f"uid=ann,{PEOPLE}")
    server.change(
        f"dn: uid=ann,{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: ann\ncn: x\nsn: x\nuserPassword: new\n"
    )

    assert key("ann") not in asking.sweep([key("ann")])
    return before, asking.authenticate("ann", "new")


# ── A10: the right password, and no right ───────────────────────────────────────────────────────────
@pytest.fixture
def bars_nobody(monkeypatch):
    monkeypatch.setattr(of_people, "barred", lambda *_: None)


def bars(server, asked, name="bob"):
    return asked(server).authenticate(name, password(name)).barred is not None


def test_the_right_password_alone_opens_nothing(started, asked):
    assert bars(started(*ENTRIES), asked)


def test_without_the_defence_it_does(started, asked, bars_nobody):
    assert not bars(started(*ENTRIES), asked)


@pytest.mark.parametrize("state", ["shadowExpire: 1", "shadowExpire: 0", "shadowExpire: 20000"])
def test_an_account_that_is_over_opens_nothing(started, asked, state):
    over = slapd.person("cleo", password("cleo"), more=(state,))

    assert bars(started(over, slapd.group("analysts", "cleo")), asked, "cleo")


@pytest.mark.parametrize("state", ["shadowExpire: -1", "shadowExpire: 90000"])
def test_an_account_that_is_not_over_is_not_taken_for_that(started, asked, state):
    now = slapd.person("cleo", password("cleo"), more=(state,))

    assert not bars(started(now, slapd.group("analysts", "cleo")), asked, "cleo")


# ── a group of the same name in another place ───────────────────────────────────────────────────────
ELSEWHERE = f"ou=own,{GROUPS}"
TWINS = (
    *ENTRIES,
    f"\ndn: {ELSEWHERE}\nobjectClass: organizationalUnit\nou: own\n",
    slapd.group("readers", "ann"),
    slapd.group("readers", "bob", under=ELSEWHERE),
)


@pytest.fixture
def takes_any_of_the_name(monkeypatch):
    monkeypatch.setattr(
        of_groups,
        "_by_name",
        lambda entries, wanted: {
            group: [each for each in entries if group in each.texts("cn")][-1] for group in wanted
        },
    )


def test_whoever_may_make_groups_elsewhere_lets_nobody_in(started, asked):
    found = asked(started(*TWINS), wanted=("readers",)).sweep([key("ann"), key("bob")])

    assert found[key("bob")].groups == frozenset()
    assert found[key("ann")].groups == {"analysts"}


def test_without_the_defence_they_do(started, asked, takes_any_of_the_name):
    assert "readers" in asked(started(*TWINS), wanted=("readers",)).sweep([key("bob")])[key("bob")].groups


# ── A14: the directory's lock-out ───────────────────────────────────────────────────────────────────
def test_a_wrong_password_is_shown_to_one_server_only(started, asked):
    both = started(*ENTRIES), started(*ENTRIES)
    asking = asked(*both)

    for _ in range(3):
        assert got_in(asking, "ann", "wrong") == ""

    assert [len(server.values(f"uid=ann,{PEOPLE}", "pwdFailureTime")) for server in both] == [3, 0]


@pytest.fixture
def asks_the_next_after_a_no(monkeypatch):
    def sign_in(self, dn, secret):
        proof = signs_in(self, dn, secret)
        if not proof.right:
            raise connection.ServerFailed("says no")
        return proof

    signs_in = connection.Connection.sign_in
    monkeypatch.setattr(connection.Connection, "sign_in", sign_in)


def test_without_the_defence_it_is_shown_to_all(started, asked, asks_the_next_after_a_no):
    both = started(*ENTRIES), started(*ENTRIES)

    assert got_in(asked(*both), "ann", "wrong") == ""

    assert [len(server.values(f"uid=ann,{PEOPLE}", "pwdFailureTime")) for server in both] == [1, 1]


def test_a_wrong_password_of_swaps_own_account_is_shown_once(started, asked, tmp_path):
    both = started(*ENTRIES), started(*ENTRIES)
    (tmp_path / "account").write_text("wrong")
    asking = asked(*both)

    for _ in range(5):
        with pytest.raises(DirectoryAway, match="refused SWAP's account"):
            asking.sweep([key("ann")])

    assert [len(server.values(slapd.ACCOUNT, "pwdFailureTime")) for server in both] == [1, 0]
    (tmp_path / "account").write_text(slapd.ACCOUNT_PASSWORD)
    assert asking.sweep([key("ann")]).keys() == {key("ann")}, "another one is shown at once"


# ── what the directory tells of a locked, an expired, a reset account ───────────────────────────────
def test_a_locked_account_is_told_from_no_wrong_password(started, asked):
    server = started(*ENTRIES)
    server.set(f"uid=ann,{PEOPLE}", "pwdAccountLockedTime", "000001010000Z")

    assert asked(server).authenticate("ann", password("ann")) is None
    assert asked(server).authenticate("ann", "wrong") is None


def test_a_password_that_was_reset_has_to_be_changed_first_and_only_its_owner_hears_so(started, asked):
    server = started(*ENTRIES)
    server.set(f"uid=ann,{PEOPLE}", "userPassword", "reset")

    assert asked(server).authenticate("ann", "reset").barred.title == "Your password has run out."
    assert asked(server).authenticate("ann", "wrong") is None


def test_a_password_that_has_run_out_is_told_to_its_owner_only(started, asked):
    server = started(*ENTRIES)
    server.set(f"cn=usual,ou=policies,{slapd.BASE}", "pwdMaxAge", "1")

    assert asked(server).authenticate("ann", password("ann")).barred.title == "Your password has run out."
    assert asked(server).authenticate("ann", "wrong") is None


# ── a directory that says more than it was asked ────────────────────────────────────────────────────
def test_what_is_said_to_be_elsewhere_is_not_followed(started, asked):
    other = started(*ENTRIES, certificate=None)
    referral = (
        f"\ndn: ou=elsewhere,{PEOPLE}\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\n"
        f"ref: {other.url}/{PEOPLE}??sub\n"
    )
    server = started(*people("bob"), slapd.group("analysts", "bob", f"uid=ann,{PEOPLE}"), referral)

    assert got_in(asked(server), "ann", password("ann")) == ""
    assert other.asked("BIND") == []
    assert asked(server).authenticate("bob", password("bob")).name == "bob"


def test_a_member_that_is_no_dn_is_nobody():
    assert names.same("not a dn") == ""
    assert names.same("uid=ann,,x=") == ""


def test_what_looks_like_another_dn_is_another():
    alike = {
        f"uid=ann,{PEOPLE}",
        f"UID=Ann, {PEOPLE}",
        f"uid=\\61nn,{PEOPLE}",
    }
    others = {f"uid=ann\\,ou=people,{slapd.BASE}", f"uid=ann+cn=x,{PEOPLE}", f"uid=аnn,{PEOPLE}", f"uid=ann,{GROUPS}"}

    assert len({names.same(dn) for dn in alike}) == 1
    assert len({names.same(dn) for dn in alike | others}) == 1 + len(others)


# ── A13: a directory that accepts and says nothing ──────────────────────────────────────────────────
def first_of(proving, name):
    """Ask a silent directory on an event loop, and look on it whether others come before; return who was first."""

    async def story():
        order: list[str] = []

        async def others():
            for _ in range(20):
                await asyncio.sleep(0)
            order.append("others")

        async def sign_in():
            with contextlib.suppress(DirectoryAway):
                await proving.prove(name, password(name), known=False)
            order.append("sign-in")

        await asyncio.gather(sign_in(), others())
        return order[0]

    return asyncio.run(story())


@pytest.fixture
def silent(asked) -> Iterator[directory.LdapDirectory]:
    with unanswered() as port:
        yield asked(f"ldaps://localhost:{port}")


@contextlib.contextmanager
def unanswered() -> Iterator[int]:
    """Accept connections and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def in_the_loop(monkeypatch):
    async def at_once(self, name, secret, *, known):
        return self._directory.authenticate(name, secret)

    monkeypatch.setattr(Proving, "prove", at_once)


def test_while_a_directory_says_nothing_the_hub_goes_on(silent):
    assert first_of(Proving(silent), "ann") == "others"


def test_without_the_defence_it_waits(silent, in_the_loop):
    assert first_of(Proving(silent), "ann") == "sign-in"


def test_of_a_silent_directory_it_is_said_which_server_and_that_it_was_silent(silent):
    with pytest.raises(DirectoryAway, match=r"localhost:\d+: it did not answer"):
        silent.authenticate("ann", password("ann"))


# ── who exists ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("took", [0.0, 0.01, 0.49, 0.5, 0.51, 1.7])
def test_every_refusal_comes_at_a_multiple_of_half_a_second(took):
    whole = (took + directory.left_of_a_refusal(took)) / directory.REFUSAL_SECONDS

    assert whole == pytest.approx(round(whole))
    assert whole >= 1
