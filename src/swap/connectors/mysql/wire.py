"""One connection to MySQL or MariaDB, on which every wait ends in time: at the deadline, or when nobody asks any more.

PyMySQL does the handshake and signs in; everything after that is said and read here.  Nothing here can send a file:
a server that asks for one has broken the protocol.  Addresses and accounts are for the log, never for an error:
people's notebooks show errors.  The server's own words may quote values, and stand in neither.
"""

from __future__ import annotations

import logging
import math
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pymysql

from swap.connectors.mysql.decode import MalformedError, texts
from swap.connectors.mysql.definitions import Definition, count, definition
from swap.connectors.mysql.packets import HEADER, LARGEST, Incoming, Packets
from swap.connectors.wire import ConnectError, LostError, Wire, context
from swap.errors import Problem, QueryTimedOut, SourceFailed, SourceUnavailable, SwapError

log = logging.getLogger(__name__)

CANCEL_SECONDS = 3.0
"""How long a server that is out of reach is asked to cancel."""
_QUERY = b"\x03"
_REFUSED = frozenset({1044, 1045, 1251, 1524, 1698, 1862, 2061, 3118, 4151})
_MAY_NOT_READ = frozenset({1142, 1143, 1227, 1345, 1370})
_GONE = frozenset({1049, 1051, 1054, 1146})
_STOPS = frozenset({1053, 1077, 1152, 1158, 1159, 1160, 1161, 1927, 3169, 4031})
_FULL = frozenset({1040, 1041, 1135, 1203, 1226})
_TOO_LONG = frozenset({1969, 3024})


class ClearTextRefused:
    """What answers a server that asks for the password, or a hash it is known by, where others can read along."""

    def __init__(self, connection: Any) -> None:
        pass

    def authenticate(self, packet: Any) -> None:  # noqa: ARG002 — whatever it says
        """Send nothing."""
        raise ConnectError("asked for the password itself, or as good as that, over a connection that is not encrypted")


_READABLE = dict.fromkeys((b"mysql_clear_password", b"dialog", b"mysql_old_password"), ClearTextRefused)


class SignIn(pymysql.connections.Connection):  # type: ignore[misc]  # PyMySQL has no types
    """PyMySQL's handshake, in which no server gets the password under a key that it sends itself.

    Nobody has verified whose key that is: whoever sits between could send another one, and read the password.
    """

    def __init__(self, *, private: bool, **settings: Any) -> None:
        super().__init__(defer_connect=True, **settings)
        # Nobody can listen: then it takes the password itself, as PyMySQL knows only of connections that it makes.
        self._secure = private

    @property
    def server_public_key(self) -> bytes:
        """Not looked at before a server wants the password under its key."""
        raise ConnectError("asked for the password under a key of its own, over a connection that is not encrypted")

    @server_public_key.setter
    def server_public_key(self, key: bytes | None) -> None:
        if key is not None:
            raise ConnectError("sent a key of its own for the password, over a connection that is not encrypted")


class Link:
    """A connection that belongs to one thread.  It is closed, and what runs killed at the server, when `control` is.

    `control` is the descriptor of a socket to whoever asks: every wait raises EOFError when nobody is there any more.
    """

    def __init__(self, source: str, called: str, address: Mapping[str, Any], control: int) -> None:
        self._source = source
        self._called = called
        self._address = address
        self._wire = Wire(control, math.inf)
        self.number = 0
        """The connection's, as the server counts."""
        self.version = ""
        self._working = False
        self.columns: list[Definition] = []
        """How the server described the columns of its newest answer; none of one that has no rows."""
        self.error = 0
        """The number of its newest error."""
        self._curious = False
        """Whether what is asked now may be refused, which is no news."""

    def connect(self, ends_at: float) -> None:
        """Connect and sign in.  Raises SourceUnavailable within the connect time-out, QueryTimedOut, EOFError."""
        address, seconds = self._address, float(self._address["connect_seconds"])
        self._wire.ends_at = ends_at
        gives_up_at = time.monotonic() + seconds
        try:
            if address["host"].startswith("/"):
                self._wire.connect_local(address["host"], seconds)
            else:
                self._wire.connect(address["host"], address["port"], None, seconds)
            self._wire.through(self._sign_in, max(0.001, gives_up_at - time.monotonic()))
        except ConnectError as error:
            message = str(error)
            if message.startswith("did not answer"):
                message = f"did not answer within {seconds:g} s"
            raise self._not_connected(message) from None
        except (pymysql.Error, OSError, RuntimeError, ValueError, LookupError, struct.error, AssertionError) as error:
            raise self._not_connected(_why(error), error) from None

    def prepare(self, seconds: float) -> None:
        """Make the session read only and its meaning the same whatever the server's settings are.

        The server ends a statement itself after so many seconds.
        """
        # Who reads slowly may do so until then; who is gone behind a network that stalls is waited for no longer.
        kept = math.ceil(seconds) + 1
        pinned = {
            "sql_mode": "''",
            "time_zone": "'+00:00'",
            "autocommit": "1",
            "sql_auto_is_null": "0",
            "sql_select_limit": "18446744073709551615",
            "net_write_timeout": str(kept),
            "wait_timeout": str(kept),
        }
        if self.is_mariadb:
            pinned |= {"tx_read_only": "1", "max_statement_time": f"{seconds:.3f}"}
        else:
            pinned |= {"transaction_read_only": "1", "max_execution_time": str(math.ceil(seconds * 1000))}
        self.ask("SET SESSION " + ", ".join(f"{name} = {value}" for name, value in pinned.items()))

    @property
    def is_mariadb(self) -> bool:
        """Whether it is MariaDB that answers."""
        return "MariaDB" in self.version

    @property
    def certificate_ends(self) -> datetime | None:
        """When the server's certificate ends, where it shows one."""
        return self._wire.certificate_ends

    def extend(self, ends_at: float) -> None:
        """Let what is asked next take until then."""
        self._wire.ends_at = ends_at

    def rows(self, statement: str) -> Iterator[tuple[str | None, ...]]:
        """Run a statement and yield its rows as text, while they come."""
        for packets in self.stream(statement):
            for start, end in zip(packets.starts.tolist(), packets.ends.tolist(), strict=True):
                try:
                    row = texts(packets.data, start, end)
                except MalformedError as error:
                    raise self._unreadable(error) from None
                if len(row) != len(self.columns):
                    raise self._unreadable(f"a row has {len(row)} fields, and {len(self.columns)} were described")
                yield row

    def ask(self, statement: str) -> list[tuple[str | None, ...]]:
        """Run a statement and return its rows as text."""
        return list(self.rows(statement))

    def table(self, statement: str) -> list[dict[str, str | None]]:
        """Run a statement that may be refused, and return its rows as text, by the columns' names."""
        self._curious = True
        try:
            rows = self.ask(statement)
        finally:
            self._curious = False
        return [dict(zip((each.name for each in self.columns), row, strict=True)) for row in rows]

    def stream(self, statement: str) -> Iterator[Packets]:
        """Run a statement and yield its rows' packets as they come, some at a time; the rows before an error, too."""
        said = _QUERY + statement.encode()
        if len(said) >= LARGEST:
            raise self._answered("Its statement would be too long.", "Compare with fewer values.")
        self._working = True
        try:
            self._wire.send(HEADER.pack(len(said)) + said)
            incoming = Incoming(self._wire)
            yield from self._answer(incoming)
        except LostError as error:
            self._working = False
            raise self._lost(str(error)) from None
        except MalformedError as error:
            raise self._unreadable(error) from None
        self._working = False

    def close(self) -> None:
        """Kill what runs at the server, and disconnect."""
        if self._working:
            self._working = False
            self._kill()
        self._wire.close()

    # Below

    def _answer(self, incoming: Incoming) -> Iterator[Packets]:
        self.columns = []
        first = incoming.packet()
        if first[:1] == b"\xff":
            raise self._failed(first)
        if first[:1] == b"\x00":
            return
        self.columns = [definition(incoming.packet()) for _ in range(count(first))]
        if incoming.packet()[:1] != b"\xfe":
            raise MalformedError("its columns have no end")
        while not incoming.ended:
            if packets := incoming.some():
                yield packets
        if incoming.last[:1] == b"\xff":
            raise self._failed(incoming.last)

    def _sign_in(self, made: socket.socket) -> socket.socket:
        address = self._address
        encrypted = address["tls"]
        local = address["host"].startswith("/")
        connection = SignIn(
            private=local,
            user=address["user"],
            password=address["password"].encode(),
            host=address["host"],
            charset="utf8mb4",
            autocommit=None,
            local_infile=False,
            ssl=context(Path(address["ca"]) if address["ca"] else None) if encrypted else None,
            ssl_disabled=not encrypted,
            auth_plugin_map={} if encrypted or local else _READABLE,
            program_name="swap",
        )
        connection.connect(sock=made)
        self.number = connection.thread_id()
        self.version = connection.get_server_info()
        signed_in: socket.socket = connection._sock  # noqa: SLF001 — it has no other way to hand its socket over
        if encrypted and not isinstance(signed_in, ssl.SSLSocket):
            raise ConnectError("made no encrypted connection")
        # PyMySQL's own file on it must not close it.
        connection._sock = connection._rfile = None  # noqa: SLF001
        return signed_in

    def _kill(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            other = Link(self._source, self._called, self._address, ours.fileno())
            try:
                other.connect(time.monotonic() + CANCEL_SECONDS)
                other.ask(f"KILL QUERY {int(self.number)}")
            except SwapError as error:
                # Then the server ends the statement itself, at the time it was given.
                log.warning("%s: the statement could not be killed: %s", self._called, error)
            finally:
                other.close()

    # Errors, without addresses and accounts

    def _not_connected(self, why: str, error: Exception | None = None) -> SourceUnavailable:
        log.warning("%s: no connection: %s", self._called, error or why)
        todo = f"Other sources keep working. SWAP's administrator finds the setting in [sources.{self._source}]."
        return SourceUnavailable(self._problem("does not answer.", f"It {why}.", todo))

    def _lost(self, message: str) -> SourceUnavailable:
        log.warning("%s: connection lost: %s", self._called, message)
        return SourceUnavailable(
            self._problem(
                "does not answer any more.",
                "The connection was lost while the query ran.",
                "Run the query again when the source is back.",
            )
        )

    def _unreadable(self, why: object) -> SourceUnavailable:
        """Return the error for an answer after which nothing on this connection can be relied on."""
        log.warning("%s: an answer that cannot be read: %s", self._called, why)
        what, todo = "does not answer as MySQL and MariaDB do.", "Show this to SWAP's administrator."
        return SourceUnavailable(self._problem(what, f"Its answer cannot be read: {why}.", todo))

    def _failed(self, packet: bytes) -> SwapError:
        """Return what an error packet means.  The statement is over."""
        self._working = False
        self.error = number = int.from_bytes(packet[1:3], "little")
        log.log(logging.DEBUG if self._curious else logging.WARNING, "%s: error %d", self._called, number)
        if number in _TOO_LONG:
            return QueryTimedOut()
        if number in _STOPS:
            return self._lost(f"error {number}")
        if number in _MAY_NOT_READ | _REFUSED:
            why, todo = (
                "SWAP's account may not read it.",
                "Ask the source's owner to let SWAP's account read the table.",
            )
        elif number in _GONE:
            why, todo = "The table or a column is gone.", "Look at the source's page: the catalog is renewed regularly."
        else:
            # The number, not the server's own words: they may quote a value, even one of a column that is closed to
            # this person.
            why, todo = (
                f"It said: error {number}.",
                "Run the query again; if it fails again, show this to the source's owner.",
            )
        return SourceFailed(self._problem("answered with an error.", why, todo))

    def _answered(self, why: str, todo: str) -> SourceFailed:
        return SourceFailed(self._problem("was not asked.", why, todo))

    def _problem(self, what: str, why: str, todo: str) -> Problem:
        # Of several servers it is one alone.
        extra = {} if self._called == self._source else {"server": self._called}
        return Problem(f"{self._called} {what}", why, todo, source=self._source, extra=extra)


def _why(error: Exception) -> str:
    """Return why there is no connection, as the rest of a sentence that begins with 'It'."""
    cause = getattr(error, "original_exception", error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return "made no encrypted connection"
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    why = (reason for numbers, reason in _REASONS if number in numbers)
    return next(why, "broke the connection off before SWAP was signed in")


_REASONS = (
    (_REFUSED, "refused SWAP's account"),
    (_FULL, "has no connection left"),
    (_STOPS, "is stopping"),
    (frozenset({1129, 1130}), "refused this machine"),
    (frozenset({pymysql.constants.CR.CR_SSL_CONNECTION_ERROR}), "made no encrypted connection"),
)
