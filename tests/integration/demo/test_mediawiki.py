from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.engine import make_url

from swap.db.embedded import EmbeddedPostgres
from swap.demo import describe, mediawiki, world


@pytest.fixture(scope="module")
def server(embedded_postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    mediawiki.ensure(embedded_postgres)
    return embedded_postgres


def connect(server: EmbeddedPostgres, account: str) -> psycopg.Connection:
    url = make_url(server.url(account, mediawiki.DATABASE))
    return psycopg.connect(
        host=url.host, port=url.port, dbname=url.database, user=url.username, password=url.password, autocommit=True
    )


@pytest.fixture
def reader(server: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    with connect(server, mediawiki.READER) as conn:
        yield conn


def test_every_wiki_and_the_aircraft_are_there(reader: psycopg.Connection) -> None:
    for database, sizes in world.SIZES.items():
        counts = [
            reader.execute(f'SELECT count(*) FROM {database}."{table}"').fetchone()
            for table in ("page", "revision", "user")
        ]
        assert counts == [(size,) for size in sizes]
    assert reader.execute("SELECT count(*) FROM nyc.planes").fetchone() == (3322,)
    assert reader.execute("SELECT count(*) FROM nyc.planes WHERE year IS NULL").fetchone() == (70,)


def test_an_empty_text_is_not_null(reader: psycopg.Connection) -> None:
    found = reader.execute(
        "SELECT count(*) FILTER (WHERE user_real_name = ''), count(*) FILTER (WHERE user_email IS NULL) FROM"
        " enwiki.user"
    ).fetchone()
    assert found is not None
    assert all(count > 100 for count in found)


def test_binary_14_is_a_timestamp_and_varbinary_is_text(reader: psycopg.Connection) -> None:
    types = dict(
        reader.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'enwiki'"
        ).fetchall()
    )
    assert (
        types["rev_timestamp"] == types["page_touched"] == types["user_registration"] == "timestamp without time zone"
    )
    assert types["page_title"] == types["user_name"] == "text"


def test_tables_and_columns_are_commented_and_sensitive_ones_say_so(reader: psycopg.Connection) -> None:
    comments = dict(
        reader.execute(
            "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid ="
            " 'enwiki.user'::regclass AND attnum > 0"
        ).fetchall()
    )
    assert set(comments) == set(describe.WIKI_TABLES["user"].columns)
    assert comments["user_email"] == "E-mail address [sensitivity: personal]"
    assert "sensitivity" not in comments["user_name"]
    assert reader.execute("SELECT obj_description('nyc.planes'::regclass)").fetchone() == (
        describe.NYC["planes"].comment,
    )


def test_the_reader_may_read_and_nothing_else(reader: psycopg.Connection) -> None:
    for statement in (
        "DELETE FROM enwiki.page",
        "UPDATE nyc.airlines SET name = ''",
        "CREATE TABLE enwiki.mine (a int)",
        "CREATE SCHEMA mine",
        "DROP SCHEMA nyc CASCADE",
        "CREATE TEMP TABLE mine (a int)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(statement.encode())


def test_the_reader_does_not_get_into_swaps_own_database(server: EmbeddedPostgres) -> None:
    url = make_url(server.url(mediawiki.READER))
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(host=url.host, port=url.port, dbname=url.database, user=url.username, password=url.password)


def test_a_second_load_keeps_what_is_there_and_one_that_broke_is_made_again(server: EmbeddedPostgres) -> None:
    with connect(server, mediawiki.OWNER) as owner:
        owner.execute("UPDATE nyc.airlines SET name = 'Changed by a person' WHERE carrier = 'UA'")
        owner.execute("COMMENT ON SCHEMA dewiki IS NULL")  # a load that broke never came to the comment
        steps: list[str] = []
        mediawiki.ensure(server, lambda step, *, done, size_bytes: steps.append(step) if done and size_bytes else None)
        assert steps == ["mediawiki.dewiki"]
        assert owner.execute("SELECT name FROM nyc.airlines WHERE carrier = 'UA'").fetchone() == (
            "Changed by a person",
        )
        owner.execute("COMMENT ON SCHEMA nyc IS NULL")
        mediawiki.ensure(server)
        assert owner.execute("SELECT name FROM nyc.airlines WHERE carrier = 'UA'").fetchone() == (
            "United Air Lines Inc.",
        )
