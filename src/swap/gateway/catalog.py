"""What there is to query, for lists, pages and completion: one function for each route."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from sqlalchemy import Connection

from swap.catalog import keys, names
from swap.catalog import service as catalog_service
from swap.catalog.model import Change, Count, Listed, ServerState, SourceState, TableName, VisibleDataset
from swap.catalog.service import Catalog
from swap.gateway.asking import Body, Kernel, Parts, Person, WithParts
from swap.gateway.auth import Caller
from swap.policy.decide import decide
from swap.policy.model import Action, Resource
from swap.query import complete as completion
from swap.query.language.dialects import language
from swap.query.model import ResultTables
from swap.query.results.format import sql_type
from swap.settings.sources import RESULT_TABLES

MAX_LISTED = 1000
"""Tables of one page."""
MAX_FOUND = 64
NONE = Count(0, 0)


class TablesQuery(Body):
    """Which tables to list: all that is said must hold.  `after` is what the page before said."""

    source: str = ""
    schema_: str = Field(default="", alias="schema")
    text: str = Field(default="", max_length=1000)
    columns: bool = False
    like: str = Field(default="", max_length=1000)
    readable: bool | None = None
    after: str = Field(default="", max_length=10_000)
    limit: int = Field(default=catalog_service.PAGE, ge=1, le=MAX_LISTED)
    counted: bool = False


class CompleteBody(Body):
    """A statement being typed, where the cursor is, in code points, and the dialect if it is a source's own."""

    sql: str
    offset: int = Field(ge=0)
    dialect: str = Field(default="", max_length=100)


def catalog(caller: Person, with_parts: WithParts, fresh: bool = False) -> dict[str, Any]:
    """List the sources the person may discover, and if `fresh` up to when their data goes."""
    with with_parts.queries.engine.begin() as conn:
        sources = catalog_service.sources(conn, with_parts.settings, caller.principal, fresh=fresh)
    return {"sources": [_source(each) for each in sources]}


def catalog_schemas(
    caller: Person,
    with_parts: WithParts,
    source: str,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = catalog_service.PAGE,
) -> dict[str, Any]:
    """List the first schemas of a source, behind `after`, with a table the person may discover."""
    with with_parts.queries.engine.begin() as conn:
        known = _known(conn, caller, with_parts)
        schemas = known.schemas(source, after=after, limit=limit)
        counts = known.count_by_schema(source, schemas)
    return {"schemas": [{"name": name, **_counted(counts.get(name, NONE))} for name in schemas]}


def catalog_tables(
    caller: Person,
    with_parts: WithParts,
    wanted: Annotated[TablesQuery, Query()],
) -> dict[str, Any]:
    """List a page of the tables the person may discover, in the order of their names."""
    asked = catalog_service.Wanted(
        source=wanted.source,
        schema=wanted.schema_,
        text=wanted.text,
        columns=wanted.columns,
        like=wanted.like,
        readable=wanted.readable,
    )
    if _is_of_reports(wanted):
        return _of_reports(caller, with_parts, wanted)
    with with_parts.queries.engine.begin() as conn:
        known = _known(conn, caller, with_parts)
        listing = known.tables(asked, after=wanted.after, limit=wanted.limit)
        answer: dict[str, Any] = {"tables": [_table(each) for each in listing.tables], "after": listing.after}
        if wanted.counted:
            answer["count"] = _counted(known.count(asked))
    return answer


def _is_of_reports(wanted: TablesQuery) -> bool:
    """Tell whether only tables that reports write are asked for, which no source has."""
    return RESULT_TABLES in {wanted.source, wanted.like.casefold().partition(".")[0]}


def _of_reports(caller: Caller, with_parts: Parts, wanted: TablesQuery) -> dict[str, Any]:
    """Return the first of the tables that reports write, all on one page."""
    with with_parts.queries.engine.begin() as conn:
        listed = with_parts.queries.results.listed(conn, caller.principal)
    pattern = re.escape(wanted.like.casefold() or "*").replace(r"\*", ".*").replace(r"\?", ".")
    words = wanted.text.casefold().split()
    found = [
        each
        for each in listed
        if re.fullmatch(pattern, str(each.name).casefold())
        and wanted.schema_ in {"", each.name.schema}
        and wanted.readable is not False
        and all(word in f"{each.name} {each.comment}".casefold() for word in words)
    ]
    count = {"count": _counted(Count(len(found), len(found)))} if wanted.counted else {}
    return {"tables": [_table(each) for each in found[: wanted.limit]], "after": "", **count}


def catalog_find(
    caller: Person,
    with_parts: WithParts,
    name: Annotated[list[str], Query(max_length=MAX_FOUND)],
    changed: bool = False,
) -> dict[str, Any]:
    """List those of some tables that the person may discover, and if `changed` when their columns did last.

    A name is its three parts, joined by slashes.
    """
    wanted = [TableName(*parts) for each in name if len(parts := keys.split(each)) == len(TableName._fields)]
    with with_parts.queries.engine.begin() as conn:
        known = _known(conn, caller, with_parts)
        found = known.find(wanted) | with_parts.queries.results.find(conn, caller.principal, wanted)
        latest = known.latest_changes([table.name for table in found.values()]) if changed else {}
    tables = [{**table.name._asdict(), "readable": table.read.allowed} for table in found.values()]
    for table, each in zip(tables, found.values(), strict=True):
        if changed:
            table["changed_at"] = latest[each.name].isoformat() if each.name in latest else None
    return {"tables": tables}


def catalog_table(source: str, schema: str, table: str, caller: Person, with_parts: WithParts) -> dict[str, Any]:
    """Describe one table, and what changed in it."""
    with with_parts.queries.engine.begin() as conn:
        known, name = _known(conn, caller, with_parts), TableName(source, schema, table)
        found = with_parts.queries.results.find(conn, caller.principal, [name]).get(name) or known.table(name)
        changes = known.changes(found.name)
    return _described(found) | {"changes": [_change(each) for each in changes]}


def complete(body: CompleteBody, caller: Kernel, with_parts: WithParts) -> dict[str, Any]:
    """Offer what could stand at the cursor."""
    settings, sql = with_parts.settings, body.sql[: with_parts.settings.limits.statement_bytes]
    sources = [
        name
        for name in settings.sources
        if decide(settings.policy, caller.principal, Action.DISCOVER, Resource(name)).allowed
    ]
    sources.append(RESULT_TABLES)
    words = completion.DUCKDB
    if body.dialect:
        words = completion.words_of(language(body.dialect))
        connectors = with_parts.queries.connectors
        sources = [name for name in sources if connectors[name].capabilities.dialect == body.dialect]
    with with_parts.queries.engine.begin() as conn:
        found = completion.complete(
            sql, body.offset, sources, _All(_known(conn, caller, with_parts), with_parts.queries.results), words
        )
    return {
        "start": found.start,
        "end": found.end,
        "items": [
            {"label": item.label, "insert": item.insert, "type": item.type, "documentation": item.documentation}
            for item in found.items
        ],
    }


@dataclass(frozen=True, slots=True)
class _All:
    """The catalog as one person sees it, with the tables that reports write."""

    catalog: Catalog
    results: ResultTables

    def find(self, names: Iterable[TableName]) -> dict[TableName, VisibleDataset]:
        """Return the tables that these names mean."""
        wanted = list(names)
        return self.catalog.find(wanted) | self.results.find(self.catalog.conn, self.catalog.principal, wanted)

    def starting(self, beginning: str, limit: int) -> list[Listed]:
        """Return readable tables of sources that begin like this, or whose schema or name does."""
        return self.catalog.starting(beginning, limit)

    def schemas(self, source: str, *, beginning: str, limit: int) -> list[str]:
        """Return schemas of a source that begin like this."""
        if source != RESULT_TABLES:
            return self.catalog.schemas(source, beginning=beginning, limit=limit)
        owners = dict.fromkeys(each.name.schema for each in self._listed())
        return [owner for owner in owners if owner.casefold().startswith(beginning.casefold())][:limit]

    def inside(self, source: str, schema: str, *, beginning: str, limit: int) -> list[Listed]:
        """Return tables of a schema that begin like this."""
        if source != RESULT_TABLES:
            return self.catalog.inside(source, schema, beginning=beginning, limit=limit)
        here = [each for each in self._listed() if each.name.schema == schema]
        return [each for each in here if each.name.table.startswith(beginning.casefold())][:limit]

    def _listed(self) -> list[Listed]:
        return self.results.listed(self.catalog.conn, self.catalog.principal)


def _known(conn: Connection, caller: Caller, with_parts: Parts) -> Catalog:
    return Catalog(conn, with_parts.settings.policy, caller.principal)


def _source(source: SourceState) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": source.kind,
        "title": source.title,
        "owner": source.owner,
        "note": source.note,
        "up": source.up,
        "since": source.since.isoformat(),
        "tables": _counted(source.tables),
        "newest": source.newest,
        "harvested_at": source.harvested_at and source.harvested_at.isoformat(),
        "servers": [_server(each) for each in source.servers],
    }


def _server(server: ServerState) -> dict[str, Any]:
    return {
        "name": server.name,
        "up": server.up,
        "since": server.since.isoformat(),
        "harvested_at": server.harvested_at and server.harvested_at.isoformat(),
        "lag_seconds": server.lag_seconds,
        "stopped": server.stopped,
        "read_only": server.read_only,
    }


def _counted(count: Count) -> dict[str, int]:
    return {"visible": count.visible, "readable": count.readable}


def _table(table: Listed) -> dict[str, Any]:
    return {
        "name": str(table.name),
        "written": names.written(*table.name),
        **table.name._asdict(),
        "comment": table.comment,
        "rows": table.rows,
        "rows_exact": table.rows_exact,
        "bytes": table.size_bytes,
        "newest": table.newest,
        "readable": table.read.allowed,
        "rule": table.read.rule,
        "because": table.read.because,
        "ask": table.read.ask,
        "matched": list(table.matched),
    }


def _described(table: VisibleDataset) -> dict[str, Any]:
    dataset = table.dataset
    return {
        "name": str(table.name),
        "written": names.written(*table.name),
        **table.name._asdict(),
        "comment": dataset.comment,
        "owner": dataset.owner,
        "rows": dataset.row_estimate,
        "rows_exact": dataset.rows_exact,
        "bytes": dataset.size_bytes,
        "newest": dataset.newest,
        "newest_of": dataset.newest_of,
        "partitions": [visible.column.name for visible in table.columns if visible.column.partition],
        "divided": asdict(dataset.partitions) if dataset.partitions else None,
        "columns": [
            {
                "name": visible.column.name,
                "written": names.written(visible.column.name),
                "type": sql_type(visible.column.type),
                "comment": visible.column.comment,
                "partition": visible.column.partition,
                "readable": visible.read.allowed,
                "rule": visible.read.rule,
                "because": visible.read.because,
                "ask": visible.read.ask,
                "sensitivity": visible.column.sensitivity,
            }
            for visible in table.columns
        ],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "at": change.at.isoformat(),
        "column": change.column,
        "what": change.what.value,
        "was": change.was and sql_type(change.was),
        "now": change.now and sql_type(change.now),
    }
