"""Tables in memory: the connector tests use wherever the source itself is not what is tested.

It is a real connector (the conformance suite runs on it), and it can be told to be slow, to wait or
to fail.  It never touches a file or a socket.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from swap import arrow_stream
from swap.connectors.accounts import Account, smallest
from swap.connectors.base import (
    NULL_TESTS,
    Capabilities,
    Column,
    Comparison,
    Dataset,
    Deadline,
    Fragment,
    Native,
    OnBehalf,
    Order,
    Predicate,
    Progress,
    ReadStats,
    Sent,
    Server,
    unheard,
)
from swap.connectors.filters import COMPARISONS, expression
from swap.connectors.standing import Standing
from swap.errors import Problem, QueryCancelled, QueryTimedOut, SourceFailed, SourceUnavailable, SwapError

_ROW = "row number"
_SORTED = frozenset({family for family, comparison in COMPARISONS if comparison is Comparison.EQ})


@dataclass(slots=True)
class Behaviour:
    """How the source behaves from now on; tests change it while reads run."""

    down: bool = False
    """Refuses every connection, and ends those that are open."""
    fail_after_rows: int | None = None
    """Ends a read with an error once it has given this many rows."""
    seconds_per_batch: float = 0.0
    """Waits this long before each batch."""
    gate: threading.Event | None = None
    """Holds every read before its first batch until the event is set."""
    progress: Mapping[str, Sequence[Progress]] = field(default_factory=dict)
    """What a read tells before its first batch and before the gate, by the table's name."""
    fail_after_pieces: int | None = None
    """Goes down in the middle of a harvest, once it has told this many pieces."""


@dataclass(slots=True)
class Table:
    """One table: its rows, and what is said about it."""

    rows: pa.Table
    comment: str = ""
    owner: str = ""
    columns: Mapping[str, Column] = field(default_factory=dict)
    newest: str = ""
    compares_by: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    """What the store compares instead of a column's text, as a collation does: `str.casefold` ignores case."""
    readers: frozenset[str] | None = None
    """As whom the store itself lets it be read; None as anybody."""


class MemoryConnector:
    """Arrow tables under `schema.table` names."""

    def __init__(
        self,
        name: str,
        tables: Mapping[str, pa.Table | Table],
        *,
        batch_rows: int = 1000,
        piece_tables: int = 100,
        accounts: Sequence[Account] = (),
        impersonates: bool = False,
    ) -> None:
        self.name = name
        self.capabilities = Capabilities(comparisons=COMPARISONS, orders=_SORTED)
        self.tables = {key: table if isinstance(table, Table) else Table(table) for key, table in tables.items()}
        self.behaviour = Behaviour()
        self.fragments: list[Fragment] = []
        """Every fragment it was asked for, oldest first."""
        self.batch_rows = batch_rows
        self.piece_tables = piece_tables
        self.accounts = accounts
        self.impersonates = impersonates
        self._open: set[MemoryReader] = set()

    @property
    def running(self) -> int:
        """How many reads are neither finished nor closed."""
        return len(self._open)

    def check(self) -> Standing:
        """Raise SourceUnavailable when told to be down."""
        if self.behaviour.down:
            raise self._unavailable()
        return Standing()

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield the tables, as many at a time as it was made for."""
        self.check()
        datasets = [self._dataset(key, table) for key, table in self.tables.items()]
        for number, start in enumerate(range(0, len(datasets), self.piece_tables)):
            if number == self.behaviour.fail_after_pieces:
                raise self._unavailable()
            yield datasets[start : start + self.piece_tables]

    def servers(self) -> Sequence[Server]:
        """Return nothing: there is one, of which nothing else is known."""
        return ()

    def server_of(self, schema: str) -> str:  # noqa: ARG002 — it holds all
        """Return no name: there is one."""
        return ""

    def read(
        self,
        fragment: Fragment | Native,
        on_behalf: OnBehalf,
        deadline: Deadline,
        tell: Callable[[Progress], None] = unheard,
    ) -> MemoryReader:
        """Start a fragment."""
        assert isinstance(fragment, Fragment), "memory has no dialect"
        self.fragments.append(fragment)
        reader = MemoryReader(self, fragment, on_behalf, deadline, tell)
        self._open.add(reader)
        return reader

    def end(self, handle: Mapping[str, Any], query_id: str) -> bool:  # noqa: ARG002 — its readers tell of none
        """Find nothing: what its readers began ends with them."""
        return False

    def close(self) -> None:
        """Cancel what runs."""
        for reader in tuple(self._open):
            reader.cancel()

    def acts_as(self, on_behalf: OnBehalf) -> str:
        """Return as whom the store is asked: the person, the smallest account that is enough, or nobody."""
        if self.impersonates:
            return on_behalf.name
        return smallest(self.accounts, on_behalf, self.name).name if self.accounts else ""

    def ended(self, reader: MemoryReader) -> None:
        """Forget a read that is over."""
        self._open.discard(reader)

    def _unavailable(self) -> SourceUnavailable:
        return SourceUnavailable(Problem(f"{self.name} does not answer.", source=self.name))

    @staticmethod
    def _dataset(key: str, table: Table) -> Dataset:
        schema, name = key.split(".", 1)
        columns = tuple(_column(table, each) for each in table.rows.schema)
        return Dataset(
            schema, name, columns, table.comment, table.owner, table.rows.num_rows, table.rows.nbytes, table.newest
        )


class MemoryReader:
    """One read of one table."""

    def __init__(
        self,
        connector: MemoryConnector,
        fragment: Fragment,
        on_behalf: OnBehalf,
        deadline: Deadline,
        tell: Callable[[Progress], None],
    ) -> None:
        self.stats = ReadStats(statement=f"scan {fragment.schema}.{fragment.table}")
        self._connector = connector
        self._fragment = fragment
        self._on_behalf = on_behalf
        self._deadline = deadline
        self._tell = tell
        self._cancelled = threading.Event()

    def send(self, sink: int, heard: Callable[[Sent], None], names: Sequence[str] = ()) -> int | None:
        """Write the rows in batches of the connector's size."""
        try:
            schema = self._fragment.columns_as(names)
            return arrow_stream.write(self._batches(), sink, schema, lambda rows, at: heard(Sent(rows, at)))
        except BrokenPipeError:
            return None
        finally:
            self._connector.ended(self)

    def cancel(self) -> None:
        """End the sending with QueryCancelled."""
        self._cancelled.set()

    def close(self) -> None:
        """Cancel what is left."""
        self.cancel()
        self._connector.ended(self)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        connector, behaviour = self._connector, self._connector.behaviour
        self.stats.account = connector.acts_as(self._on_behalf)
        for progress in behaviour.progress.get(self._fragment.table, ()):
            self._pause(0)
            self._tell(progress)
        while behaviour.gate is not None and not behaviour.gate.wait(0.01):
            self._pause(0)
        self._pause(0)
        for batch in self._rows().to_batches(max_chunksize=connector.batch_rows):
            self._pause(behaviour.seconds_per_batch)
            if behaviour.fail_after_rows is not None and self.stats.rows + batch.num_rows > behaviour.fail_after_rows:
                raise self._failed("It was told to fail.")
            self.stats.rows += batch.num_rows
            self.stats.bytes += batch.nbytes
            yield batch

    def _rows(self) -> pa.Table:
        fragment = self._fragment
        table = self._connector.tables.get(f"{fragment.schema}.{fragment.table}")
        if table is None:
            raise self._failed(f"It has no table {fragment.schema}.{fragment.table}.")
        if table.readers is not None and self.stats.account not in table.readers:
            raise self._failed(f"{self.stats.account} may not read {fragment.schema}.{fragment.table}.")
        rows = _passing(table, fragment.predicates)
        for order in reversed(fragment.order):
            rows = _sorted(rows, order, table.compares_by.get(order.column))
        if fragment.limit is not None:
            rows = rows.slice(0, fragment.limit)
        return rows.select([column.name for column in fragment.columns])

    def _failed(self, why: str) -> SourceFailed:
        name = self._connector.name
        return SourceFailed(Problem(f"{name} answered with an error.", why, source=name))

    def _pause(self, seconds: float) -> None:
        """Wait, and raise when the query ended meanwhile."""
        left = self._deadline.at - time.monotonic()
        ended: SwapError | None = None
        self._connector.check()
        if self._cancelled.wait(max(0.0, min(seconds, left))):
            ended = QueryCancelled()
        elif seconds >= left:
            ended = QueryTimedOut()
        if ended is not None:
            raise ended


def _column(table: Table, of: pa.Field) -> Column:
    column = table.columns.get(of.name, Column(of.name, of.type))
    return replace(column, inexact=frozenset(Comparison) - NULL_TESTS) if of.name in table.compares_by else column


def _passing(table: Table, predicates: Sequence[Predicate]) -> pa.Table:
    """Return the rows that pass as this store compares them, which may be otherwise than DuckDB does."""
    compared = table.rows.append_column(_ROW, pa.array(range(table.rows.num_rows), pa.int64()))
    for name, key in table.compares_by.items():
        keys = [None if text is None else key(text) for text in compared[name].to_pylist()]
        compared = compared.set_column(compared.schema.get_field_index(name), name, pa.array(keys, pa.string()))
    asked = [_compared(each, table.compares_by.get(each.column)) for each in predicates]
    chosen = expression(asked, {each.name: each.type for each in compared.schema})
    if chosen is None:
        return table.rows
    return table.rows.take(compared.filter(chosen)[_ROW])


def _sorted(rows: pa.Table, order: Order, key: Callable[[str], str] | None) -> pa.Table:
    """Sort by one key, rows that are equal in it staying as they were: NaN is last, text goes by its bytes."""
    values = rows[order.column].to_pylist()

    def rank(row: int) -> Any:
        value = values[row]
        if isinstance(value, float):
            return (math.isnan(value), 0.0 if math.isnan(value) else value)
        return (key(value) if key else value).encode() if isinstance(value, str) else value

    nulls = [row for row, value in enumerate(values) if value is None]
    present = [row for row, value in enumerate(values) if value is not None]
    present.sort(key=rank, reverse=order.descending)
    chosen = [*nulls, *present] if order.nulls_first else [*present, *nulls]
    return rows.take(pa.array(chosen, pa.int64()))


def _compared(predicate: Predicate, key: Callable[[str], str] | None) -> Predicate:
    if key is None or predicate.value is None:
        return predicate
    value = predicate.value
    return replace(predicate, value=tuple(map(key, value)) if isinstance(value, tuple) else key(value))
