"""MySQL and MariaDB as a source.  Reading happens in a child process; when it is told to end, it kills its statement.

Every request has a connection of its own, read-only; a statement begins with the query's name, so that the server's
list of processes tells whose it is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from swap.connectors.base import NULL_TESTS, Capabilities, Comparison, OnBehalf
from swap.connectors.store import StoreConnector
from swap.settings import MysqlSource

_FAMILIES = ("integer", "float", "decimal", "text", "binary", "date", "timestamp", "timestamptz")

CAPABILITIES = Capabilities(
    comparisons=frozenset(
        [(family, comparison) for family in _FAMILIES for comparison in Comparison]
        + [("nested", comparison) for comparison in NULL_TESTS]
    ),
    limit=True,
    # Of texts and bytes the server sorts by the beginning (max_sort_length); a zero date is before every date.
    orders=frozenset({"integer", "float", "decimal"}),
)


class MysqlConnector(StoreConnector):
    """One server of MySQL or MariaDB."""

    capabilities = CAPABILITIES
    module = "swap.connectors.mysql_reader"

    def __init__(self, name: str, source: MysqlSource) -> None:
        super().__init__(name, source.connect_timeout_seconds)
        self._source = source

    def account(self, on_behalf: OnBehalf) -> str:  # noqa: ARG002 — the source has one account
        """Return the account."""
        return self._source.user

    def request(self, query_id: str, ends_at: float, on_behalf: OnBehalf | None) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where the server is, the account, and how long the server itself may work on a statement."""
        source = self._source
        return {
            "address": {
                "host": source.host,
                "port": source.port,
                "user": source.user,
                "password": self.password(source.password) if source.password else "",
                "tls": source.encrypted,
                "ca": str(source.ca) if source.ca else "",
                "connect_seconds": source.connect_timeout_seconds,
            },
            "statement_seconds": max(0.001, ends_at - time.monotonic()),
            "databases": list(source.databases),
            "text": list(source.text),
            "timestamps": list(source.timestamps),
        }
