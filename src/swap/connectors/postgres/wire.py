"""One connection to PostgreSQL, on which every wait ends in time: at the deadline, or when nobody asks any more.

Below psycopg's `Connection` is libpq without blocking; this module adds only the waiting.  Addresses and
accounts are for the log, never for an error: people's notebooks show errors.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import re
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import repeat
from pathlib import Path

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from swap.connectors.wire import ConnectError, LostError, Wire, context
from swap.errors import Problem, QueryTimedOut, SourceFailed, SourceUnavailable, SwapError

log = logging.getLogger(__name__)

CANCEL_SECONDS = 3.0
"""How long a server that is out of reach is asked to cancel."""
_SSL_REQUEST = struct.pack(">II", 8, 80877103)
"""What asks a server, before anything else is said, to encrypt what follows; it answers with one letter."""
_SYSTEM = "system"
"""libpq's word for the authorities that the system trusts."""
_MESSAGES = 512
_PAUSE_SECONDS = 0.2
_REASONS = (
    ("password authentication failed", "It refused SWAP's account."),
    ("no password supplied", "It refused SWAP's account: it wants a password."),
    ("no pg_hba.conf entry", "It refused SWAP's account: no rule of its own admits it."),
    ("authentication failed", "It refused SWAP's account."),
    ("is not permitted to log in", "It refused SWAP's account: it may not log in."),
    ("role ", "It refused SWAP's account."),
    ("database ", "It has no such database."),
    ("too many", "It has no connection left."),
    ("remaining connection slots", "It has no connection left."),
    ("starting up", "It is starting."),
    ("shutting down", "It is stopping."),
    ("Connection refused", "Nothing listens at its address."),
    ("No such file or directory", "Nothing listens at its address."),
    ("could not translate host name", "Its host name leads nowhere."),
    ("No route to host", "Its network cannot be reached."),
    ("Network is unreachable", "Its network cannot be reached."),
    ("does not match host name", "Its certificate is made out to another name."),
    ("certificate", "Its certificate is not trusted."),
    ("SSL", "No encrypted connection to it could be made."),
)


class Link:
    """A connection that belongs to one thread.  It is closed, and cancelled at the server, when `control` is.

    `control` is the descriptor of a socket to whoever asks: every wait raises EOFError when nobody is there any more.
    """

    def __init__(self, source: str, parameters: Mapping[str, str | int], connect_seconds: float, control: int) -> None:
        self._source = source
        self._parameters = parameters
        self._connect_seconds = connect_seconds
        self._control = control
        self._conn: psycopg.Connection | None = None
        self._ends_at = math.inf

    @property
    def server_version(self) -> int:
        """The server's version as libpq counts: 180004."""
        return self._open().pgconn.server_version

    @property
    def certificate_ends(self) -> datetime | None:
        """When the server's certificate ends, where libpq has verified one; None too when that cannot be seen.

        libpq shows it to nobody, so the same address is connected to once more, and told nothing.
        """
        pgconn, root = self._open().pgconn, self._authorities()
        if not pgconn.ssl_in_use or root is None:
            return None
        wire, seconds = Wire(self._control, self._ends_at), self._connect_seconds
        host = str(self._parameters["host"])
        try:
            # That it is made out to the host's name libpq knows already, and is no stricter than this.
            tls = context(None if root == _SYSTEM else Path(root))
            tls.check_hostname = False
            tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
            wire.connect(pgconn.hostaddr.decode(), int(pgconn.port), None, seconds)
            wire.send(_SSL_REQUEST)
            if wire.receive(1) != b"S":
                return None
            wire.encrypt(tls, host, seconds)
        except (ConnectError, LostError, OSError) as error:
            log.warning("%s: its certificate could not be looked at: it %s", self._source, error)
            return None
        else:
            return wire.certificate_ends
        finally:
            wire.close()

    def connect(self, ends_at: float) -> None:
        """Connect.  Raises SourceUnavailable within the connect time-out, QueryTimedOut, EOFError."""
        self._ends_at = ends_at
        gives_up_at = time.monotonic() + self._connect_seconds
        addresses = self._addresses(gives_up_at)
        pgconn = pq.PGconn.connect_start(make_conninfo("", **{**self._parameters, **addresses}).encode())
        try:
            self._poll(pgconn, gives_up_at)
        except BaseException:
            pgconn.finish()
            raise
        pgconn.nonblocking = 1
        self._conn = psycopg.Connection(pgconn)

    def extend(self, ends_at: float) -> None:
        """Let what is asked next take until then."""
        self._ends_at = ends_at

    def text(self, statement: sql.Composable) -> str:
        """Return a composed statement as it is sent."""
        return statement.as_string(self._open())

    def ask(self, statement: str) -> list[tuple[str | None, ...]]:
        """Run statements and return the last one's rows, as text."""
        self._send(statement)
        rows: list[tuple[str | None, ...]] = []
        while (result := self._result()) is not None:
            self._demand(result, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
            rows = [
                tuple(_decoded(result.get_value(row, field)) for field in range(result.nfields))
                for row in range(result.ntuples)
            ]
        return rows

    def copy(self, statement: str) -> Iterator[list[memoryview]]:
        """Run COPY … TO STDOUT; yield lists of messages as they arrive.

        An empty list says that it has begun, or that nothing came for `_PAUSE_SECONDS` after the last rows.
        """
        self._send(statement)
        result = self._result()
        if result is not None:
            self._demand(result, pq.ExecStatus.COPY_OUT)
        yield []
        pgconn = self._open().pgconn
        size = 1
        told = True
        while size >= 0:
            messages: list[memoryview] = []
            # One turn for each row of the source: nothing more may happen in it.
            for size, message in map(pgconn.get_copy_data, repeat(1, _MESSAGES)):
                if size <= 0:
                    break
                messages.append(message)
            if messages:
                yield messages
                told = False
            if size == 0 and not self._receive(pgconn, math.inf if told else time.monotonic() + _PAUSE_SECONDS):
                yield []
                told = True
        while (result := self._result()) is not None:
            self._demand(result, pq.ExecStatus.COMMAND_OK)

    def close(self) -> None:
        """Cancel what runs, and disconnect."""
        conn, self._conn = self._conn, None
        if conn is None:
            return
        if conn.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
            try:
                conn.cancel_safe(timeout=CANCEL_SECONDS)
            except psycopg.Error as error:
                log.warning("%s: the cancel request failed: %s", self._source, error)
        conn.pgconn.finish()

    # Below

    def _authorities(self) -> str | None:
        """Return the file by which libpq verifies the server, or that it is the system's; None when it does not.

        With `prefer` it goes on without encryption when it cannot.
        """
        if self._parameters["sslmode"] == "prefer":
            return None
        try:
            root = str(self._parameters.get("sslrootcert") or Path.home() / ".postgresql" / "root.crt")
        except RuntimeError:
            # Our user has no home, as in some containers.
            return None
        return root if root == _SYSTEM or Path(root).exists() else None

    def _addresses(self, gives_up_at: float) -> dict[str, str]:
        """Look the host up on a thread of its own.

        The resolver can be neither waited for within limits nor cancelled.
        """
        host = str(self._parameters["host"])
        if host.startswith(("/", "@")) or _is_address(host):
            return {}
        found: list[str] = []
        done = os.eventfd(0)

        def look_up() -> None:
            try:
                found.extend(
                    dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
                )
            except OSError as error:
                log.warning("%s: %s", self._source, error)
            finally:
                os.eventfd_write(waker, 1)
                os.close(waker)

        waker = os.dup(done)
        threading.Thread(target=look_up, daemon=True, name=f"look up {self._source}").start()
        try:
            if not self._wait(done, False, gives_up_at):
                raise self._not_connected("time-out")
        finally:
            os.close(done)
        if not found:
            raise self._not_connected("could not translate host name")
        # The name stays beside each address: certificates are made out to it.
        return {"host": ",".join([host] * len(found)), "hostaddr": ",".join(found)}

    def _poll(self, pgconn: pq.abc.PGconn, gives_up_at: float) -> None:
        """Drive libpq's connection attempt to its end."""
        polled = pq.PollingStatus.WRITING
        while polled != pq.PollingStatus.OK:
            if polled == pq.PollingStatus.FAILED or pgconn.status == pq.ConnStatus.BAD:
                raise self._not_connected(pgconn.get_error_message())
            if not self._wait(pgconn.socket, polled == pq.PollingStatus.WRITING, gives_up_at):
                raise self._not_connected("time-out")
            polled = pq.PollingStatus(pgconn.connect_poll())

    def _open(self) -> psycopg.Connection:
        assert self._conn is not None, "connect comes first"
        return self._conn

    def _send(self, statement: str) -> None:
        pgconn = self._open().pgconn
        try:
            pgconn.send_query(statement.encode())
            while pgconn.flush():
                self._wait(pgconn.socket, True, self._ends_at)
        except psycopg.OperationalError as error:
            raise self._lost(str(error)) from None

    def _result(self) -> pq.abc.PGresult | None:
        pgconn = self._open().pgconn
        while pgconn.is_busy():
            self._receive(pgconn)
        result = pgconn.get_result()
        if result is not None and result.status == pq.ExecStatus.FATAL_ERROR:
            raise self._failed(result)
        return result

    def _receive(self, pgconn: pq.abc.PGconn, until: float = math.inf) -> bool:
        """Wait until the server has sent something, and take it in; tell whether it did before `until`."""
        if not self._wait(pgconn.socket, False, until):
            return False
        try:
            pgconn.consume_input()
        except psycopg.OperationalError as error:
            raise self._lost(str(error)) from None
        return True

    def _wait(self, descriptor: int, writable: bool, until: float) -> bool:
        """Wait for the socket; tell whether it is ready rather than `until` past.

        Raises QueryTimedOut when the query's own time is over, and EOFError when nobody waits for it any more.
        """
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT if writable else select.POLLIN)
        poll.register(self._control, select.POLLRDHUP)
        left = max(0.0, min(until, self._ends_at) - time.monotonic())
        ready = poll.poll(None if left == math.inf else left * 1000 + 1)
        if any(which == self._control for which, _ in ready):
            raise EOFError
        if not ready and time.monotonic() >= self._ends_at:
            raise QueryTimedOut
        return bool(ready)

    def _demand(self, result: pq.abc.PGresult, *expected: pq.ExecStatus) -> None:
        if result.status not in expected:
            raise self._lost(f"unexpected {pq.ExecStatus(result.status).name}")

    # Errors, without addresses and accounts

    def _not_connected(self, message: str) -> SourceUnavailable:
        log.warning("%s: no connection: %s", self._source, message.strip())
        if message == "time-out":
            why = f"It did not answer within {self._connect_seconds:g} s."
        else:
            why = next((reason for part, reason in _REASONS if part in message), "The connection failed.")
        todo = f"Other sources keep working. SWAP's administrator finds the setting in [sources.{self._source}]."
        return SourceUnavailable(Problem(f"{self._source} does not answer.", why, todo, source=self._source))

    def _lost(self, message: str) -> SourceUnavailable:
        log.warning("%s: connection lost: %s", self._source, message.strip())
        return SourceUnavailable(
            Problem(
                f"{self._source} does not answer any more.",
                "The connection was lost while the query ran.",
                "Run the query again when the source is back.",
                source=self._source,
            )
        )

    def _failed(self, result: pq.abc.PGresult) -> SwapError:
        state = _decoded(result.error_field(pq.DiagnosticField.SQLSTATE)) or ""
        message = _decoded(result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY)) or result.get_error_message().strip()
        if state == "57014" and time.monotonic() >= self._ends_at - 1:
            return QueryTimedOut()
        # 57P: the server stops or has crashed; 08: the connection; 53: it has no room; none: libpq lost it.
        if state[:3] == "57P" or state[:2] in ("08", "53", ""):
            return self._lost(message)
        log.warning("%s: SQLSTATE %s, %s", self._source, state, _condition(state))
        if state == "42501":
            why, todo = (
                "SWAP's account may not read it.",
                "Ask the source's owner to let SWAP's account read the table.",
            )
        elif state in ("42P01", "42703", "3F000"):
            why, todo = "The table or a column is gone.", "Look at the source's page: the catalog is renewed regularly."
        else:
            # The condition's name, not the server's own words: they may quote a value, even one of a column that is
            # closed to this person.
            why, todo = (
                f"It said: {_condition(state)} ({state}).",
                "Run the query again; if it fails again, show this to the source's owner.",
            )
        return SourceFailed(Problem(f"{self._source} answered with an error.", why, todo, source=self._source))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _condition(state: str) -> str:
    """Return PostgreSQL's name of a condition, such as `division by zero`."""
    try:
        name = psycopg.errors.lookup(state).__name__
    except KeyError:
        return "an error without a name"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _decoded(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")
