"""PostgreSQL as a source.  Reading happens in a child process; when it is told to end, it cancels at the server.

Every request has a connection of its own, read-only and named after the query, so that `pg_stat_activity` tells
whose it is.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from typing import Any

from swap.connectors.base import NULL_TESTS, Capabilities, Comparison, OnBehalf
from swap.connectors.store import StoreConnector
from swap.settings import PostgresSource

_FAMILIES = ("boolean", "integer", "float", "decimal", "text", "binary", "date", "time", "timestamp", "timestamptz")

CAPABILITIES = Capabilities(
    comparisons=frozenset(
        [(family, comparison) for family in _FAMILIES for comparison in Comparison]
        + [("nested", comparison) for comparison in NULL_TESTS]
    ),
    limit=True,
    orders=frozenset(_FAMILIES),
)


class PostgresConnector(StoreConnector):
    """One PostgreSQL database."""

    capabilities = CAPABILITIES
    module = "swap.connectors.postgres.reader"

    def __init__(self, name: str, source: PostgresSource) -> None:
        super().__init__(name, source.connect_timeout_seconds)
        self._source = source

    def account(self, on_behalf: OnBehalf) -> str:  # noqa: ARG002 — the source has one account
        """Return the account."""
        return self._source.user

    def request(self, query_id: str, ends_at: float, on_behalf: OnBehalf | None) -> Mapping[str, Any]:  # noqa: ARG002
        """Return what libpq connects with: read-only, no longer than the query, named after it."""
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
            parameters["password"] = self.password(source.password)
        if "PGSSLROOTCERT" in os.environ:
            # The child has none of our environment.
            parameters["sslrootcert"] = os.environ["PGSSLROOTCERT"]
        return {"parameters": parameters, "connect_seconds": source.connect_timeout_seconds}
