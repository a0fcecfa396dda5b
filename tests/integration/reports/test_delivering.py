"""Editions reach people by mail, once: all of it those alone who may see all of it at that moment.

Row J04 of the list of attacks.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

import notebooks
from integration.gateway.gateways import runtime_for
from integration.reports.offices import Office, new_id
from integration.web.test_sharing_outputs import CITIES
from services import Database
from smtp import GOES_AWAY, MailServer
from swap import bare, runtime
from swap.client import checks, expect
from swap.client.checks import Rules
from swap.db import tables
from swap.db.report_tables import report_call, report_letter
from swap.errors import Forbidden, NotFound
from swap.forking import shared
from swap.identity import Principal
from swap.notebooks import notices, sharing
from swap.notebooks.notices import Mail
from swap.notebooks.shares import Kind, Role, Share
from swap.people import service as people
from swap.query import lineage
from swap.reading.program import PROGRAM
from swap.reading.room import Room
from swap.reports import delivering, owners, running, runs, service
from swap.reports.model import Claimed, Missed, Outcome
from swap.settings import Settings
from swap.supervisor.deliver import Postman

EXECUTED = notebooks.notebook(
    notebooks.markdown("# Readers"),
    notebooks.code("1 / 0", notebooks.printed("forty-two"), notebooks.shown({"image/png": notebooks.png()})),
)


@dataclass
class Post:
    """An office whose reports are mailed, and the site's mail server."""

    office: Office
    server: MailServer
    room: Room
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.readers = f"readers-{new_id()}"
        self.bob = self.office.somebody("bob", self.readers)

    def share(self, whom: str, kind: Kind = Kind.PERSON) -> None:
        with self.office.database.engine("web").begin() as conn:
            sharing.share(conn, self.office.person, self.office.notebook, Share(kind, whom, Role.VIEW), self.office.now)

    def unshare(self, whom: str) -> None:
        with self.office.database.engine("web").begin() as conn:
            sharing.end(conn, self.office.person, self.office.notebook, Kind.PERSON, whom, self.office.now)

    def add(self, whom: str, kind: Kind = Kind.PERSON, by: Principal | None = None) -> None:
        with self.office.database.engine("web").begin() as conn:
            delivering.add(conn, by or self.office.person, self.office.report.id, kind, whom, self.office.now)

    def run(self, document: dict[str, Any] = EXECUTED, *, reads_cities: bool = False) -> str:
        """Let the report make an edition, of which a kernel that read what few may see shows something, or nothing."""
        office = self.office
        with office.database.engine("web").begin() as conn:
            running.run_now(conn, office.person, office.report.id, office.now, new_id)
        claimed = office.claimed()
        if reads_cities:
            with office.database.engine("owner").begin() as conn:
                kept = {"digest": lineage.digest(CITIES), "columns": lineage.encode(CITIES)}
                conn.execute(upsert(tables.lineage).values(**kept).on_conflict_do_nothing())
                read = {"person_id": office.person.id, "kernel_id": claimed.kernel_id, "last_at": datetime.now(UTC)}
                conn.execute(insert(tables.kernel_read).values(lineage=kept["digest"], **read))
        with office.database.engine("worker").begin() as conn:
            runs.finish(conn, claimed, Outcome(document), office.now)
        return claimed.run.id

    def send(self, room: Room | None = None, **later: float) -> list[EmailMessage]:
        """Do what `swap up` does each minute, so much later; return what was taken meanwhile."""
        self.office.later(**later)
        before = len(self.server.taken)
        settings = Settings(state=self.server.folder, mail=self.server.settings())
        web = self.office.database.engine("web")
        Postman(settings, web, room or self.room, self.said.append, lambda: self.office.now).send_all()
        return self.server.taken[before:]

    @property
    def states(self) -> list[str]:
        with self.office.database.engine("owner").connect() as conn:
            return list(conn.scalars(select(report_letter.c.state).order_by(report_letter.c.at)))


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    made = Room(shared(PROGRAM))
    yield made
    made.close()


@pytest.fixture
def post(module_database: Database, tmp_path: Path, room: Room) -> Iterator[Post]:
    with contextlib.closing(MailServer(tmp_path)) as server:
        yield Post(Office(module_database, "month 1 06:00"), server, room)
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


def all_of(letter: EmailMessage) -> str:
    return "".join(str(part.get_content()) for part in letter.walk() if part.get_content_maintype() == "text")


def test_who_may_see_all_of_an_edition_gets_it_with_its_charts_once(post: Post) -> None:
    post.share(post.bob.id)
    post.add(post.bob.id)
    post.office.signs_in(post.bob)
    post.run()
    (letter,) = post.send()
    assert letter["to"] == f"{post.bob.name}@example.org"
    assert "forty-two" in all_of(letter)
    assert "1 / 0" not in all_of(letter)
    assert [each.get_content_type() for each in letter.walk()].count("image/png") == 1
    assert post.send(minutes=1) == []
    assert post.states == ["sent"]


def test_the_process_that_swap_up_begins_reads_an_edition_and_sends_it(post: Post, tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(str(os.getpid()))
    runtime.write(runtime_for(post.office.database, tmp_path), tmp_path / "runtime.json")
    post.office.now = datetime.now(UTC)
    post.share(post.bob.id)
    post.add(post.bob.id)
    post.office.signs_in(post.bob)
    post.run()
    begun = bare.service("swap.supervisor.mail", str(post.server.write_settings()))
    said = subprocess.run(begun, check=True, timeout=120, capture_output=True, text=True).stdout
    assert said.endswith(f"{post.bob.id}: an edition of report {post.office.report.id}, sent\n")
    assert "forty-two" in all_of(post.server.taken[-1])


@pytest.mark.parametrize(("signed_in", "reads_cities"), [(False, False), (True, True)])
def test_j04_who_may_not_see_all_of_it_or_is_signed_out_gets_its_address_alone(
    post: Post, signed_in: bool, reads_cities: bool
) -> None:
    post.share(post.bob.id)
    post.add(post.bob.id)
    if signed_in:
        post.office.signs_in(post.bob)
    post.run(reads_cities=reads_cities)
    (letter,) = post.send()
    assert not letter.is_multipart()
    assert f"/reports/{post.office.report.id}/runs/" in letter.get_content()
    assert "forty-two" not in letter.as_string()


def test_j04_nobody_is_mailed_who_may_not_open_the_notebook(post: Post) -> None:
    """J04: a person and a group without the notebook are refused; who lost it is passed over when it is sent."""
    for whom, kind in ((post.bob.id, Kind.PERSON), (post.readers, Kind.GROUP), ("pnobody234", Kind.PERSON)):
        with pytest.raises(Forbidden):
            post.add(whom, kind)
    post.share(post.bob.id)
    with pytest.raises(Forbidden):
        post.add(post.readers, Kind.GROUP)
    with pytest.raises(Forbidden):
        post.add(post.bob.id, by=post.bob)
    with pytest.raises(NotFound):
        post.add(post.bob.id, by=post.office.somebody("eve"))
    post.add(post.bob.id)
    post.run()
    post.unshare(post.bob.id)
    assert post.send() == []
    assert post.states == ["dropped"]


def test_a_group_is_mailed_by_its_members_of_that_moment(post: Post) -> None:
    post.share(post.readers, Kind.GROUP)
    post.add(post.readers, Kind.GROUP)
    post.run()
    assert len(post.send(seconds=1)) == 1  # the control
    post.run()
    with post.office.database.engine("owner").begin() as conn:
        people.ensure_person(conn, post.bob.name, post.bob.name, ("others",), new_id)
    assert post.send() == []


def test_an_edition_of_an_older_period_is_not_mailed_and_no_one_whom_it_is_not_wanted_by(post: Post) -> None:
    post.share(post.bob.id)
    post.add(post.bob.id)
    post.run()
    with post.office.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.report_run SET period_end = period_end + interval '1 year'"))
    post.office.later(minutes=1)
    post.run()
    assert len(post.states) == 1
    with post.office.database.engine("web").begin() as conn:
        notices.choose(conn, post.bob, Mail.NONE.value)
    assert post.send() == []
    assert post.states == ["dropped"]


def test_of_many_editions_that_are_made_at_once_the_newest_is_mailed(post: Post) -> None:
    office = post.office
    office.report = office.schedule("month 1 06:00", Missed.ALL)
    post.share(post.bob.id)
    post.add(post.bob.id)
    office.later(days=100)
    office.plan()
    while isinstance(claimed := office.claim(), Claimed):
        with office.database.engine("worker").begin() as conn:
            runs.finish(conn, claimed, Outcome(EXECUTED), office.now)
    (letter,) = post.send()
    assert "February 2027" in letter["subject"]


def test_who_is_told_once_a_day_gets_it_in_the_morning_and_who_ends_it_no_more(post: Post) -> None:
    post.share(post.bob.id)
    post.add(post.bob.id)
    web = post.office.database.engine("web")
    with web.begin() as conn:
        notices.choose(conn, post.bob, Mail.DAILY.value)
    post.run()
    assert post.send(minutes=1) == []
    assert len(post.send(hours=23)) == 1
    with web.begin() as conn:
        delivering.decline(conn, post.bob, post.office.report.id, post.office.now)
    post.run()
    assert post.send(hours=24) == []


def test_what_is_held_is_in_no_mail_feed_or_webhook_until_it_is_released(post: Post) -> None:
    office, web = post.office, post.office.database.engine("web")
    post.share(post.bob.id)
    post.add(post.bob.id)
    with web.begin() as conn:
        hosts = ("hooks.example.org",)
        delivering.put_webhook(conn, office.person, office.report.id, "https://hooks.example.org/", hosts, office.now)
    failed = expect.bundle([checks.outcome("views", 5, Rules(between=(60, None)))])
    held = post.run(notebooks.notebook(notebooks.code("swap.expect(…)", notebooks.shown(failed))))
    assert (post.send(minutes=1), calls(post, held), told(post)) == ([], ["held"], [notices.Kind.REPORT_HELD])
    assert [editions(post, who) for who in (post.bob, office.person)] == [[], [held]]
    with web.begin() as conn:
        owners.release(conn, office.person, office.report.id, held, office.now)
    assert (len(post.send(minutes=1)), calls(post, held)) == (1, ["done", "held"])
    assert told(post) == [notices.Kind.REPORT_RECOVERED, notices.Kind.REPORT_HELD]
    assert editions(post, post.bob) == [held]


def calls(post: Post, run_id: str) -> list[str]:
    """Return what the webhook is told of a run."""
    with post.office.database.engine("owner").begin() as conn:
        wanted = select(report_call.c.event).where(report_call.c.run_id == run_id)
        return list(conn.scalars(wanted.order_by(report_call.c.event)))


def told(post: Post) -> list[str]:
    """Return what its person is told, the newest first."""
    with post.office.database.engine("web").begin() as conn:
        found, _ = notices.listed(conn, post.office.person, post.office.now, 0)
    return [each.kind for each in found]


def editions(post: Post, who: Principal) -> list[str]:
    """Return the editions that somebody's page lists; the feed has those that all readers have."""
    with post.office.database.engine("web").begin() as conn:
        looked = service.look(conn, who, post.office.report.id, post.office.now)
        return [each.id for each in service.editions(conn, looked, 0, held=True)[0]]


def test_what_the_server_may_have_taken_is_never_sent_again_and_what_it_has_not_is(post: Post) -> None:
    post.share(post.bob.id)
    post.add(post.bob.id)
    post.run()
    post.server.answers["MAIL"] = "451 later"
    assert post.send() == []
    post.server.answers.clear()
    assert post.send(seconds=30) == []
    assert len(post.send(minutes=2)) == 1
    post.run()
    post.server.answers["DATA"] = GOES_AWAY
    taken = len(post.send(minutes=1))
    post.server.answers.clear()
    assert (taken, post.send(hours=7)) == (1, [])
    assert post.states == ["sent", "sending"]


def test_a_reading_process_that_fails_leaves_the_address(post: Post) -> None:
    post.share(post.bob.id)
    post.add(post.bob.id)
    post.office.signs_in(post.bob)
    post.run()
    slow = Room(shared(PROGRAM), seconds=0.0)
    (letter,) = post.send(slow)
    slow.close()
    assert "forty-two" not in letter.as_string()
    assert any("cannot be read for a mail" in each for each in post.said)
