from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Connection, select, text

from swap.db.tables import jupyter_server, person, portal_session
from swap.errors import NotSignedIn, Unavailable
from swap.identity import Via
from swap.people import service
from swap.people.ids import new_person_id
from swap.people.model import Access, Person

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def new_id() -> str:
    return new_person_id(secrets.token_bytes)


def ann(conn: Connection, groups: tuple[str, ...] = ("analysts",)) -> Person:
    return service.ensure_person(conn, "file:ann", "ann", groups, new_id)


def signed_in(conn: Connection) -> Person:
    someone = ann(conn)
    service.sign_in(conn, someone.id, secrets.token_hex(8), NOW, 7)
    return someone


@pytest.fixture
def conn(database):
    # The hub's verbs and the portal's side by side: each process has only the rights its own need.
    with database.engine("owner").begin() as connection:
        yield connection


def test_groups_that_the_hub_has_heard_of_are_found_by_the_portal(database):
    for groups in ({"research", "a%b"}, {"research", "reading"}):
        with database.engine("hub").begin() as conn:
            ann(conn, tuple(groups))
    with database.engine("web").begin() as conn:
        assert service.groups_beginning(conn, "re", 10) == ["reading", "research"]
        assert service.groups_beginning(conn, "re", 1) == ["reading"]
        assert service.groups_beginning(conn, "a%", 10) == ["a%b"]
        assert (service.is_group(conn, "a%b"), service.is_group(conn, "a")) == (True, False)
        assert [name for _, name in service.beginning(conn, "AN", 10)] == ["ann"]


class TestIdentity:
    def test_the_same_key_is_always_the_same_person(self, conn):
        assert ann(conn).id == ann(conn).id

    def test_a_name_is_a_label_and_follows_the_directory(self, conn):
        before = ann(conn)

        after = service.ensure_person(conn, "file:ann", "Ann Smith", {"analysts", "data-privacy"}, new_id)

        assert after == Person(before.id, "Ann Smith", frozenset({"analysts", "data-privacy"}), before.epoch)
        assert service.find_person(conn, before.id) == after

    @pytest.mark.parametrize(
        "name", ["ann.smith", "José", "o'brien", "50%", "n" * 64, "content", "../etc", "p23456789a"]
    )
    def test_any_name_gets_a_safe_id(self, conn, name):
        made = service.ensure_person(conn, f"file:{name}", name, (), new_id)

        assert made.name == name
        assert made.id != name

    def test_an_id_that_is_taken_is_not_given_again(self, conn):
        taken = ann(conn).id
        offers = iter([taken, taken, "pzzzzzzzzz"])

        assert service.ensure_person(conn, "file:bob", "bob", (), lambda: next(offers)).id == "pzzzzzzzzz"

    def test_broken_randomness_is_an_error_not_somebody_elses_id(self, conn):
        taken = ann(conn).id

        with pytest.raises(Unavailable, match="No unused person id"):
            service.ensure_person(conn, "file:bob", "bob", (), lambda: taken)

    def test_an_id_of_another_shape_is_refused(self, conn):
        with pytest.raises(ValueError, match="content"):
            service.ensure_person(conn, "file:bob", "bob", (), lambda: "content")

    def test_whoever_comes_under_a_removed_persons_key_is_somebody_else(self, conn):
        former = signed_in(conn)
        service.remove(conn, former.id, NOW)

        newcomer = ann(conn)

        assert newcomer.id != former.id
        service.sign_in(conn, newcomer.id, "n1", NOW, 7)
        assert not service.access(conn, former.id, NOW).live
        with pytest.raises(NotSignedIn):
            service.principal(conn, former.id, Via.PORTAL, NOW)

    def test_a_removed_persons_id_is_never_given_again(self, conn):
        former = ann(conn)
        service.remove(conn, former.id, NOW)
        offers = iter([former.id, "pzzzzzzzzz"])

        assert service.ensure_person(conn, "file:ann", "ann", (), lambda: next(offers)).id == "pzzzzzzzzz"

    def test_two_first_sign_ins_at_once_make_one_person(self, database):
        made, barrier = [], threading.Barrier(4)

        def come_in():
            with database.engine("hub").begin() as connection:
                barrier.wait(10)
                made.append(ann(connection).id)

        threads = [threading.Thread(target=come_in) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert len(made) == 4
        assert len(set(made)) == 1


class TestAccess:
    def test_nobody_has_access_before_signing_in(self, conn):
        someone = ann(conn)

        assert not service.access(conn, someone.id, NOW).live
        with pytest.raises(NotSignedIn):
            service.principal(conn, someone.id, Via.KERNEL, NOW)

    def test_a_signed_in_person_is_a_principal_with_name_and_groups(self, conn):
        someone = signed_in(conn)

        who = service.principal(conn, someone.id, Via.KERNEL, LATER)

        assert (who.id, who.name, who.groups, who.via, who.run) == (
            someone.id,
            "ann",
            frozenset({"analysts"}),
            Via.KERNEL,
            None,
        )

    def test_a_sign_in_ends_by_itself(self, conn):
        someone = signed_in(conn)

        assert service.access(conn, someone.id, NOW + timedelta(days=7, seconds=-1)).live
        assert not service.access(conn, someone.id, NOW + timedelta(days=7)).live

    def test_signing_out_ends_everything_and_raises_the_epoch(self, conn):
        someone = signed_in(conn)
        service.sign_in(conn, someone.id, "another-browser", NOW, 7)
        service.open_portal_session(conn, someone.id, "cookie", "csrf", NOW, 7)

        service.sign_out(conn, someone.id, LATER)

        assert service.access(conn, someone.id, LATER) == service.Access(live=False, epoch=1)
        with pytest.raises(NotSignedIn):
            service.portal_session(conn, "cookie", LATER)

    def test_signing_in_again_does_not_revive_what_was_given_out_before(self, conn):
        someone = signed_in(conn)
        service.open_portal_session(conn, someone.id, "old-cookie", "csrf", NOW, 7)
        service.sign_out(conn, someone.id, NOW)

        service.sign_in(conn, someone.id, "again", LATER, 7)

        assert service.access(conn, someone.id, LATER) == service.Access(live=True, epoch=1)
        with pytest.raises(NotSignedIn):
            service.portal_session(conn, "old-cookie", LATER)

    def test_signing_out_touches_nobody_else(self, conn):
        someone = signed_in(conn)
        other = service.ensure_person(conn, "file:bob", "bob", (), new_id)
        service.sign_in(conn, other.id, "bobs", NOW, 7)

        service.sign_out(conn, someone.id, LATER)

        assert service.access(conn, other.id, LATER) == service.Access(live=True, epoch=0)

    def test_an_unknown_id_has_no_access(self, conn):
        assert service.access(conn, "pzzzzzzzzz", NOW) == service.Access(live=False, epoch=0)

    def test_the_end_of_access_is_heard_when_it_is_committed(self, database):
        address = database.engine("gateway").url
        plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as listener:
            listener.execute("listen swap_access")
            with database.engine("hub").begin() as connection:
                someone = signed_in(connection)
            assert [note.payload for note in listener.notifies(timeout=60, stop_after=1)] == [someone.id]
            with database.engine("web").begin() as connection:
                service.sign_out(connection, someone.id, LATER)
                assert list(listener.notifies(timeout=0.2)) == []
            assert [note.payload for note in listener.notifies(timeout=60, stop_after=1)] == [someone.id]


class TestPortalSessions:
    def test_a_cookie_leads_to_its_person(self, conn):
        someone = signed_in(conn)
        service.open_portal_session(conn, someone.id, "cookie", "csrf-1", NOW, 7)

        found = service.portal_session(conn, "cookie", LATER)

        assert (found.principal.id, found.principal.via, found.csrf) == (someone.id, Via.PORTAL, "csrf-1")

    def test_the_cookies_value_is_nowhere_in_the_database(self, conn):
        someone = signed_in(conn)
        service.open_portal_session(conn, someone.id, "cookie-value", "csrf-1", NOW, 7)

        assert "cookie-value" not in str(conn.execute(select(portal_session)).all())

    @pytest.mark.parametrize("secret", ["", "other", "cookie "])
    def test_any_other_cookie_leads_to_nobody(self, conn, secret):
        someone = signed_in(conn)
        service.open_portal_session(conn, someone.id, "cookie", "csrf-1", NOW, 7)

        with pytest.raises(NotSignedIn):
            service.portal_session(conn, secret, LATER)

    def test_a_session_ends_by_itself_and_with_its_persons_removal(self, conn):
        someone = signed_in(conn)
        service.open_portal_session(conn, someone.id, "short", "csrf", NOW, 1)
        service.open_portal_session(conn, someone.id, "long", "csrf", NOW, 7)

        with pytest.raises(NotSignedIn):
            service.portal_session(conn, "short", NOW + timedelta(days=1))
        service.remove(conn, someone.id, LATER)
        with pytest.raises(NotSignedIn):
            service.portal_session(conn, "long", LATER)


class TestServers:
    def test_a_credential_leads_to_its_server_and_to_the_persons_access_now(self, conn):
        someone = signed_in(conn)
        service.launch_server(conn, someone.id, "s1", "credential", NOW)
        assert service.server_for(conn, "credential", LATER) == service.LaunchedServer(
            someone.id, "s1", Access(live=True, epoch=0)
        )

        service.sign_out(conn, someone.id, LATER)

        # The server must still be able to hear that access ended; what it may do is another question.
        assert service.server_for(conn, "credential", LATER) == service.LaunchedServer(
            someone.id, "s1", Access(live=False, epoch=1)
        )

    def test_the_credential_is_nowhere_in_the_database(self, conn):
        service.launch_server(conn, ann(conn).id, "s1", "credential-value", NOW)

        assert "credential-value" not in str(conn.execute(select(jupyter_server)).all())

    def test_a_server_that_ended_has_no_credential(self, conn):
        someone = ann(conn)
        service.launch_server(conn, someone.id, "s1", "credential", NOW)

        assert service.end_server(conn, "s1", LATER) == someone.id
        assert service.end_server(conn, "s1", LATER) is None
        with pytest.raises(NotSignedIn, match="has ended"):
            service.server_for(conn, "credential", LATER)

    def test_a_new_server_ends_the_credentials_of_one_whose_end_nobody_saw(self, conn):
        someone = ann(conn)
        service.launch_server(conn, someone.id, "s1", "first", NOW)

        service.launch_server(conn, someone.id, "s2", "second", LATER)

        assert service.server_for(conn, "second", LATER).server_id == "s2"
        with pytest.raises(NotSignedIn):
            service.server_for(conn, "first", LATER)

    def test_an_unknown_credential_leads_nowhere(self, conn):
        with pytest.raises(NotSignedIn):
            service.server_for(conn, "", LATER)


def test_the_portal_and_the_gateway_can_do_their_part_with_their_own_rights(database):
    with database.engine("hub").begin() as conn:
        someone = signed_in(conn)
        service.launch_server(conn, someone.id, "s1", "credential", NOW)
    with database.engine("gateway").begin() as conn:
        assert service.server_for(conn, "credential", LATER).person_id == someone.id
        assert service.access(conn, someone.id, LATER).live
        assert service.principal(conn, someone.id, Via.KERNEL, LATER).name == "ann"
    with database.engine("web").begin() as conn:
        service.open_portal_session(conn, someone.id, "cookie", "csrf", NOW, 7)
        assert service.portal_session(conn, "cookie", LATER).principal.id == someone.id
        service.sign_out(conn, someone.id, LATER)


def test_removal_keeps_the_row_for_ever(conn):
    someone = ann(conn)

    service.remove(conn, someone.id, NOW)
    service.remove(conn, someone.id, LATER)

    row = conn.execute(select(person).where(person.c.id == someone.id)).one()
    assert row.removed_at == NOW
    assert row.directory_key == f"removed:{someone.id}:file:ann"
    assert conn.execute(text("select count(*) from swap.person")).scalar_one() == 1
