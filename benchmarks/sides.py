"""One side of a measurement: a process that does what a line of JSON asks, and answers with one.

Runs in the environment of notebooks (SWAP's side) or of the peers; each measured function imports what its side
needs before the clock starts.  The clock stops when every byte of the answer was read once: a table that is only
mapped has not arrived.  Then each column is checksummed, whatever its side's type for it and the order of rows.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa


def cpu() -> float:
    """Return the seconds of processor of this process and of children it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


# ── What is measured ────────────────────────────────────────────────────────────────────────────
def swap_arrow(statement: str) -> pa.Table:
    """Ask SWAP."""
    return _module("swap").sql(statement).to_arrow()


def duckdb_files(statement: str) -> pa.Table:
    """Ask a fresh DuckDB, which reads the files itself."""
    with _module("duckdb").connect() as fresh:
        return fresh.sql(statement).to_arrow_table()


def duckdb_rows(uri: str, fetch: str, statement: str) -> pa.Table:
    """Fetch from PostgreSQL with psycopg, and let a fresh DuckDB say the rest."""
    rows = psycopg_rows(uri, fetch)
    with _module("duckdb").connect() as fresh:
        fresh.register("fetched", rows.table())
        return fresh.sql(statement).to_arrow_table()


def dataset_files(path: str, columns: list[str]) -> pa.Table:
    """Let pyarrow read the files."""
    return _module("pyarrow.dataset").dataset(path).to_table(columns=columns)


class Rows:
    """Rows as Python values, and how they become a table when the clock has stopped."""

    def __init__(self, names: list[str], rows: list[tuple[Any, ...]], dates: Collection[str] = ()) -> None:
        self._names, self._rows, self._dates = names, rows, dates

    def table(self) -> pa.Table:
        """Return the rows as a table; `dates` are columns whose dates came as text."""
        columns = zip(*self._rows, strict=True) if self._rows else ([] for _ in self._names)
        made = {name: pa.array(values) for name, values in zip(self._names, columns, strict=True)}
        return pa.table(made | {name: made[name].cast(pa.date32()) for name in self._dates})


class Columns:
    """Batches of columns as impyla has them, and how they become a table when the clock has stopped."""

    def __init__(self, names: list[str], batches: list[Any]) -> None:
        self._names, self._batches = names, batches

    def table(self) -> pa.Table:
        """Return the columns as a table."""
        made = {}
        for place, name in enumerate(self._names):
            values: list[Any] = []
            for batch in self._batches:
                column = batch.columns[place]
                # impyla's bits of a column fill whole bytes.
                bits = zip(column.values, column.nulls, strict=False)
                values += [None if null else value for value, null in bits]
            made[name.rpartition(".")[2]] = pa.array(values)
        return pa.table(made)


HIVE_ROWS = 10_000
"""Rows of one answer, for every client: as many as Hive gives at most."""


def psycopg_rows(uri: str, statement: str) -> Rows:
    """Connect, ask and fetch all rows."""
    with _module("psycopg").connect(uri) as connection:
        cursor = connection.execute(statement)
        return Rows([column.name for column in cursor.description], cursor.fetchall())


def adbc_arrow(uri: str, statement: str) -> pa.Table:
    """Connect and fetch with ADBC."""
    dbapi = _module("adbc_driver_postgresql.dbapi")
    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetch_arrow_table()


def connectorx_arrow(uri: str, statement: str) -> pa.Table:
    """Fetch with connectorx, in one part."""
    return _module("connectorx").read_sql(uri, statement, return_type="arrow")


def impyla_columns(port: int, statement: str) -> Columns:
    """Connect, ask and fetch column by column, the fastest that impyla offers."""
    with _module("impala.dbapi").connect("127.0.0.1", port, auth_mechanism="PLAIN") as connection:
        cursor = connection.cursor()
        cursor.arraysize = HIVE_ROWS
        cursor.execute(statement)
        return Columns([described[0] for described in cursor.description], cursor.fetchcolumnar())


def pyhive_rows(port: int, statement: str) -> Rows:
    """Connect, ask and fetch all rows with PyHive."""
    with _module("pyhive.hive").connect("127.0.0.1", port, username="bench") as connection:
        cursor = connection.cursor(arraysize=HIVE_ROWS)
        cursor.execute(statement)
        names = {described[0].rpartition(".")[2]: described[1] for described in cursor.description}
        dates = [name for name, type_ in names.items() if type_ == "DATE_TYPE"]
        return Rows(list(names), cursor.fetchall(), dates)


def mysql_rows(module: str, address: dict[str, Any], statement: str) -> Rows:
    """Connect, ask and fetch all rows with PyMySQL or mysqlclient."""
    with _module(module).connect(**address) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return Rows([described[0] for described in cursor.description], cursor.fetchall())


_connectors: dict[str, Any] = {}


def connector_arrow(kind: str, settings: dict[str, Any], schema: str, table: str) -> pa.Table:
    """Read a whole table with SWAP's own connector and nothing else, into Arrow."""
    base = _module("swap.connectors.base")
    if kind not in _connectors:
        of = {"hive": ("HiveConnector", "HiveSource"), "mysql": ("MysqlConnector", "MysqlSource")}[kind]
        made = getattr(_module(f"swap.connectors.{kind}.connector"), of[0])(kind, _settings(of[1], settings))
        found = [each for piece in made.harvest() for each in piece if (each.schema, each.name) == (schema, table)]
        _connectors[kind] = (made, found[0])
    connector, dataset = _connectors[kind]
    fragment = base.Fragment(schema, table, dataset.columns)
    whom = base.OnBehalf("p", "bench", frozenset(), frozenset({(schema, table)}))
    reader = connector.read(fragment, whom, base.Deadline(time.monotonic() + 600))
    come, sink = os.pipe()
    failed: list[BaseException] = []

    def send() -> None:
        try:
            reader.send(sink, lambda _: None)
        except BaseException as error:  # noqa: BLE001 — raised below
            failed.append(error)
        finally:
            os.close(sink)

    sending = threading.Thread(target=send)
    sending.start()
    with os.fdopen(come, "rb") as stream, pa.ipc.open_stream(stream) as batches:
        table_read = batches.read_all()
    sending.join()
    reader.close()
    if failed:
        raise failed[0]
    return table_read


def _settings(name: str, given: dict[str, Any]) -> Any:
    made = _module("swap.settings")
    if "password" in given:
        given = {**given, "password": made.Secret(file=given["password"])}
    return getattr(made, name)(**given)


def copy_drain(uri: str, statement: str) -> None:
    """Let the server write binary COPY, and look at nothing."""
    with (
        _module("psycopg").connect(uri) as connection,
        connection.cursor().copy(f"COPY ({statement}) TO STDOUT (FORMAT binary)") as copy,
    ):
        size = sum(len(piece) for piece in copy)
    assert size > 1_000


def _module(name: str) -> Any:
    return importlib.import_module(name)


MEASURED: dict[str, Callable[..., pa.Table | Rows | Columns | None]] = {
    each.__name__: each
    for each in (
        swap_arrow,
        duckdb_files,
        duckdb_rows,
        dataset_files,
        psycopg_rows,
        adbc_arrow,
        connectorx_arrow,
        copy_drain,
        impyla_columns,
        pyhive_rows,
        mysql_rows,
        connector_arrow,
    )
}


# ── How it is measured ──────────────────────────────────────────────────────────────────────────
def measured(call: str, times: int = 1, **given: Any) -> dict[str, Any]:
    """Do it so many times; return the seconds of each, the processor's of all, and the last one's checksums."""
    took, began_cpu, made = [], cpu(), None
    for _ in range(times):
        made = None  # as somebody does who gives a new result the old one's name
        began = time.perf_counter()
        made = MEASURED[call](**given)
        if isinstance(made, pa.Table):
            touch(made)
        took.append(time.perf_counter() - began)
    used = cpu() - began_cpu
    table = made.table() if isinstance(made, Rows | Columns) else made
    columns = {} if table is None else {name: checksum(table[name]) for name in table.column_names}
    return {"seconds": took, "cpu": used, "rows": None if table is None else table.num_rows, "columns": columns}


def at_once(statements: list[str], threads: int) -> dict[str, Any]:
    """Let threads ask SWAP, each one statement after another; return what was asked, its seconds and checksums."""
    left, done, failed = list(reversed(statements)), [], []

    def ask() -> None:
        while left:
            try:
                statement = left.pop()
            except IndexError:
                return
            try:
                began = time.perf_counter()
                table = swap_arrow(statement)
                touch(table)
                took = time.perf_counter() - began
                done.append([statement, took, {name: checksum(table[name]) for name in table.column_names}])
            except Exception as error:  # noqa: BLE001 — told to the other side, which ends the benchmark
                failed.append(repr(error))
                return

    asking = [threading.Thread(target=ask) for _ in range(threads)]
    began = time.perf_counter()
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    return {"done": done, "failed": failed, "seconds": time.perf_counter() - began}


_started: list[Any] = []


def start(statements: list[str]) -> dict[str, Any]:
    """Ask SWAP and wait for nothing."""
    _started.extend(_module("swap").sql(statement, wait=False) for statement in statements)
    return states()


def states() -> dict[str, Any]:
    """Return how what was started stands."""
    return {"states": [each.state for each in _started]}


def cancel() -> dict[str, Any]:
    """Cancel what was started; return how it stood before."""
    before = states()
    for each in _started:
        each.cancel()
    _started.clear()
    return before


# ── Columns ─────────────────────────────────────────────────────────────────────────────────────
def touch(table: pa.Table) -> None:
    """Read every byte of a table once."""
    seen = set()
    for column in table.columns:
        for chunk in column.chunks:
            for buffer in chunk.buffers():
                if buffer is not None and (buffer.address, buffer.size) not in seen:
                    seen.add((buffer.address, buffer.size))
                    np.frombuffer(buffer, np.uint64, count=buffer.size // 8).sum()


def checksum(column: pa.ChunkedArray) -> str | None:
    """Return the nulls and the sum of the values' hashes; None for values that are not exact on this side."""
    if isinstance(column.type, pa.BaseExtensionType):  # ADBC's numerics: text under a name of its own
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        column = column.cast(pa.decimal128(38, 10))
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        column = column.cast(pa.int64())
    elif pa.types.is_decimal(kind):
        column = column.cast(pa.decimal128(38, 10))
    elif pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us"))
    elif pa.types.is_date(kind):
        column = column.cast(pa.date32())
    values = pl.from_arrow(column)
    family = "decimal" if pa.types.is_decimal(column.type) else str(values.dtype).partition("(")[0]
    total = int(values.hash(0).to_numpy().sum(dtype=np.uint64))
    return f"{family} {values.null_count()} {total}"


ASKED: dict[str, Callable[..., dict[str, Any]]] = {
    each.__name__: each for each in (measured, at_once, start, states, cancel)
}


def main() -> None:
    """Answer until there are no more questions."""
    # Whatever is printed by what is measured must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = ASKED[asked.pop("do")](**asked)
        except Exception as error:  # noqa: BLE001 — told to the other side, which ends the benchmark
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
