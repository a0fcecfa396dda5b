"""People are told by mail once, of what they may see then: to a real server, which fails in every way it can."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

import saves
from integration.gateway.gateways import runtime_for
from services import Database
from smtp import GIVES_UP, GOES_AWAY, PASSWORD, STALLS, MailServer
from swap import mailer, runtime
from swap.db.notebook_tables import notebook, notice
from swap.db.tables import person
from swap.errors import SettingsError
from swap.identity import Principal, Via
from swap.notebooks import comments, mails, notices, saving, sharing
from swap.notebooks.comments import Place
from swap.notebooks.shares import Kind, Role, Share
from swap.people import service as people
from swap.settings import Mail, Policy, Secret, Settings
from swap.supervisor import mail as program
from swap.supervisor import model
from swap.supervisor.up import Run

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
TEXT = "the secret figure is 42"


@dataclass
class Site:
    """A site with a notebook of ann's, on which bertrand may comment, and its mail server."""

    database: Database
    server: MailServer
    said: list[str] = field(default_factory=list)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.web = self.database.engine("web")
        self.ann, self.bob = self._person("ann"), self._person("bertrand")
        with self.database.engine("gateway").begin() as conn:
            sent = saves.sent(saves.notebook("one"), path="ideas/first.ipynb")
            self.notebook = saving.save(
                conn, Policy(), self.ann, sent, self.now, lambda: secrets.token_hex(8)
            ).notebook_id
        with self.web.begin() as conn:
            share = Share(Kind.PERSON, self.bob.id, Role.COMMENT)
            sharing.share(conn, self.ann, self.notebook, share, self.now)
            notices.read_all(conn, self.bob, self.now)

    def _person(self, name: str) -> Principal:
        with self.database.engine("hub").begin() as conn:
            made = people.ensure_person(conn, f"test:{name}", name, ("research",), lambda: f"p{name:z<9}"[:10])
        return Principal(made.id, name, made.groups, Via.PORTAL)

    def comment(self, said: str = TEXT, by: Principal | None = None) -> None:
        with self.web.begin() as conn:
            place, who = Place("", 1), by or self.bob
            comments.add(conn, who, self.notebook, place, said, self.now, lambda: secrets.token_hex(8))

    def tell(self, mail: Mail | None = None, **later: float) -> None:
        """Do what `swap up` does each minute, so much later."""
        self.now += timedelta(**later)
        settings = Settings(state=self.server.folder, mail=mail or self.server.settings())
        program.tell(settings, self.web, self.said.append, lambda: self.now)

    def choose(self, who: Principal, mail: notices.Mail) -> None:
        with self.web.begin() as conn:
            notices.choose(conn, who, mail.value)

    @property
    def states(self) -> list[str]:
        """Return what became of ann's notices."""
        with self.web.begin() as conn:
            wanted = select(notice.c.mail).where(notice.c.person_id == self.ann.id)
            return list(conn.scalars(wanted.order_by(notice.c.id)))

    @property
    def to(self) -> list[str]:
        return [str(each["to"]) for each in self.server.taken]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    made = MailServer(tmp_path)
    yield made
    made.close()


@pytest.fixture
def site(database: Database, server: MailServer) -> Site:
    return Site(database, server)


def test_somebody_is_told_who_said_something_where_and_not_what(site: Site) -> None:
    site.comment()
    site.tell()
    (letter,) = site.server.taken
    assert (letter["to"], letter["subject"]) == ("ann@example.org", "bertrand comments on first")
    assert f"/n/{site.notebook}/comments?thread=" in letter.get_content()
    assert TEXT not in letter.as_string()
    assert "ideas" not in letter.as_string()
    assert site.states == ["sent"]


def test_nobody_is_told_twice_and_all_that_is_due_is_one_mail(site: Site) -> None:
    for _ in range(3):
        site.comment()
    for _ in range(3):
        site.tell(minutes=1)
    assert [each["subject"] for each in site.server.taken] == ["3 new on SWAP"]


def test_whoever_is_written_to_each_minute_has_six_mails_an_hour(site: Site) -> None:
    for _ in range(59):
        site.comment()
        site.tell(minutes=1)
    assert len(site.server.taken) == 6
    site.tell(minutes=10)
    assert site.states == ["sent"] * 59


def test_two_processes_at_once_send_each_mail_once(site: Site) -> None:
    site.comment()
    other: list[threading.Thread] = []

    def meanwhile() -> None:
        # The first is not answered yet: what it sends must be nobody else's.
        thread = threading.Thread(target=site.tell)
        thread.start()
        thread.join(60)
        other.append(thread)

    site.server.at_text = meanwhile
    site.tell()
    assert [thread.is_alive() for thread in other] == [False]
    assert len(site.server.taken) == 1


def test_after_the_server_may_have_taken_it_a_mail_is_never_sent_again(site: Site) -> None:
    site.comment()
    site.server.answers["DATA"] = GOES_AWAY
    site.tell()
    assert len(site.server.taken) == 1
    assert "perhaps sent" in site.said[0]
    site.server.answers.clear()
    for hours in (1, 24):
        site.tell(hours=hours)
    assert len(site.server.taken) == 1
    assert site.states == ["sending"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("EHLO", GIVES_UP),
        ("STARTTLS", "454 not now"),
        ("AUTH", "454 not now"),
        ("MAIL", "451 later"),
        ("RCPT", "450 later"),
        ("RCPT", GIVES_UP),
        ("DATA", "451 later"),
        ("TEXT", "451 later"),
    ],
)
def test_what_the_server_has_not_taken_is_sent_again_later_each_time(site: Site, command: str, answer: str) -> None:
    site.comment()
    site.server.answers[command] = answer
    site.tell()
    site.tell(seconds=50)
    tried = len(site.said)
    assert tried == 1  # not before a minute has passed
    site.tell(seconds=20)
    site.tell(minutes=1)
    assert len(site.said) == 2  # and then not before two
    assert site.states == ["waiting"]
    site.server.answers.clear()
    site.server.taken.clear()
    site.tell(minutes=2)
    assert site.to == ["ann@example.org"]
    assert site.states == ["sent"]


def test_one_that_the_server_refuses_keeps_nobody_else_from_being_told(site: Site) -> None:
    site.comment()
    site.now += timedelta(seconds=1)
    site.comment("@bertrand", site.ann)
    site.server.answers["rcpt TO:<ann@example.org>"] = "550 there is no ann"
    site.tell()
    assert site.to == ["bertrand@example.org"]
    assert site.states == ["waiting"]


@pytest.mark.parametrize(
    ("command", "answer", "seconds", "state"),
    [("EHLO", STALLS, 1.0, "waiting"), ("RCPT", STALLS, 1.0, "waiting"), ("DATA", GOES_AWAY, 60.0, "sending")],
)
def test_a_server_that_falls_silent_is_left_alone_until_the_next_run(
    site: Site, monkeypatch: pytest.MonkeyPatch, command: str, answer: str, seconds: float, state: str
) -> None:
    site.comment()
    site.now += timedelta(seconds=1)
    site.comment("@bertrand", site.ann)
    site.server.answers[command] = answer
    with monkeypatch.context() as here:
        here.setattr(mailer, "SECONDS", seconds)
        site.tell()
    assert len(site.said) == 1
    assert site.states == [state]
    site.server.answers.clear()
    site.server.taken.clear()
    site.tell(minutes=2)
    assert "bertrand@example.org" in site.to
    assert ("ann@example.org" in site.to) == (state == "waiting")


def test_a_server_that_is_away_for_days_leaves_the_portal_alone_to_tell(site: Site) -> None:
    site.comment()
    away = site.server.settings()
    site.server.close()
    for _ in range(10):
        site.tell(away, hours=6)
    assert site.states == ["dropped"]
    with site.web.begin() as conn:
        assert notices.count_new(conn, site.ann, site.now) == 1


# ── the process that `swap up` begins ────────────────────────────────────────────────────────────────
@pytest.fixture
def up(site: Site, tmp_path: Path) -> Run:
    """Return what keeps a SWAP running whose settings have the mail server."""
    (tmp_path / "lock").write_text(str(os.getpid()))
    (tmp_path / "logs").mkdir()
    (tmp_path / "work").mkdir()
    runtime.write(runtime_for(site.database, tmp_path), tmp_path / "runtime.json")
    config = site.server.write_settings()
    made = model.Site(
        tmp_path,
        "127.0.0.1",
        1,
        "",
        embedded=False,
        database_port=None,
        certificate=None,
        public_bind="",
        public_ports=(),
        mail=True,
    )
    site.now = datetime.now(UTC)
    return Run(config, made)


def test_a_process_of_its_own_sends_what_is_due_and_its_log_tells_to_whom(site: Site, up: Run, tmp_path: Path) -> None:
    site.comment()
    up._begin("mail")
    assert up._errands["mail"].wait(60) == 0
    assert site.to == ["ann@example.org"]
    assert (tmp_path / "logs" / "mail.log").read_text() == f"{site.ann.id}: 1 notice, sent\n"


def test_one_that_is_killed_while_it_sends_leaves_nothing_to_be_sent_again(site: Site, up: Run) -> None:
    site.comment()

    def kill() -> None:
        up._errands["mail"].kill()
        up._errands["mail"].wait(60)

    site.server.at_text = kill
    up._begin("mail")
    assert up._errands["mail"].wait(60) == -signal.SIGKILL
    assert site.states == ["sending"]
    up._begin("mail")
    assert up._errands["mail"].wait(60) == 0
    assert len(site.server.taken) == 1


# ── what is not told ────────────────────────────────────────────────────────────────────────────────
def test_who_has_lost_the_share_is_told_nothing(site: Site) -> None:
    site.comment("@bertrand", site.ann)
    site.tell()
    assert site.to == ["bertrand@example.org"]  # the control
    site.comment("@bertrand", site.ann)
    with site.web.begin() as conn:
        sharing.end(conn, site.ann, site.notebook, Kind.PERSON, site.bob.id, site.now)
    site.tell(minutes=11)
    assert len(site.server.taken) == 1


@pytest.mark.parametrize("end", ["deleted-notebook", "deleted-comment", "read", "removed", "none"])
def test_what_is_over_before_it_is_sent_is_not_told(site: Site, end: str) -> None:
    site.comment()
    with site.database.engine("owner").begin() as conn:
        if end == "deleted-notebook":
            conn.execute(update(notebook).values(deleted_at=NOW))
        elif end == "deleted-comment":
            conn.execute(text("UPDATE swap.notebook_comment SET text = ''"))
        elif end == "read":
            notices.read_all(conn, site.ann, NOW)
        elif end == "removed":
            conn.execute(update(person).where(person.c.id == site.ann.id).values(removed_at=NOW))
        else:
            notices.choose(conn, site.ann, "none")
    site.tell()
    assert site.server.taken == []
    assert site.states == ["dropped"]


def test_once_a_day_is_in_the_morning_and_of_all_since_the_last(site: Site) -> None:
    site.choose(site.ann, notices.Mail.DAILY)
    site.comment()
    site.tell()
    site.tell(hours=12)  # 21:00
    site.comment()
    site.tell(hours=9, minutes=59)  # 06:59
    assert site.server.taken == []
    site.tell(minutes=1)
    assert [each["subject"] for each in site.server.taken] == ["2 new on SWAP"]
    site.tell(hours=24)
    assert len(site.server.taken) == 1


def test_a_name_that_is_no_part_of_an_address_gets_no_mail(site: Site) -> None:
    hostile = "ann@evil.example"
    with site.database.engine("owner").begin() as conn:
        conn.execute(update(person).where(person.c.id == site.ann.id).values(name=hostile))
    site.comment()
    site.tell()
    assert site.server.taken == []
    assert not [line for line in site.server.said if "evil" in line]


# ── the way there ───────────────────────────────────────────────────────────────────────────────────
def test_a_server_that_speaks_tls_from_the_start_is_spoken_to_so(database: Database, tmp_path: Path) -> None:
    server = MailServer(tmp_path, implicit=True)
    site = Site(database, server)
    site.comment()
    site.tell()
    server.close()
    assert len(server.taken) == 1


@pytest.mark.parametrize("how", ["another-name", "not-certified", "no-tls"])
def test_a_server_that_does_not_prove_its_name_is_told_no_password(
    database: Database, tmp_path: Path, how: str
) -> None:
    name = "mail.example.org" if how == "another-name" else "localhost"
    server = MailServer(tmp_path, name=name, offers_tls=how != "no-tls")
    site = Site(database, server)
    site.comment()
    site.tell(server.settings(ca=None) if how == "not-certified" else None)
    server.close()
    assert server.taken == []
    assert not [line for line in server.said if line.startswith(("AUTH", "MAIL"))]
    assert site.states == ["waiting"]


def test_a_password_that_cannot_be_read_claims_nothing_and_none_is_said(site: Site, tmp_path: Path) -> None:
    site.comment()
    with pytest.raises(SettingsError):
        site.tell(site.server.settings(password=Secret(file=tmp_path / "none")))
    assert site.states == ["waiting"]
    site.tell()
    assert site.states == ["sent"]
    assert PASSWORD not in "".join(site.said)


def test_a_wrong_password_is_not_repeated_by_what_is_said(site: Site, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wr0ng")
    site.comment()
    site.tell(site.server.settings(password=Secret(file=tmp_path / "wrong")))
    assert "535" in site.said[0]
    assert "wr0ng" not in site.said[0]


def test_no_more_than_a_number_is_looked_at_for_one_person_in_one_run(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mails.store, "AT_ONCE", 2)
    for _ in range(3):
        site.comment()
    site.tell()
    site.tell(minutes=10)
    assert [each["subject"] for each in site.server.taken] == ["2 new on SWAP", "bertrand comments on first"]
