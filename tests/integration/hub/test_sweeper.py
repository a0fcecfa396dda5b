"""What a directory's answer means for those it was asked about, in the real database."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from swap.db.tables import audit_event
from swap.errors import NotSignedIn, Problem
from swap.hub import sweeper
from swap.hub.context import Context
from swap.hub.directories.base import DirectoryAway, DirectoryPerson
from swap.hub.directories.file import FileDirectory
from swap.hub.grace import Grace
from swap.people import service
from swap.people.ids import new_person_id
from swap.settings import Settings

from .conftest import people_document

ANN = DirectoryPerson("test:1", "ann", frozenset({"analysts"}))
BERTRAND = DirectoryPerson("test:2", "bertrand", frozenset({"analysts"}))


class ToldDirectory:
    """A directory that gives the answers of a test, one after the other, the last for ever; None when it is away."""

    prefix = "test:"
    at_a_time = 1
    look_seconds = 0.01
    grace_seconds = math.inf
    keys_are_for_ever = False

    def __init__(self, *answers: tuple[DirectoryPerson, ...] | None) -> None:
        self.answers = list(answers)
        self.asked: list[set[str]] = []
        self.when_all_were_given = lambda: None

    def check(self):
        return iter(())

    def sweep(self, keys):
        if len(self.asked) == len(self.answers):
            self.when_all_were_given()
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(set(keys))
        if answer is None:
            raise DirectoryAway
        return {person.key: person for person in answer if person.key in keys}


def nobody(person_id):
    raise AssertionError(person_id)


@pytest.fixture
def here(database, tmp_path):
    return Context(Settings(state=tmp_path), None, database.engine("hub"), None)


@pytest.fixture
def known(here):
    """ann and bertrand, signed in, and somebody of another directory."""

    def add(conn):
        for person in (ANN, BERTRAND, DirectoryPerson("other:1", "ann", frozenset())):
            made = service.ensure_person(
                conn, person.key, person.name, person.groups, lambda: new_person_id(secrets.token_bytes)
            )
            service.sign_in(conn, made.id, secrets.token_hex(8), datetime.now(UTC), 7)
        return service.everybody(conn, "test:")

    with here.engine.begin() as conn:
        return add(conn)


def people(here, prefix="test:"):
    with here.engine.begin() as conn:
        return service.everybody(conn, prefix)


@pytest.fixture
def events(database):
    """Return what the record says; the hub itself may only add to it."""

    def read():
        with database.engine().begin() as conn:
            return conn.execute(select(audit_event.c.event, audit_event.c.person_id)).all()

    return read


def test_who_left_is_removed_and_nobody_else(here, known, events):
    directory, ended = ToldDirectory((BERTRAND,)), []

    asyncio.run(sweeper.look(here, directory, ended.append, set()))

    assert ended == [known["test:1"].id]
    assert directory.asked == [{"test:1", "test:2"}], "one question, about this directory's people only"
    assert people(here) == {"test:2": known["test:2"]}
    assert people(here, "other:").keys() == {"other:1"}
    assert events() == [("person-removed", known["test:1"].id)]
    with here.engine.begin() as conn:
        assert not service.access(conn, known["test:1"].id, datetime.now(UTC)).live
        assert service.access(conn, known["test:2"].id, datetime.now(UTC)).live


def test_somebody_who_cannot_be_ended_now_holds_up_nobody_else(here, known):
    asked, left = [], set()

    def end(person_id):
        asked.append(person_id)
        if len(asked) == 1:
            raise OperationalError("", {}, Exception())

    with pytest.raises(OperationalError):
        asyncio.run(sweeper.look(here, ToldDirectory(()), end, left))

    assert set(asked) == {known["test:1"].id, known["test:2"].id}
    assert left == {asked[0]}
    asyncio.run(sweeper.look(here, ToldDirectory(()), end, left))
    assert asked[2:] == [asked[0]]
    assert left == set()


def test_a_new_name_and_new_groups_count(here, known, events):
    asyncio.run(
        sweeper.look(
            here, ToldDirectory((replace(ANN, name="anna"), replace(BERTRAND, groups=frozenset()))), nobody, set()
        )
    )

    assert {person.name: person.groups for person in people(here).values()} == {
        "anna": frozenset({"analysts"}),
        "bertrand": frozenset(),
    }
    assert events() == [("groups-changed", known["test:2"].id)]
    assert {person.id for person in people(here).values()} == {person.id for person in known.values()}


def marked(mark):
    return ToldDirectory((replace(ANN, password_mark=mark), BERTRAND))


def is_live(here, person_id):
    with here.engine.begin() as conn:
        return service.access(conn, person_id, datetime.now(UTC)).live


def test_another_password_ends_all_that_was_open_and_nobody_elses(here, known, events):
    ann = known["test:1"].id
    with here.engine.begin() as conn:
        service.launch_server(conn, ann, "s1", "credential", datetime.now(UTC))
    asyncio.run(sweeper.look(here, marked("one"), nobody, set()))
    assert is_live(here, ann), "the first mark says only that there was none before"
    assert events() == []

    ended = []

    asyncio.run(sweeper.look(here, marked("two"), ended.append, set()))

    assert ended == [ann]
    assert not is_live(here, ann)
    assert is_live(here, known["test:2"].id)
    assert events() == [("server-stopped", ann), ("password-changed", ann)]
    with here.engine.begin() as conn, pytest.raises(NotSignedIn):
        service.server_for(conn, "credential", datetime.now(UTC))


def test_a_password_that_is_the_same_ends_nothing(here, known, events):
    for mark in ("one", "one", "", "one"):
        asyncio.run(sweeper.look(here, marked(mark), nobody, set()))

    assert is_live(here, known["test:1"].id), "nor does a directory that cannot tell for a while"
    assert events() == []


def test_a_sweep_that_looked_before_a_sign_in_with_the_new_password_does_not_end_it(here, known, events):
    asyncio.run(sweeper.look(here, marked("one"), nobody, set()))
    before = people(here)
    found = {"test:1": replace(ANN, password_mark="two"), "test:2": BERTRAND}
    with here.engine.begin() as conn:
        assert sweeper.follow_password(conn, known["test:1"].id, "two")
        service.sign_in(conn, known["test:1"].id, "new", datetime.now(UTC), 7)

    with here.engine.begin() as conn:
        assert sweeper.follow(conn, before, found) == []

    assert is_live(here, known["test:1"].id)
    assert events() == [("password-changed", known["test:1"].id)]


def test_a_directory_that_is_away_changes_nothing(here, known, events):
    directory = ToldDirectory(None)

    with pytest.raises(DirectoryAway):
        asyncio.run(sweeper.look(here, directory, nobody, set()))

    assert people(here) == known
    assert events() == []


def test_looking_goes_on_after_a_directory_was_away(here, known, caplog):
    directory = ToldDirectory(None, None, (BERTRAND,))

    async def story():
        taken, loop = asyncio.Event(), asyncio.get_running_loop()
        directory.when_all_were_given = lambda: loop.call_soon_threadsafe(taken.set)
        looking = asyncio.ensure_future(sweeper.run(here, directory, lambda _: None, logging.getLogger("swap.test")))
        await asyncio.wait_for(taken.wait(), 30)
        looking.cancel()

    asyncio.run(story())
    assert people(here) == {"test:2": known["test:2"]}
    assert caplog.text.count("was not followed") == 2


def test_looking_goes_on_whatever_a_look_met(here, known):
    class Broken(ToldDirectory):
        def sweep(self, keys):
            self.sweep = super().sweep
            raise ValueError(keys)

    directory = Broken((BERTRAND,))

    async def story():
        taken, loop = asyncio.Event(), asyncio.get_running_loop()
        directory.when_all_were_given = lambda: loop.call_soon_threadsafe(taken.set)
        looking = asyncio.ensure_future(sweeper.run(here, directory, lambda _: None, logging.getLogger("swap.test")))
        await asyncio.wait_for(taken.wait(), 30)
        looking.cancel()

    asyncio.run(story())
    assert people(here) == {"test:2": known["test:2"]}


# The younger one comes from the future, so that no slow machine lets it grow old before it is looked at.
@pytest.mark.parametrize("age_seconds", [-60, 60], ids=["being written", "left like that"])
def test_a_people_file_cut_off_between_two_people_removes_nobody_while_it_is_being_written(here, tmp_path, age_seconds):
    path = tmp_path / "people.toml"
    whole = people_document(("ann", "bertrand"))
    path.write_text(whole, encoding="utf-8")
    directory = FileDirectory(path)
    with here.engine.begin() as conn:
        for name in ("ann", "bertrand"):
            service.ensure_person(conn, f"file:{name}", name, ["analysts"], lambda: new_person_id(secrets.token_bytes))
    path.write_text(whole[: whole.rindex("[[people]]")], encoding="utf-8")
    moment = time.time() - age_seconds
    os.utime(path, (moment, moment))

    if age_seconds > 0:
        ended = []
        asyncio.run(sweeper.look(here, directory, ended.append, set()))
        assert len(ended) == 1
        assert people(here, "file:").keys() == {"file:ann"}, "a file that was left alone means what it says"
    else:
        with pytest.raises(DirectoryAway, match="may be half written"):
            asyncio.run(sweeper.look(here, directory, nobody, set()))
        assert people(here, "file:").keys() == {"file:ann", "file:bertrand"}


# ── a directory whose keys are for ever ─────────────────────────────────────────────────────────────
class LastingDirectory(ToldDirectory):
    """The same, of a kind that gives a key to nobody else."""

    keys_are_for_ever = True


BARRED = Problem("You are in no group that may use SWAP.", why="That is analysts.")


def reasons(database):
    with database.engine().begin() as conn:
        wanted = select(audit_event.c.person_id, audit_event.c.detail).where(audit_event.c.event == "access-ended")
        return [(row.person_id, row.detail["reason"]) for row in conn.execute(wanted)]


def test_whom_another_directory_let_in_loses_access_when_the_settings_name_this_one(here, known, database):
    other = people(here, "other:")["other:1"].id
    with here.engine.begin() as conn:
        assert sweeper.end_others(conn, LastingDirectory(())) == [other]

    assert reasons(database) == [(other, "people come from another directory now")]
    assert not is_live(here, other)
    assert is_live(here, known["test:1"].id)


def test_who_is_gone_or_barred_loses_access_and_stays_who_they_are(here, known, database):
    directory, ended = LastingDirectory((replace(BERTRAND, barred=BARRED),)), []

    asyncio.run(sweeper.look(here, directory, ended.append, set()))

    ann, bertrand = known["test:1"].id, known["test:2"].id
    assert set(ended) == {ann, bertrand}
    assert not is_live(here, ann)
    assert not is_live(here, bertrand)
    assert people(here).keys() == known.keys(), "nobody is removed"
    assert set(reasons(database)) == {
        (ann, "no longer in the directory"),
        (bertrand, "You are in no group that may use SWAP. That is analysts."),
    }


@pytest.mark.parametrize("state", ["active", "paused"])
def test_who_has_a_report_is_asked_about_until_nothing_runs_for_them(here, known, database, state):
    chidi = known["test:2"].id
    report = f"'r', 'n', 1, :id, 'day 06:00', 'UTC', 'latest', 'wait', '{state}', '{{}}', 0, now(), now()"
    with database.engine("owner").begin() as conn:
        for key in ("test:1", "test:2"):
            service.sign_out(conn, known[key].id, datetime.now(UTC))
        conn.execute(
            text("INSERT INTO swap.notebook (id, person_id, path) VALUES ('n', :id, 'a.ipynb')"), {"id": chidi}
        )
        conn.execute(text(f"INSERT INTO swap.report VALUES ({report})"), {"id": chidi})
    directory, ended = LastingDirectory(()), []

    for _ in range(2):
        asyncio.run(sweeper.look(here, directory, ended.append, set()))

    assert directory.asked == [{"test:2"}, set()]
    assert ended == [chidi]
    with database.engine("owner").connect() as conn:
        assert conn.scalar(text("SELECT standing FROM swap.person WHERE id = :id"), {"id": chidi}) == 1


def test_only_those_are_asked_about_who_are_signed_in_or_whose_server_runs(here, known):
    ann, bertrand = known["test:1"].id, known["test:2"].id
    with here.engine.begin() as conn:
        service.launch_server(conn, ann, "s1", "credential", datetime.now(UTC))
        for person_id in (ann, bertrand):
            service.sign_out(conn, person_id, datetime.now(UTC))
    directory, ended = LastingDirectory(()), []

    for _ in range(2):
        asyncio.run(sweeper.look(here, directory, ended.append, set()))

    assert directory.asked == [{"test:1"}, set()]
    assert ended == [ann]


def away(seen, seconds):
    """Return a grace of a minute after so many seconds without an answer."""
    now = datetime.now(UTC)
    grace = Grace(seen, 60, now)
    grace.answered(now - timedelta(seconds=seconds))
    return grace


def test_while_the_directory_is_away_people_go_on_until_the_grace_is_over(here, known, database, tmp_path):
    directory, ended = LastingDirectory(None), []

    with pytest.raises(DirectoryAway):
        asyncio.run(sweeper.look(here, directory, nobody, set(), away(tmp_path / "seen", 30)))
    assert is_live(here, known["test:1"].id)
    asyncio.run(sweeper.look(here, directory, ended.append, set(), away(tmp_path / "seen", 61)))

    assert set(ended) == {person.id for person in known.values()}
    assert not is_live(here, known["test:1"].id)
    assert {reason for _, reason in reasons(database)} == {"the directory has not answered for 1 min"}


def test_an_answer_begins_the_grace_anew(here, known, tmp_path):
    grace = away(tmp_path / "seen", 61)

    asyncio.run(sweeper.look(here, LastingDirectory((ANN, BERTRAND)), nobody, set(), grace))

    with pytest.raises(DirectoryAway):
        asyncio.run(sweeper.look(here, LastingDirectory(None), nobody, set(), grace))
