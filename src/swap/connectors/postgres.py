"""PostgreSQL as a source.  Reading happens in a child process; when it is told to end, it cancels at the server.

Every request has a connection of its own, read-only and named after the query, so that `pg_stat_activity` tells
whose it is.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from swap.connectors.base import (
    NULL_TESTS,
    Capabilities,
    Comparison,
    Dataset,
    Deadline,
    Fragment,
    OnBehalf,
    Progress,
    ReadStats,
    Sent,
    unheard,
)
from swap.connectors.messages import DATASETS, STATEMENT, decode_dataset, encode_fragment
from swap.connectors.process import END, MODULES, PROGRAM, Asked, Readers, unavailable
from swap.errors import (
    Problem,
    QueryCancelled,
    QueryTimedOut,
    SettingsError,
    SourceUnavailable,
    SwapError,
    TimedOut,
    from_json,
)
from swap.settings import PostgresSource, Secret

log = logging.getLogger(__name__)

_PLACE = MODULES.index("swap.connectors.postgres_reader")
_GRACE_SECONDS = 4.0
"""How long a reader process may take to cancel at the server before it is killed; it gives up a second sooner."""
_START_SECONDS = 10.0
"""How long a reader process may take to start, beside the time to connect."""
_HARVEST_SECONDS = 3600.0
"""How long a whole harvest may take."""
_QUESTION_SECONDS = 120.0
"""How long each of its questions may take."""
_FAMILIES = ("boolean", "integer", "float", "decimal", "text", "binary", "date", "time", "timestamp", "timestamptz")

CAPABILITIES = Capabilities(
    comparisons=frozenset(
        [(family, comparison) for family in _FAMILIES for comparison in Comparison]
        + [("nested", comparison) for comparison in NULL_TESTS]
    ),
    limit=True,
)


class PostgresConnector:
    """One PostgreSQL database."""

    def __init__(self, name: str, source: PostgresSource) -> None:
        self.name = name
        self.capabilities = CAPABILITIES
        self._source = source
        self._readers = Readers(name, PROGRAM, _PLACE, _GRACE_SECONDS)

    def check(self) -> None:
        """Connect and ask for nothing; this gets a reader process ready, too."""
        deadline = Deadline(time.monotonic() + self._source.connect_timeout_seconds + _START_SECONDS)
        for _ in self._asked("check", deadline):
            pass

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield every table, view and materialised view that the account may read, without system schemas."""
        for told in self._asked("harvest", Deadline(time.monotonic() + _HARVEST_SECONDS)):
            if DATASETS in told:
                yield [decode_dataset(each) for each in told[DATASETS]]

    def read(
        self,
        fragment: Fragment,
        on_behalf: OnBehalf,  # noqa: ARG002 — the source has one account
        deadline: Deadline,
        tell: Callable[[Progress], None] = unheard,  # noqa: ARG002 — PostgreSQL does not know how far a SELECT is
    ) -> PostgresReader:
        """Start a fragment."""
        return PostgresReader(self, fragment, deadline, self._source.user)

    def close(self) -> None:
        """Cancel what runs, and end all reader processes."""
        self._readers.close()

    # For its readers

    def ask(self, deadline: Deadline) -> Asked:
        """Return a request to be made of a reader process."""
        return self._readers.ask(deadline, _told)

    def request(self, do: str, query_id: str, ends_at: float) -> dict[str, Any]:
        """Return what a reader process needs to connect: read-only, no longer than the query, named after it."""
        source = self._source
        options = {
            "default_transaction_read_only": "on",
            "search_path": "pg_catalog",
            "timezone": "UTC",
            "datestyle": "ISO",
            "intervalstyle": "postgres",
            "extra_float_digits": "1",
            "bytea_output": "hex",
            "statement_timeout": str(max(1, math.ceil((ends_at - time.monotonic()) * 1000))),
        }
        parameters: dict[str, str | int] = {
            "host": source.host,
            "port": source.port,
            "dbname": source.database,
            "user": source.user,
            "sslmode": source.sslmode,
            "gssencmode": "disable",
            "client_encoding": "UTF8",
            "application_name": f"swap:{query_id}"[:63],
            "options": " ".join(f"-c {key}={value}" for key, value in options.items()),
        }
        if source.password is not None:
            parameters["password"] = self._password(source.password)
        if "PGSSLROOTCERT" in os.environ:
            # The child has none of our environment.
            parameters["sslrootcert"] = os.environ["PGSSLROOTCERT"]
        return {
            "do": do,
            "source": self.name,
            "parameters": parameters,
            "connect_seconds": source.connect_timeout_seconds,
            "ends_at": ends_at,
        }

    def _asked(self, do: str, deadline: Deadline) -> Iterator[dict[str, Any]]:
        ends_at = deadline.at if do == "check" else time.monotonic() + _QUESTION_SECONDS
        try:
            yield from self.ask(deadline).follow(
                self.request(do, do, ends_at) | {"question_seconds": _QUESTION_SECONDS}
            )
        except QueryTimedOut:
            raise SourceUnavailable(
                Problem(
                    f"{self.name} does not answer.",
                    f"A question about its catalog took longer than {_QUESTION_SECONDS:g} s.",
                    "Other sources keep working.",
                    source=self.name,
                )
            ) from None

    def _password(self, secret: Secret) -> str:
        try:
            return secret.read()
        except SettingsError as error:
            log.warning("%s: %s", self.name, error)
            raise unavailable(self.name, "SWAP cannot read the password of its account.") from None


def _told(error: Any) -> SwapError:
    """Return the error that the child tells of."""
    told = from_json(error)
    return QueryTimedOut() if isinstance(told, TimedOut) else told


class PostgresReader:
    """One fragment, read by one child process."""

    def __init__(self, connector: PostgresConnector, fragment: Fragment, deadline: Deadline, account: str) -> None:
        self.stats = ReadStats(account=account)
        self._connector = connector
        self._fragment = fragment
        self._deadline = deadline
        self._asked = connector.ask(deadline)

    @property
    def pid(self) -> int | None:
        """The process that reads, while it does."""
        return self._asked.pid

    def send(self, sink: int, heard: Callable[[Sent], None], names: Sequence[str] = ()) -> int | None:
        """Let the child write the fragment's rows."""
        connector, fragment = self._connector, self._fragment
        rows: int | None = None
        request = connector.request("read", fragment.query_id or "query", self._deadline.at)
        request |= {"fragment": encode_fragment(fragment), "names": list(names)}
        for told in self._asked.follow(request, sink):
            if END in told:
                rows = told[END]
            elif STATEMENT in told:
                self.stats.statement = told[STATEMENT]
            else:
                self.stats.rows, self.stats.bytes = told["rows"], told["at"]
                heard(Sent(told["rows"], told["at"]))
        return rows

    def cancel(self) -> None:
        """Have the child cancel at the server, and end it; `send` then raises QueryCancelled."""
        self._asked.stop(QueryCancelled())

    def close(self) -> None:
        """Give the child back when it has answered wholly, else end it."""
        self._asked.close()
