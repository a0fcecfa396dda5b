"""A statement, what it reads, and what is asked of whom: the values that travel down the spine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import pyarrow as pa
from sqlalchemy import Connection
from sqlglot import exp

from swap.catalog.model import Listed, TableName, VisibleColumn, VisibleDataset
from swap.connectors.base import Column, Fragment, Native
from swap.errors import SwapError
from swap.identity import Principal
from swap.policy.model import Resource

NO_SOURCE = "a combiner"
"""What a query that reads no source waits for: it costs memory and processors too.  No source can have this name."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person sent.

    Text, values for its parameters (as JSON until `params.decoded`), and their own tables by the names it uses.
    """

    text: str
    params: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    kernel_id: str = ""
    program: str = ""
    """The process that waits for the answer, as it calls itself; the query ends with it.  "" for none."""
    dialect: str = ""
    """Whose SQL it is: "" is DuckDB's, over all sources; another is that of the one source it reads."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a statement, counted from one."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class OwnTable:
    """A table the person brought along: an upload of theirs, under the statement's name for it."""

    name: str
    upload_id: str
    schema: pa.Schema
    kernel_id: str = ""
    """Which kernel brought it."""


@dataclass(slots=True)
class Reference:
    """One place in a statement that names a table, and the columns of it that the statement uses.

    `columns` holds what the person may read, in the table's order; nothing else ever reaches the combiner.
    """

    node: exp.Table
    alias: str
    table: VisibleDataset | OwnTable
    columns: tuple[Column, ...]
    used: set[str] = field(default_factory=set)
    everything: bool = False
    select: exp.Select | None = None
    """The SELECT whose FROM names it; filters are pushed down from this one only."""

    def needed(self) -> tuple[Column, ...]:
        """Return the columns that are read: those used, or the cheapest one when only rows are counted."""
        if self.everything:
            return self.columns
        chosen = tuple(column for column in self.columns if column.name.casefold() in self.used)
        return chosen or (min(self.columns, key=_width),)


def _width(column: Column) -> int:
    if column.partition:
        return 0
    return column.type.bit_width if pa.types.is_primitive(column.type) else 1024


@dataclass(frozen=True, slots=True)
class Meaning:
    """The table's column that a column of the tree is, in the SELECT whose FROM names the table."""

    reference: Reference
    column: str


@dataclass(slots=True)
class Named:
    """A query that the statement names in WITH, and every place that reads it by this name."""

    node: exp.CTE
    uses: list[exp.Table] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Closed:
    """A table, or a column of it, that a statement names and its person may not read."""

    table: VisibleDataset
    column: VisibleColumn | None
    at: Place | None


@dataclass(slots=True)
class Resolved:
    """A statement of which every name is known; what of it is `closed` is refused by `rights.decide`.

    `meanings` holds, by `id` of the tree's node, those columns that are certainly one column of one table.
    """

    tree: exp.Query
    references: list[Reference]
    notices: list[str]
    meanings: dict[int, Meaning]
    named: list[Named] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)

    @property
    def reads(self) -> tuple[Resource, ...]:
        """Return every column of a source that the answer depends on, whatever is fetched for it in the end."""
        read: list[Resource] = []
        for each in self.references:
            table = each.table
            if isinstance(table, VisibleDataset):
                own = table.stored
                read += own.comes_from if own else (Resource(*table.name, column.name) for column in each.needed())
        return tuple(dict.fromkeys(read))


@dataclass(frozen=True, slots=True)
class Input:
    """One table of the combiner: a source's fragment, or an upload."""

    name: str
    source: str
    fragment: Fragment | None
    upload_id: str
    columns: tuple[Column, ...]
    rows: int | None = None
    """How many will come, as the catalog counts them, when the whole table is asked for."""
    native: Native | None = None
    """Instead of a fragment, the whole statement in the source's own dialect."""

    @property
    def asked(self) -> Fragment | Native | None:
        """What the source is asked for."""
        return self.native or self.fragment

    @property
    def tables(self) -> frozenset[tuple[str, str]]:
        """The tables of the source that it reads: schema, name."""
        if self.native is not None:
            return frozenset((schema, name) for _, schema, name in self.native.tables)
        return frozenset({(self.fragment.schema, self.fragment.table)}) if self.fragment is not None else frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of each source, and the statement that puts the answers together."""

    sql: str
    """What the combiner runs; empty without one."""
    inputs: tuple[Input, ...]
    reads: tuple[Resource, ...]
    """Every column of a source that the answer depends on: who may not read one of them may not have it."""
    streamed: bool
    """One input, scanned once: it may flow through the combiner instead of being kept there."""
    notices: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    """What the columns are called where the result is its only input as it comes: then no combiner is needed."""

    @property
    def alone(self) -> bool:
        """Whether the result is what its only input sends, so that no combiner is needed."""
        return bool(self.passed) or any(item.native is not None for item in self.inputs)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources it reads, each once, in the order of their names."""
        return tuple(sorted({item.source for item in self.inputs if item.source}))

    def without_values(self) -> Plan:
        """Return what of an ended plan is needed: which columns it read.  Values of parameters are not kept."""
        return replace(
            self,
            sql="",
            inputs=tuple(
                replace(
                    item,
                    fragment=replace(item.fragment, predicates=()) if item.fragment else None,
                    native=replace(item.native, text="") if item.native else None,
                )
                for item in self.inputs
            ),
        )

    def rows_of(self, source: str) -> int | None:
        """Return how many rows come from a source, if that is known of everything it is asked for."""
        counts = [item.rows for item in self.inputs if item.source == source]
        return None if None in counts else sum(count for count in counts if count is not None)


class RunState(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Tell whether nothing will happen any more."""
        return self in {RunState.DONE, RunState.FAILED, RunState.CANCELLED}


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended, when, and until when its result is kept."""

    state: RunState
    error: SwapError | None
    at: datetime
    expires_at: datetime
    rows: int = 0
    size_bytes: int = 0


class ResultTables(Protocol):
    """The tables that reports write, as one person may see them; to everybody else they do not exist."""

    def find(self, conn: Connection, person: Principal, names: Iterable[TableName]) -> dict[TableName, VisibleDataset]:
        """Return those that are meant by these names, by the names as they are written."""

    def listed(self, conn: Connection, person: Principal) -> list[Listed]:
        """Return the first of them, in the order of their names."""


class NoResults:
    """There are none."""

    def find(self, conn: Connection, person: Principal, names: Iterable[TableName]) -> dict[TableName, VisibleDataset]:  # noqa: ARG002
        """Find nothing."""
        return {}

    def listed(self, conn: Connection, person: Principal) -> list[Listed]:  # noqa: ARG002
        """List nothing."""
        return []
