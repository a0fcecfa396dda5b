"""A dataset as one person may see it: what they may read, what they only know of, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from swap.connectors.base import Column, Dataset
from swap.policy.model import Decision


@dataclass(frozen=True, slots=True)
class VisibleColumn:
    """A column and the verdict on reading it."""

    column: Column
    read: Decision


@dataclass(frozen=True, slots=True)
class VisibleDataset:
    """A table this person may discover; `columns` holds only columns they may discover."""

    source: str
    dataset: Dataset
    columns: tuple[VisibleColumn, ...]
    read: Decision
    harvested_at: datetime

    @property
    def full_name(self) -> str:
        """The name a statement uses: source.schema.table."""
        return f"{self.source}.{self.dataset.schema}.{self.dataset.name}"

    @property
    def divided_in_secret(self) -> bool:
        """Whether a partition column is not readable.

        How the rows are divided, and in which order they come, then tells of its values.
        """
        readable = {visible.column.name for visible in self.columns if visible.read.allowed}
        return any(column.partition and column.name not in readable for column in self.dataset.columns)


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
    tables_readable: int
    tables_visible: int
