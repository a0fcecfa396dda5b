"""The servers of one directory, asked in order; one that failed is left alone for a while.

A server that says no has answered: nothing is asked of another in its place, least of all whether a password is right.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from swap.connectors import wire
from swap.errors import Problem, SettingsError
from swap.hub.directories.base import DirectoryAway
from swap.hub.directories.ldap.connection import Connection, Refused, ServerFailed, TooMany
from swap.settings import Ldap

TOTAL_SECONDS: Final = 8.0
"""For one question of the hub's, however many servers and connections it takes."""
REST_SECONDS: Final = 30.0
"""How long a server is left alone after it failed."""
REFUSED_SECONDS: Final = 900.0
"""How long a password of SWAP's account that was refused is shown to nobody: the directory could lock the account."""

_Answer = TypeVar("_Answer")


class Server:
    """One server, to which any number of connections may be open, each for a block."""

    def __init__(self, scheme: str, host: str, port: int, tls: ssl.SSLContext) -> None:
        self.name = f"{host}:{port}"
        self._where = (scheme, host, port, tls)

    @contextlib.contextmanager
    def connection(self, ends_at: float) -> Iterator[Connection]:
        """Connect for the block; whoever asks is nobody yet.  Raises ServerFailed."""
        made = Connection(*self._where, ends_at)
        try:
            yield made
        finally:
            made.close()


class Asking:
    """One server while one question is put to it: the time there is, and connections as SWAP's account or as nobody."""

    def __init__(self, server: Server, account: str, password: str, ends_at: float) -> None:
        self._server = server
        self._account = (account, password)
        self._ends_at = ends_at

    def connection(self) -> contextlib.AbstractContextManager[Connection]:
        """Connect for a block, as nobody."""
        return self._server.connection(self._ends_at)

    @contextlib.contextmanager
    def account(self) -> Iterator[Connection]:
        """Connect for a block as SWAP's own account.  Raises ServerFailed, AccountRefused."""
        with self.connection() as made:
            proof = made.sign_in(*self._account)
            if not proof.right or proof.outdated:
                raise AccountRefused(self._server.name)
            yield made


class AccountRefused(Exception):
    """The directory does not take SWAP's own account and password."""


class Servers:
    """All servers of a directory."""

    def __init__(self, settings: Ldap, clock: Callable[[], float] = time.monotonic) -> None:
        """Connect to nobody yet.  Raises SettingsError when the file of authorities is none."""
        self._settings = settings
        self._clock = clock
        tls = _verifying(settings)
        self.each = tuple(Server(*address, tls) for address in settings.addresses)
        self._lock = threading.Lock()
        self._rests: dict[str, tuple[float, str]] = {}
        """Server → until when it is left alone, and what it did."""
        self._refused: tuple[str, float, str] | None = None
        """The password of SWAP's account that was refused, until when it is not shown again, and by whom."""

    def ask(self, question: Callable[[Asking], _Answer]) -> _Answer:
        """Return the answer of the first server that gives one.  Raises DirectoryAway when none does."""
        ends_at = time.monotonic() + TOTAL_SECONDS
        password = self._password()
        for server in self.each:
            if self._rests_now(server) or time.monotonic() >= ends_at:
                continue
            try:
                answer = question(Asking(server, self._settings.bind_dn, password, ends_at))
            except ServerFailed as error:
                self._leave_alone(server, f"it {error}")
            except AccountRefused:
                with self._lock:
                    self._refused = (password, self._clock() + REFUSED_SECONDS, server.name)
                raise DirectoryAway(_no_answer(f"{server.name} refused SWAP's account")) from None
            except (Refused, TooMany) as error:
                raise DirectoryAway(_no_answer(f"{server.name}: it answered {error or 'too much'}")) from None
            else:
                with self._lock:
                    self._rests.pop(server.name, None)
                return answer
        raise DirectoryAway(_no_answer(self._why()))

    def _rests_now(self, server: Server) -> bool:
        with self._lock:
            return self._rests.get(server.name, (0.0, ""))[0] > self._clock()

    def _leave_alone(self, server: Server, why: str) -> None:
        with self._lock:
            self._rests[server.name] = (self._clock() + REST_SECONDS, why)

    def _password(self) -> str:
        """Return what SWAP's account shows, read anew: it may change while SWAP runs.  Raises DirectoryAway."""
        try:
            password = self._settings.bind_password.read()
        except SettingsError as error:
            raise DirectoryAway(error.problem) from error
        with self._lock:
            refused = self._refused
        if refused and refused[0] == password and self._clock() < refused[1]:
            raise DirectoryAway(_no_answer(f"{refused[2]} refused SWAP's account, whose password is still the same"))
        return password

    def _why(self) -> str:
        with self._lock:
            return "; ".join(
                f"{server.name}: {self._rests[server.name][1]}"
                if server.name in self._rests
                else f"{server.name}: no time was left"
                for server in self.each
            )


def _verifying(settings: Ldap) -> ssl.SSLContext:
    try:
        tls = wire.context(settings.ca)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            Problem(
                f"people.ldap.ca, {settings.ca}, is no file of certificates.",
                why=f"It cannot be read: {error.strerror or 'it is not PEM'}.",
                todo="Name the file of the authority that certifies the directory's servers.",
            )
        ) from error
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return tls


def _no_answer(why: str) -> Problem:
    return Problem("The directory of people does not answer.", why=f"{why}.", todo="Try: swap doctor")
