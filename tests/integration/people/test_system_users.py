"""Uids of people: one for each, for ever."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from swap.errors import Unavailable
from swap.launch import seats
from swap.people import service
from swap.settings import Launch, Settings

NOW = datetime(2026, 11, 29, tzinfo=UTC)
UIDS = range(700_000, 700_010)


def nobody(_uid):
    return False


@pytest.fixture
def people(database):
    """Add people by the letter of their ids."""

    def add(letter):
        with database.engine("hub").begin() as conn:
            return service.ensure_person(conn, f"file:{letter}", letter, (), lambda: "p" + letter * 9).id

    return add


def give(database, person_id, uids=UIDS, is_taken=nobody, role="hub"):
    with database.engine(role).begin() as conn:
        return service.system_user(conn, person_id, uids, is_taken)


def test_each_person_has_a_uid_of_their_own_and_keeps_it(database, people):
    ann, bob = people("a"), people("b")

    assert [give(database, ann), give(database, bob), give(database, ann)] == [700_000, 700_001, 700_000]


def test_a_removed_persons_uid_is_nobody_elses(database, people):
    ann = people("a")
    give(database, ann)
    with database.engine("hub").begin() as conn:
        service.remove(conn, ann, NOW)
    again = people("c")

    assert give(database, again) == 700_001


def test_no_process_can_take_a_uid_back_and_the_portal_gives_none(database, people):
    give(database, people("a"))
    take = ("delete from swap.system_user", "update swap.system_user set uid = 1")

    for role, statements in (("hub", take), ("web", (*take, "insert into swap.system_user values ('pannaaaaaa', 1)"))):
        for statement in statements:
            with pytest.raises(DBAPIError, match="permission denied"), database.engine(role).begin() as conn:
                conn.execute(text(statement))
    with database.engine("owner").begin() as conn:
        assert conn.execute(text("delete from swap.system_user")).rowcount == 1, "the control"


def test_a_uid_that_the_machine_knows_is_passed_over(database, people):
    assert give(database, people("a"), is_taken={700_000, 700_001}.__contains__) == 700_002


def test_when_none_is_left_it_says_which_setting_to_raise(database, people):
    give(database, people("a"), range(5, 6))

    with pytest.raises(Unavailable) as caught:
        give(database, people("b"), range(5, 6))
    assert "launch.uids" in caught.value.problem.todo


def test_a_range_that_was_moved_gives_no_uid_twice(database, people):
    give(database, people("a"), range(10, 20))
    give(database, people("b"), range(5, 15))

    assert give(database, people("c"), range(5, 15)) == 12


def test_whose_uid_has_become_one_of_swaps_own_starts_nothing(database, people, tmp_path):
    """A range that was made smaller ends with the ids of gateway, combiners and readers: they must own nothing."""
    smaller = {"isolation": "user", "first_uid": 700_000, "uids": 1_000}
    launch = Settings.model_validate({"state": str(tmp_path), "launch": smaller}).launch
    before, after = people("a"), people("b")
    give(database, after, launch.uid_range)
    give(database, before, range(700_998, 701_998))

    with database.engine("hub").begin() as conn:
        assert seats.uid(conn, launch, after) in launch.uid_range
        with pytest.raises(Unavailable, match=r"launch\.uids was lowered"):
            seats.uid(conn, launch, before)


@pytest.mark.parametrize(("uid", "is_theirs"), [(0, False), (2_100_099_997, False), (1, False), (2_100_000_007, True)])
def test_a_uid_that_the_hubs_account_writes_is_a_persons_only_where_it_can_be(database, people, uid, is_theirs):
    """Root's, the portal's, one that the machine knows; and one that nobody has, the control."""
    launch, ann = Launch(isolation="user"), people("a")
    with database.engine("hub").begin() as conn:
        conn.execute(text("insert into swap.system_user values (:person, :uid)"), {"person": ann, "uid": uid})

    assert seats.can_be(uid, launch) is is_theirs
    with database.engine("hub").begin() as conn, nullcontext() if is_theirs else pytest.raises(Unavailable):
        assert seats.uid(conn, launch, ann) == uid


def test_many_at_once_get_one_each(database, people):
    ids = [people(letter) for letter in "abcdefgh"]
    given: list[int] = []
    threads = [
        threading.Thread(target=lambda each=each: given.append(give(database, each))) for each in ids for _ in "12"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(given) == sorted([*UIDS[:8], *UIDS[:8]])
