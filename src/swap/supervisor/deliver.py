"""Bring editions of reports to people by mail, and tell webhooks of runs.  `mail` does it, each minute.

What the mail server may have taken is never sent again; a webhook is told until it has answered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from swap.errors import Invalid, LimitExceeded, Unavailable
from swap.forking import shared
from swap.mailer import bring
from swap.reading import posted
from swap.reading.posted import Block
from swap.reading.program import PROGRAM
from swap.reading.room import Room
from swap.reports import delivering, hooks
from swap.reports.delivering import OLD, Letter
from swap.reports.delivery_store import Call
from swap.reports.hooks import NotTold
from swap.reports.letters import About, letter
from swap.settings import Mail, Settings

Said = Callable[[str], None]
Now = Callable[[], datetime]


# ── Webhooks ────────────────────────────────────────────────────────────────────────────────────────
def tell(settings: Settings, portal: Engine, say: Said, now: Now, find: hooks.Found = hooks.found) -> None:
    """Tell each webhook what is due; a host that does not answer is asked no more this time."""
    silent: set[str] = set()
    while True:
        with portal.begin() as conn:
            call = delivering.claim_call(conn, now())
        if call is None:
            return
        _tell(settings, portal, call, silent, say, now, find)


def _tell(
    settings: Settings, portal: Engine, call: Call, silent: set[str], say: Said, now: Now, find: hooks.Found
) -> None:
    """Tell a webhook of a run, and record what became of it; what may pass is done again later."""
    answered, answer, named = False, "", f"report {call.report_id}, {call.event}"
    if call.url is not None and call.at >= now() - OLD:
        reports = settings.reports
        url = f"{settings.addresses[0].url}/reports/{call.report_id}"
        body = hooks.said(url, f"{url}/runs/{call.run_id}", call.event, call.period)
        try:
            host = hooks.read(call.url, reports.webhooks).host
            if host in silent:
                return
            answer = f"It answered {hooks.tell(call.url, body, reports.webhooks, reports.webhook_ca, find)}."
            answered = True
        except NotTold as error:
            silent.add(host)
            say(f"{named}: not told: {error}")
            with portal.begin() as conn:
                delivering.heard(conn, call, f"{error} It is told again later.", now())
            return
        except (Invalid, hooks.Refused) as error:
            say(f"{named}: not told, and not again: {error}")
            answer = f"{error} Of that run it is not told again."
    with portal.begin() as conn:
        delivering.end_call(conn, call, answered=answered)
        if answer:
            delivering.heard(conn, call, answer, now())
    if answered:
        say(f"{named}: told")


# ── Editions ────────────────────────────────────────────────────────────────────────────────────────
class Postman:
    """Sends editions, each read once however many get it.  Without `room`, a mail has the edition's address alone."""

    def __init__(self, settings: Settings, portal: Engine, room: Room | None, say: Said, now: Now) -> None:
        assert settings.mail is not None
        self._settings, self._portal, self._room, self._say, self._now = settings, portal, room, say, now
        self._mail: Mail = settings.mail
        self._read: tuple[str, tuple[Block, ...] | None] = ("", None)

    def send_all(self) -> None:
        """Send what is due; put back what was certainly not taken."""
        if self._mail.password is not None:
            # One that cannot be read ends this before anything is claimed.
            self._mail.password.read()
        with self._portal.begin() as conn:
            due = delivering.waiting(conn, self._now())
        zone = ZoneInfo(self._settings.site.time_zone)
        for run_id, person_id in due:
            with self._portal.begin() as conn:
                claimed = delivering.claim(conn, self._settings.policy, run_id, person_id, zone, self._now())
            # A server that is away, or fell silent, is the same for everybody: the next run tries it again.
            if claimed is not None and not self._send(claimed):
                return

    def _send(self, claimed: Letter) -> bool:
        """Send one letter, record what became of it, and return whether the server answers."""
        named = f"{claimed.person_id}: an edition of report {claimed.report.id}"
        made = letter(self._about(claimed), self._blocks(claimed), self._mail.sender, self._mail.domain, self._now())

        def record(taken: bool) -> None:
            with self._portal.begin() as conn:
                if taken:
                    delivering.sent(conn, claimed)
                else:
                    delivering.not_taken(conn, claimed, self._now())

        return bring(self._mail, made, f"{claimed.local}@{self._mail.domain}", named, record, self._say)

    def _about(self, claimed: Letter) -> About:
        run, report = claimed.run, claimed.report
        home = f"{self._settings.addresses[0].url}/reports/{report.id}"
        return About(
            name=claimed.name,
            period=run.about(report.schedule),
            edition=run.edition or 1,
            run_id=run.id,
            person_id=claimed.person_id,
            local=claimed.local,
            page=f"{home}/runs/{run.id}",
            report=home,
        )

    def _blocks(self, claimed: Letter) -> tuple[Block, ...] | None:
        """Return what an edition says, for one who may see all of it; nothing where it cannot be read."""
        seen, room = claimed.seen, self._room
        if seen is None or room is None:
            return None
        if self._read[0] != claimed.run.id:
            with self._portal.begin() as conn:
                document = delivering.document(conn, seen)
            found: tuple[Block, ...] | None = None
            try:
                # As nobody: it is the same for all who get it.
                found = posted.read(room.export(f"edition-{claimed.run.id}", document, "mail"))
            except (Invalid, LimitExceeded, Unavailable) as error:
                self._say(f"report {claimed.report.id}: an edition cannot be read for a mail: {error}")
            self._read = claimed.run.id, found
        return self._read[1]


def editions(settings: Settings, portal: Engine, say: Said, now: Now) -> None:
    """Send the editions that are due to people, where the site sends mail."""
    if settings.mail is None:
        return
    # Where people have walls, what strangers wrote is read behind some too, and this process has none for it.
    room = Room(shared(PROGRAM)) if settings.launch.isolation == "none" else None
    try:
        Postman(settings, portal, room, say, now).send_all()
    finally:
        if room is not None:
            room.close()
