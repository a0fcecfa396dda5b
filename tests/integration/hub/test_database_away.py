"""SWAP's database dies and comes back while people sign in."""

from __future__ import annotations

import os
import signal

import pytest
from jupyterhub import orm
from sqlalchemy.exc import OperationalError

import services
from integration.hub.conftest import build, demolish
from swap.hub import mend


@pytest.fixture(scope="module")
def postgres():
    """A database server of these tests' own, which loses nothing when it is killed."""
    yield from services.run_postgres({})


@pytest.fixture(scope="module")
def house(postgres):
    made = build(postgres, names=("ann", "bertrand"))
    try:
        made.start("traefik")
        made.start("gateway", "web", "hub")
        yield made
    finally:
        demolish(made)


def crash(postgres):
    """Kill the server as the kernel would; what watches it starts it again with `restart`."""
    os.kill(int((postgres.data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    postgres.process.wait(30)


def test_the_first_sign_in_after_a_crash_of_the_database_works(house, postgres):
    before = house.sign_in("ann")

    crash(postgres)
    postgres.restart()

    assert house.browser().sign_in("ann").status_code == 200
    assert house.sign_in("bertrand").session
    assert before.get("/", follow=False).status_code == 200, "and who was signed in stays so"


def test_while_the_database_is_away_the_sign_in_page_says_so_and_counts_nothing(house, postgres):
    house.sign_in("ann")
    browser = house.browser()

    crash(postgres)
    try:
        answers = [browser.sign_in("ann") for _ in range(7)]
    finally:
        postgres.restart()

    assert {answer.status_code for answer in answers} == {503}
    assert "Nobody can sign in just now." in answers[0].text
    assert "SWAP&#39;s database does not answer." in answers[0].text
    assert "Traceback" not in answers[0].text
    assert browser.sign_in("ann").status_code == 200
    assert browser.session


# ── the hub's own session ───────────────────────────────────────────────────────────────────────────
@pytest.fixture
def session(database):
    made = orm.new_session_factory(database.url("hub"))()
    yield made
    made.close()
    made.get_bind().dispose()


def cut(postgres, session):
    """End the session's connection from the other side."""
    pid = session.connection().connection.driver_connection.info.backend_pid
    with postgres.administrator() as conn:
        conn.execute("select pg_terminate_backend(%s, 10000)", (pid,))


def test_a_session_that_only_read_begins_anew_on_another_connection(embedded_postgres, session):
    mend.watch(session)
    session.query(orm.User).all()
    cut(embedded_postgres, session)

    assert session.query(orm.User).all() == []


def test_without_the_watch_it_meets_the_dead_connection(embedded_postgres, session):
    session.query(orm.User).all()
    cut(embedded_postgres, session)

    with pytest.raises(OperationalError):
        session.query(orm.User).all()
    session.rollback()


def test_a_session_that_wrote_half_of_something_is_told_that_it_is_lost(embedded_postgres, session):
    mend.watch(session)
    session.add(orm.User(name="half"))
    session.flush()
    cut(embedded_postgres, session)

    with pytest.raises(OperationalError):
        session.query(orm.User).all()
    session.rollback()
    session.add(orm.User(name="whole"))
    session.commit()
    cut(embedded_postgres, session)
    assert [user.name for user in session.query(orm.User)] == ["whole"]


def add(session):
    session.add(orm.User(name="half"))


def change(session):
    session.query(orm.User).one().name = "half"


def delete(session):
    session.delete(session.query(orm.User).one())


def change_in_bulk(session):
    session.query(orm.User).update({"name": "half"})


def delete_in_bulk(session):
    session.query(orm.User).delete()


@pytest.mark.parametrize("write", [add, change, delete, change_in_bulk, delete_in_bulk])
def test_nothing_that_still_waits_for_its_flush_or_was_written_in_bulk_is_lost_silently(
    embedded_postgres, session, write
):
    mend.watch(session)
    session.add(orm.User(name="kept"))
    session.commit()
    write(session)
    cut(embedded_postgres, session)

    with pytest.raises(OperationalError):
        session.query(orm.User).all()
    session.rollback()
    assert [user.name for user in session.query(orm.User)] == ["kept"]
