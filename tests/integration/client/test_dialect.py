"""A source's own SQL from a notebook: the argument of swap.sql, and the first line of a cell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import services
from integration.client.notebooks import Notebook
from integration.gateway.gateways import Gateway, running
from swap.connectors import registry
from swap.settings import MysqlSource

ERROR = "application/vnd.swap.error+json"


@pytest.fixture(scope="module")
def maria() -> Iterator[services.MariaDB]:
    made = services.MariaDB()
    made.run(
        "CREATE DATABASE enwiki CHARACTER SET utf8mb4",
        "CREATE TABLE enwiki.page (page_id INT, page_title VARCHAR(99))",
        "INSERT INTO enwiki.page VALUES (1, 'Main Page'), (2, 'main page'), (3, 'Berlin')",
        "CREATE TABLE enwiki.money (id INT, amount DECIMAL(60,30), n BIGINT)",
        "INSERT INTO enwiki.money VALUES"
        " (1, 123456789012345678901234567890.000000000000000000000000000001, 9223372036854775807),"
        " (2, NULL, 9223372036854775807), (3, -2, 1)",
        "CREATE USER reader@'127.0.0.1'",
        "GRANT SELECT ON enwiki.* TO reader@'127.0.0.1'",
    )
    yield made
    made.close()


@pytest.fixture
def swap_gateway(maria: services.MariaDB, database: services.Database, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose only source is that server."""
    source = MysqlSource(kind="mysql", host="127.0.0.1", port=maria.port, user="reader")
    with running(database, tmp_path, {"mediawiki": registry.create("mediawiki", source)}) as made:
        yield made


def test_a_cell_asks_one_source_in_its_own_sql(notebook: Notebook) -> None:
    notebook.run("title = 'MAIN PAGE'\nit = 1")

    notebook.run(
        "%%swap --dialect mysql pages\n"
        "SELECT GROUP_CONCAT(page_id ORDER BY page_id) AS ids, 'it\\'s' AS t # not :it\n"
        "FROM mediawiki.enwiki.page WHERE page_title = :title"
    )

    assert notebook.value("pages.to_arrow().to_pylist()") == [{"ids": "1,2", "t": "it's"}]


def test_a_call_names_the_dialect(notebook: Notebook) -> None:
    notebook.run(
        "here = swap.sql(\"SELECT page_id FROM mediawiki.enwiki.page WHERE page_title = 'BERLIN'\")\n"
        "there = swap.sql(\"SELECT page_id FROM mediawiki.enwiki.page WHERE page_title = 'BERLIN'\", dialect='mysql')"
    )

    notebook.run("line = %swap --dialect mysql SELECT page_id FROM mediawiki.enwiki.page WHERE page_title = 'BERLIN'")

    assert notebook.value("[here.rows, there.rows, line.rows]") == [0, 1, 1]


def test_wide_decimals_stay_exact_in_a_notebook(notebook: Notebook) -> None:
    notebook.run(
        "%%swap --dialect mysql money\nSELECT amount, SUM(n) OVER () AS s FROM mediawiki.enwiki.money ORDER BY id"
    )

    amount = "123456789012345678901234567890.000000000000000000000000000001"
    assert notebook.value("[str(money.to_pandas().amount[0]), str(money.to_pandas().s[0])]") == [amount, str(2**64 - 1)]
    assert notebook.value("[list(row) for row in money.page(sort='amount').rows][1]") == [amount, str(2**64 - 1)]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("%%swap --dialect\nSELECT 1", "--dialect needs the name of one."),
        ("%%swap --dialect=oracle\nSELECT 1", "There is no such dialect."),
        ("%%swap --dialect mysql my pages\nSELECT 1", "my pages is not the name of a variable."),
        ("%%swap --dialect hive\nSELECT page_id FROM mediawiki.enwiki.page", "mediawiki does not speak Hive."),
        ("%%swap --dialect mysql\nSELECT SLEEP(9) FROM mediawiki.enwiki.page",
         "The function SLEEP is not one that SWAP runs in MySQL."),
        ("swap.sql('SELECT 1', dialect=3)", "dialect is a source's own SQL: text."),
        ("import pandas as pd\nswap.sql('SELECT n FROM f', tables={'f': pd.DataFrame({'n': [1]})}, dialect='mysql')",
         "A statement with a dialect cannot use a table of your own."),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_so_is_told(notebook: Notebook, source: str, says: str) -> None:
    assert notebook.one(source, fails=True)[ERROR]["error"]["title"] == says
