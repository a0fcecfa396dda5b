"""One connection to one server: encrypted, verified, and over at a moment that nothing can put off.

TLS is Python's own, on a wire whose every wait ends in time: libldap's handshake with a silent server would be out of
reach of its time-outs.  libldap gets one end of a socket pair and never learns an address, so it connects to nobody.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import ldap
from ldap.controls.ppolicy import PasswordPolicyControl
from ldap.ldapobject import SimpleLDAPObject
from pyasn1.error import PyAsn1Error

from swap.connectors.wire import ConnectError, LostError, Wire
from swap.errors import QueryTimedOut

CONNECT_SECONDS: Final = 2.0
"""For the way to a server, StartTLS and the handshake together."""
OPERATION_SECONDS: Final = 3.0
"""For one question over a connection."""
NOWHERE: Final = "ldapi://%2Fdev%2Fnull"
"""Where libldap would connect to by itself; nobody listens there."""
_START_TLS: Final = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
_ANSWER, _RESULT = 0x78, 0x0A
_LONGEST_ANSWER: Final = 4096
_LARGE: Final = 100
_EXPIRED, _MUST_CHANGE = 0, 2
_UNANSWERED: Final = (
    ldap.SERVER_DOWN,
    ldap.CONNECT_ERROR,
    ldap.TIMEOUT,
    ldap.TIMELIMIT_EXCEEDED,
    ldap.BUSY,
    ldap.UNAVAILABLE,
)
_Answer = TypeVar("_Answer")


class ServerFailed(Exception):
    """This server gives no answer; another may.  The message ends the sentence 'It …'."""


class Refused(Exception):
    """The server answered, and said no.  The message is its code's name."""


class TooMany(Exception):
    """More entries were found than were asked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory says of one thing: its name there, and values by attribute, in lower case."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]

    def texts(self, attribute: str) -> tuple[str, ...]:
        """Return an attribute's values; one that is not text counts as none."""
        found = []
        for value in self.attributes.get(attribute.lower(), ()):
            with contextlib.suppress(UnicodeDecodeError):
                found.append(value.decode())
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of showing somebody's password: right or not, and whether it has to be changed before it opens more."""

    right: bool
    outdated: bool = False


class Connection:
    """A connection for the questions of one moment; close it, and open another for the next."""

    def __init__(self, scheme: str, host: str, port: int, tls: ssl.SSLContext, ends_at: float) -> None:
        """Connect and verify; everything here is over at `ends_at`, on the monotonic clock.  Raises ServerFailed."""
        ours, theirs = socket.socketpair()
        self._ends_at = ends_at
        self._wire = Wire(ours.fileno(), ends_at)
        try:
            self._connect(scheme, host, port, tls)
        except BaseException:
            self._wire.close()
            ours.close()
            theirs.close()
            raise
        threading.Thread(target=self._relay, args=(ours,), daemon=True, name=f"relay {host}").start()
        self._ldap = SimpleLDAPObject(NOWHERE, fileno=theirs.detach())
        for option, value in (
            (ldap.OPT_REFERRALS, 0),
            (ldap.OPT_DEREF, ldap.DEREF_NEVER),
            (ldap.OPT_NETWORK_TIMEOUT, OPERATION_SECONDS),
            (ldap.OPT_TIMEOUT, OPERATION_SECONDS),
        ):
            self._ldap.set_option(option, value)

    def _connect(self, scheme: str, host: str, port: int, tls: ssl.SSLContext) -> None:
        ends_at = min(time.monotonic() + CONNECT_SECONDS, self._ends_at)
        try:
            self._wire.connect(host, port, tls if scheme == "ldaps" else None, ends_at - time.monotonic())
            if scheme != "ldaps":
                self._wire.through(lambda plain: _start_tls(plain, host, tls), ends_at - time.monotonic())
        except ssl.SSLCertVerificationError as error:
            raise ServerFailed(f"has a certificate that is not trusted: {error.verify_message}") from None
        except (ConnectError, LostError) as error:
            raise ServerFailed(str(error)) from None
        except (EOFError, QueryTimedOut):
            raise ServerFailed("did not answer in time") from None
        except OSError:
            raise ServerFailed("made no encrypted connection") from None
        self.certificate_ends: datetime | None = self._wire.certificate_ends

    def _relay(self, ours: socket.socket) -> None:
        with ours, contextlib.suppress(LostError, QueryTimedOut, EOFError, OSError):
            try:
                self._wire.relay(ours)
            finally:
                self._wire.close()

    # ── questions ───────────────────────────────────────────────────────────────────────────────────
    def sign_in(self, dn: str, password: str) -> Proof:
        """Show a password, and be `dn` from now on if it is right.

        A right one that has run out, or has to be changed first, is told apart only where the directory does so.
        Raises ServerFailed.
        """
        if not dn or not is_proof(password):
            return Proof(right=False)
        try:
            *_, controls = self._ask(lambda: self._ldap.simple_bind(dn, password, [PasswordPolicyControl()]))
        except Refused as error:
            return Proof(right=False, outdated=_policy_says(error.__cause__) == _EXPIRED)
        told = next((each.error for each in controls if isinstance(each, PasswordPolicyControl)), None)
        return Proof(right=True, outdated=told == _MUST_CHANGE)

    def who_am_i(self) -> str:
        """Return the DN that the server takes us for, "" when it takes us for nobody.  Raises ServerFailed, Refused."""
        said: str = self._answer(self._ldap.whoami_s)
        return said.removeprefix("dn:") if said.startswith("dn:") else ""

    def search(self, base: str, question: str, attributes: Sequence[str], most: int) -> list[Entry]:
        """Return what a filter finds, without what is said to be elsewhere.

        Raises TooMany beyond `most` entries, ServerFailed, Refused.
        """
        try:
            found = self._ask(lambda: self._find(base, question, attributes, most))[1]
        except Refused as error:
            if isinstance(error.__cause__, ldap.SIZELIMIT_EXCEEDED):
                raise TooMany from None
            raise
        entries = _entries(found)
        if len(entries) > most:
            raise TooMany
        return entries

    def first(self, base: str, question: str, attributes: Sequence[str]) -> Entry | None:
        """Return one of what a filter finds.  Raises ServerFailed, Refused."""
        found = self._ask(lambda: self._find(base, question, attributes, 1), whole=0)[1]
        return next(iter(_entries(found)), None)

    def close(self) -> None:
        """Say good-bye; nothing can be asked afterwards."""
        with contextlib.suppress(ldap.LDAPError):
            self._ldap.unbind_s()

    def _find(self, base: str, question: str, attributes: Sequence[str], most: int) -> int:
        # A large limit could be above the server's own, which some refuse; without one they give what they give.
        limit = most if most < _LARGE else 0
        number: int = self._ldap.search_ext(base, ldap.SCOPE_SUBTREE, question, list(attributes), sizelimit=limit)
        return number

    def _ask(self, begin: Callable[[], int], whole: int = 1) -> tuple[Any, ...]:
        """Begin a question and return its answer, or with `whole` 0 the answer's first part."""
        return self._answer(lambda: self._ldap.result3(begin(), all=whole, timeout=self._seconds()))

    def _seconds(self) -> float:
        return max(0.001, min(OPERATION_SECONDS, self._ends_at - time.monotonic()))

    def _answer(self, ask: Callable[[], _Answer]) -> _Answer:
        try:
            return ask()
        except _UNANSWERED as error:
            raise ServerFailed(f"gave no answer ({type(error).__name__})") from None
        except ldap.LDAPError as error:
            raise Refused(type(error).__name__) from error
        except (ValueError, PyAsn1Error) as error:
            raise ServerFailed(f"answered what cannot be read ({type(error).__name__})") from None


def is_proof(password: str) -> bool:
    """Tell whether a password is one: an empty one asks for no proof, and gets the answer of a right one (RFC 4513).

    One that begins with NUL is empty for a server that counts in C.
    """
    return bool(password.strip()) and "\0" not in password


def _entries(found: Sequence[tuple[str | None, Any]]) -> list[Entry]:
    """Return what was found here; what is elsewhere has no DN, and is left there."""
    return [
        Entry(dn, {name.lower(): tuple(values) for name, values in attributes.items()})
        for dn, attributes in found
        if dn is not None
    ]


def _start_tls(plain: socket.socket, host: str, tls: ssl.SSLContext) -> socket.socket:
    """Ask for encryption, and begin it; nothing was said before, and nothing is said without it."""
    plain.sendall(_START_TLS)
    head = _exactly(plain, 2)
    length = head[1]
    if length & 0x80:
        length = int.from_bytes(_exactly(plain, min(length & 0x7F, 4)), "big")
    if head[0] != 0x30 or length > _LONGEST_ANSWER:
        raise ConnectError("does not speak LDAP")
    if not _agrees(_exactly(plain, length)):
        raise ConnectError("does not offer StartTLS, so nothing is said to it")
    return tls.wrap_socket(plain, server_hostname=host)


def _exactly(plain: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = plain.recv(size - len(found))
        if not piece:
            raise LostError("hung up instead of starting TLS")
        found += piece
    return found


def _agrees(message: bytes) -> bool:
    """Tell whether a message, its first tag and length cut off, is the answer 'success' to our question, the first."""
    if message[:3] != b"\x02\x01\x01" or message[3:4] != bytes([_ANSWER]):
        return False
    long = message[4] & 0x7F if len(message) > 4 and message[4] & 0x80 else 0
    return message[5 + long : 8 + long] == bytes([_RESULT, 1, 0])


def _policy_says(error: BaseException | None) -> int | None:
    """Return the password policy's own word on a bind that was refused, if it came with one."""
    said: Any = error.args[0] if isinstance(error, ldap.INVALID_CREDENTIALS) and error.args else {}
    for oid, _, value in said.get("ctrls", ()) if isinstance(said, dict) else ():
        if oid == PasswordPolicyControl.controlType:
            control = PasswordPolicyControl()
            with contextlib.suppress(PyAsn1Error):
                control.decodeControlValue(value)
                return None if control.error is None else int(control.error)
    return None
