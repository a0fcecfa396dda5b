"""The child process that reads MySQL or MariaDB, and writes the rows as an Arrow stream to a descriptor it is given.

It answers one request at a time and keeps nothing of it.  Every request has a connection of its own; what runs on it
is killed at the server when whoever asked is gone.  Names are quoted and values are literals; no text a person wrote
is ever sent.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

import pyarrow as pa

from swap.arrow_stream import StreamWriter
from swap.connectors.base import Column, Dataset, Fragment, rows_without_columns
from swap.connectors.comments import sensitivity
from swap.connectors.messages import (
    DATASETS,
    HANDLE,
    NOTICE,
    SERVER,
    STANDING,
    STATEMENT,
    TABLES,
    decode_fragment,
    encode_dataset,
)
from swap.connectors.mysql import decode, newest
from swap.connectors.mysql import native as mysql_native
from swap.connectors.mysql.lag import behind, state
from swap.connectors.mysql.packets import Packets
from swap.connectors.mysql.select import comment, select
from swap.connectors.mysql.shards import Places
from swap.connectors.mysql.types import Meanings, SourceColumn, column, text
from swap.connectors.mysql.wire import Link
from swap.connectors.process import Tell, serve
from swap.connectors.standing import Standing
from swap.errors import Problem, SourceFailed

_HARVESTED = 100
"""Tables that are told of at once."""
_NAMED = 5_000
"""Names that are told at once."""

_DATABASES = """
    SELECT schema_name FROM information_schema.schemata
     WHERE schema_name NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
     ORDER BY schema_name
"""
_TABLES = """
    SELECT table_name, table_type, table_comment, table_rows, data_length + index_length
      FROM information_schema.tables
     WHERE table_schema = {schema} AND CAST(table_schema AS BINARY) = {schema}
       AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')
"""
_READING = frozenset(
    {
        *("USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "PROCESS"),
        *("REPLICATION CLIENT", "BINLOG MONITOR", "SLAVE MONITOR", "REPLICA MONITOR"),
    }
)
"""Rights to read, and to know how far a replica is."""
_NAMES = """
    SELECT table_schema, table_name
      FROM information_schema.tables
     WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
"""
"""Of names alone, for which no table is opened."""
_WHO = "SELECT SUBSTRING_INDEX(USER(), '@', 1)"
_CONNECTION = "SELECT user, info FROM information_schema.processlist WHERE id = {number}"
_COLUMNS = """
    SELECT table_name, column_name, data_type, column_type, character_set_name, column_comment
      FROM information_schema.columns
     WHERE table_schema = {schema} AND CAST(table_schema AS BINARY) = {schema} {one}
       AND FIND_IN_SET('select', privileges)
     ORDER BY CAST(table_name AS BINARY), ordinal_position
"""
"""Names that differ in case alone are equal to the server's own questions, and may all be there."""

Row = tuple[str | None, ...]


def check(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Tell how SWAP stands with the server."""
    grants = [said or "" for (said,) in link.ask("SHOW GRANTS")]
    tell({STANDING: Standing(link.certificate_ends, excess=excess(grants)).plain()})
    return 0


def excess(grants: Sequence[str]) -> tuple[str, ...]:
    """Return what grants give beside reading.

    >>> excess(["GRANT FILE ON *.* TO `a`@`%`", "GRANT SELECT (`b, c`), INSERT (`d`) ON `w`.* TO `a`@`%`"])
    ('FILE', 'INSERT')
    """
    rights = (
        right.strip().upper()
        for grant in grants
        for right in re.sub(r"\([^)]*\)", "", grant).partition(" ON ")[0].removeprefix("GRANT ").split(",")
        if " ON " in grant  # otherwise it is a role, whose own are listed beside it
    )
    return tuple(dict.fromkeys(right for right in rights if right not in _READING))


def harvest(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Tell of every table and view that the account may read, without the server's own databases."""

    def ask(question: str) -> Iterator[Row]:
        link.extend(time.monotonic() + request["question_seconds"])
        return link.rows(question)

    tell({SERVER: state(link, request["heartbeat"])})
    places = Places.from_plain(request["places"])
    count = 0
    for (schema,) in list(ask(_DATABASES)):
        if schema is None or not any(fnmatchcase(schema, pattern) for pattern in request["databases"]):
            continue
        if places.of(schema) != request["server"]:
            continue
        waiting: list[Dataset] = []
        for dataset in _with_newest(link, request, _datasets(ask, schema, _meanings(request))):
            waiting.append(dataset)
            count += 1
            if len(waiting) == _HARVESTED:
                tell({DATASETS: [encode_dataset(each) for each in waiting]})
                waiting = []
        if waiting:
            tell({DATASETS: [encode_dataset(each) for each in waiting]})
    return count


def _with_newest(link: Link, request: Mapping[str, Any], datasets: Iterator[Dataset]) -> Iterator[Dataset]:
    """Yield tables, and at last those of which the largest value of a column is asked: by then nothing else is read."""
    asked: list[tuple[Dataset, str]] = []
    for dataset in datasets:
        if request["newest"] and (name := newest.column_of(dataset, request["newest"])):
            asked.append((dataset, name))
        else:
            yield dataset
    for dataset, name in asked:
        link.extend(time.monotonic() + request["question_seconds"])
        found = newest.largest(link, dataset, name)
        yield replace(dataset, newest=found, newest_of=name if found else "")


def tables(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Tell the names of all tables and views that the account sees."""
    names = link.ask(_NAMES)
    for start in range(0, len(names), _NAMED):
        tell({TABLES: names[start : start + _NAMED]})
    return len(names)


def kill(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Kill a connection that an earlier reader left, if it works on that query; return how many that were.

    A server that was started again has given its number to somebody else.
    """
    number, query = int(request["number"]), comment(request["query_id"])
    (((user,),), found) = link.ask(_WHO), link.ask(_CONNECTION.format(number=number))
    ours = [said for who, said in found if who == user and said is not None and said.startswith(query)]
    if ours:
        link.ask(f"KILL {number}")
    return len(ours)


def _datasets(ask: Callable[[str], Iterator[Row]], schema: str, meanings: Meanings) -> Iterator[Dataset]:
    tables = {str(name): rest for name, *rest in ask(_TABLES.format(schema=text(schema)))}
    for name, described in groupby(ask(_COLUMNS.format(schema=text(schema), one="")), key=lambda row: str(row[0])):
        if name not in tables:
            continue
        kind, comment, rows, size = tables[name]
        view = kind == "VIEW"
        yield Dataset(
            schema,
            name,
            tuple(_described(row, schema, meanings) for row in described),
            # Of a view it is the word VIEW, or that it is broken.
            "" if view else comment or "",
            row_estimate=None if view or rows is None else int(rows),
            size_bytes=None if view or size is None else int(size),
        )


def _described(row: Row, schema: str, meanings: Meanings) -> Column:
    about, marked = sensitivity(row[5] or "")
    of = _column(row, schema, meanings)
    return Column(of.name, of.type, about, sensitivity=marked)


def _column(row: Row, schema: str, meanings: Meanings) -> SourceColumn:
    table, name, data_type, column_type, charset = (each or "" for each in row[:5])
    return column((schema, table, name), data_type.lower(), column_type.lower(), charset, meanings)


def _meanings(request: Mapping[str, Any]) -> Meanings:
    return Meanings(tuple(request["text"]), tuple(request["timestamps"]))


def read(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:
    """Tell the statement, then write its rows; return how many they are."""
    assert sink is not None
    _begin(link, request, tell)
    fragment = decode_fragment(request["fragment"])
    columns = columns_of(link, request, fragment)
    statement = select(fragment, columns)
    tell({STATEMENT: statement})
    schema = fragment.columns_as(request["names"])
    writer = StreamWriter(sink, schema, lambda rows, at: tell({"rows": rows, "at": at}))
    for packets in link.stream(statement):
        wanted = [columns[each.name] for each in fragment.columns]
        writer.write(_batch(request["source"], fragment, packets, wanted, schema, writer.rows))
    return writer.end()


def native(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:
    """Write the rows of a statement in the server's own dialect; return how many they are."""
    assert sink is not None
    _begin(link, request, tell)
    return mysql_native.native(link, request, sink, tell)


def _begin(link: Link, request: Mapping[str, Any], tell: Tell) -> None:
    """Tell by what the statement can be killed, and how far the server is behind when that is too far."""
    tell({HANDLE: {"server": request["server"], "user": request["address"]["user"], "number": link.number}})
    if request["lag_limit_seconds"] is not None:
        late = behind(link, request["called"], request["heartbeat"], request["lag_limit_seconds"])
        if late:
            tell({NOTICE: late})


def _batch(
    source: str, fragment: Fragment, packets: Packets, columns: list[SourceColumn], schema: pa.Schema, before: int
) -> pa.RecordBatch:
    if not columns:
        return rows_without_columns(len(packets.starts))
    try:
        fields = decode.rows(packets.data, packets.starts, packets.ends, [(each.type, each.form) for each in columns])
    except decode.UnreadableError as error:
        raise _failed(
            source,
            f"The column {columns[error.column].name} of {fragment.schema}.{fragment.table} holds {error}, first in"
            f" row {before + error.row + 1} of the answer.",
            "Leave the column out, or leave such rows out with WHERE.",
        ) from None
    except decode.MalformedError as error:
        raise _failed(source, f"Its answer cannot be read: {error}.", "Show this to SWAP's administrator.") from None
    return pa.RecordBatch.from_arrays(fields, schema=schema)


def columns_of(link: Link, request: Mapping[str, Any], fragment: Fragment) -> dict[str, SourceColumn]:
    """Return how the table's columns travel now; refuse when one changed since the catalog was harvested."""
    one = f"AND table_name = {text(fragment.table)}"
    found = {
        str(row[1]): _column(row, fragment.schema, _meanings(request))
        for row in link.rows(_COLUMNS.format(schema=text(fragment.schema), one=one))
        if row[0] == fragment.table
    }
    if not found:
        raise _failed(
            request["source"],
            f"{fragment.schema}.{fragment.table} is gone, or the account that reads for you may not read it.",
            "Look at the source's page, or ask the source's owner.",
        )
    for each in fragment.columns:
        if each.name not in found or found[each.name].type != each.type:
            raise _failed(
                request["source"],
                f"The column {each.name} of {fragment.schema}.{fragment.table} changed since the catalog was renewed.",
                "Run the query again in a few minutes.",
            )
    return found


def _failed(source: str, why: str, todo: str) -> SourceFailed:
    return SourceFailed(Problem(f"{source} answered, but not with what was asked for.", why, todo, source=source))


_DO: dict[str, Callable[[Link, Mapping[str, Any], int | None, Tell], int]] = {
    "check": check,
    "harvest": harvest,
    "kill": kill,
    "read": read,
    "native": native,
    "tables": tables,
}


def prepare() -> Callable[[socket.socket], None]:
    """Return what a forked process is to do."""
    return main


def main(control: socket.socket) -> None:
    """Answer requests, one after the other, until there are no more."""

    def answer(request: dict[str, Any], sinks: Sequence[int], tell: Tell) -> int:
        link = Link(request["source"], request["called"], request["address"], control.fileno())
        try:
            link.connect(request["ends_at"])
            link.prepare(request["statement_seconds"])
            return _DO[request["do"]](link, request, sinks[0] if sinks else None, tell)
        finally:
            link.close()

    serve(answer, control)
