"""What a FROM clause brings into sight, and from where an expression sees it.

A name that the person may not discover is not in any of these: it cannot be suggested, matched or hinted at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from swap.catalog.model import VisibleColumn, VisibleDataset
from swap.connectors.base import Column
from swap.query.model import Named, OwnTable, Reference


@dataclass(slots=True)
class Relation:
    """Something in a FROM clause: its name there and its columns, by their names without case.

    An `open` relation may have columns we cannot name (an unnamed expression, a recursive CTE, UNNEST);
    they are computed from columns that are checked, so the combiner may find them.
    """

    alias: str
    columns: dict[str, str]
    reference: Reference | None = None
    locked: dict[str, VisibleColumn] = field(default_factory=dict)
    open: bool = False

    def qualifies(self, parts: Sequence[str]) -> bool:
        """Tell whether `schema.table` or `source.schema.table` in front of a column means this relation."""
        table = self.reference.table if self.reference else None
        if not isinstance(table, VisibleDataset) or self.alias != table.dataset.name.casefold():
            return False
        full = [part.casefold() for part in table.name]
        return full[-len(parts) :] == [part.casefold() for part in parts]


@dataclass(frozen=True, slots=True)
class Output:
    """The columns a query gives, by name; `open` when some have no name of their own."""

    names: tuple[str, ...]
    open: bool = False

    def renamed(self, aliases: Sequence[str]) -> Output:
        """Return it with its first columns called otherwise, as in `AS t(a, b)`."""
        return Output((*aliases, *self.names[len(aliases) :]), self.open)

    def relation(self, alias: str) -> Relation:
        """Return what a FROM clause, or a clause of the query itself, sees of it."""
        return Relation(alias, {name.casefold(): name for name in self.names}, open=self.open)


@dataclass(frozen=True, slots=True)
class Cte:
    """A query named in WITH, where its name is in sight."""

    output: Output
    named: Named


Ctes = Mapping[str, Cte]
"""What is in sight of them, by their names without case."""


@dataclass(slots=True)
class Scope:
    """The relations and the aliases that an expression can see; names not found are looked up outside."""

    parent: Scope | None
    relations: list[Relation] = field(default_factory=list)
    aliases: set[str] = field(default_factory=set)

    def chain(self) -> Iterable[Scope]:
        """Yield this scope, then those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


def relation(reference: Reference, alias: str) -> Relation:
    """Return a table as a FROM clause shows it."""
    locked = {}
    if isinstance(reference.table, VisibleDataset):
        locked = {
            visible.column.name.casefold(): visible for visible in reference.table.columns if not visible.read.allowed
        }
    return Relation(
        alias.casefold(), {column.name.casefold(): column.name for column in reference.columns}, reference, locked
    )


def readable(found: VisibleDataset | OwnTable) -> tuple[Column, ...]:
    """Return the columns the person may read, in the table's order; nothing else ever reaches the combiner."""
    if isinstance(found, OwnTable):
        return tuple(Column(each.name, each.type) for each in found.schema)
    return tuple(visible.column for visible in found.columns if visible.read.allowed)
