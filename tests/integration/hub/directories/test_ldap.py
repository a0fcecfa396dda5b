"""What SWAP makes of a real directory: who somebody is, which groups they are in, who is still there."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

import services
import slapd
from conformance.proxy import Proxy
from integration.hub.directories.conftest import password, people
from slapd import GROUPS, PEOPLE
from swap import ports
from swap.errors import SettingsError
from swap.hub.directories.base import DirectoryAway
from swap.hub.directories.ldap import groups as of_groups
from swap.hub.directories.ldap import servers


def key(name: str) -> str:
    return f"ldap:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def dn(name: str) -> str:
    return f"uid={name},{PEOPLE}"


# ── who somebody is ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_name_and_its_password_are_a_person_with_their_groups(started, asked, scheme):
    server = started(*people("ann"), slapd.group("analysts", "ann"), slapd.group("unheard-of", "ann"))
    address = f"{scheme}://localhost:{server.port if scheme == 'ldap' else server.tls_port}"

    found = asked(address, wanted=("analysts", "readers")).authenticate("ann", password("ann"))

    assert (found.key, found.name, found.groups) == (key("ann"), "ann", frozenset({"analysts"}))
    assert found.password_mark == "20260101000000Z"
    assert found.barred is None


def test_another_spelling_of_a_name_is_the_same_person(started, asked):
    directory = asked(started(*people("ann"), slapd.group("analysts", "ann")))

    for spelling in ("ANN", "Ann", "ａｎｎ", " ann "):
        assert directory.authenticate(spelling, password("ann")).key == key("ann")


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_a_wrong_password_and_a_wrong_name_are_nobody(started, asked, name):
    assert asked(started(*people("ann"), slapd.group("analysts", "ann"))).authenticate(name, "wrong") is None


def test_a_password_is_shown_to_the_directory_also_where_nobody_has_the_name(started, asked):
    """Otherwise the time that its hash takes would tell who exists."""
    server = started(*people("ann"), slapd.group("analysts", "ann"))
    directory = asked(server)

    def binds(name):
        before = len(server.asked("BIND dn="))
        directory.authenticate(name, "wrong")
        return len(server.asked("BIND dn=")) - before

    assert binds("nobody") == binds("ann")


def test_a_new_name_is_the_same_person(started, asked):
    server = started(*people("ann"), slapd.group("analysts", "ann"))
    directory = asked(server)
    server.change(f"dn: {dn('ann')}\nchangetype: modrdn\nnewrdn: uid=anna\ndeleteoldrdn: 1\n")
    server.set(f"cn=analysts,{GROUPS}", "member", dn("anna"))

    assert directory.authenticate("anna", password("ann")).key == key("ann")
    assert directory.sweep([key("ann")])[key("ann")].name == "anna"


def test_two_names_are_no_name(started, asked):
    """Whoever has two could choose whom to be at a store that asks by name."""
    server = started(slapd.person("ann", password("ann"), more=("uid: bob",)), slapd.group("analysts", "ann"))

    assert asked(server).authenticate("ann", password("ann")) is None
    assert asked(server).sweep([key("ann")]) == {}


def test_who_the_filter_leaves_out_does_not_exist(started, asked):
    server = started(slapd.person("ann", password("ann"), more=("employeeType: left",)), slapd.group("analysts", "ann"))
    directory = asked(server, filter="(!(employeeType=left))")

    assert directory.authenticate("ann", password("ann")) is None
    assert directory.sweep([key("ann")]) == {}


# ── groups ──────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", ["groupOfNames", "groupOfUniqueNames"])
def test_groups_of_names_name_their_members_by_dn(started, asked, kind):
    directory = asked(started(*people("ann", "bob"), slapd.group("analysts", dn("ann").upper(), kind=kind)))

    assert directory.authenticate("ann", password("ann")).barred is None
    assert directory.authenticate("bob", password("bob")).barred.title == "You are in no group that may use SWAP."
    assert directory.groups() == {"analysts"}


def test_posix_groups_name_their_members_by_name_or_are_their_primary_group(started, asked):
    numbered = slapd.person(
        "bob", password("bob"), more=("gidNumber: 500", "objectClass: posixAccount", "uidNumber: 1", "homeDirectory: /")
    )
    server = started(
        *people("ann", "cleo"),
        numbered,
        slapd.posix_group("analysts", 500, "ann"),
        slapd.posix_group("readers", 501, "bob"),
    )
    directory = asked(server, group_shape="posixGroup", wanted=("readers",))

    found = directory.sweep([key(name) for name in ("ann", "bob", "cleo")])

    assert {person.name: set(person.groups) for person in found.values()} == {
        "ann": {"analysts"},
        "bob": {"analysts", "readers"},
        "cleo": set(),
    }


def nested(started):
    return started(
        *people("ann", "bob", "cleo"),
        slapd.group("analysts", "ann", f"cn=inner,{GROUPS}"),
        slapd.group("inner", "bob", f"cn=innermost,{GROUPS}"),
        # A circle, which ends.
        slapd.group("innermost", "cleo", f"cn=analysts,{GROUPS}"),
    )


def test_members_of_member_groups_count_when_the_settings_say_so_and_a_circle_ends(started, asked):
    server = nested(started)
    keys = [key(name) for name in ("ann", "bob", "cleo")]

    def allowed(**how):
        return {person.name for person in asked(server, **how).sweep(keys).values() if person.barred is None}

    assert allowed() == {"ann"}
    assert allowed(nested=True) == {"ann", "bob", "cleo"}
    assert asked(server, nested=True).authenticate("cleo", password("cleo")).groups == {"analysts"}


@pytest.mark.parametrize(("limit", "value"), [("DEEPEST", 1), ("MOST_GROUPS", 2)])
def test_what_is_nested_too_deep_or_too_often_does_not_count(started, asked, monkeypatch, caplog, limit, value):
    monkeypatch.setattr(of_groups, limit, value)
    found = asked(nested(started), nested=True).sweep([key("bob"), key("cleo")])

    assert found[key("cleo")].barred is not None
    assert "nested" in caplog.text


def test_the_group_of_those_who_run_swap_lets_in_too(started, asked):
    server = started(*people("ann", "bob"), slapd.group("analysts", "ann"), slapd.group("operators", "bob"))

    found = asked(server, admin_group="operators").authenticate("bob", password("bob"))

    assert found.barred is None
    assert found.groups == {"operators"}


# ── who is still there ──────────────────────────────────────────────────────────────────────────────
def test_a_sweep_of_five_hundred_people_is_three_searches(started, asked):
    names = [f"p{number}" for number in range(500)]
    server = started(*people(*names), slapd.group("analysts", *names))
    directory = asked(server)

    found = directory.sweep([key(name) for name in names])

    assert {person.name for person in found.values() if person.barred is None} == set(names)
    assert len(server.asked("SRCH base=")) == 3


@pytest.mark.parametrize("limits", ["", "limits * size.soft=500 size.hard=500", "sizelimit 300"])
def test_more_people_than_a_search_gives_are_all_found(started, asked, limits):
    names = [f"p{number}" for number in range(1201)]
    directory = asked(started(*people(*names), slapd.group("analysts", *names), more=limits))

    assert len(directory.sweep([key(name) for name in names])) == 1201


@pytest.mark.parametrize(
    ("attribute", "value", "title"),
    [
        ("pwdAccountLockedTime", "000001010000Z", "Your account is locked."),
        ("shadowExpire", "1", "Your account is disabled."),
    ],
)
def test_a_sweep_finds_who_is_locked_or_over(started, asked, attribute, value, title):
    server = started(*people("ann", "bob"), slapd.group("analysts", "ann", "bob"))
    directory = asked(server)
    server.set(dn("ann"), attribute, value)

    found = directory.sweep([key("ann"), key("bob")])

    assert found[key("ann")].barred.title == title
    assert found[key("bob")].barred is None


def test_a_sweep_finds_who_is_gone_and_who_has_another_password(started, asked):
    server = started(*people("ann", "bob"), slapd.group("analysts", "ann", "bob"))
    directory = asked(server)
    before = directory.sweep([key("ann"), key("bob")])
    server.delete(dn("ann"))
    # The administrator's own change is no change for the policy; the person's is.
    server.set_password(dn("bob"), password("bob"), "another")

    found = directory.sweep([key("ann"), key("bob")])

    assert found.keys() == {key("bob")}
    assert found[key("bob")].password_mark != before[key("bob")].password_mark


def test_a_first_change_of_a_password_is_noticed_too(started, asked):
    server = started(slapd.person("ann", password("ann")), slapd.group("analysts", "ann"))
    directory = asked(server)
    before = directory.look_up(key("ann")).password_mark
    server.set_password(dn("ann"), password("ann"), "another")

    assert before
    assert directory.look_up(key("ann")).password_mark != before


# ── several servers, and none ───────────────────────────────────────────────────────────────────────
ENTRIES = (*people("ann"), slapd.group("analysts", "ann"))


def test_the_next_server_is_asked_when_one_does_not_listen(started, asked):
    second = started(*ENTRIES)
    directory = asked(f"ldap://localhost:{ports.free(1)[0]}", second)

    assert directory.authenticate("ann", password("ann")).name == "ann"


def test_a_server_that_accepts_and_says_nothing_is_left_alone_for_a_while(started, asked):
    first, second = started(*ENTRIES), started(*ENTRIES)
    with Proxy(("127.0.0.1", first.port)) as between:
        between.blackhole()
        directory = asked(f"ldap://localhost:{between.port}", second)

        for _ in range(3):
            assert directory.authenticate("ann", password("ann")).name == "ann"

        assert between.connections == 1, "once it was tried; then it rested"


def test_a_server_that_stops_answering_in_the_middle_is_passed_over(started, asked):
    first, second = started(*ENTRIES), started(*ENTRIES)
    directory = asked(first, second)
    assert directory.authenticate("ann", password("ann")).name == "ann"
    first.pause()

    assert directory.authenticate("ann", password("ann")).name == "ann"
    assert second.asked("BIND dn=")


def test_a_server_that_rested_is_asked_again(started, asked, monkeypatch):
    moment = [1000.0]
    monkeypatch.setattr(servers.Servers.__init__, "__defaults__", (lambda: moment[0],))
    first, second = started(*ENTRIES), started(*ENTRIES)
    directory = asked(first, second)
    first.kill()
    assert directory.authenticate("ann", password("ann"))
    first.start()
    before = len(first.asked("BIND dn="))
    assert directory.authenticate("ann", password("ann"))
    assert len(first.asked("BIND dn=")) == before, "it rests"

    moment[0] += servers.REST_SECONDS

    assert directory.authenticate("ann", password("ann"))
    assert len(first.asked("BIND dn=")) > before


def test_without_any_server_nothing_is_said_of_anybody(started, asked):
    server = started(*ENTRIES)
    directory = asked(server)
    server.kill()

    for ask in (
        lambda: directory.authenticate("ann", password("ann")),
        lambda: directory.sweep([key("ann")]),
        directory.groups,
    ):
        with pytest.raises(DirectoryAway, match="does not answer"):
            ask()


def test_a_server_without_the_groups_says_nothing_of_anybody(started, asked):
    """A replica that is not filled yet must not put everybody out."""
    directory = asked(started(*people("ann")))

    with pytest.raises(DirectoryAway, match="has none of the groups"):
        directory.sweep([key("ann")])


def test_another_password_of_swaps_own_account_counts_at_once(started, asked, tmp_path):
    server = started(*ENTRIES)
    directory = asked(server)
    server.set_password(slapd.ACCOUNT, slapd.ACCOUNT_PASSWORD, "renewed")
    (tmp_path / "account").write_text("renewed")

    assert directory.authenticate("ann", password("ann")).name == "ann"


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_without_authorities_to_trust_nobody_is_asked(asked, tmp_path, content):
    authorities = tmp_path / "authorities"
    if content is not None:
        authorities.write_text(content)

    with pytest.raises(SettingsError, match=r"people\.ldap\.ca, .*authorities, is no file of certificates"):
        asked("ldaps://localhost", ca=authorities)


# ── what a look at its parts says ───────────────────────────────────────────────────────────────────
def test_a_look_at_a_directory_that_works_finds_no_fault(started, asked, tmp_path):
    long = started(*ENTRIES, certificate=_lasting(tmp_path))
    directory = asked(long, ca=tmp_path / "localhost.pem")

    found = {check.subject: check for check in directory.check()}

    assert all(check.works for check in found.values()), found
    assert "its certificate ends" in found[f"directory localhost:{long.port}"].saw
    assert found["groups"].saw == "1 of 1 are there"


def _lasting(place):
    return services.certificate(place, "localhost", dt.timedelta(days=90))


def test_a_look_says_what_does_not_work_and_what_to_do(started, asked, tmp_path):
    server = started(*ENTRIES)
    away = f"ldap://localhost:{ports.free(1)[0]}"

    def faults(*servers, **how):
        return {check.subject: check for check in asked(*servers, **how).check() if not check.works}

    here = f"directory localhost:{server.port}"
    assert "does not listen" in faults(away, server)[f"directory localhost:{away.rpartition(':')[2]}"].saw
    assert faults(server)[f"{here}, certificate"].todo.startswith("Ask whoever keeps the directory for a new one")
    assert "is not in the directory" in faults(server, allowed_groups=("analysts", "annalists"))["group annalists"].saw
    assert faults(server, base=f"ou=services,{slapd.BASE}")["people"].saw.startswith("nobody is below")
    assert "no values of nsUniqueId" in faults(server, id_attribute="nsUniqueId")["people"].saw
    (tmp_path / "account").write_text("wrong")
    refused = faults(server, server)
    assert refused[here].saw.startswith(("refuses SWAP's account", "was not asked"))
    assert len(server.values(slapd.ACCOUNT, "pwdFailureTime")) == 1, "a second refusal could lock the account"
