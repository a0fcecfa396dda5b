"""A statement in Hive's own dialect: Hive says what it depends on, then it runs, and its columns are what Hive says.

`EXPLAIN DEPENDENCY` names every table that Hive would read, those behind a view too.  Spark has nothing like it, and
its capabilities name no dialect.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from swap.arrow_stream import StreamWriter
from swap.connectors.hive import decode
from swap.connectors.hive.session import ColumnBlock, Described, StatementError
from swap.connectors.hive.types import HiveType, UnknownTypeError, identifier, parse
from swap.connectors.hive.wire import Server, failed
from swap.connectors.messages import STATEMENT
from swap.connectors.process import Tell
from swap.connectors.second_reading import closed_view, disagrees, not_understood, unique
from swap.errors import SourceFailed

_VIEWS = frozenset({"VIRTUAL_VIEW", "MATERIALIZED_VIEW"})
_TEXT = HiveType("string", pa.string())
"""What lists, maps and structs are here: Hive tells what they hold of a table's columns, not of a result's."""


def begin(server: Server, request: Mapping[str, Any], tell: Tell) -> str:
    """Return the statement once Hive has been asked what it would read.  Raises QueryRefused."""
    statement: str = request["text"]
    demand(server, request["source"], statement, {(schema, table) for _, schema, table in request["tables"]})
    tell({STATEMENT: statement})
    return statement


def demand(server: Server, source: str, statement: str, tables: set[tuple[str, str]]) -> None:
    """Let a statement pass in which Hive finds the plan's tables and no other.  Raises QueryRefused."""
    try:
        found = _reads(server, source, statement)
    except StatementError as error:
        raise not_understood(source, f"Its error is {error.code} ({error.sql_state}).") from None
    known = {(schema.casefold(), table.casefold()) for schema, table in tables}
    behind: set[Table] = set()
    for schema, table in sorted(each for each, kind in found.items() if kind in _VIEWS and each in known):
        try:
            behind |= set(_reads(server, source, f"SELECT * FROM {identifier(schema)}.{identifier(table)}"))  # noqa: S608 — quoted
        except StatementError:
            raise closed_view(source, f"{schema}.{table}") from None
    if not set(found) <= known | behind:
        raise disagrees(source)


Table = tuple[str, str]
"""A schema and a name, without case."""


def _reads(server: Server, source: str, statement: str) -> dict[Table, str]:
    """Return the tables that Hive would read, and what kind each is: views, and what they read, among them.

    Raises StatementError, and QueryRefused where Hive does not say it plainly.
    """
    rows = _rows(server, f"EXPLAIN DEPENDENCY {statement}")
    try:
        ((told,),) = rows
        found: dict[Table, str] = {}
        for each in json.loads(told)["input_tables"]:
            schema, table = each["tablename"].casefold().split("@")
            found[schema, table] = each["tabletype"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise disagrees(source) from None
    return found


def _rows(server: Server, statement: str) -> list[tuple[str, ...]]:
    pieces = server.session.table(statement, 60)
    return [row for piece in pieces for row in zip(*piece, strict=True)]


class Rows:
    """Writes the rows of a result, whose columns Hive describes."""

    def __init__(self, source: str, described: list[Described], sink: int, tell: Tell) -> None:
        self._source = source
        self._names = unique([_name(each.name) for each in described])
        self._types = [_type(source, name, each) for name, each in zip(self._names, described, strict=True)]
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


def _name(written: str) -> str:
    """Return a column's name without the table's, which Hive puts before those that a star opened."""
    return written.rpartition(".")[2] or written


def _type(source: str, name: str, described: Described) -> HiveType:
    if described.nested:
        return _TEXT
    try:
        return parse(described.type)
    except UnknownTypeError:
        raise _unknown(source, name) from None


def _unknown(source: str, name: str) -> SourceFailed:
    return failed(source, f"The column {name} has a type that does not travel exactly.", "Make it text with CAST.")
