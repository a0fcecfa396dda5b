"""The same way with the sources of the demo: Parquet files and PostgreSQL."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import services
from integration.gateway.gateways import Gateway, Person, running
from swap.connectors import registry
from swap.settings import FilesSource, Grant, Policy, PostgresSource, Secret

POLICY = Policy(grants=(Grant(name="all", groups=("analysts",), on=("lake", "mediawiki")),))


@pytest.fixture(scope="module")
def wiki(module_database: services.Database) -> Iterator[psycopg.Connection]:
    server = module_database.server
    with server.administrator() as conn:
        conn.execute("DROP DATABASE IF EXISTS source_wiki")
        conn.execute("CREATE DATABASE source_wiki")
        conn.execute("DROP ROLE IF EXISTS wiki_reader")
        conn.execute("CREATE ROLE wiki_reader LOGIN PASSWORD 'wiki-secret'")
    with server.administrator("source_wiki") as conn:
        conn.execute("CREATE SCHEMA enwiki")
        conn.execute(
            "CREATE TABLE enwiki.page (page_id bigint PRIMARY KEY, page_title bytea, page_len integer, touched"
            " timestamp)"
        )
        conn.execute(
            "INSERT INTO enwiki.page SELECT n, convert_to('Page_' || n, 'UTF8'), n * 10, timestamp '2026-01-01' + n *"
            " interval '1 hour' FROM generate_series(1, 5000) n"
        )
        conn.execute("GRANT USAGE ON SCHEMA enwiki TO wiki_reader")
        conn.execute("GRANT SELECT ON ALL TABLES IN SCHEMA enwiki TO wiki_reader")
        yield conn


@pytest.fixture(scope="module")
def real(
    wiki: psycopg.Connection, module_database: services.Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("real")
    for day in (1, 2):
        place = directory / "lake" / "wmf" / "views" / "year=2026" / f"day={day}"
        place.mkdir(parents=True)
        pq.write_table(
            pa.table(
                {
                    "page_id": pa.array(range(1, 1001), pa.int64()),
                    "country": ["DE", "FR"] * 500,
                    "views": pa.array([day] * 1000, pa.int64()),
                }
            ),
            place / "a.parquet",
        )
    secret = directory / "password"
    secret.write_text("wiki-secret")
    secret.chmod(0o600)
    sources = {
        "lake": registry.create("lake", FilesSource(kind="files", root=directory / "lake")),
        "mediawiki": registry.create(
            "mediawiki",
            PostgresSource(
                kind="postgres",
                host="127.0.0.1",
                port=module_database.server.port,
                database="source_wiki",
                user="wiki_reader",
                password=Secret(file=secret),
                sslmode="disable",
            ),
        ),
    }
    with running(module_database, directory, sources, POLICY, seconds=20) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def ann(real: Gateway) -> Person:
    return real.person("ann", "analysts")


def test_files_and_postgres_answer_one_statement(ann: Person) -> None:
    rows = ann.rows("""
        SELECT v.country, count(*) AS hours, sum(v.views) AS views, max(p.page_len) AS longest
        FROM lake.wmf.views v JOIN mediawiki.enwiki.page p USING (page_id)
        WHERE v.day = 2 AND p.page_len <= 100 GROUP BY 1 ORDER BY 1""")

    assert rows == [("DE", 5, 10, 90), ("FR", 5, 10, 100)]


def test_the_answer_changes_with_the_row(ann: Person, wiki: psycopg.Connection) -> None:
    statement = "SELECT page_len FROM mediawiki.enwiki.page WHERE page_id = 77"
    before = ann.rows(statement)
    wiki.execute("UPDATE enwiki.page SET page_len = -1 WHERE page_id = 77")

    assert (before, ann.rows(statement)) == ([(770,)], [(-1,)])


def test_a_locked_table_is_the_stage_that_waits_and_cancelling_ends_it_there(
    ann: Person, wiki: psycopg.Connection
) -> None:
    with locked(wiki):
        query_id = ann.start("SELECT count(*) FROM lake.wmf.views v JOIN mediawiki.enwiki.page p USING (page_id)")
        ann.until(
            query_id,
            lambda state: any(stage["key"] == "fetch:lake" and stage["state"] == "done" for stage in state["stages"]),
        )
        time.sleep(0.5)
        state = ann.state(query_id)
        assert [stage["key"] for stage in state["stages"] if stage["state"] == "active"] == ["run:mediawiki"]
        assert activity(wiki) == 1

        with ann.client() as client:
            assert client.delete(f"/v1/queries/{query_id}").json() == {"state": "cancelled"}
        deadline = time.monotonic() + 5
        while activity(wiki):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_text_that_is_stored_as_bytes_is_what_the_catalog_says(ann: Person) -> None:
    with ann.client() as client:
        columns = {
            each["name"]: each["type"] for each in client.get("/v1/catalog/mediawiki/enwiki/page").json()["columns"]
        }

    table = ann.sql("SELECT page_title, touched FROM mediawiki.enwiki.page WHERE page_id = 5")
    assert columns["touched"] == "timestamp"
    assert columns["page_title"] == {"string": "text", "binary": "binary"}[str(table.schema.field("page_title").type)]


def test_a_partition_is_what_is_read(ann: Person) -> None:
    query_id = ann.start("SELECT sum(views) AS v FROM lake.wmf.views WHERE day = 1")

    state = ann.ended(query_id)

    assert next(stage for stage in state["stages"] if stage["key"] == "run:lake")["detail"].startswith("1 file")
    assert state["source_rows"] == {"lake": 1000}


@contextlib.contextmanager
def locked(wiki: psycopg.Connection) -> Iterator[None]:
    with psycopg.connect(wiki.info.dsn, password=wiki.info.password, autocommit=False) as holder:
        holder.execute("LOCK TABLE enwiki.page IN ACCESS EXCLUSIVE MODE")
        yield
        holder.rollback()


def activity(wiki: psycopg.Connection) -> int:
    row = wiki.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'wiki_reader' AND state = 'active'"
    ).fetchone()
    assert row is not None
    return int(row[0])
