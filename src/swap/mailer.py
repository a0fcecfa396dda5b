"""Speak to the site's mail server: over TLS alone, after it has proved its name."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from typing import Final

from swap.errors import Problem, SwapError
from swap.settings import Mail

SECONDS: Final = 30.0
"""For which each answer of the server is waited."""
_TAKEN: Final = {250, 251}


class NotTaken(SwapError):
    """The mail server has not taken the mail."""


class Refused(NotTaken):
    """The mail server said no to this mail, and answers."""


class Unsure(SwapError):
    """The mail server may have taken the mail."""


def send(mail: Mail, letter: EmailMessage, to: str) -> None:
    """Give one mail to the server.  Raises NotTaken; Unsure once its text was under way and no answer came."""
    content = letter.as_bytes(policy=WIRE)
    with connected(mail) as server:
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


def bring(
    mail: Mail, letter: EmailMessage, to: str, named: str, record: Callable[[bool], None], say: Callable[[str], None]
) -> bool:
    """Send one mail, record whether it was taken, say what became of it, and return whether the server answers.

    What may have been taken is recorded as neither: it is not sent again.
    """
    try:
        send(mail, letter, to)
    except NotTaken as error:
        record(False)
        say(f"{named}, not sent: {error}")
        return isinstance(error, Refused)
    except Unsure as error:
        say(f"{named}, perhaps sent: {error}")
        return False
    record(True)
    say(f"{named}, sent")
    return True


@contextmanager
def connected(mail: Mail) -> Iterator[smtplib.SMTP]:
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
