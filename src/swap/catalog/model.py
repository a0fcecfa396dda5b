"""A dataset as one person may see it: what they may read, what they only know of, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from swap.policy.model import Decision, Resource

if TYPE_CHECKING:  # the portal, which only counts tables, does without Arrow
    import pyarrow as pa

    from swap.connectors.base import Column, Dataset


class TableName(NamedTuple):
    """A table's name, in its three parts as the source writes them.  It travels so, never as text to be split."""

    source: str
    schema: str
    table: str

    def __str__(self) -> str:
        """Return it as people are shown it."""
        return ".".join(self)


@dataclass(frozen=True, slots=True)
class VisibleColumn:
    """A column and the verdict on reading it."""

    column: Column
    read: Decision


@dataclass(frozen=True, slots=True)
class Stored:
    """Of a table that SWAP itself keeps: where, which parts of it count now, and all columns that these come from."""

    place: tuple[str, str]
    parts: tuple[str, ...]
    comes_from: tuple[Resource, ...]


PART: Final = "swap_part"
"""The key by which such a table is divided; nobody sees it."""


@dataclass(frozen=True, slots=True)
class VisibleDataset:
    """A table this person may discover; `columns` holds only columns they may discover."""

    source: str
    dataset: Dataset
    columns: tuple[VisibleColumn, ...]
    read: Decision
    stored: Stored | None = None
    """Where it is SWAP's own: what is read with it is what it comes from."""

    @property
    def name(self) -> TableName:
        """The name in its parts."""
        return TableName(self.source, self.dataset.schema, self.dataset.name)

    @property
    def divided_in_secret(self) -> bool:
        """Whether a partition column is not readable.

        How the rows are divided, and in which order they come, then tells of its values.
        """
        readable = {visible.column.name for visible in self.columns if visible.read.allowed}
        return any(column.partition and column.name not in readable for column in self.dataset.columns)


@dataclass(frozen=True, slots=True)
class Listed:
    """A table this person may discover, as lists show it: without its columns."""

    name: TableName
    comment: str
    rows: int | None
    rows_exact: bool
    size_bytes: int | None
    newest: str
    read: Decision
    matched: tuple[str, ...] = ()
    """Columns, without case, that hold a word which was looked for; a few of them."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many tables a person may discover, and how many of those they may read."""

    visible: int
    readable: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Tables in the order of their names; `after` is where the next ones begin, or nothing when these were the last."""

    tables: tuple[Listed, ...]
    after: str


class What(StrEnum):
    """What can happen to a column of a source."""

    ADDED = "added"
    RETYPED = "retyped"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Change:
    """What was seen to have happened to a column, and when: its type before and after, as far as there is one."""

    at: datetime
    column: str
    what: What
    was: pa.DataType | None
    now: pa.DataType | None


@dataclass(frozen=True, slots=True)
class ServerState:
    """How one of a source's servers did when its tables were last looked through; None is unknown."""

    name: str
    up: bool
    since: datetime
    harvested_at: datetime | None
    lag_seconds: float | None
    stopped: bool | None
    read_only: bool | None


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source this person may query, and whether it answered when last asked."""

    name: str
    kind: str
    title: str
    owner: str
    note: str
    up: bool
    since: datetime
    tables: Count
    newest: str
    """Up to when the data of tables this person may read goes, where they say so and it was asked for."""
    harvested_at: datetime | None
    """When its tables were last looked through."""
    servers: tuple[ServerState, ...] = ()
    """Its servers, where it has several or their lag is known."""
