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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pymysql

from swap.connectors.mysql_decode import Ints, MalformedError, texts
from swap.connectors.wire import ConnectError, LostError, Wire, context
from swap.errors import Problem, QueryTimedOut, SourceFailed, SourceUnavailable, SwapError

log = logging.getLogger(__name__)

BATCH_BYTES = 2_000_000
BATCH_ROWS = 65_536
BATCH_SECONDS = 0.2
"""Rows do not wait longer than this for company: a slow source's first rows are shown while it works."""
CANCEL_SECONDS = 3.0
"""How long a server that is out of reach is asked to cancel."""
_PIECE = 1 << 18
_LARGEST = 0xFFFFFF
"""A packet of this size goes on in the next one."""
_HEADER = struct.Struct("<I")
_QUERY = b"\x03"
_ROW_MARKS = 0xFE
"""A row begins with its first field's length, which is never so large but in a packet of the largest size."""
_END_BYTES = 9
_NO_COUNT = frozenset({0xFB, 0xFD, 0xFE})
"""What a count of columns does not begin with; 0xFB asks for a file of ours."""
_WRITE_SECONDS = 600
"""How long the server waits for a reader that is slow, at least."""

_REFUSED = frozenset({1044, 1045, 1251, 1524, 1698, 1862, 2061, 3118, 4151})
_MAY_NOT_READ = frozenset({1142, 1143, 1227, 1345, 1370})
_GONE = frozenset({1049, 1051, 1054, 1146})
_STOPS = frozenset({1053, 1077, 1152, 1158, 1159, 1160, 1161, 1927})
_FULL = frozenset({1040, 1041, 1135, 1203, 1226})
_TOO_LONG = frozenset({1969, 3024})


@dataclass(frozen=True, slots=True)
class Packets:
    """Rows as they came: where each one's packet starts and ends in the bytes."""

    data: bytes
    starts: Ints
    ends: Ints


class ClearTextRefused:
    """What answers a server that asks for the password itself, over a connection that others can read."""

    def __init__(self, connection: Any) -> None:
        pass

    def authenticate(self, packet: Any) -> None:  # noqa: ARG002 — whatever it says
        """Send nothing."""
        raise ConnectError("asked for the password itself over a connection that is not encrypted")


_READABLE = {b"mysql_clear_password": ClearTextRefused, b"dialog": ClearTextRefused}


class Link:
    """A connection that belongs to one thread.  It is closed, and what runs killed at the server, when `control` is.

    `control` is the descriptor of a socket to whoever asks: every wait raises EOFError when nobody is there any more.
    """

    def __init__(self, source: str, address: Mapping[str, Any], control: int) -> None:
        self._source = source
        self._address = address
        self._wire = Wire(control, math.inf)
        self._number = 0
        self._version = ""
        self._working = False
        self.columns: list[bytes] = []
        """How the server described the columns of its newest answer, a packet each."""
        self.error = 0
        """The number of its newest error."""

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
        kept = max(_WRITE_SECONDS, math.ceil(seconds))
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
        return "MariaDB" in self._version

    def extend(self, ends_at: float) -> None:
        """Let what is asked next take until then."""
        self._wire.ends_at = ends_at

    def rows(self, statement: str) -> Iterator[tuple[str | None, ...]]:
        """Run a statement and yield its rows as text, while they come."""
        for packets in self.stream(statement):
            for start, end in zip(packets.starts.tolist(), packets.ends.tolist(), strict=True):
                try:
                    yield texts(packets.data, start, end)
                except MalformedError as error:
                    raise self._lost(str(error)) from None

    def ask(self, statement: str) -> list[tuple[str | None, ...]]:
        """Run a statement and return its rows as text."""
        return list(self.rows(statement))

    def stream(self, statement: str) -> Iterator[Packets]:
        """Run a statement and yield its rows' packets as they come, some at a time; the rows before an error, too."""
        said = _QUERY + statement.encode()
        if len(said) >= _LARGEST:
            raise self._answered("Its statement would be too long.", "Compare with fewer values.")
        self._working = True
        try:
            self._wire.send(_HEADER.pack(len(said)) + said)
            incoming = Incoming(self._wire)
            yield from self._answer(incoming)
        except LostError as error:
            self._working = False
            raise self._lost(str(error)) from None
        except MalformedError as error:
            raise self._lost(str(error)) from None
        self._working = False

    def close(self) -> None:
        """Kill what runs at the server, and disconnect."""
        if self._working:
            self._working = False
            self._kill()
        self._wire.close()

    # Below

    def _answer(self, incoming: Incoming) -> Iterator[Packets]:
        first = incoming.packet()
        if first[:1] == b"\xff":
            raise self._failed(first)
        if first[:1] == b"\x00":
            return
        if not first or first[0] in _NO_COUNT:
            raise MalformedError("an answer that is neither rows nor an error")
        columns = first[0] if len(first) == 1 else int.from_bytes(first[1:], "little")
        self.columns = [incoming.packet() for _ in range(columns)]
        if incoming.packet()[:1] != b"\xfe":
            raise MalformedError("columns without an end")
        while not incoming.ended:
            if packets := incoming.some():
                yield packets
        if incoming.last[:1] == b"\xff":
            raise self._failed(incoming.last)

    def _sign_in(self, made: socket.socket) -> socket.socket:
        address = self._address
        encrypted = address["tls"]
        connection = pymysql.connections.Connection(
            user=address["user"],
            password=address["password"].encode(),
            host=address["host"],
            charset="utf8mb4",
            autocommit=None,
            local_infile=False,
            ssl=context(Path(address["ca"]) if address["ca"] else None) if encrypted else None,
            ssl_disabled=not encrypted,
            auth_plugin_map={} if encrypted or address["host"].startswith("/") else _READABLE,
            program_name="swap",
            defer_connect=True,
        )
        connection.connect(sock=made)
        self._number = connection.thread_id()
        self._version = connection.get_server_info()
        signed_in: socket.socket = connection._sock  # noqa: SLF001 — it has no other way to hand its socket over
        if encrypted and not isinstance(signed_in, ssl.SSLSocket):
            raise ConnectError("made no encrypted connection")
        # PyMySQL's own file on it must not close it.
        connection._sock = connection._rfile = None  # noqa: SLF001
        return signed_in

    def _kill(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            other = Link(self._source, self._address, ours.fileno())
            try:
                other.connect(time.monotonic() + CANCEL_SECONDS)
                other.ask(f"KILL QUERY {int(self._number)}")
            except SwapError as error:
                # Then the server ends the statement itself, at the time it was given.
                log.warning("%s: the statement could not be killed: %s", self._source, error)
            finally:
                other.close()

    # Errors, without addresses and accounts

    def _not_connected(self, why: str, error: Exception | None = None) -> SourceUnavailable:
        log.warning("%s: no connection: %s", self._source, error or why)
        todo = f"Other sources keep working. SWAP's administrator finds the setting in [sources.{self._source}]."
        return SourceUnavailable(Problem(f"{self._source} does not answer.", f"It {why}.", todo, source=self._source))

    def _lost(self, message: str) -> SourceUnavailable:
        log.warning("%s: connection lost: %s", self._source, message)
        return SourceUnavailable(
            Problem(
                f"{self._source} does not answer any more.",
                "The connection was lost while the query ran.",
                "Run the query again when the source is back.",
                source=self._source,
            )
        )

    def _failed(self, packet: bytes) -> SwapError:
        """Return what an error packet means.  The statement is over."""
        self._working = False
        self.error = number = int.from_bytes(packet[1:3], "little")
        log.warning("%s: error %d", self._source, number)
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
        return SourceFailed(Problem(f"{self._source} answered with an error.", why, todo, source=self._source))

    def _answered(self, why: str, todo: str) -> SourceFailed:
        return SourceFailed(
            Problem(f"{self._source} was not asked.", why, todo, source=self._source),
        )


class Incoming:
    """The packets of one answer: a few read one at a time, then rows until the end."""

    def __init__(self, wire: Wire) -> None:
        self.ended = False
        self.last = b""
        """The packet after the last row: an end, or an error."""
        self._wire = wire
        self._data = bytearray()
        self._piece = memoryview(bytearray(_PIECE))
        self._at = 0
        """Where the first packet begins that was not looked at."""
        self._goes_on_at = 0
        """Where its next part begins, for a packet of several."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._numbers: list[int] = []
        self._expected = 1

    def packet(self) -> bytes:
        """Return the next packet.  Raises MalformedError, and what `Wire` raises."""
        while not self._look():
            self._receive(math.inf)
        start, end = self._starts.pop(), self._ends.pop()
        found = bytes(self._data[start:end])
        del self._data[:end]
        self._at = self._goes_on_at = 0
        return found

    def some(self) -> Packets | None:
        """Return the rows that are enough for a batch, or that have waited, or that are the last."""
        ready_at = time.monotonic() + BATCH_SECONDS
        while not self._scan():
            if not self._receive(ready_at if self._starts else math.inf):
                break
            if self._starts and time.monotonic() >= ready_at:
                self._scan()
                break
        if not self._starts:
            return None
        starts, ends = np.array(self._starts, np.int64), np.array(self._ends, np.int64)
        found = Packets(bytes(memoryview(self._data)[: self._ends[-1]]), starts, ends)
        del self._data[: self._at]
        self._goes_on_at -= self._at
        self._at = 0
        self._starts, self._ends = [], []
        return found

    def _scan(self) -> bool:
        """Look at what has come; tell whether it is enough for a batch, or the end."""
        while True:
            self._scan_plain_rows()
            if len(self._starts) >= BATCH_ROWS or self._at >= BATCH_BYTES:
                return True
            if not self._look():
                return False
            start, end = self._starts[-1], self._ends[-1]
            first = self._data[start] if end > start else 0
            if first == 0xFF or (first == _ROW_MARKS and end - start < _END_BYTES):
                self.ended = True
                self.last = bytes(self._data[start:end])
                del self._starts[-1], self._ends[-1]
                return True

    def _scan_plain_rows(self) -> None:
        """Find rows of one packet each, up to one that may be something else."""
        data, at, expected, whole = self._data, self._at, self._expected, len(self._data) - 4
        if self._goes_on_at != at:
            return
        unpack, starts, ends = _HEADER.unpack_from, self._starts, self._ends
        room = BATCH_ROWS - len(starts)
        # One turn for each row of the source: nothing more may happen in it.
        while room and at < whole:
            head = unpack(data, at)[0]
            size = head & _LARGEST
            after = at + 4 + size
            if after > whole + 4 or not 0 < size < _LARGEST or head >> 24 != expected or data[at + 4] >= _ROW_MARKS:
                break
            starts.append(at + 4)
            ends.append(after)
            at = after
            expected = (expected + 1) & 0xFF
            room -= 1
        self._at = self._goes_on_at = at
        self._expected = expected

    def _look(self) -> bool:
        """Find the next whole packet, of however many parts; tell whether there is one."""
        data = self._data
        while len(data) - self._goes_on_at >= 4:
            at = self._goes_on_at
            head = _HEADER.unpack_from(data, at)[0]
            size = head & _LARGEST
            if len(data) - at - 4 < size:
                return False
            if head >> 24 != self._expected:
                raise MalformedError("packets out of their order")
            self._expected = (self._expected + 1) & 0xFF
            if at == self._at:
                at += 4
            else:
                # Of a packet of several parts only the first keeps its header.
                del data[at : at + 4]
            self._goes_on_at = at + size
            if size < _LARGEST:
                self._starts.append(self._at + 4)
                self._ends.append(self._goes_on_at)
                self._at = self._goes_on_at
                return True
        return False

    def _receive(self, until: float) -> int:
        got = self._wire.receive_some(self._piece, until)
        self._data += self._piece[:got]
        return got


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
