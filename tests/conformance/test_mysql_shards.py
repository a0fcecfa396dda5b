"""One source of two servers: each database where the map says, one that is away alone, and a replica's lag."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

import services
from conformance.subjects import PATIENCE_SECONDS, SOMEBODY
from conformance.test_connector import eventually
from reading import batches as batches_of
from swap.connectors.base import Dataset, Deadline, Fragment, Progress
from swap.connectors.mysql.connector import MysqlConnector
from swap.errors import SourceFailed, SourceUnavailable
from swap.settings import MysqlSource

ACCOUNT = "'reader'@'127.0.0.1'"


class Pair:
    """A primary and its replica, as two servers of one source: `enwiki` is asked of the primary, the rest of the other."""

    def __init__(self) -> None:
        self.primary = services.MariaDB("--server-id=1", "--log-bin=log")
        self.replica = services.MariaDB("--server-id=2", "--read-only")
        self.password = self.primary.state / "password"
        self.password.write_text("a secret")
        self.dblist = self.primary.state / "s1.dblist"
        self.dblist.write_text("# the first ones\nenwiki\n\n")
        self._connectors: list[MysqlConnector] = []
        self.replica.run(
            f"CHANGE MASTER TO master_host = '127.0.0.1', master_port = {self.primary.port}, master_user = 'copier',"
            " master_password = 'c', master_use_gtid = slave_pos",
        )
        self.primary.run(
            "CREATE USER copier@'127.0.0.1' IDENTIFIED BY 'c'",
            "GRANT REPLICATION SLAVE ON *.* TO copier@'127.0.0.1'",
            f"CREATE USER {ACCOUNT} IDENTIFIED BY 'a secret'",
            f"GRANT SELECT, REPLICA MONITOR ON *.* TO {ACCOUNT}",
            *(f"CREATE DATABASE {wiki}" for wiki in ("enwiki", "dewiki", "heartbeat")),
            *(f"CREATE TABLE {wiki}.page (id INT)" for wiki in ("enwiki", "dewiki")),
            "CREATE TABLE heartbeat.heartbeat (ts VARCHAR(26) NOT NULL, server_id INT UNSIGNED PRIMARY KEY)",
            "INSERT INTO enwiki.page VALUES (1)",
            "INSERT INTO dewiki.page VALUES (1), (2)",
        )
        self.replica.run("START SLAVE")
        self.caught_up()

    def caught_up(self) -> None:
        """Wait until the replica has what its primary has."""
        ((position,),) = self.primary.run("SELECT @@gtid_binlog_pos")
        ((timed_out,),) = self.replica.run(f"SELECT MASTER_GTID_WAIT('{position}', 30)")
        assert timed_out == 0

    def beat(self, seconds_ago: float) -> None:
        """Write a heartbeat of that age, as pt-heartbeat does."""
        self.primary.run(
            "REPLACE INTO heartbeat.heartbeat VALUES"
            f" (DATE_FORMAT(UTC_TIMESTAMP(6) - INTERVAL {seconds_ago} SECOND, '%Y-%m-%dT%H:%i:%s.%f'), 1)"
        )
        self.caught_up()

    def connect(self, **settings: Any) -> MysqlConnector:
        """Return a connector to both."""
        source = {
            "kind": "mysql",
            "user": "reader",
            "password": {"file": self.password},
            "connect_timeout_seconds": PATIENCE_SECONDS,
            "databases": ["*wiki"],
            "shards": {
                "s1": {"server": f"127.0.0.1:{self.primary.port}", "databases_file": self.dblist},
                "s2": {"server": f"127.0.0.1:{self.replica.port}"},
            },
        }
        made = MysqlConnector("wikis", MysqlSource.model_validate(source | settings))
        self._connectors.append(made)
        return made

    def close(self) -> None:
        """Take both down."""
        for connector in self._connectors:
            connector.close()
        self.replica.close()
        self.primary.close()


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Return a primary and its replica."""
    made = Pair()
    yield made
    made.close()


def harvested(connector: MysqlConnector) -> dict[str, Dataset]:
    return {f"{each.schema}.{each.name}": each for piece in connector.harvest() for each in piece}


def read(connector: MysqlConnector, schema: str, columns: Dataset) -> tuple[int, str, list[str]]:
    """Read a database's pages; return how many, what was asked, and what is to be known of the answer."""
    told: list[Progress] = []
    fragment = Fragment(schema, "page", columns.columns, query_id="q1")
    reader = connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 30), told.append)
    rows = sum(batch.num_rows for batch in batches_of(reader))
    return rows, reader.stats.statement, [each.notice for each in told if each.notice]


def test_each_database_is_asked_of_the_server_that_the_map_names(pair: Pair) -> None:
    connector = pair.connect()
    pair.replica.run("SET sql_log_bin = 0", "DELETE FROM enwiki.page")
    found = harvested(connector)
    try:
        assert sorted(found) == ["dewiki.page", "enwiki.page"]
        assert (connector.server_of("enwiki"), connector.server_of("dewiki")) == ("s1", "s2")
        # What the replica has lost is there: it was asked of the primary.
        assert read(connector, "enwiki", found["enwiki.page"])[0] == 1
        assert read(connector, "dewiki", found["dewiki.page"])[0] == 2
    finally:
        pair.replica.run("SET sql_log_bin = 0", "INSERT INTO enwiki.page VALUES (1)")


def test_a_database_that_moved_in_the_file_is_asked_where_it_is_now(pair: Pair) -> None:
    connector = pair.connect()
    before = pair.dblist.read_text()
    pair.dblist.write_text(before + "dewiki  # moved\n")
    try:
        assert connector.server_of("dewiki") == "s1"
    finally:
        pair.dblist.write_text(before)
    pair.dblist.rename(pair.dblist.with_suffix(".away"))
    try:
        with pytest.raises(SourceUnavailable, match="cannot read the file that says which of its servers"):
            connector.server_of("dewiki")
    finally:
        pair.dblist.with_suffix(".away").rename(pair.dblist)


def test_a_database_that_no_server_holds_is_said_so(pair: Pair) -> None:
    shards = {"s1": {"server": f"127.0.0.1:{pair.primary.port}", "databases": ["enwiki"]}}
    connector = pair.connect(shards=shards)
    found = harvested(connector)

    assert sorted(found) == ["enwiki.page"]
    with pytest.raises(SourceFailed, match="no server any more that holds dewiki"):
        read(connector, "dewiki", found["enwiki.page"])


def test_a_server_that_is_away_names_itself_and_takes_no_other_with_it(pair: Pair) -> None:
    connector = pair.connect()
    whole = harvested(connector)
    pair.replica.kill()
    try:
        found = harvested(connector)
        states = {server.name: server for server in connector.servers()}
        with pytest.raises(SourceUnavailable) as raised:
            read(connector, "dewiki", whole["dewiki.page"])
        assert read(connector, "enwiki", whole["enwiki.page"])[0] == 1
    finally:
        pair.replica.start()

    assert sorted(found) == ["enwiki.page"]
    assert (states["s1"].problem, states["s2"].problem) == ("", "wikis (s2) does not answer.")
    assert [states["s2"].holds(schema) for schema in ("dewiki", "enwiki")] == [True, False]
    assert raised.value.problem.title == "wikis (s2) does not answer."
    assert raised.value.problem.extra == {"server": "wikis (s2)"}
    assert "127.0.0.1" not in str(raised.value)
    assert str(pair.replica.port) not in str(raised.value)
    assert sorted(harvested(connector)) == ["dewiki.page", "enwiki.page"]


def test_a_source_is_away_when_all_its_servers_are(pair: Pair) -> None:
    shards = {name: {"server": "127.0.0.1:1", "databases": [name]} for name in ("s1", "s2")}

    with pytest.raises(SourceUnavailable, match=r"wikis \(s1\) does not answer|wikis \(s2\) does not answer"):
        harvested(pair.connect(shards=shards))


# ── how far a replica is behind ─────────────────────────────────────────────────────────────────────
def test_a_replica_tells_how_far_it_is_behind_and_that_it_is_read_only(pair: Pair) -> None:
    pair.replica.run("START SLAVE")
    pair.caught_up()
    connector = pair.connect(lag_limit_seconds=60)

    found = harvested(connector)

    primary, replica = connector.servers()
    assert (primary.lag_seconds, primary.stopped, primary.read_only) == (None, None, False)
    assert (replica.stopped, replica.read_only) == (False, True)
    assert replica.lag_seconds is not None
    assert replica.lag_seconds < 60
    assert read(connector, "dewiki", found["dewiki.page"])[2] == []


def test_a_replica_that_stopped_copying_is_told_with_the_answer(pair: Pair) -> None:
    connector = pair.connect(lag_limit_seconds=60)
    pair.replica.run("STOP SLAVE SQL_THREAD")
    try:
        found = harvested(connector)
        _, replica = connector.servers()
        _, _, notices = read(connector, "dewiki", found["dewiki.page"])
        assert read(connector, "enwiki", found["enwiki.page"])[2] == []
    finally:
        pair.replica.run("START SLAVE")

    assert (replica.stopped, replica.lag_seconds) == (True, None)
    assert notices == ["wikis (s2) has stopped copying its primary: what changed since then is not in the answer."]


def test_a_heartbeat_tells_the_lag_of_a_replica_that_stopped_too(pair: Pair) -> None:
    connector = pair.connect(heartbeat="heartbeat.heartbeat", lag_limit_seconds=60)
    pair.beat(7260)
    pair.replica.run("STOP SLAVE SQL_THREAD")
    try:
        pair.primary.run("REPLACE INTO heartbeat.heartbeat VALUES (UTC_TIMESTAMP(6), 1)")
        found = harvested(connector)
        primary, replica = connector.servers()
        _, _, notices = read(connector, "dewiki", found["dewiki.page"])
    finally:
        pair.replica.run("START SLAVE")

    assert primary.lag_seconds is not None
    assert primary.lag_seconds < 60
    assert replica.lag_seconds is not None
    assert 7260 <= replica.lag_seconds < 7300
    assert notices == ["wikis (s2) is 2 h 1 min behind: what changed since then is not in the answer."]


def test_what_an_account_may_not_ask_is_unknown_and_no_error(pair: Pair) -> None:
    pair.primary.run("CREATE USER narrow@'127.0.0.1'", "GRANT SELECT ON dewiki.* TO narrow@'127.0.0.1'")
    pair.caught_up()
    connector = pair.connect(user="narrow", password=None, lag_limit_seconds=60)

    found = harvested(connector)

    assert connector.servers()[1].lag_seconds is None
    assert read(connector, "dewiki", found["dewiki.page"])[::2] == (2, [])


def test_a_reader_that_was_closed_early_leaves_no_statement(pair: Pair) -> None:
    pieces = pair.connect().harvest()
    next(pieces)
    pieces.close()

    for server in (pair.primary, pair.replica):
        assert eventually(lambda server=server: not [s for s in server.statements() if "information_schema.t" in s])
