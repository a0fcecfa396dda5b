"""MySQL and MariaDB as a source, of one server or several.

Reading happens in a child process; when it is told to end, it kills its statement.

Every request has a connection of its own, read-only, as the account that is meant for whoever asks; a statement
begins with the query's name, so that the server's list of processes tells whose it is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from swap.connectors.accounts import Account, smallest
from swap.connectors.base import (
    NULL_TESTS,
    Capabilities,
    Comparison,
    Dataset,
    Deadline,
    Fragment,
    Native,
    OnBehalf,
    Server,
)
from swap.connectors.messages import DATASETS, SERVER, TABLES, decode_dataset
from swap.connectors.mysql.shards import Places, Shard, places, shards
from swap.connectors.process import END, unavailable
from swap.connectors.side_by_side import side_by_side
from swap.connectors.standing import Standing
from swap.connectors.store import HARVEST_SECONDS, StoreConnector
from swap.errors import Problem, QueryRefused, SourceFailed, SourceUnavailable, SwapError
from swap.settings import MysqlAccount, MysqlSource

log = logging.getLogger(__name__)

_FAMILIES = ("integer", "float", "decimal", "text", "binary", "date", "timestamp", "timestamptz")

CAPABILITIES = Capabilities(
    comparisons=frozenset(
        [(family, comparison) for family in _FAMILIES for comparison in Comparison]
        + [("nested", comparison) for comparison in NULL_TESTS]
    ),
    limit=True,
    dialect="mysql",
    # Of texts and bytes the server sorts by the beginning (max_sort_length); a zero date is before every date.
    orders=frozenset({"integer", "float", "decimal"}),
)
KNOWN_SECONDS = 900.0
"""How long it is known which tables an account sees, where a person has several accounts to choose from.

Longer than from one harvest to the next, which tells it anew: no query asks, but those before the first harvest.
"""
HARVESTED_AT_ONCE = 4
"""Servers that are looked through at a time."""


class MysqlConnector(StoreConnector):
    """The servers of MySQL or MariaDB that share a source's databases, of which each is on one."""

    capabilities = CAPABILITIES
    module = "swap.connectors.mysql.reader"
    question_seconds = 1200.0
    """A server looks at all tables of a database before its first row."""

    def __init__(self, name: str, source: MysqlSource) -> None:
        super().__init__(name, source.connect_timeout_seconds)
        self._source = source
        self._accounts = source.accounts or (MysqlAccount(group="", user=source.user, password=source.password),)
        self._shards = {shard.name: shard for shard in shards(source)}
        self._servers: tuple[Server, ...] = ()
        self._seen: dict[tuple[str, str], tuple[float, frozenset[tuple[str, str]]]] = {}
        """Server and account → since when it is known what it sees there, and that."""

    def check(self) -> Standing:
        """Connect to each server as each account."""
        found = Standing()
        for shard in self._shards.values():
            for account in self._accounts:
                try:
                    found = found.beside(self._standing(**self._to(shard, account)))
                except SourceUnavailable as error:
                    if not account.group:
                        raise
                    why = f"{error.problem.why} That was the account for {account.group}."
                    raise SourceUnavailable(replace(error.problem, why=why)) from None
        return found

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield every table and view that one of the accounts may read, some servers at a time.

        One that is away takes no other with it: `servers` tells.  Raises SourceUnavailable when all are.
        """
        where = self._places()
        found: dict[str, Server] = {}

        def one(shard: Shard) -> Iterator[Sequence[Dataset]]:
            try:
                found[shard.name] = yield from self._harvest_one(shard, where)
            except SwapError as error:
                log.warning("%s: %s could not be harvested: %s", self.name, shard.name or "it", error)
                found[shard.name] = Server(shard.name, _held_by(shard, where), str(error.problem.title))
                failed.append(error)

        failed: list[SwapError] = []
        yield from side_by_side([one(shard) for shard in self._shards.values()], HARVESTED_AT_ONCE)
        self._servers = tuple(found[name] for name in self._shards)
        if len(failed) == len(self._shards):
            raise failed[0]

    def _harvest_one(self, shard: Shard, where: Places) -> Generator[Sequence[Dataset], None, Server]:
        """Yield what a server holds, each table as the first account that may read it sees it; return how it does.

        An account that it refuses takes no other with it: that is raised at the end, so that nothing is forgotten.
        """
        told: set[tuple[str, str]] = set()
        about: dict[str, Any] = {}
        problems: list[SwapError] = []
        for account in self._accounts:
            deadline = Deadline(time.monotonic() + HARVEST_SECONDS)
            sees: set[tuple[str, str]] = set()
            try:
                for message in self._asked("harvest", deadline, places=where.plain(), **self._to(shard, account)):
                    about |= message.get(SERVER, {})
                    tables = [decode_dataset(each) for each in message.get(DATASETS, ())]
                    sees.update((each.schema, each.name) for each in tables)
                    if new := [each for each in tables if (each.schema, each.name) not in told]:
                        told.update((each.schema, each.name) for each in new)
                        yield new
            except SwapError as error:
                problems.append(error)
            else:
                self._seen[shard.name, account.user] = time.monotonic(), frozenset(sees)
        if problems:
            raise problems[0]
        return Server(shard.name, _held_by(shard, where), **about)

    def servers(self) -> Sequence[Server]:
        """Return how each server did in the newest harvest."""
        return self._servers

    def server_of(self, schema: str) -> str:
        """Return the name of the server that holds a database; "" where there is one for all, or none."""
        return self._places().of(schema) or ""

    def account(self, on_behalf: OnBehalf) -> str:
        """Return the smallest account of the person's groups that sees all the query's tables.  Raises Forbidden."""
        return self._for(on_behalf).user

    def order_to_read(
        self, asked: Fragment | Native, on_behalf: OnBehalf, deadline: Deadline, account: str
    ) -> dict[str, Any]:
        """Return what a reader process is told to read as an account, from the server that holds the database.

        Raises QueryRefused for a statement over databases of several servers.
        """
        databases = {schema for _, schema, _ in asked.tables} if isinstance(asked, Native) else {asked.schema}
        shard, *others = {self._shard(database) for database in sorted(databases)}
        if others:
            raise QueryRefused(
                Problem(
                    f"{' and '.join(sorted(databases))} are on different servers of {self.name}.",
                    why="Nothing was run. A statement in MySQL's own dialect is run by one server.",
                    todo="Leave dialect out: then SWAP puts them together.",
                    source=self.name,
                )
            )
        whose = next(each for each in self._accounts if each.user == account)
        return super().order_to_read(asked, on_behalf, deadline, account) | self._to(shard, whose)

    def end(self, handle: Mapping[str, Any], query_id: str) -> bool:
        """Kill the connection of a reader that is gone, if it is still that query's."""
        shard = self._shards.get(handle["server"])
        account = next((each for each in self._accounts if each.user == handle["user"]), None)
        if shard is None or account is None:
            return False
        about = {"number": handle["number"], "query_id": query_id}
        return any(told.get(END) for told in self._asked("kill", self.soon(), **about, **self._to(shard, account)))

    def request(self, query_id: str, ends_at: float, on_behalf: OnBehalf | None) -> Mapping[str, Any]:  # noqa: ARG002 — asked for what is the same whichever server it is, and whoever asks
        """Return how long a server itself may work on a statement, and what is to be made of its columns."""
        source = self._source
        return {
            "statement_seconds": max(0.001, ends_at - time.monotonic()),
            "databases": list(source.databases),
            "text": list(source.text),
            "timestamps": list(source.timestamps),
            # Accounts differ in what they may read: what one saw is not for those whom another reads for.
            "newest": [] if source.accounts else list(source.newest),
            "heartbeat": source.heartbeat,
            "lag_limit_seconds": source.lag_limit_seconds,
        }

    def _to(self, shard: Shard, account: MysqlAccount) -> dict[str, Any]:
        """Return what a reader process needs to connect to a server as an account."""
        source = self._source
        return {
            "called": f"{self.name} ({shard.name})" if shard.name else self.name,
            "server": shard.name,
            "address": {
                "host": shard.host,
                "port": shard.port,
                "user": account.user,
                "password": self.password(account.password) if account.password else "",
                "tls": source.encrypts(shard.host),
                "ca": str(source.ca) if source.ca else "",
                "connect_seconds": source.connect_timeout_seconds,
            },
        }

    def _places(self) -> Places:
        try:
            return places(self._source)
        except (OSError, UnicodeDecodeError) as error:
            log.warning("%s: a file of databases cannot be read: %s", self.name, error)
            why = "SWAP cannot read the file that says which of its servers holds which database."
            raise unavailable(self.name, why) from None

    def _shard(self, database: str) -> Shard:
        name = self._places().of(database)
        if name is None:
            raise SourceFailed(f"{self.name} has no server any more that holds {database}.")
        return self._shards[name]

    def _for(self, on_behalf: OnBehalf) -> MysqlAccount:
        """Return the account that reads for somebody: where there is a choice, the servers say what each sees."""
        if not self._source.accounts:
            return self._accounts[0]
        theirs = [each for each in self._accounts if each.group in on_behalf.groups]
        if len(theirs) == 1:
            # What it may not read, its server refuses.
            return theirs[0]
        there = {self._shard(schema) for schema, _ in on_behalf.tables}
        sees = [
            Account(each.user, each.group, frozenset().union(*(self._sees(each, shard) for shard in there)))
            for each in theirs
        ]
        chosen = smallest(sees, on_behalf, self.name)
        return next(each for each in theirs if (each.user, each.group) == (chosen.name, chosen.group))

    def _sees(self, account: MysqlAccount, shard: Shard) -> frozenset[tuple[str, str]]:
        known_at, known = self._seen.get((shard.name, account.user), (0.0, frozenset()))
        if not known or time.monotonic() - known_at > KNOWN_SECONDS:
            asked = self._asked("tables", self.soon(), **self._to(shard, account))
            known = frozenset((schema, name) for told in asked for schema, name in told.get(TABLES, ()))
            self._seen[shard.name, account.user] = time.monotonic(), known
        return known


def _held_by(shard: Shard, where: Places) -> Callable[[str], bool]:
    return lambda database: where.of(database) == shard.name
