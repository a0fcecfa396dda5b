"""MySQL and MariaDB as a source.  Reading happens in a child process; when it is told to end, it kills its statement.

Every request has a connection of its own, read-only, as the account that is meant for whoever asks; a statement
begins with the query's name, so that the server's list of processes tells whose it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from swap.connectors.accounts import Account, smallest
from swap.connectors.base import NULL_TESTS, Capabilities, Comparison, Dataset, Deadline, OnBehalf
from swap.connectors.messages import DATASETS, TABLES, decode_dataset
from swap.connectors.store import HARVEST_SECONDS, StoreConnector
from swap.settings import MysqlAccount, MysqlSource

_FAMILIES = ("integer", "float", "decimal", "text", "binary", "date", "timestamp", "timestamptz")

CAPABILITIES = Capabilities(
    comparisons=frozenset(
        [(family, comparison) for family in _FAMILIES for comparison in Comparison]
        + [("nested", comparison) for comparison in NULL_TESTS]
    ),
    limit=True,
)
KNOWN_SECONDS = 300.0
"""How long it is known which tables an account sees, where a person has several accounts to choose from."""


class MysqlConnector(StoreConnector):
    """One server of MySQL or MariaDB."""

    capabilities = CAPABILITIES
    module = "swap.connectors.mysql_reader"

    def __init__(self, name: str, source: MysqlSource) -> None:
        super().__init__(name, source.connect_timeout_seconds)
        self._source = source
        self._accounts = source.accounts or (MysqlAccount(group="", user=source.user, password=source.password),)
        self._seen: dict[str, tuple[float, frozenset[tuple[str, str]]]] = {}
        """Account → since when it is known what it sees, and that."""

    def check(self) -> None:
        """Connect as each account."""
        for account in self._accounts:
            for _ in self._asked("check", self.soon(), address=self._address(account)):
                pass

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield every table and view that one of the accounts may read, as the first of them sees it."""
        told: set[tuple[str, str]] = set()
        for account in self._accounts:
            for message in self._asked(
                "harvest", Deadline(time.monotonic() + HARVEST_SECONDS), address=self._address(account)
            ):
                found = [decode_dataset(each) for each in message.get(DATASETS, ())]
                if new := [each for each in found if (each.schema, each.name) not in told]:
                    told |= {(each.schema, each.name) for each in new}
                    yield new

    def account(self, on_behalf: OnBehalf) -> str:
        """Return the smallest account of the person's groups that sees all the query's tables.  Raises Forbidden."""
        return self._for(on_behalf).user

    def request(self, query_id: str, ends_at: float, on_behalf: OnBehalf | None) -> Mapping[str, Any]:  # noqa: ARG002 — the statement says whose it is
        """Return where the server is, the account, and how long the server itself may work on a statement."""
        source = self._source
        return {
            "address": self._address(self._accounts[0] if on_behalf is None else self._for(on_behalf)),
            "statement_seconds": max(0.001, ends_at - time.monotonic()),
            "databases": list(source.databases),
            "text": list(source.text),
            "timestamps": list(source.timestamps),
        }

    def _address(self, account: MysqlAccount) -> dict[str, Any]:
        source = self._source
        return {
            "host": source.host,
            "port": source.port,
            "user": account.user,
            "password": self.password(account.password) if account.password else "",
            "tls": source.encrypted,
            "ca": str(source.ca) if source.ca else "",
            "connect_seconds": source.connect_timeout_seconds,
        }

    def _for(self, on_behalf: OnBehalf) -> MysqlAccount:
        """Return the account that reads for somebody: where there is a choice, the server is asked what each sees."""
        if not self._source.accounts:
            return self._accounts[0]
        theirs = [each for each in self._accounts if each.group in on_behalf.groups]
        if len(theirs) == 1:
            # What it may not read, its server refuses.
            return theirs[0]
        sees = [Account(each.user, each.group, self._sees(each)) for each in theirs]
        chosen = smallest(sees, on_behalf, self.name)
        return next(each for each in theirs if (each.user, each.group) == (chosen.name, chosen.group))

    def _sees(self, account: MysqlAccount) -> frozenset[tuple[str, str]]:
        known_at, known = self._seen.get(account.user, (0.0, frozenset()))
        if not known or time.monotonic() - known_at > KNOWN_SECONDS:
            asked = self._asked("tables", self.soon(), address=self._address(account))
            known = frozenset((schema, name) for told in asked for schema, name in told.get(TABLES, ()))
            self._seen[account.user] = time.monotonic(), known
        return known
