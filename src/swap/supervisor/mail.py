"""Tell people by mail what is new: swap.supervisor.mail <swap.toml>.

`swap up` does it each minute, where `mail` is set.  What the server may have taken is never sent again.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from swap import runtime, terminal
from swap import settings as settings_module
from swap.db import engine
from swap.errors import Problem, SwapError, Unavailable
from swap.notebooks import mails
from swap.notebooks.mails import Due
from swap.settings import Mail, Settings

SECONDS: Final = 30.0
"""For which each answer of the server is waited."""
_TAKEN: Final = {250, 251}


class NotTaken(SwapError):
    """The mail server has not taken the mail."""


class Refused(NotTaken):
    """The mail server said no to this mail, and answers."""


class Unsure(SwapError):
    """The mail server may have taken the mail."""


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
    try:
        send(mail, letter, f"{due.local}@{mail.domain}")
    except NotTaken as error:
        with portal.begin() as conn:
            mails.not_taken(conn, due, now())
        say(f"{due.person_id}: {told}, not sent: {error}")
        return isinstance(error, Refused)
    except Unsure as error:
        say(f"{due.person_id}: {told}, perhaps sent: {error}")
        return False
    with portal.begin() as conn:
        mails.sent(conn, due)
    say(f"{due.person_id}: {told}, sent")
    return True


def send(mail: Mail, letter: EmailMessage, to: str) -> None:
    """Give one mail to the server.  Raises NotTaken; Unsure once its text was under way and no answer came."""
    content = letter.as_bytes(policy=WIRE)
    with _connected(mail) as server:
        try:
            _demand(server.mail(mail.sender))
            _demand(server.rcpt(to))
        except (OSError, smtplib.SMTPException) as error:
            raise _not_taken(error) from error
        try:
            _demand(server.data(content))
        except smtplib.SMTPDataError as error:
            raise Refused(_answered(error.smtp_code)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unsure(Problem(f"{type(error).__name__} after the text was under way.")) from error


@contextmanager
def _connected(mail: Mail) -> Iterator[smtplib.SMTP]:
    """Yield a connection that is encrypted, to a server that has proved its name, signed in.  Raises NotTaken."""
    try:
        trusted = ssl.create_default_context(cafile=None if mail.ca is None else str(mail.ca))
        if mail.tls == "implicit":
            server: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=SECONDS, context=trusted)
        else:
            server = smtplib.SMTP(mail.host, mail.port, timeout=SECONDS)
    except (OSError, smtplib.SMTPException) as error:
        raise _not_taken(error) from error
    try:
        try:
            if mail.tls == "starttls":
                server.starttls(context=trusted)
            if mail.user is not None and mail.password is not None:
                server.login(mail.user, mail.password.read())
            server.ehlo_or_helo_if_needed()
        except (OSError, smtplib.SMTPException) as error:
            raise _not_taken(error) from error
        yield server
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()
    finally:
        server.close()


def _demand(answer: tuple[int, bytes]) -> None:
    """Raise Refused for what the server refuses."""
    code, _ = answer
    if code not in _TAKEN:
        raise Refused(_answered(code))


def _not_taken(error: Exception) -> NotTaken:
    code = getattr(error, "smtp_code", None)
    return NotTaken(_answered(code) if code else Problem(f"{type(error).__name__}."))


def _answered(code: int) -> Problem:
    """Return what the server said without its words, which may repeat an address or more."""
    return Problem(f"The mail server answered {code}.")


def of_running(config: Path) -> int:
    """Tell people what is new in the SWAP that runs.  Raises Unavailable when none does."""
    settings = settings_module.load(config)
    here = runtime.of_running(settings.state)
    if here is None or settings.mail is None:
        raise Unavailable(
            Problem("There is no SWAP here that sends mail.", todo="Start one whose settings have `mail`.")
        )
    # What it does, the portal may do too; it needs no right of the database's owner.
    portal = engine.create(here.database_urls["web"], connections=1)
    try:
        tell(settings, portal, terminal.line, lambda: datetime.now(UTC))
    finally:
        portal.dispose()
    return 0


def main() -> None:
    """Tell, and end."""
    terminal.leave(lambda: of_running(Path(sys.argv[1])))
