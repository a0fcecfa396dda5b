"""The child process that reads PostgreSQL, and writes the rows as an Arrow stream to a descriptor it is given.

It answers one request at a time and keeps nothing of it.  Every request has a connection of its own, which is
cancelled at the server when whoever asked is gone.  Identifiers are quoted and values are literals of the column's
own type; no text a person wrote is ever sent.
"""

from __future__ import annotations

import socket
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from psycopg import sql

from swap.arrow_stream import StreamWriter
from swap.connectors.base import Column, Dataset, Fragment, rows_without_columns
from swap.connectors.comments import sensitivity
from swap.connectors.messages import DATASETS, STANDING, STATEMENT, decode_fragment, encode_dataset
from swap.connectors.postgres import decode, types
from swap.connectors.postgres.wire import Link
from swap.connectors.process import Tell, serve
from swap.connectors.standing import Standing
from swap.errors import Problem, SourceFailed

_BATCH_BYTES = 2_000_000
_BATCH_ROWS = 65_536
_BATCH_SECONDS = 0.2
"""Rows do not wait longer than this for company: a slow source's first rows are shown while it works."""
_HARVEST_TABLES = 500
"""Tables whose columns a harvest asks for at once."""

_WATCH = "SELECT set_config('client_connection_check_interval', '2s', false) WHERE version() ~ 'linux'; "

_COLUMNS = """
    SELECT a.attname, coalesce(b.oid, t.oid)::int8, CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE t.typtypmod END,
           CASE WHEN e.typcategory = 'A' AND e.oid NOT IN (22, 30) THEN e.typelem ELSE 0 END::int8,
           coalesce(co.collisdeterministic, true)
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
      JOIN pg_type e ON e.oid = coalesce(b.oid, t.oid)
      LEFT JOIN pg_collation co ON co.oid = a.attcollation
     WHERE n.nspname = {schema} AND c.relname = {table} AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
"""

_TABLES = """
    SELECT c.oid::int8
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
     ORDER BY n.nspname, c.relname
"""

_DESCRIBED = """
    SELECT n.nspname, c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''), pg_get_userbyid(c.relowner),
           CASE WHEN c.relkind IN ('r', 'm', 'p') AND c.reltuples >= 0 THEN c.reltuples::int8 END,
           CASE WHEN c.relkind IN ('r', 'm') THEN c.relpages::int8 * current_setting('block_size')::int8 END,
           a.attname, coalesce(b.oid, t.oid)::int8, CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE t.typtypmod END,
           CASE WHEN e.typcategory = 'A' AND e.oid NOT IN (22, 30) THEN e.typelem ELSE 0 END::int8,
           coalesce(col_description(c.oid, a.attnum), '')
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
      JOIN pg_type e ON e.oid = coalesce(b.oid, t.oid)
     WHERE c.oid IN ({tables})
       AND (has_table_privilege(c.oid, 'SELECT') OR has_column_privilege(c.oid, a.attnum, 'SELECT'))
     ORDER BY n.nspname, c.relname, a.attnum
"""


def check(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Tell how SWAP stands with the server: the connection is made."""
    tell({STANDING: Standing(link.certificate_ends).plain()})
    return 0


def harvest(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Tell of every table, view and materialised view that the account may read, without system schemas."""
    tables = [str(_int(oid)) for (oid,) in link.ask(_TABLES)]
    for start in range(0, len(tables), _HARVEST_TABLES):
        link.extend(time.monotonic() + request["question_seconds"])
        some = sql.SQL(", ").join(map(sql.Literal, tables[start : start + _HARVEST_TABLES]))
        rows = link.ask(link.text(sql.SQL(_DESCRIBED).format(tables=some)))
        found = [_dataset(list(group)) for _, group in groupby(rows, key=lambda row: row[:2])]
        tell({DATASETS: [encode_dataset(dataset) for dataset in found]})
    return len(tables)


def read(link: Link, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:
    """Tell the statement, then write its rows; return how many they are."""
    assert sink is not None
    fragment = decode_fragment(request["fragment"])
    source = request["source"]
    columns = _columns(link, source, fragment)
    statement = link.text(_select(fragment, columns))
    tell({STATEMENT: statement})
    schema = fragment.columns_as(request["names"])
    writer = StreamWriter(sink, schema, lambda rows, at: tell({"rows": rows, "at": at}))
    rows = Rows(source, fragment, [columns[each.name] for each in fragment.columns], schema)
    sent_at = time.monotonic()
    for messages in link.copy(f"COPY ({statement}) TO STDOUT (FORMAT binary)"):
        rows.add(messages)
        if rows.many or (rows.sizes and time.monotonic() - sent_at > _BATCH_SECONDS):
            writer.write(rows.take())
            sent_at = time.monotonic()
    if not rows.ended:
        raise _failed(source, "Its answer ends early.", "Run the query again.")
    if rows.sizes:
        writer.write(rows.take())
    return writer.end()


class Rows:
    """The rows of a COPY that wait to be decoded together: as bytes, one piece for each list of messages."""

    def __init__(self, source: str, fragment: Fragment, columns: list[types.SourceColumn], schema: pa.Schema) -> None:
        self.sizes = array("q")
        self.ended = False
        """Whether the trailer has come, after which nothing may."""
        self._source = source
        self._fragment = fragment
        self._columns = columns
        self._schema = schema
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._skip = decode.HEADER_BYTES

    @property
    def many(self) -> bool:
        """Whether they are enough for a batch."""
        return self._bytes >= _BATCH_BYTES or len(self.sizes) >= _BATCH_ROWS

    def add(self, messages: list[memoryview]) -> None:
        """Add messages as they came.  Raises SourceFailed."""
        if not messages:
            return
        if self.ended:
            raise self._failed("Its answer goes on after its end.", "Show this to SWAP's administrator.")
        if self._skip:
            # The header comes with the first row.
            messages[0] = messages[0][self._skip :]
            self._skip = 0
        if messages[-1] == decode.TRAILER:
            self.ended = True
            messages.pop()
        piece = b"".join(messages)
        self._pieces.append(piece)
        self._bytes += len(piece)
        self.sizes.extend(map(len, messages))

    def take(self) -> pa.RecordBatch:
        """Return them as a batch of the schema, and begin anew.  Raises SourceFailed."""
        data, sizes = b"".join(self._pieces), np.frombuffer(self.sizes, np.int64)
        self._pieces, self.sizes, self._bytes = [], array("q"), 0
        fragment = self._fragment
        try:
            fields = decode.rows(data, sizes, [(column.travels_as, column.type) for column in self._columns])
        except decode.InexactError as error:
            name = self._columns[error.column].name
            raise self._failed(
                f"The column {name} of {fragment.schema}.{fragment.table} holds {error}, which SWAP cannot pass on"
                " exactly.",
                "Leave the column out, or leave such rows out with WHERE.",
            ) from None
        except decode.MalformedError as error:
            raise self._failed(f"Its answer cannot be read: {error}.", "Show this to SWAP's administrator.") from None
        return pa.RecordBatch.from_arrays(fields, schema=self._schema) if fields else rows_without_columns(len(sizes))

    def _failed(self, why: str, todo: str) -> SourceFailed:
        return _failed(self._source, why, todo)


def _columns(link: Link, source: str, fragment: Fragment) -> dict[str, types.SourceColumn]:
    """Return how the table's columns travel now; refuse when one changed since the catalog was harvested."""
    question = sql.SQL(_COLUMNS).format(schema=sql.Literal(fragment.schema), table=sql.Literal(fragment.table))
    # A server that waits for a lock notices nothing of a reader that died, unless it is told to look.
    watch = _WATCH if link.server_version >= 140000 else ""
    found = {
        str(row[0]): types.column(str(row[0]), _int(row[1]), _int(row[2]), _int(row[3]), row[4] == "t")
        for row in link.ask(watch + link.text(question))
    }
    for column in fragment.columns:
        if column.name not in found or found[column.name].type != column.type:
            raise _failed(
                source,
                f"The column {column.name} of {fragment.schema}.{fragment.table} changed since the catalog was"
                " renewed.",
                "Run the query again in a few minutes.",
            )
    return found


def _failed(source: str, why: str, todo: str) -> SourceFailed:
    return SourceFailed(Problem(f"{source} answered, but not with what was asked for.", why, todo, source=source))


def _select(fragment: Fragment, columns: dict[str, types.SourceColumn]) -> sql.Composable:
    parts: list[sql.Composable] = [
        sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(columns[each.name].projection for each in fragment.columns),
            sql.Identifier(fragment.schema, fragment.table),
        ),
    ]
    if fragment.predicates:
        parts.append(
            sql.SQL("WHERE {}").format(
                sql.SQL(" AND ").join(types.where(each, columns) for each in fragment.predicates)
            )
        )
    if fragment.order:
        parts.append(
            sql.SQL("ORDER BY {}").format(sql.SQL(", ").join(types.key(each, columns) for each in fragment.order))
        )
    if fragment.limit is not None:
        parts.append(sql.SQL("LIMIT {}").format(sql.SQL(str(int(fragment.limit)))))
    return sql.SQL(" ").join(parts)


def _dataset(rows: list[tuple[str | None, ...]]) -> Dataset:
    schema, name, comment, owner, estimate, size = rows[0][:6]
    columns = []
    for row in rows:
        described = types.column(str(row[6]), _int(row[7]), _int(row[8]), _int(row[9]), deterministic=True)
        text, marked = sensitivity(str(row[10]))
        columns.append(Column(described.name, described.type, text, sensitivity=marked))
    return Dataset(
        str(schema),
        str(name),
        tuple(columns),
        str(comment),
        str(owner),
        None if estimate is None else int(estimate),
        None if size is None else int(size),
    )


def _int(text: str | None) -> int:
    return int(text or 0)


_DO: dict[str, Callable[[Link, Mapping[str, Any], int | None, Tell], int]] = {
    "check": check,
    "harvest": harvest,
    "read": read,
}


def prepare() -> Callable[[socket.socket], None]:
    """Return what a forked process is to do."""
    return main


def main(control: socket.socket) -> None:
    """Answer requests, one after the other, until there are no more."""

    def answer(request: dict[str, Any], sinks: Sequence[int], tell: Tell) -> int:
        link = Link(request["source"], request["parameters"], request["connect_seconds"], control.fileno())
        try:
            link.connect(request["ends_at"])
            return _DO[request["do"]](link, request, sinks[0] if sinks else None, tell)
        finally:
            link.close()

    serve(answer, control)
