"""Signing in to a HiveServer2 with Kerberos: SASL's GSSAPI over a socket (RFC 4752), Negotiate over HTTP (RFC 4559).

What protects the messages afterwards is the strongest that the server offers, or exactly what the site demands.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from swap.connectors.hive.gss import Context, GssError, Ticket
from swap.connectors.hive.transport import RefusedError, UnprotectedError, UnprovenError
from swap.connectors.wire import LostError, Wire

_LATE = "is signed in to with Kerberos, which did not answer within {:g} s"
_BITS = {"auth": 1, "auth-int": 2, "auth-conf": 4}
_LARGEST_FRAME = 2**24 - 1
"""What we say we can take; HiveServer2 sends larger frames all the same, and they are taken."""


class Gssapi:
    """The mechanism.  Made with a context and the first token for the server."""

    name = "GSSAPI"

    def __init__(self, context: Context, first: bytes, demanded: str) -> None:
        self._context = context
        self._first = first
        self._demanded = demanded
        self._protection = ""

    @property
    def complete(self) -> bool:
        """Whether the server has proved to be itself, and a protection is agreed on."""
        return bool(self._protection)

    def step(self, challenge: bytes | None) -> bytes:
        """Return the answer to a challenge.  Raises RefusedError, UnprotectedError."""
        if challenge is None:
            return self._first
        try:
            if not self._context.complete:
                return self._context.step(challenge)
            offer = self._context.unwrap(challenge, secret=False)
            self._protection = protection(offer[0] if len(offer) == 4 else 0, self._demanded)
            size = 0 if self._protection == "auth" else _LARGEST_FRAME
            choice = bytes([_BITS[self._protection]]) + size.to_bytes(3, "big")
            return self._context.wrap(choice, secret=False)
        except GssError as error:
            raise RefusedError(str(error)) from None

    def wrap(self, message: bytes) -> bytes:
        """Return a message as it travels.  Raises LostError."""
        if self._protection == "auth":
            return message
        try:
            return self._context.wrap(message, secret=self._protection == "auth-conf")
        except GssError as error:
            raise LostError(str(error)) from None

    def unwrap(self, data: bytes) -> bytes:
        """Return the message that travelled.  Raises LostError for one that is not protected as agreed."""
        if self._protection == "auth":
            return data
        try:
            return self._context.unwrap(data, secret=self._protection == "auth-conf")
        except GssError as error:
            raise LostError(str(error)) from None


def protection(offered: int, demanded: str) -> str:
    """Return the protection to choose of those that a server offers, as bits.

    Raises UnprotectedError when the one that is demanded, or any that is known, is not among them.

    >>> protection(1 | 2, ""), protection(1 | 2, "auth")
    ('auth-int', 'auth')
    """
    for name in [demanded] if demanded else reversed(_BITS):
        if offered & _BITS[name]:
            return name
    raise UnprotectedError(f"the server offers {offered}, demanded is {demanded or 'any'}")


def mechanism(wire: Wire, about: Mapping[str, Any], host: str, seconds: float) -> Gssapi:
    """Return the mechanism for a server, with a ticket for it.  Raises ConnectError, GssError, and what a wait does."""

    def begin() -> tuple[Context, bytes]:
        context = Context(_ticket(about), about["service"], host)
        return context, context.step()

    return Gssapi(*wire.aside(begin, seconds, _LATE.format(seconds)), about["qop"])


class Negotiate:
    """The proof over HTTP, anew for each time; the server's is its token, which is no one else's to make.

    HiveServer2 makes it and sends none: then TLS must have shown which server it is.
    """

    def __init__(self, wire: Wire, about: Mapping[str, Any], host: str, seconds: float, *, encrypted: bool) -> None:
        self._wire = wire
        self._about = about
        self._host = host
        self._seconds = seconds
        self._encrypted = encrypted
        self._context: Context | None = None

    def say(self) -> str:
        """Return the ticket.  Raises ConnectError, GssError, and what a wait does."""

        def begin() -> tuple[Context, bytes]:
            context = Context(_ticket(self._about), self._about["service"], self._host, negotiate=True)
            return context, context.step()

        self._context, token = self._wire.aside(begin, self._seconds, _LATE.format(self._seconds))
        return f"Negotiate {base64.b64encode(token).decode()}"

    def hear(self, answer: str) -> None:
        """Check the server's token; only from a server that TLS has verified none is needed.  Raises UnprovenError."""
        scheme, _, token = answer.partition(" ")
        if scheme.lower() != "negotiate" or not token.strip():
            if self._encrypted:
                return
            raise UnprovenError("the server sent no token")
        assert self._context is not None, "say comes first"
        try:
            self._context.step(base64.b64decode(token, validate=True))
        except (GssError, ValueError) as error:
            raise UnprovenError(f"the server's token: {error}") from None
        if not self._context.complete:
            raise UnprovenError("the server's token is not its last")


def ticket_ends(about: Mapping[str, Any]) -> datetime:
    """Return when the ticket ends that this process has.  Raises GssError."""
    return datetime.now(UTC) + timedelta(seconds=_ticket(about).seconds)


def _ticket(about: Mapping[str, Any]) -> Ticket:
    return Ticket(about["principal"], Path(about["keytab"]), Path(about["config"]) if about["config"] else None)
