"""The gateway's catalogue as pages show it.  Pure: JSON of the gateway → values for templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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

    @property
    def full_name(self) -> str:
        """The name as a statement writes it."""
        return f"{self.source}.{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Group:
    """The tables of one schema."""

    schema: str
    tables: tuple[Table, ...]
    readable: int


@dataclass(frozen=True, slots=True)
class Lock:
    """Columns that one rule locks, and whom to ask."""

    rule: str
    because: str
    ask: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of ten rows: its place in the result, or none for one that is locked."""

    name: str
    type: str
    place: int | None


def sources(catalog: Mapping[str, Any]) -> tuple[Source, ...]:
    """Return the sources in the gateway's order."""
    return tuple(
        Source(
            item["name"],
            item.get("title") or item.get("kind", ""),
            item.get("owner") or "",
            item.get("note") or "",
            bool(item.get("up")),
            words.moment(item.get("since")),
            int(item.get("tables_readable") or 0),
            int(item.get("tables_visible") or 0),
        )
        for item in catalog.get("sources", ())
    )


def tables(catalog: Mapping[str, Any], source: str) -> tuple[Table, ...]:
    """Return the tables of one source, by schema and name."""
    found = []
    for item in catalog.get("tables", ()):
        parts = str(item.get("name", "")).split(".", 2)
        if len(parts) == 3 and parts[0] == source:
            found.append(
                Table(
                    source,
                    parts[1],
                    parts[2],
                    item.get("comment") or "",
                    item.get("rows"),
                    bool(item.get("rows_exact")),
                    item.get("bytes"),
                    item.get("newest") or "",
                    bool(item.get("readable")),
                    named(item.get("rule")),
                    item.get("ask") or "",
                )
            )
    return tuple(sorted(found, key=lambda table: (table.schema, table.name)))


def narrowed(found: Iterable[Table], text: str, shown: str) -> tuple[Table, ...]:
    """Return the tables whose names or comments hold every word of `text`, readable or locked as `shown` says."""
    wanted = text.lower().split()
    return tuple(
        table
        for table in found
        if (shown not in SHOWN[1:] or table.readable == (shown == "readable"))
        and all(word in f"{table.full_name} {table.comment}".lower() for word in wanted)
    )


def grouped(found: Iterable[Table]) -> tuple[Group, ...]:
    """Return tables by schema, in order."""
    schemas: dict[str, list[Table]] = {}
    for table in found:
        schemas.setdefault(table.schema, []).append(table)
    return tuple(Group(schema, tuple(items), sum(item.readable for item in items)) for schema, items in schemas.items())


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


def first_runnable(sqls: Sequence[str], catalog: Mapping[str, Any]) -> int | None:
    """Return the place of the first statement whose tables this person may all read, or None."""
    readable = {item["name"] for item in catalog.get("tables", ()) if item.get("readable")}
    sources = "|".join(re.escape(item["name"]) for item in catalog.get("sources", ()))
    for place, sql in enumerate(sqls):
        tables = set(re.findall(rf"\b(?:{sources})\.\w+\.\w+", sql)) if sources else set()
        if tables and tables <= readable:
            return place
    return None
