"""The protocol every source speaks: what there is, and batches of rows that can be cancelled.

A connector computes only what its `Capabilities` list; whatever else a statement asks for, the
combiner does.  Connectors do not know one another, and decide nothing about rights: they are told for
whom they read only to act at the source as that person, or under the account meant for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import pyarrow as pa

from swap.connectors.exact import fits, type_family
from swap.connectors.standing import Standing


class Comparison(StrEnum):
    """The comparisons a fragment may carry, each by its operator in SQL.

    `IN` takes a tuple of values, the null tests none.
    """

    EQ = "="
    NE = "<>"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    IN = "in"
    IS_NULL = "is null"
    NOT_NULL = "is not null"


NULL_TESTS = frozenset({Comparison.IS_NULL, Comparison.NOT_NULL})
"""The comparisons that depend on no value, and so on no collation."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """`column comparison value`: one conjunct of a fragment's filter.

    `value` is a plain Python value (int, float, str, bool, Decimal, date, time, datetime, bytes) that
    `fits` the column's type, a tuple of them for IN, None for the null tests.
    """

    column: str
    comparison: Comparison
    value: Any = None


@dataclass(frozen=True, slots=True)
class Order:
    """One key by which rows are sorted."""

    column: str
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the source describes it; `type` is its Arrow type in results."""

    name: str
    type: pa.DataType
    comment: str = ""
    partition: bool = False
    sensitivity: str = ""
    inexact: frozenset[Comparison] = frozenset()
    """Comparisons that the source computes otherwise on this column than on others of its type.

    A collation that ignores case, a CHAR whose trailing spaces do not count: the source's catalog tells.
    """


@dataclass(frozen=True, slots=True)
class Partition:
    """What shares these values of the partition columns, as they are written; None is null.

    `parts` counts the partitions of the finer key in it; `rows` is a guess unless `exact`.
    """

    values: tuple[str | None, ...]
    parts: int
    rows: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Partitions:
    """How a table is divided: by `keys`, then by `finer` where a day has hours.

    `count` partitions in all, the newest first.
    """

    keys: tuple[str, ...]
    finer: str
    count: int
    newest: tuple[Partition, ...]

    def plain(self) -> dict[str, Any]:
        """Return the same as JSON can hold it."""
        return {
            "keys": list(self.keys),
            "finer": self.finer,
            "count": self.count,
            "newest": [[list(each.values), each.parts, each.rows, each.exact] for each in self.newest],
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Partitions:
        """Return what `plain` was made from."""
        newest = tuple(Partition(tuple(values), parts, rows, exact) for values, parts, rows, exact in plain["newest"])
        return cls(tuple(plain["keys"]), plain["finer"], plain["count"], newest)


@dataclass(frozen=True, slots=True)
class Dataset:
    """One table of a source: columns in their order, partition columns marked.

    `row_estimate` is a count when `rows_exact`.
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    comment: str = ""
    owner: str = ""
    row_estimate: int | None = None
    size_bytes: int | None = None
    newest: str = ""
    rows_exact: bool = False
    partitions: Partitions | None = None
    newest_of: str = ""
    """The column whose largest value `newest` is; where there is none it is the newest partition."""

    @property
    def told_of(self) -> tuple[str, ...]:
        """The columns whose values `newest` and `partitions` tell: who may not read all of them is told neither."""
        keys = tuple(column.name for column in self.columns if column.partition)
        return (*keys, self.newest_of) if self.newest_of else keys


@dataclass(frozen=True, slots=True)
class Server:
    """How one of a source's servers did in the newest harvest; what one that was away holds is known from before.

    `name` is what people are told of it, "" of an only one; `problem` is empty when it answered.
    """

    name: str
    holds: Callable[[str], bool]
    """Tells whether a schema is there."""
    problem: str = ""
    lag_seconds: float | None = None
    """How far it is behind what it copies; None when that is not known."""
    stopped: bool | None = None
    """Whether its copying stands still."""
    read_only: bool | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The closed list of what a connector computes exactly as the combiner would.

    Pairs of a type's family and a comparison are proven equal by the conformance suite, on columns that
    do not say otherwise.
    """

    comparisons: frozenset[tuple[str, Comparison]]
    limit: bool = True
    dialect: str = ""
    """The dialect of its own in which it also takes whole statements."""
    orders: frozenset[str] = frozenset()
    """Families of types that it sorts as DuckDB does, nulls on either side."""

    def sorts(self, column: Column) -> bool:
        """Tell whether this connector sorts by this column exactly as DuckDB does."""
        return type_family(column.type) in self.orders and not column.inexact & {Comparison.LT, Comparison.GT}

    def accepts(self, column: Column, comparison: Comparison, value: Any = None) -> bool:
        """Tell whether this connector compares this column exactly as DuckDB does.

        With a value (a tuple for IN), also whether that value is exact in the column's type; a literal
        that is not (0.1 for a REAL, 1.5 for an INTEGER, a NaN) must be compared in the combiner.
        """
        if comparison in column.inexact or (type_family(column.type), comparison) not in self.comparisons:
            return False
        values = value if isinstance(value, tuple) else () if value is None else (value,)
        return all(fits(column.type, each) for each in values)


@dataclass(frozen=True, slots=True)
class Fragment:
    """What one source is asked for: columns of one table, a conjunction of comparisons, a limit.

    With an order, the rows within the limit are the first by it; they come in any order.
    """

    schema: str
    table: str
    columns: tuple[Column, ...]
    predicates: tuple[Predicate, ...] = ()
    limit: int | None = None
    query_id: str = ""
    scattered: bool = False
    """Who asks may not read a partition column: neither the order of partitions nor the batches may tell of it."""
    order: tuple[Order, ...] = ()

    def columns_as(self, names: Sequence[str]) -> pa.Schema:
        """Return its columns as they are sent, under other names if those are given."""
        called = names or [column.name for column in self.columns]
        return pa.schema([pa.field(name, column.type) for name, column in zip(called, self.columns, strict=True)])


@dataclass(frozen=True, slots=True)
class Native:
    """What one source is asked for in its own dialect: a statement that we wrote, and all that it may read.

    `tables` holds what each table is called in it, its schema and its name.  Before it runs, the source itself is asked
    what it would read, and that may be nothing else.  What columns its rows have, only the source knows; of those that
    certainly are a table's own, `columns` holds what the catalog says, None of the others; it is empty where it is not
    even known how many there will be.
    """

    text: str
    tables: tuple[tuple[str, str, str], ...]
    query_id: str = ""
    columns: tuple[pa.DataType | None, ...] = ()


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """For whom one query reads one source, and all the tables (schema, name) it reads there.

    A connector chooses by it as whom it acts for the whole query: the person, where the store knows them,
    or one account (`accounts.smallest`).
    """

    person_id: str
    name: str
    groups: frozenset[str]
    tables: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Deadline:
    """When the query must have ended, on `time.monotonic()`'s clock, in seconds."""

    at: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a source is with a fragment, told while it works: its first row may be minutes away.

    `share` is between 0 and 1, None when the source does not know; `line` is its newest log line.  People
    read both, so neither names a host or an account.
    """

    share: float | None = None
    line: str = ""
    notice: str = ""
    """What must be known of the answer; it stays with it."""
    handle: Mapping[str, Any] | None = None
    """By what `Connector.end` ends the statement at the source, should everybody who reads it be gone."""


def unheard(_: Progress) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class ReadStats:
    """What a read really did, updated while it goes on."""

    account: str = ""
    """As whom it was read, in the source's words; empty where the source knows nobody."""
    statement: str = ""
    rows: int = 0
    bytes: int = 0
    files: int = 0
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """How far a stream of rows is: its rows, and its bytes."""

    rows: int
    at: int


NOTHING_SENT = Sent(0, 0)


class Reader(Protocol):
    """A fragment that can be sent, once; `cancel` ends it at the source, from any thread."""

    stats: ReadStats

    def send(self, sink: int, heard: Callable[[Sent], None], names: Sequence[str] = ()) -> int | None:
        """Write the fragment's rows to an open descriptor as one Arrow IPC stream; return how many they are.

        The stream has the fragment's columns in their order, under `names` where those are given.  `heard` is called
        after the schema and after each batch, on this thread; what it raises ends the read.  Returns None when nobody
        reads the descriptor any more, and a number only once the last row and the end mark are written: whoever
        counted other rows has not got all.
        Raises Forbidden, SourceUnavailable, SourceFailed, QueryTimedOut, QueryCancelled, and OSError when the
        descriptor has no room.
        """

    def cancel(self) -> None:
        """Stop the statement at the source.  Idempotent; `send` then raises QueryCancelled."""

    def close(self) -> None:
        """Release everything; cancels first when rows are left."""


class Connector(Protocol):
    """One source of data, named by the site."""

    name: str
    capabilities: Capabilities

    def check(self) -> Standing:
        """Connect, and tell how SWAP stands with the source.  Raises SourceUnavailable within the connect time-out."""

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield every table the source's own accounts can see, some at a time, each once.

        Raises SourceUnavailable while iterating; then what was yielded counts, and nothing is known of the rest.
        """

    def servers(self) -> Sequence[Server]:
        """Return how each server did in the newest harvest, where the source has several or knows of a lag."""

    def server_of(self, schema: str) -> str:
        """Return the name of the server that holds a schema; "" where there is one for all."""

    def read(
        self,
        fragment: Fragment | Native,
        on_behalf: OnBehalf,
        deadline: Deadline,
        tell: Callable[[Progress], None] = unheard,
    ) -> Reader:
        """Return a fragment, read for somebody, ready to be sent.  Returns at once; errors come from `send`.

        A `Native` is for those alone whose capabilities name a dialect.  Its rows have the source's own columns, and
        `send` raises QueryRefused where the source would read something else than it may.
        While it is sent, `tell` hears how far the source is, on the thread that sends.
        """

    def end(self, handle: Mapping[str, Any], query_id: str) -> bool:
        """End what a reader that is gone left at the source, if it is still that query's; tell whether it was.

        Raises SourceUnavailable.
        """

    def close(self) -> None:
        """Release connections and end child processes."""


def rows_without_columns(count: int) -> pa.RecordBatch:
    """Return a batch of rows of which nobody wants a column: for counting, they still are rows."""
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))
