"""The gateway's catalogue as pages show it.  Pure: JSON of the gateway → values for templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from swap.catalog.model import Count
from swap.notebooks.model import Example
from swap.web import words

NO_RULE = "default"
"""What the policy calls the verdict where no rule speaks."""
SHOWN = ("all", "readable", "locked")
HATCHED = 3
"""Locked columns that ten rows show; more of them would hide the rows behind hatching."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source and how it does."""

    name: str
    title: str
    owner: str
    note: str
    up: bool
    since: datetime | None
    readable: int
    visible: int
    newest: str
    harvested_at: datetime | None
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """One of a source's servers and how it did last; None is unknown."""

    name: str
    up: bool
    since: datetime | None
    harvested_at: datetime | None
    lag_seconds: float | None
    stopped: bool
    read_only: bool

    @property
    def known(self) -> bool:
        """Whether there is something to tell of it beside what is told of the source."""
        return bool(self.name) or self.lag_seconds is not None or self.stopped


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a list."""

    source: str
    schema: str
    name: str
    comment: str
    rows: int | None
    rows_exact: bool
    size: int | None
    newest: str
    readable: bool
    rule: str
    ask: str
    matched: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """The name as people are shown it."""
        return f"{self.source}.{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema, and how many tables it has."""

    name: str
    count: Count


@dataclass(frozen=True, slots=True)
class Group:
    """The tables of one schema on a page; `schema` is known of a source's first ones."""

    name: str
    tables: tuple[Table, ...]
    schema: Schema | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of tables: the place of the first one among all that are listed, and where the next page begins."""

    tables: tuple[Table, ...]
    begins: int
    after: str
    listed: Count
    everything: Count

    @property
    def ends(self) -> int:
        """The place of the last one."""
        return self.begins + len(self.tables) - 1

    @property
    def whole(self) -> bool:
        """Whether there is no other page."""
        return self.begins == 1 and not self.after


@dataclass(frozen=True, slots=True)
class Lock:
    """Columns that one rule locks, and whom to ask."""

    rule: str
    because: str
    ask: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a column, in words, and when SWAP saw it."""

    at: datetime
    column: str
    what: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of ten rows: its place in the result, or none for one that is locked."""

    name: str
    type: str
    place: int | None


def sources(found: Iterable[Mapping[str, Any]]) -> tuple[Source, ...]:
    """Return the sources in the gateway's order."""
    return tuple(
        Source(
            item["name"],
            item.get("title") or item.get("kind", ""),
            item.get("owner") or "",
            item.get("note") or "",
            bool(item.get("up")),
            words.moment(item.get("since")),
            int(item["tables"]["readable"]),
            int(item["tables"]["visible"]),
            item.get("newest") or "",
            words.moment(item.get("harvested_at")),
            tuple(server for each in item.get("servers") or () if (server := _server(each)).known),
        )
        for item in found
    )


def _server(found: Mapping[str, Any]) -> Server:
    return Server(
        found["name"],
        bool(found["up"]),
        words.moment(found.get("since")),
        words.moment(found.get("harvested_at")),
        found.get("lag_seconds"),
        bool(found.get("stopped")),
        bool(found.get("read_only")),
    )


def schemas(found: Iterable[Mapping[str, Any]]) -> tuple[Schema, ...]:
    """Return a source's schemas, in the gateway's order."""
    return tuple(Schema(item["name"], count(item)) for item in found)


def count(found: Mapping[str, Any]) -> Count:
    """Return a count of the gateway's."""
    return Count(int(found["visible"]), int(found["readable"]))


def shown(everything: Count, show: str) -> Count:
    """Return how many tables of all there are `show` leaves."""
    locked = everything.visible - everything.readable
    return {"readable": Count(everything.readable, everything.readable), "locked": Count(locked, 0)}.get(
        show, everything
    )


def table(item: Mapping[str, Any]) -> Table:
    """Return a table of the gateway's list."""
    return Table(
        item["source"],
        item["schema"],
        item["table"],
        item.get("comment") or "",
        item.get("rows"),
        bool(item.get("rows_exact")),
        item.get("bytes"),
        item.get("newest") or "",
        bool(item.get("readable")),
        named(item.get("rule")),
        item.get("ask") or "",
        tuple(item.get("matched") or ()),
    )


def grouped(found: Iterable[Table], known: Iterable[Schema]) -> tuple[Group, ...]:
    """Return tables by schema, in order."""
    by_schema: dict[str, list[Table]] = {}
    for each in found:
        by_schema.setdefault(each.schema, []).append(each)
    schemas = {each.name: each for each in known}
    return tuple(Group(name, tuple(items), schemas.get(name)) for name, items in by_schema.items())


def locks(table: Mapping[str, Any]) -> tuple[Lock, ...]:
    """Return what is locked in a table, one entry for each rule."""
    by_rule: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for column in table.get("columns", ()):
        if not column.get("readable"):
            by_rule.setdefault((named(column.get("rule")), column.get("ask") or ""), []).append(column)
    return tuple(
        Lock(rule, (columns[0].get("because") or "") if rule else "", ask, tuple(column["name"] for column in columns))
        for (rule, ask), columns in by_rule.items()
    )


def changes(table: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what changed in a table's columns, the newest first."""
    return tuple(
        Change(at, item["column"], _CHANGES[item["what"]].format(was=item["was"], now=item["now"]))
        for item in table.get("changes", ())
        if (at := words.moment(item["at"])) is not None
    )


_CHANGES = {"added": "was added as {now}", "retyped": "became {now}, was {was}", "gone": "is gone, was {was}"}


def with_locked(table: Mapping[str, Any], result: Sequence[Mapping[str, Any]]) -> tuple[Shown, ...]:
    """Return a result's columns with the table's locked ones, if those are few, where they stand in the table."""
    at = {column["name"]: place for place, column in enumerate(result)}
    hatched = count_locked(table) <= HATCHED
    return tuple(
        Shown(column["name"], str(column.get("type") or ""), at.get(column["name"]))
        for column in table.get("columns", ())
        if column["name"] in at or (hatched and not column.get("readable"))
    )


def count_locked(table: Mapping[str, Any]) -> int:
    """Return how many columns of a table are locked."""
    return sum(not column.get("readable") for column in table.get("columns", ()))


def named(rule: object) -> str:
    """Return a rule's name, or nothing where no rule speaks and everything is therefore closed."""
    return rule if isinstance(rule, str) and rule != NO_RULE else ""


def named_tables(sqls: Sequence[str], sources: Iterable[str]) -> list[set[tuple[str, ...]]]:
    """Return which tables each of some texts names, by their parts; for plain statements, such as examples."""
    known = "|".join(re.escape(source) for source in sources)
    pattern = re.compile(rf"\b({known})\.(\w+)\.(\w+)") if known else None
    return [set(pattern.findall(sql)) if pattern else set() for sql in sqls]


@dataclass(frozen=True, slots=True)
class Offered:
    """An example, the tables in it that this person may not read, and whether they certainly may run it."""

    example: Example
    locked: tuple[str, ...]
    runs: bool


def offered(
    examples: Sequence[Example], named: Sequence[set[tuple[str, ...]]], readable: set[tuple[str, ...]] | None
) -> tuple[Offered, ...]:
    """Return the examples that this person can run, then the others; in their order when nothing is known of rights."""
    made = []
    for example, tables in zip(examples, named, strict=True):
        closed = set[tuple[str, ...]]() if readable is None else tables - readable
        runs = readable is not None and bool(tables) and not closed
        made.append(Offered(example, tuple(sorted(map(".".join, closed))), runs))
    return tuple(sorted(made, key=lambda each: bool(each.locked)))
