"""Tell people by mail what is new, webhooks of runs, and bring editions of reports: swap.supervisor.mail <swap.toml>.

`swap up` does it each minute, where `mail` or `reports.webhooks` is set.  What the mail server may have taken is never
sent again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from swap import runtime, terminal
from swap import settings as settings_module
from swap.db import engine
from swap.errors import Problem, Unavailable
from swap.mailer import bring
from swap.notebooks import mails
from swap.notebooks.mails import Due
from swap.settings import Mail, Settings
from swap.supervisor import deliver


def tell(settings: Settings, portal: Engine, say: Callable[[str], None], now: Callable[[], datetime]) -> None:
    """Send each person what is due for them, in one mail; put back what was certainly not taken."""
    assert settings.mail is not None
    if settings.mail.password is not None:
        # One that cannot be read ends this before anything is claimed.
        settings.mail.password.read()
    with portal.begin() as conn:
        people = mails.waiting(conn, now())
    for person_id in people:
        with portal.begin() as conn:
            due = mails.claim(conn, person_id, ZoneInfo(settings.site.time_zone), now())
        # A server that is away, or fell silent, is the same for everybody: the next run tries it again.
        if due is not None and not _send(settings, settings.mail, portal, due, say, now):
            return


def _send(
    settings: Settings,
    mail: Mail,
    portal: Engine,
    due: Due,
    say: Callable[[str], None],
    now: Callable[[], datetime],
) -> bool:
    """Send one mail, record what became of it, and return whether the server answers."""
    told = "1 notice" if len(due.ids) == 1 else f"{len(due.ids)} notices"
    letter = mails.letter(due, mail.sender, mail.domain, settings.addresses[0].url, now())

    def record(taken: bool) -> None:
        with portal.begin() as conn:
            if taken:
                mails.sent(conn, due)
            else:
                mails.not_taken(conn, due, now())

    return bring(mail, letter, f"{due.local}@{mail.domain}", f"{due.person_id}: {told}", record, say)


def of_running(config: Path) -> int:
    """Tell people what is new in the SWAP that runs.  Raises Unavailable when none does."""
    settings = settings_module.load(config)
    here = runtime.of_running(settings.state)
    if here is None or (settings.mail is None and not settings.reports.webhooks):
        raise Unavailable(
            Problem("There is no SWAP here that sends mail.", todo="Start one whose settings have `mail`.")
        )
    # What it does, the portal may do too; it needs no right of the database's owner.
    portal = engine.create(here.database_urls["web"], connections=1)
    try:
        deliver.tell(settings, portal, terminal.line, _now)
        if settings.mail is not None:
            tell(settings, portal, terminal.line, _now)
        deliver.editions(settings, portal, terminal.line, _now)
    finally:
        portal.dispose()
    return 0


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    """Tell, and end."""
    terminal.leave(lambda: of_running(Path(sys.argv[1])))
