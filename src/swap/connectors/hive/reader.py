"""The child process that reads a HiveServer2, and writes the rows as an Arrow stream to a descriptor it is given.

It answers one request at a time and keeps nothing of it.  Every request has a session of its own, for whom it reads;
when whoever asked is gone, the statement is cancelled at the server.  No text a person wrote is ever sent.
"""

from __future__ import annotations

import itertools
import math
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from swap.arrow_stream import StreamWriter
from swap.connectors.base import Dataset, Fragment, rows_without_columns
from swap.connectors.hive import catalog, decode, partition_time
from swap.connectors.hive import native as hive_native
from swap.connectors.hive.catalog import Described
from swap.connectors.hive.partition_time import PartitionedTime
from swap.connectors.hive.session import ColumnBlock, StatementError
from swap.connectors.hive.thrift import Value
from swap.connectors.hive.types import HiveType, identifier, nameable, select
from swap.connectors.hive.wire import FAILURES, Server, failed
from swap.connectors.messages import DATASETS, PROGRESS, STANDING, STATEMENT, decode_fragment, encode_dataset
from swap.connectors.process import Tell, serve
from swap.errors import SourceFailed

_FETCH_ROWS = 10_000
"""Rows asked for at once: what a server gives at most, unless told otherwise."""
_CANCEL_SECONDS = 3.0
"""How long a server that is out of reach is asked to cancel."""
_MAP_REDUCE = re.compile(r"(Stage-\d+) map = (\d+)%,\s+reduce = (\d+)%")
_HARVESTED = 100
"""Tables that are told of at once."""
_SET_SECONDS = 60.0
_UNCOUNTED = "hive.describe.partitionedtable.ignore.stats"
_COUNTED = 1000
"""How many partitions of a table Hive is asked to add up: it fetches each, and takes minutes where they are 20,000."""
_OWN_DATABASES = frozenset({"information_schema", "sys"})


def check(server: Server, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Tell how SWAP stands with the server: the session is open."""
    tell({STANDING: server.standing().plain()})
    return 0


def harvest(server: Server, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Tell of every table and view that the account sees."""
    count = 0
    waiting: list[Dataset] = []

    def ask(statement: str) -> Iterator[list[list[str]]]:
        server.extend(time.monotonic() + request["question_seconds"])
        return server.session.table(statement, math.ceil(request["question_seconds"]))

    def say() -> None:
        tell({DATASETS: [encode_dataset(each) for each in waiting]})
        waiting.clear()

    uncounted = not server.spark and _set(server, _UNCOUNTED, "true")
    for schema in _column(ask("SHOW DATABASES"), 0):
        if schema in _OWN_DATABASES or not nameable(schema):
            continue
        # Spark's answer has the database's name before the table's, and whether it is temporary after it.
        for name in _column(ask(f"SHOW TABLES IN {identifier(schema)}"), 1):
            found = _described(ask, schema, name, spark=server.spark) if nameable(name) else None
            if found is not None and found.columns:
                waiting.append(_dataset(server, ask, schema, name, found, uncounted=uncounted))
                count += 1
            if len(waiting) == _HARVESTED:
                say()
    if waiting:
        say()
    return count


Ask = Callable[[str], Iterator[list[list[str]]]]


def _column(pieces: Iterator[list[list[str]]], at: int) -> list[str]:
    return [value for piece in pieces for value in piece[min(at, len(piece) - 1)]]


def _described(ask: Ask, schema: str, name: str, *, spark: bool) -> Described | None:
    """Return what is said of a table; None for one that may not be read or is gone meanwhile."""
    try:
        pieces = list(ask(f"DESCRIBE FORMATTED {identifier(schema)}.{identifier(name)}"))
    except StatementError:
        return None
    return catalog.described((line for piece in pieces for line in zip(*piece[:3], strict=True)), spark=spark)


def _dataset(server: Server, ask: Ask, schema: str, name: str, found: Described, *, uncounted: bool) -> Dataset:
    """Return a table, with its partitions if it has any and tells them."""
    if not found.partitions:
        return catalog.dataset(schema, name, found, None)
    pieces = ask(f"SHOW PARTITIONS {identifier(schema)}.{identifier(name)}")
    # Piece by piece: a table of a million partitions is not to be held whole.
    names = (value for piece in pieces for value in piece[0])
    try:
        few = list(itertools.islice(names, _COUNTED + 1))
        if uncounted and 0 < len(few) <= _COUNTED:
            found = _counted(server, ask, schema, name) or found
        return catalog.dataset(schema, name, found, itertools.chain(few, names))
    except StatementError:
        return catalog.dataset(schema, name, found, None)


def _counted(server: Server, ask: Ask, schema: str, name: str) -> Described | None:
    """Return what is said of a table when Hive adds up what it knows of each partition."""
    if not _set(server, _UNCOUNTED, "false"):
        return None
    found = _described(ask, schema, name, spark=False)
    _set(server, _UNCOUNTED, "true")
    return found


def _set(server: Server, setting: str, value: str) -> bool:
    """Tell whether the session has the setting now: a Hive that checks rights of its own lets few be set."""
    server.extend(time.monotonic() + _SET_SECONDS)
    try:
        server.session.run(f"SET {setting}={value}", math.ceil(_SET_SECONDS))
    except StatementError:
        return False
    return True


def read(server: Server, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:
    """Tell the statement and how far it is, then write its rows; return how many they are."""
    assert sink is not None
    fragment = decode_fragment(request["fragment"])
    source, session = request["source"], server.session
    columns = _types(server, source, fragment)
    rules = map(PartitionedTime.from_plain, request["partitioned_time"])
    statement = select(fragment, columns, partition_time.condition(fragment, columns, rules))
    tell({STATEMENT: statement})
    schema = fragment.columns_as(request["names"])
    writer = StreamWriter(sink, schema, lambda rows, at: tell({"rows": rows, "at": at}))
    operation = session.execute(statement, max(1, math.ceil(request["ends_at"] - time.monotonic())))
    with _cancelled_unless_over(server, operation):
        _watch(server, operation, tell)
        types = [columns[each.name] for each in fragment.columns]
        for blocks in session.rows(operation, _FETCH_ROWS):
            arrays = _arrays(source, fragment, blocks, types, writer.rows)
            count = blocks[0].values.count
            writer.write(pa.RecordBatch.from_arrays(arrays, schema=schema) if arrays else rows_without_columns(count))
    return writer.end()


def native(server: Server, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:
    """Have Hive read the statement a second time, then write its rows; return how many they are."""
    assert sink is not None
    session = server.session
    operation = session.execute(hive_native.begin(server, request, tell), hive_native.seconds(request))
    with _cancelled_unless_over(server, operation):
        _watch(server, operation, tell)
        rows = hive_native.Rows(request["source"], session.described(operation), sink, tell)
        for blocks in session.rows(operation, _FETCH_ROWS):
            rows.write(blocks)
    return rows.end()


def _types(server: Server, source: str, fragment: Fragment) -> dict[str, HiveType]:
    """Return the types of the table's columns now; refuse when one changed since the catalog was harvested."""
    question = f"DESCRIBE {identifier(fragment.schema)}.{identifier(fragment.table)}"
    pieces = list(server.session.table(question, 60))
    lines = (line for piece in pieces for line in zip(*piece[:3], strict=True))
    types = catalog.described(lines, spark=server.spark).types
    for column in fragment.columns:
        if column.name not in types or types[column.name].type != column.type:
            raise failed(
                source,
                f"The column {column.name} of {fragment.schema}.{fragment.table} changed since the catalog was"
                " renewed.",
                "Run the query again in a few minutes.",
            )
    return types


def _watch(server: Server, operation: Value, tell: Tell) -> None:
    """Wait until a statement has its rows, and tell how far it is."""
    session, logs = server.session, True
    for status in session.until_finished(operation):
        share, line = status.share, ""
        try:
            lines = session.log_lines(operation) if logs else []
        except StatementError:
            logs, lines = False, []
        for said in lines:
            # Of the log only what says how far it is: other lines name hosts, accounts and files.
            if found := _MAP_REDUCE.search(said):
                line = f"{found[1]}: map {found[2]} %, reduce {found[3]} %"
                share = (int(found[2]) + int(found[3])) / 200
        if line or share is not None:
            tell({PROGRESS: [share, line]})


@contextmanager
def _cancelled_unless_over(server: Server, operation: Value) -> Iterator[None]:
    """Cancel the statement at the server when the block does not come to its end.

    Over another connection: on this one an answer may be on its way, and a server looks at one call at a time.
    """
    try:
        yield
    except StatementError:
        raise
    except BaseException:
        try:
            with server.again(_CANCEL_SECONDS) as other:
                other.session.cancel(operation)
                other.session.close(server.session.handle)
        except FAILURES:
            # Then the server finds out by itself that the connection is gone, and closes the session.
            pass
        server.drop()
        raise


def _arrays(
    source: str, fragment: Fragment, blocks: list[ColumnBlock], types: list[HiveType], before: int
) -> list[pa.Array]:
    arrays = []
    for column, block, of in zip(fragment.columns, blocks, types, strict=False):
        try:
            arrays.append(decode.column(block, of.type, padded=of.padded, json=of.spark))
        except decode.UnreadableError as error:
            raise _unreadable(source, fragment, column.name, before + error.row, error) from None
    return arrays


def _unreadable(source: str, fragment: Fragment, column: str, row: int, error: Exception) -> SourceFailed:
    return failed(
        source,
        f"The column {column} of {fragment.schema}.{fragment.table} holds {error}, first in row {row + 1} of the"
        " answer.",
        "Leave the column out, or leave such rows out with WHERE.",
    )


_DO: dict[str, Callable[[Server, Mapping[str, Any], int | None, Tell], int]] = {
    "check": check,
    "harvest": harvest,
    "read": read,
    "native": native,
}


def prepare() -> Callable[[socket.socket], None]:
    """Return what a forked process is to do."""
    return main


def main(control: socket.socket) -> None:
    """Answer requests, one after the other, until there are no more."""

    def answer(request: dict[str, Any], sink: int | None, tell: Tell) -> int:
        server = Server(request["source"], request["address"], control.fileno())
        try:
            server.connect(request["ends_at"])
            with server.told():
                return _DO[request["do"]](server, request, sink, tell)
        finally:
            server.close()

    serve(answer, control)
