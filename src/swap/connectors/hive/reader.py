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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pyarrow as pa

from swap.arrow_stream import StreamWriter
from swap.connectors.base import Dataset, Fragment, rows_without_columns
from swap.connectors.hive import catalog, decode, partition_time, rights
from swap.connectors.hive import native as hive_native
from swap.connectors.hive.catalog import Described, Numbers, Sample
from swap.connectors.hive.partition_time import PartitionedTime
from swap.connectors.hive.rights import Ask
from swap.connectors.hive.session import ColumnBlock, StatementError, packed, unpacked
from swap.connectors.hive.thrift import Value
from swap.connectors.hive.types import HiveType, identifier, nameable, select, string
from swap.connectors.hive.wire import FAILURES, Server, failed
from swap.connectors.messages import DATASETS, HANDLE, PROGRESS, STANDING, STATEMENT, decode_fragment, encode_dataset
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
_UNKNOWN = "Invalid OperationHandle"
"""What a server says of a statement that it has forgotten, or that an earlier process of it was asked."""
_OWN_DATABASES = frozenset({"information_schema", "sys"})


def check(server: Server, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Tell how SWAP stands with the server: the session is open."""
    ask = _asking(server, request)
    excess = () if server.spark else rights.excess(ask, request["address"]["user"])
    tell({STANDING: replace(server.standing(), excess=excess).plain()})
    return 0


def harvest(server: Server, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Tell of every table and view that the account sees."""
    count = 0
    waiting: list[Dataset] = []
    ask = _asking(server, request)

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


def _asking(server: Server, request: Mapping[str, Any]) -> Ask:
    """Return what asks the server about itself, each question for as long as the request says."""

    def ask(statement: str) -> Iterator[list[list[str]]]:
        server.extend(time.monotonic() + request["question_seconds"])
        return server.session.table(statement, math.ceil(request["question_seconds"]))

    return ask


def _column(pieces: Iterator[list[list[str]]], at: int) -> list[str]:
    return [value for piece in pieces for value in piece[min(at, len(piece) - 1)]]


def _described(ask: Ask, schema: str, name: str, *, spark: bool, which: str = "") -> Described | None:
    """Return what is said of a table, or `which` of its partitions; None if it may not be read or is gone meanwhile."""
    try:
        pieces = list(ask(f"DESCRIBE FORMATTED {identifier(schema)}.{identifier(name)}{which}"))
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
        sample = Sample(f"{schema}.{name}")
        whole = catalog.dataset(schema, name, found, sample.of(itertools.chain(few, names)))
    except StatementError:
        return catalog.dataset(schema, name, found, None)
    if not uncounted or len(few) <= _COUNTED:
        return whole
    held = (_held(ask, schema, name, found.partitions, each) for each in sample.names)
    return catalog.guessed(whole, [each for each in held if each is not None])


def _held(ask: Ask, schema: str, name: str, keys: Sequence[str], partition: str) -> Numbers | None:
    """Return what a partition holds, as far as it tells; None for one that cannot be asked, such as that of nulls."""
    values = catalog.values_of(partition)
    which = ", ".join(f"{identifier(key)} = {string(value)}" for key, value in zip(keys, values, strict=False))
    found = _described(ask, schema, name, spark=False, which=f" PARTITION ({which})")
    return None if found is None else catalog.numbers(found.about)


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
    with _begun(server, statement, max(1, math.ceil(request["ends_at"] - time.monotonic())), tell) as operation:
        _watch(server, operation, tell)
        types = [columns[each.name] for each in fragment.columns]
        for blocks in session.rows(operation, _FETCH_ROWS):
            arrays = _arrays(source, fragment, blocks, types, writer.rows)
            count = blocks[0].values.count
            writer.write(pa.RecordBatch.from_arrays(arrays, schema=schema) if arrays else rows_without_columns(count))
    return writer.end()


def native(server: Server, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:
    """Have the server read the statement a second time, then write its rows; return how many they are."""
    assert sink is not None
    session = server.session
    statement = hive_native.begin(server, request, tell)
    with _begun(server, statement, hive_native.seconds(request), tell) as operation:
        _watch(server, operation, tell)
        columns = hive_native.described(server, operation, statement)
        rows = hive_native.Rows(server, request["source"], columns, sink, tell)
        for blocks in session.rows(operation, _FETCH_ROWS):
            rows.write(blocks)
    return rows.end()


def end(server: Server, request: Mapping[str, Any], sink: int | None, tell: Tell) -> int:  # noqa: ARG001 — no rows
    """Cancel a statement that an earlier reader left, and close its session; return how many that were.

    Its handle means no other, not even after a restart of the server.
    """
    try:
        server.session.cancel(unpacked(request["operation"]))
    except StatementError as error:
        if _UNKNOWN in error.message:
            return 0
        raise
    with suppress(StatementError):  # somebody else may have closed it
        server.session.close(unpacked(request["session"]))
    return 1


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
def _begun(server: Server, statement: str, seconds: int, tell: Tell) -> Iterator[Value]:
    """Start a statement, tell by what it can be ended, and cancel it when the block does not come to its end.

    Over another connection: on this one an answer may be on its way, and a server looks at one call at a time.
    """
    operation = server.session.execute(statement, seconds)
    try:
        assert server.session.handle is not None, "it is open"
        named = {"operation": packed(operation), "session": packed(server.session.handle)}
        tell({HANDLE: {"server": server.at, **named}})
        yield operation
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
    "end": end,
    "harvest": harvest,
    "read": read,
    "native": native,
}


def prepare() -> Callable[[socket.socket], None]:
    """Return what a forked process is to do."""
    return main


def main(control: socket.socket) -> None:
    """Answer requests, one after the other, until there are no more."""

    def answer(request: dict[str, Any], sinks: Sequence[int], tell: Tell) -> int:
        server = Server(request["source"], request["address"], control.fileno())
        try:
            server.connect(request["ends_at"])
            with server.told():
                return _DO[request["do"]](server, request, sinks[0] if sinks else None, tell)
        finally:
            server.close()

    serve(answer, control)
