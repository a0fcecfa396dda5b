"""A HiveServer2 that is connected to, and what went wrong with it in people's words.

Hosts and accounts are for the log, and so is why a server opens no session; what it says of a statement, which may
quote values, stands nowhere.
"""

from __future__ import annotations

import logging
import random
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from swap.connectors.hive import kerberos
from swap.connectors.hive.gss import GssError
from swap.connectors.hive.http import Basic, Bodies, Proof
from swap.connectors.hive.session import Session, StatementError, Transport
from swap.connectors.hive.thrift import MalformedError
from swap.connectors.hive.transport import Frames, Mechanism, Plain, RefusedError, UnprotectedError, UnprovenError
from swap.connectors.standing import Standing
from swap.connectors.wire import ConnectError, LostError, Wire, context
from swap.errors import Problem, QueryTimedOut, SourceFailed, SourceUnavailable, SwapError

log = logging.getLogger(__name__)

ZONE = "set:hiveconf:hive.local.time.zone"
"""What pins a session's zone.  Without it times with a zone come in the server's, and can be read if that is UTC."""
NAMES = "set:hiveconf:hive.resultset.use.unique.column.names"
"""What has a result's columns called as they are written.  Without it Hive puts a table's name before some of them."""
_FIXED = re.compile(r"Cannot modify (\S+) at runtime")
_CLOSE_SECONDS = 2.0
"""How long a server is asked to close a session."""
_ENDED_BY_TIME = ("Query timed out", "timed out after")
_REFUSED = ("HiveAccessControlException", "Permission denied", "AccessControlException", "not have privilege")
_GONE = ("Table not found", "TABLE_OR_VIEW_NOT_FOUND", "Invalid table alias", "UNRESOLVED_COLUMN", "Invalid column")

FAILURES = (
    ConnectError,
    EOFError,
    GssError,
    LostError,
    MalformedError,
    RefusedError,
    StatementError,
    SwapError,
    UnprotectedError,
    UnprovenError,
)
"""What asking a server may raise."""


class Server:
    """One connection to one of a source's servers, with a session on it."""

    def __init__(self, source: str, address: Mapping[str, Any], control: int) -> None:
        self._source = source
        self._address = address
        self._control = control
        self._wire: Wire | None = None
        self._session: Session | None = None
        self._at: tuple[str, int] | None = None
        self._configuration: dict[str, str] = {}
        """What the session was opened with."""

    @property
    def session(self) -> Session:
        """The session."""
        assert self._session is not None, "connect comes first"
        return self._session

    @property
    def at(self) -> str:
        """Which of the servers it is, as the settings name it."""
        assert self._at is not None, "connect comes first"
        return f"{self._at[0]}:{self._at[1]}"

    @property
    def spark(self) -> bool:
        """Whether it is a Spark Thrift Server, as the settings say."""
        return bool(self._address["spark"])

    @property
    def names_as_written(self) -> bool:
        """Whether a result's columns are called what the statement calls them, and nothing before it."""
        return self.spark or NAMES in self._configuration

    def connect(self, ends_at: float) -> None:
        """Connect to the first server that answers, in a random order, and open a session on it.

        Raises SourceUnavailable, QueryTimedOut, EOFError.
        """
        servers: Sequence[Sequence[Any]] = self._address["servers"]
        failure: SwapError | None = None
        for host, port in random.sample(servers, len(servers)):
            try:
                self._open((host, port), ends_at)
            except SourceUnavailable as error:
                self.drop()
                failure = error
            else:
                return
        assert failure is not None
        raise failure

    def standing(self) -> Standing:
        """Return when the server's certificate and SWAP's ticket end."""
        assert self._wire is not None, "connect comes first"
        about = self._address.get("kerberos")
        return Standing(self._wire.certificate_ends, kerberos.ticket_ends(about) if about else None)

    def extend(self, ends_at: float) -> None:
        """Let what is asked next take until then."""
        if self._wire is not None:
            self._wire.ends_at = ends_at

    @contextmanager
    def again(self, seconds: float) -> Iterator[Server]:
        """Connect to the same server once more, without a session of its own, for so many seconds: to end this one."""
        assert self._at is not None
        # Nobody asks for this any more: it is waited for all the same.
        ours, theirs = socket.socketpair()
        with ours, theirs:
            other = Server(self._source, self._address, ours.fileno())
            try:
                other._connect(self._at, time.monotonic() + seconds)
                yield other
            finally:
                other.drop()

    def close(self) -> None:
        """Close the session, so that nothing is left at the server, and disconnect."""
        if self._session is not None and self._wire is not None:
            self._wire.ends_at = time.monotonic() + _CLOSE_SECONDS
            try:
                self._session.close()
            except FAILURES:
                self._close_elsewhere()
        self.drop()

    def drop(self) -> None:
        """Disconnect."""
        if self._wire is not None:
            self._wire.close()
        self._wire = self._session = None

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what goes wrong within into errors that people understand."""
        try:
            yield
        except (LostError, ConnectError, GssError) as error:
            log.warning("%s: connection lost: %s", self._source, error)
            raise SourceUnavailable(
                Problem(
                    f"{self._source} does not answer any more.",
                    "The connection was lost while the query ran.",
                    "Run the query again when the source is back.",
                    source=self._source,
                )
            ) from None
        except (RefusedError, UnprovenError) as error:
            raise self._refused(error) from None
        except MalformedError as error:
            raise failed(
                self._source, f"Its answer cannot be read: {error}.", "Show this to SWAP's administrator."
            ) from None
        except StatementError as error:
            raise self._failed(error) from None

    # Below

    def _close_elsewhere(self) -> None:
        """Close a session of HTTP, which no connection's end closes, while an answer is still on its way."""
        if self.session.handle is not None and self._address.get("http_path"):
            with suppress(*FAILURES), self.again(_CLOSE_SECONDS) as other:
                other.session.close(self.session.handle)

    def _open(self, at: tuple[str, int], ends_at: float) -> None:
        self._connect(at, ends_at)
        self._configuration = dict(self._address["configuration"])
        with self._reached(ends_at):
            while True:
                try:
                    self.session.open(self._configuration)
                except StatementError as error:
                    # A Hive that checks rights of its own lets sessions set what is on a list, which may lack these.
                    fixed = _FIXED.search(error.message)
                    key = f"set:hiveconf:{fixed[1]}" if fixed else ""
                    if key not in (ZONE, NAMES) or self._configuration.pop(key, None) is None:
                        raise
                else:
                    return

    def _connect(self, at: tuple[str, int], ends_at: float) -> None:
        self._at = at
        self._wire = Wire(self._control, ends_at)
        with self._reached(ends_at):
            transport = self._http(self._wire, at) if self._address.get("http_path") else self._frames(self._wire, at)
        self._session = Session(transport, self._wire.pause)
        self._wire.ends_at = ends_at

    def _frames(self, wire: Wire, at: tuple[str, int]) -> Transport:
        address = self._address
        mechanism: Mechanism = Plain(address["user"], address["password"])
        if about := address.get("kerberos"):
            # Before the server is connected to, which is not to wait for a third one.
            mechanism = kerberos.mechanism(wire, about, at[0], address["connect_seconds"])
        frames = Frames(wire, mechanism)
        self._reach_in_time(wire, at)
        frames.begin()
        return frames

    def _http(self, wire: Wire, at: tuple[str, int]) -> Transport:
        address = self._address
        proof: Proof = Basic(address["user"], address["password"])
        if about := address.get("kerberos"):
            seconds = address["connect_seconds"]
            proof = kerberos.Negotiate(wire, about, at[0], seconds, encrypted=address["tls"])
        bodies = Bodies(wire, lambda: self._reach(wire, at), f"{at[0]}:{at[1]}", address["http_path"], proof)
        self._reach_in_time(wire, at)
        bodies.greet()
        return bodies

    def _reach_in_time(self, wire: Wire, at: tuple[str, int]) -> None:
        """Connect; a server that accepts and then says nothing is as good as down, and given up as soon."""
        wire.ends_at = min(wire.ends_at, time.monotonic() + self._address["connect_seconds"])
        self._reach(wire, at)

    def _reach(self, wire: Wire, at: tuple[str, int]) -> None:
        address = self._address
        tls = context(Path(address["ca"]) if address["ca"] else None) if address["tls"] else None
        wire.connect(*at, tls, address["connect_seconds"])

    @contextmanager
    def _reached(self, ends_at: float) -> Iterator[None]:
        """Turn what goes wrong before there is a session into errors that people understand."""
        try:
            yield
        except ConnectError as error:
            raise self._unavailable(f"It {error}.", error) from None
        except (RefusedError, UnprovenError) as error:
            raise self._refused(error) from None
        except UnprotectedError as error:
            raise self._unavailable("It does not offer the protection of messages that `qop` demands.", error) from None
        except GssError as error:
            raise self._unavailable("SWAP got no Kerberos ticket for it.", error) from None
        except (LostError, MalformedError) as error:
            raise self._unavailable("It hung up.", error) from None
        except StatementError as error:
            raise self._unavailable("It opened no session for SWAP.", error) from None
        except QueryTimedOut as error:
            if time.monotonic() >= ends_at:
                raise
            within = f"{self._address['connect_seconds']:g} s"
            raise self._unavailable(f"It did not answer within {within}.", error) from None
        except OSError as error:
            raise self._unavailable("The certificates that it is checked by cannot be read.", error) from None

    def _refused(self, error: Exception) -> SourceUnavailable:
        unproven = "It did not prove to be the server that SWAP's ticket is for; over HTTP, TLS would prove it."
        return self._unavailable(unproven if isinstance(error, UnprovenError) else "It refused SWAP's account.", error)

    def _unavailable(self, why: str, error: Exception) -> SourceUnavailable:
        log.warning("%s: no connection: %s", self._source, error)
        todo = f"Other sources keep working. SWAP's administrator finds the setting in [sources.{self._source}]."
        return SourceUnavailable(Problem(f"{self._source} does not answer.", why, todo, source=self._source))

    def _failed(self, error: StatementError) -> SwapError:
        log.warning("%s: SQLSTATE %s, code %s: %s", self._source, error.sql_state, error.code, type(error).__name__)
        said = error.message
        if any(part in said for part in _REFUSED):
            why, todo = "It may not be read there as you.", "Ask the source's owner for the right to read the table."
        elif any(part in said for part in _GONE):
            why, todo = "The table or a column is gone.", "Look at the source's page: the catalog is renewed regularly."
        else:
            # Not the server's own words: they may quote a value, even one of a column that is closed to this person.
            name = f" ({error.sql_state}, {error.code})" if error.sql_state else ""
            why, todo = (
                f"The statement failed there{name}.",
                "Run the query again; if it fails again, show this to the source's owner.",
            )
        return SourceFailed(Problem(f"{self._source} answered with an error.", why, todo, source=self._source))


def failed(source: str, why: str, todo: str) -> SourceFailed:
    """Return the error for an answer that is none."""
    return SourceFailed(Problem(f"{source} answered, but not with what was asked for.", why, todo, source=source))
