"""A statement in Hive's or Spark's own dialect: the server says what it would read, then it runs.

Its columns are what the server says.  Hive's `EXPLAIN DEPENDENCY` names every table that it would read, those behind
a view too; so do the leaves of the plan in Spark's `EXPLAIN EXTENDED`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from swap.arrow_stream import StreamWriter
from swap.connectors.hive import decode, spark_plan
from swap.connectors.hive.session import ColumnBlock, Described, StatementError
from swap.connectors.hive.spark_plan import Reads, Table
from swap.connectors.hive.thrift import Value
from swap.connectors.hive.types import HiveType, UnknownTypeError, identifier, parse
from swap.connectors.hive.wire import Server, failed
from swap.connectors.messages import STATEMENT
from swap.connectors.process import Tell
from swap.connectors.second_reading import closed_view, disagrees, not_understood, unique
from swap.errors import SourceFailed

_VIEWS = frozenset({"VIRTUAL_VIEW", "MATERIALIZED_VIEW"})
_TEXT = HiveType("string", pa.string())
"""What lists, maps and structs are here: Hive tells what they hold of a table's columns, not of a result's."""
_NESTED = ("array<", "map<", "struct<")


def begin(server: Server, request: Mapping[str, Any], tell: Tell) -> str:
    """Return the statement once the server has been asked what it would read.  Raises QueryRefused."""
    statement: str = request["text"]
    demand(server, request["source"], statement, {(schema, table) for _, schema, table in request["tables"]})
    tell({STATEMENT: statement})
    return statement


def demand(server: Server, source: str, statement: str, tables: set[tuple[str, str]]) -> None:
    """Let a statement pass in which the server finds the plan's tables and no other.  Raises QueryRefused."""
    try:
        found = _reads(server, source, statement)
    except StatementError as error:
        raise not_understood(source, f"Its error is {error.code} ({error.sql_state}).") from None
    except spark_plan.NotUnderstoodError as error:
        raise not_understood(source, f"Its error is {error}." if str(error) else "") from None
    known = {(schema.casefold(), table.casefold()) for schema, table in tables}
    behind: set[Table] = set()
    for schema, table in sorted(found.views & known):
        try:
            behind |= set(_reads(server, source, f"SELECT * FROM {identifier(schema)}.{identifier(table)}").tables)  # noqa: S608 — quoted
        except (StatementError, spark_plan.NotUnderstoodError):
            raise closed_view(source, f"{schema}.{table}") from None
    if not found.tables <= known | behind:
        raise disagrees(source)


def _reads(server: Server, source: str, statement: str) -> Reads:
    """Return what the server would read: views, and what those read, among it.

    Raises StatementError, NotUnderstoodError, and QueryRefused where the server does not say it plainly.
    """
    rows = _rows(server, f"EXPLAIN {'EXTENDED' if server.spark else 'DEPENDENCY'} {statement}")
    try:
        ((told,),) = rows
        if server.spark:
            return spark_plan.reads(told)
        found: dict[Table, str] = {}
        for each in json.loads(told)["input_tables"]:
            schema, table = each["tablename"].casefold().split("@")
            found[schema, table] = each["tabletype"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise disagrees(source) from None
    return Reads(frozenset(found), frozenset(each for each, kind in found.items() if kind in _VIEWS))


def _rows(server: Server, statement: str) -> list[tuple[str, ...]]:
    pieces = server.session.table(statement, 60)
    return [row for piece in pieces for row in zip(*piece, strict=True)]


def described(server: Server, operation: Value, statement: str) -> list[Described]:
    """Return what a finished statement's columns are."""
    if not server.spark:
        return server.session.described(operation)
    # Of a result it says the same of a moment and of a time without a zone; asked alone it does not.
    return [
        Described(name, type_, type_.startswith(_NESTED))
        for name, type_, _ in _rows(server, f"DESCRIBE QUERY {statement}")
    ]


class Rows:
    """Writes the rows of a result, whose columns the server describes."""

    def __init__(self, server: Server, source: str, columns: list[Described], sink: int, tell: Tell) -> None:
        self._source = source
        names = [each.name for each in columns]
        self._names = unique(names if server.names_as_written else [_bare(name) for name in names])
        self._types = [
            _type(source, name, each, spark=server.spark) for name, each in zip(self._names, columns, strict=True)
        ]
        fields = [pa.field(name, of.type) for name, of in zip(self._names, self._types, strict=True)]
        self._schema = pa.schema(fields)
        self._writer = StreamWriter(sink, self._schema, lambda rows, at: tell({"rows": rows, "at": at}))

    def write(self, blocks: list[ColumnBlock]) -> None:
        """Write some rows."""
        arrays = [
            self._array(name, of, block) for name, of, block in zip(self._names, self._types, blocks, strict=True)
        ]
        self._writer.write(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def end(self) -> int:
        """Write the end mark; return the rows."""
        return self._writer.end()

    def _array(self, name: str, of: HiveType, block: ColumnBlock) -> pa.Array:
        try:
            return decode.column(block, of.type, padded=of.padded)
        except decode.UnreadableError as error:
            row = self._writer.rows + error.row + 1
            raise failed(
                self._source,
                f"The column {name} holds {error}, first in row {row} of the answer.",
                "Leave the column out, or make it text with CAST.",
            ) from None


def seconds(request: Mapping[str, Any]) -> int:
    """Return how long the server may work on it."""
    ends_at: float = request["ends_at"]
    return max(1, math.ceil(ends_at - time.monotonic()))


def _bare(name: str) -> str:
    """Return a column's name without the table's, which a Hive puts before it that lets nobody say otherwise."""
    return name.rpartition(".")[2] or name


def _type(source: str, name: str, described: Described, *, spark: bool) -> HiveType:
    if described.nested:
        return _TEXT
    try:
        return parse(described.type, spark=spark)
    except UnknownTypeError:
        raise _unknown(source, name) from None


def _unknown(source: str, name: str) -> SourceFailed:
    return failed(source, f"The column {name} has a type that does not travel exactly.", "Make it text with CAST.")
