"""Accounts for groups: the smallest that is enough reads, never two together, and their passwords change at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from conformance.subjects import SCHEMA, Mysql
from reading import batches as batches_of
from swap.connectors.base import Deadline, Fragment, OnBehalf
from swap.connectors.mysql.connector import MysqlConnector
from swap.errors import Forbidden, SourceFailed, SourceUnavailable

GRANTS = {
    "research": ("page",),
    "research_wide": ("page", "account", "log"),
    "privacy": ("page", "secret"),
}
GROUPS = {"analysts": "research", "engineers": "research_wide", "data-privacy": "privacy"}


@pytest.fixture(scope="module")
def mysql() -> Iterator[Mysql]:
    """Return a server with an account for each of three groups."""
    made = Mysql()
    for table in ("page", "account", "log", "secret"):
        made.publish(table, pa.table({"id": pa.array([1], pa.int32())}))
    for account, tables in GRANTS.items():
        (made.server.state / account).write_text(f"the secret of {account}\n")
        made.server.run(
            f"CREATE USER {account}@'127.0.0.1' IDENTIFIED BY 'the secret of {account}'",
            *(f"GRANT SELECT ON {SCHEMA}.`{table}` TO {account}@'127.0.0.1'" for table in tables),
        )
    made.connector = made.connect(accounts=accounts(made.server.state))
    yield made
    made.close()


def accounts(state: Path) -> list[dict[str, Any]]:
    return [
        {"group": group, "user": account, "password": {"file": state / account}} for group, account in GROUPS.items()
    ]


def read_by(mysql: Mysql, connector: MysqlConnector, groups: set[str], *tables: str) -> set[str]:
    """Read tables in one query for a member of groups; return as whom each was read."""
    somebody = OnBehalf("paaaaaaaaa", "ann", frozenset(groups), frozenset((SCHEMA, table) for table in tables))
    read_as = set()
    for table in tables:
        fragment = Fragment(SCHEMA, table, mysql.columns(table), query_id="q1")
        reader = connector.read(fragment, somebody, Deadline(time.monotonic() + 30))
        assert sum(batch.num_rows for batch in batches_of(reader)) == 1
        read_as.add(reader.stats.account)
    return read_as


def test_the_smallest_account_that_is_enough_reads_all_tables_of_a_query(mysql: Mysql) -> None:
    everything = set(GROUPS)

    for tables, account in (
        (["page"], "research"),
        (["secret"], "privacy"),
        (["page", "secret"], "privacy"),
        (["page", "log"], "research_wide"),
    ):
        assert read_by(mysql, mysql.connector, everything, *tables) == {account}, tables


def test_two_accounts_never_add_up(mysql: Mysql) -> None:
    with pytest.raises(Forbidden, match=r"no account for a group of yours that reads all of stock\.conformance\.log"):
        read_by(mysql, mysql.connector, set(GROUPS), "log", "secret")


def test_who_is_in_no_group_of_an_account_reads_nothing(mysql: Mysql) -> None:
    with pytest.raises(Forbidden, match="no account for a group of yours"):
        read_by(mysql, mysql.connector, {"guests"}, "page")


def test_what_an_only_account_may_not_read_its_server_refuses(mysql: Mysql) -> None:
    with pytest.raises(SourceFailed, match="the account that reads for you may not read it"):
        read_by(mysql, mysql.connector, {"analysts"}, "secret")


def test_a_harvest_tells_of_what_any_account_reads_and_of_each_table_once(mysql: Mysql) -> None:
    names = [each.name for each in mysql.harvested()]

    assert sorted(names) == ["account", "log", "page", "secret"]


def listings(mysql: Mysql, connector: MysqlConnector) -> int:
    """Return how often the server was asked for all its tables while somebody with a choice of accounts read one."""
    log = "SET GLOBAL general_log = "
    mysql.server.run("SET GLOBAL log_output = 'TABLE'", "TRUNCATE mysql.general_log", f"{log}ON")
    try:
        assert read_by(mysql, connector, set(GROUPS), "page") == {"research"}
    finally:
        mysql.server.run(f"{log}OFF")
    asked = mysql.server.run("SELECT argument FROM mysql.general_log")
    return sum(" ".join(said.split()).startswith("SELECT table_schema, table_name") for (said,) in asked)


def test_what_the_accounts_see_is_known_from_the_harvest(mysql: Mysql) -> None:
    connector = mysql.connect(accounts=accounts(mysql.server.state))
    harvested = mysql.connect(accounts=accounts(mysql.server.state))
    assert list(harvested.harvest())

    assert (listings(mysql, connector), listings(mysql, harvested)) == (len(GROUPS), 0)


def test_an_account_that_is_refused_takes_no_other_with_it_in_a_harvest(mysql: Mysql) -> None:
    (mysql.server.state / "wrong").write_text("no password")
    wrong = accounts(mysql.server.state)
    wrong[0]["password"] = {"file": mysql.server.state / "wrong"}
    told: list[str] = []

    with pytest.raises(SourceUnavailable, match="refused SWAP's account"):
        told.extend(each.name for piece in mysql.connect(accounts=wrong).harvest() for each in piece)

    assert sorted(told) == ["account", "log", "page", "secret"]


def test_a_password_that_was_changed_counts_for_the_next_query(mysql: Mysql) -> None:
    file = mysql.server.state / "research"
    assert read_by(mysql, mysql.connector, {"analysts"}, "page") == {"research"}

    mysql.server.run("ALTER USER research@'127.0.0.1' IDENTIFIED BY 'another one'")
    with pytest.raises(SourceUnavailable, match="refused SWAP's account"):
        read_by(mysql, mysql.connector, {"analysts"}, "page")
    file.write_text("another one\n")

    assert read_by(mysql, mysql.connector, {"analysts"}, "page") == {"research"}


def test_a_check_tries_every_account(mysql: Mysql) -> None:
    mysql.connector.check()
    (mysql.server.state / "nothing").write_text("no password")
    wrong = accounts(mysql.server.state)
    wrong[2]["password"] = {"file": mysql.server.state / "nothing"}

    with pytest.raises(SourceUnavailable, match=r"refused SWAP's account\. That was the account for data-privacy\."):
        mysql.connect(accounts=wrong).check()
