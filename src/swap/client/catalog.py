"""What there is to ask: sources, tables and columns as this person may see them, readable or locked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from swap.client import show, text, transport
from swap.errors import Invalid, Problem

LISTED = 1000
"""Tables that are listed unless more are asked for."""
_READABLE, _LOCKED, _BLANK = "readable", "🔒 locked", " "
_HEAD = {"align": "left", "group": False, "type": ""}


@dataclass(frozen=True, slots=True)
class Source:
    """One source that you may know of: whether it answers, how many tables it has for you, and how fresh they are."""

    name: str
    title: str
    kind: str
    up: bool
    tables: int
    readable: int
    newest: str
    """Up to when the data goes of tables that say so."""
    harvested_at: str
    """When its tables were last looked through: a moment in UTC, as ISO 8601 has it."""
    owner: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table that you may know of."""

    name: str
    comment: str
    rows: int | None
    readable: bool


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column; `rule`, `because` and `ask` say why a locked one is locked, and whom to ask."""

    name: str
    type: str
    comment: str
    partition: bool
    readable: bool
    rule: str
    because: str
    ask: str


class Sources(tuple[Source, ...]):
    """Sources, shown as a list."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self:
            return "No source is open to you."
        return f"{text.table(_SOURCE_HEADS, _source_rows(self))}\n\n{text.count(len(self), 'source')}"

    def _repr_html_(self) -> str:
        return f"<div>{show.page_html(_SOURCE_HEADS, _source_rows(self))}</div>" if self else f"<p>{self!r}</p>"


class Tables(tuple[Table, ...]):  # noqa: SLOT001 — a tuple with something of its own has no slots
    """Tables, shown as a list with locks; `more` says that there are others after them."""

    more = False

    def __repr__(self) -> str:
        if not self:
            return "No table that you may see has this in its name or comment."
        return f"{text.table(_TABLE_HEADS, _table_rows(self))}\n\n{self._counted()}"

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{escape(repr(self))}</p>"
        return f"<div>{show.page_html(_TABLE_HEADS, _table_rows(self))}<small>{escape(self._counted())}</small></div>"

    def _counted(self) -> str:
        said = _counted(self, "table")
        return f'The first {said}. To see others, say what you look for: swap.tables("…")' if self.more else said


class Columns(tuple[TableColumn, ...]):
    """A table's columns, shown as a list with locks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{text.table(_COLUMN_HEADS, _column_rows(self))}\n\n{_counted(self, 'column')}"

    def _repr_html_(self) -> str:
        return (
            f"<div>{show.page_html(_COLUMN_HEADS, _column_rows(self))}<small>{_counted(self, 'column')}</small></div>"
        )


@dataclass(frozen=True, slots=True)
class Description:
    """What SWAP knows about one table."""

    name: str
    comment: str
    owner: str
    rows: int | None
    rows_exact: bool
    bytes: int | None
    newest: str | None
    partitions: tuple[str, ...]
    columns: Columns

    def __repr__(self) -> str:
        return "\n".join([self.name, *(part for part in (self.comment, self._facts()) if part), "", repr(self.columns)])

    def _repr_html_(self) -> str:
        parts = "".join(f'<p style="margin:2px 0">{escape(part)}</p>' for part in (self.comment, self._facts()) if part)
        return f"<div><p><b><code>{escape(self.name)}</code></b></p>{parts}{self.columns._repr_html_()}</div>"

    def _facts(self) -> str:
        facts = (
            f"owner {self.owner}" if self.owner else "",
            f"{'' if self.rows_exact else 'about '}{text.count(self.rows, 'row')}" if self.rows is not None else "",
            text.size(self.bytes) if self.bytes else "",
            f"up to {self.newest}" if self.newest else "",
            f"partitions {', '.join(self.partitions)}" if self.partitions else "",
        )
        return " · ".join(fact for fact in facts if fact)


def sources() -> Sources:
    """Return the sources that you may know of."""
    found = transport.default().call("GET", "/v1/catalog?fresh=true")
    return Sources(
        Source(
            name=each["name"],
            title=each.get("title") or each["kind"],
            kind=each["kind"],
            up=bool(each["up"]),
            tables=each["tables"]["visible"],
            readable=each["tables"]["readable"],
            newest=each.get("newest") or "",
            harvested_at=each.get("harvested_at") or "",
            owner=each.get("owner") or "",
        )
        for each in found["sources"]
    )


def tables(pattern: str | None = None, limit: int = LISTED) -> Tables:
    """Return the first `limit` tables that you may know of, those whose name or comment has `pattern` in it.

    A pattern with `*` or `?` is matched with whole names: `lake.wmf.*`.
    """
    if pattern is not None and not isinstance(pattern, str):
        raise Invalid(
            Problem(f"{pattern!r} is nothing to look for.", todo='Write swap.tables("…"), with a part of a name.')
        )
    if not isinstance(limit, int) or limit < 1:
        raise Invalid(Problem(f"limit={limit!r} is no number of tables.", todo="Write limit=1000."))
    how = "like" if pattern and ("*" in pattern or "?" in pattern) else "text"
    found: list[Table] = []
    after: str | None = ""
    while after is not None and len(found) < limit:
        asked = {how: pattern or "", "after": after, "limit": min(LISTED, limit - len(found))}
        page = transport.default().call("GET", f"/v1/catalog/tables?{urlencode(asked)}")
        found += [
            Table(each["written"], each.get("comment") or "", each.get("rows"), bool(each["readable"]))
            for each in page["tables"]
        ]
        after = page["after"] or None
    listed = Tables(found)
    listed.more = after is not None
    return listed


def columns(table: str) -> Columns:
    """Return the columns of a table named `source.schema.table`, locked ones too."""
    return describe(table).columns


def describe(table: str) -> Description:
    """Return what SWAP knows about a table named `source.schema.table`."""
    parts = _parts(table) if isinstance(table, str) else []
    if len(parts) != 3 or not all(parts):
        raise Invalid(
            Problem(
                f"{table!r} is not the name of a table.",
                why="Tables are named source.schema.table.",
                todo="swap.tables() lists those that you may see.",
            )
        )
    found = transport.default().call("GET", "/v1/catalog/" + "/".join(quote(part, safe="") for part in parts))
    return Description(
        name=found["name"],
        comment=found.get("comment") or "",
        owner=found.get("owner") or "",
        rows=found.get("rows"),
        rows_exact=bool(found.get("rows_exact")),
        bytes=found.get("bytes"),
        newest=found.get("newest"),
        partitions=tuple(found.get("partitions") or ()),
        columns=Columns(map(_column, found["columns"])),
    )


def _column(found: Mapping[str, Any]) -> TableColumn:
    words = {key: found.get(key) or "" for key in ("name", "type", "comment", "rule", "because", "ask")}
    return TableColumn(partition=bool(found.get("partition")), readable=bool(found["readable"]), **words)


def _parts(name: str) -> list[str]:
    r"""Return the parts of a name that somebody wrote, with or without quotes.

    >>> _parts('lake."a.b".c')
    ['lake', 'a.b', 'c']
    """
    found = _NAME.fullmatch(name.strip())
    if found is None:
        return []
    return [part[1:-1].replace('""', '"') if part.startswith('"') else part for part in found.groups()]


_NAME = re.compile(r"\.".join([r"""("(?:[^"]|"")+"|[^".]+)"""] * 3))


_SOURCE_HEADS = (
    {"name": "source", **_HEAD, "whole": True},
    {"name": "what it is", **_HEAD},
    {"name": "state", **_HEAD},
    {"name": "tables", **_HEAD, "align": "right", "group": True},
    {"name": "for you", **_HEAD, "align": "right", "group": True},
    {"name": "data up to", **_HEAD},
    {"name": "looked through (UTC)", **_HEAD},
    {"name": "owner", **_HEAD},
)
_TABLE_HEADS = (
    {"name": "table", **_HEAD, "whole": True},
    {"name": "rows", **_HEAD, "align": "right", "group": True},
    {"name": "access", **_HEAD},
    {"name": "comment", **_HEAD},
)
_COLUMN_HEADS = (
    {"name": "column", **_HEAD, "whole": True},
    {"name": "type", **_HEAD},
    {"name": "access", **_HEAD},
    {"name": "comment", **_HEAD},
)


def _source_rows(listed: Sources) -> list[list[str | None]]:
    return [
        [
            source.name,
            source.title,
            "up" if source.up else "down",
            str(source.tables),
            str(source.readable),
            source.newest or _BLANK,
            source.harvested_at[:16].replace("T", " ") or _BLANK,
            source.owner or _BLANK,
        ]
        for source in listed
    ]


def _table_rows(listed: Tables) -> list[list[str | None]]:
    return [
        [
            table.name,
            _BLANK if table.rows is None else str(table.rows),
            _READABLE if table.readable else _LOCKED,
            table.comment or _BLANK,
        ]
        for table in listed
    ]


def _column_rows(listed: Columns) -> list[list[str | None]]:
    return [
        [
            column.name,
            column.type,
            _access(column),
            column.comment + (" (partition)" if column.partition else "") or _BLANK,
        ]
        for column in listed
    ]


def _access(column: TableColumn) -> str:
    if column.readable:
        return _READABLE
    reasons = (f"rule {column.rule}" if column.rule else "", f"ask {column.ask}" if column.ask else "")
    return "; ".join([_LOCKED, *(reason for reason in reasons if reason)])


def _counted(listed: Tables | Columns, noun: str) -> str:
    locked = sum(not item.readable for item in listed)
    return text.count(len(listed), noun) + (f", {locked} locked" if locked else "")
