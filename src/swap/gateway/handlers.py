"""One function for each route: who is calling, the verb below HTTP, its answer as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from swap.catalog import keys
from swap.catalog import service as catalog_service
from swap.catalog.model import Count, Listed, SourceState, TableName, VisibleDataset
from swap.catalog.service import Catalog
from swap.gateway.answers import answer
from swap.gateway.auth import Caller, Guard
from swap.gateway.stream import AccessNews, access_changes, csv
from swap.gateway.turns import Turns
from swap.identity import Via
from swap.people import service as people
from swap.policy.decide import decide
from swap.policy.model import Action, Resource
from swap.query import complete as completion
from swap.query.model import Statement
from swap.query.results.format import sql_type
from swap.query.results.pages import PAGE_ROWS
from swap.query.results.uploads import spooled
from swap.query.service import Queries
from swap.settings import Settings

ARROW = "application/vnd.apache.arrow.stream"
STATE_WAIT_SECONDS = 10.0
REQUESTS_PER_PERSON = 64
"""A waiting query holds two: one for its state, one for its result."""
UPLOADS_PER_PERSON = 3
UPLOADS_AT_ONCE = 4
"""Uploads that are read at a time: each has a combiner of its own."""
MAX_LISTED = 1000
"""Tables of one page."""
MAX_FOUND = 64
NONE = Count(0, 0)
_QUERIES = frozenset({Via.KERNEL, Via.PORTAL})
_KERNEL = frozenset({Via.KERNEL})


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers work with; one for each application."""

    settings: Settings
    guard: Guard
    queries: Queries
    news: AccessNews
    kernel_key: str
    turns: Turns = field(default_factory=lambda: Turns(REQUESTS_PER_PERSON, "requests"))
    upload_turns: Turns = field(default_factory=lambda: Turns(UPLOADS_PER_PERSON, "uploads"))
    upload_threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(UPLOADS_AT_ONCE))


class Body(BaseModel):
    """The base of JSON bodies: closed against unknown fields."""

    model_config = ConfigDict(extra="forbid")


class TokenBody(Body):
    """Which kernel wants a token."""

    kernel_id: str = Field(default="", max_length=200)


class QueryBody(Body):
    """A statement, its parameters, and the person's own tables."""

    statement: str
    params: dict[str, Any] = Field(default_factory=dict)
    tables: dict[str, str] = Field(default_factory=dict)


class TablesQuery(Body):
    """Which tables to list: all that is said must hold.  `after` is what the page before said."""

    source: str = ""
    schema_: str = Field(default="", alias="schema")
    text: str = Field(default="", max_length=1000)
    like: str = Field(default="", max_length=1000)
    readable: bool | None = None
    after: str = Field(default="", max_length=10_000)
    limit: int = Field(default=catalog_service.PAGE, ge=1, le=MAX_LISTED)
    counted: bool = False


class CompleteBody(Body):
    """A statement being typed, and where the cursor is, in code points."""

    sql: str
    offset: int = Field(ge=0)


def parts(request: Request) -> Parts:
    """Return what this application works with."""
    found: Parts = request.app.state.parts
    return found


WithParts = Annotated[Parts, Depends(parts)]


def _person(request: Request, with_parts: WithParts) -> Iterator[Caller]:
    caller = with_parts.guard.caller(request, _QUERIES)
    with with_parts.turns.of(caller.principal.id):
        yield caller


def _kernel(request: Request, with_parts: WithParts) -> Iterator[Caller]:
    caller = with_parts.guard.caller(request, _KERNEL)
    with with_parts.turns.of(caller.principal.id):
        yield caller


def _server(request: Request, with_parts: WithParts) -> people.LaunchedServer:
    return with_parts.guard.server(request)


Server = Annotated[people.LaunchedServer, Depends(_server)]
Person = Annotated[Caller, Depends(_person)]
Kernel = Annotated[Caller, Depends(_kernel)]


def health() -> dict[str, bool]:
    """Say that the gateway runs."""
    return {"ok": True}


def mint_token(server: Server, body: TokenBody, with_parts: WithParts) -> dict[str, str]:
    """Give a Jupyter server a token for one of its kernels."""
    token = people.mint_token(
        with_parts.kernel_key,
        Via.KERNEL,
        server.person_id,
        server.access,
        now=with_parts.queries.now(),
        seconds=with_parts.settings.people.kernel_token_seconds,
        server_id=server.server_id,
        kernel_id=body.kernel_id,
    )
    return {"token": token.value, "expires_at": token.expires_at.isoformat()}


async def server_events(server: Server, with_parts: WithParts) -> AsyncIterator[dict[str, Any]]:
    """Tell a Jupyter server when its person's access ends or begins again."""
    look = partial(with_parts.guard.access, server.person_id)
    async for access in access_changes(with_parts.news, server.person_id, look):
        yield {"access": "live" if access.live else "ended", "epoch": access.epoch}


async def upload(request: Request, with_parts: WithParts) -> dict[str, Any]:
    """Keep one of the person's own tables."""
    caller = await asyncio.to_thread(with_parts.guard.caller, request, _KERNEL)
    with with_parts.upload_turns.of(caller.principal.id), spooled() as file:
        async for chunk in request.stream():
            await asyncio.to_thread(file.write, chunk)
        file.flush()
        file.seek(0)
        # Not among asyncio's few threads: those also look whether anybody's access has ended.
        return await anyio.to_thread.run_sync(
            with_parts.queries.uploads.add, caller.principal, file, limiter=with_parts.upload_threads
        )


def start_query(body: QueryBody, caller: Person, with_parts: WithParts) -> dict[str, str]:
    """Accept a statement."""
    statement = Statement(body.statement, body.params, body.tables, caller.kernel_id)
    return {"id": with_parts.queries.run(caller.principal, statement).id}


def query_state(query_id: str, caller: Person, with_parts: WithParts, after: int = -1) -> dict[str, Any]:
    """Tell a run's state when it is newer than `after`."""
    return answer(with_parts.queries.access.state(caller.principal, query_id, after, STATE_WAIT_SECONDS))


def query_result(
    query_id: str, caller: Person, with_parts: WithParts, batch: Annotated[int, Query(ge=0)] = 0
) -> StreamingResponse:
    """Send the result as Arrow, from a batch on, while it grows."""
    return StreamingResponse(with_parts.queries.access.stream(caller.principal, query_id, batch), media_type=ARROW)


def query_page(
    query_id: str,
    caller: Person,
    with_parts: WithParts,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_ROWS)] = 10,
    sort: str | None = None,
    descending: bool = False,
) -> dict[str, Any]:
    """Send some rows as text."""
    page = with_parts.queries.access.page(caller.principal, query_id, offset, limit, sort, descending=descending)
    return answer(page)


def query_download(query_id: str, caller: Person, with_parts: WithParts) -> StreamingResponse:
    """Send the result as CSV."""
    schema, batches = with_parts.queries.access.download(caller.principal, query_id)
    return StreamingResponse(
        csv(batches, schema),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{query_id}.csv"', "x-content-type-options": "nosniff"},
    )


def cancel_query(query_id: str, caller: Person, with_parts: WithParts) -> dict[str, str]:
    """Cancel a run at its sources."""
    return {"state": with_parts.queries.cancel(caller.principal, query_id).value}


def catalog(caller: Person, with_parts: WithParts) -> dict[str, Any]:
    """List the sources the person may discover."""
    with with_parts.queries.engine.begin() as conn:
        sources = catalog_service.sources(conn, with_parts.settings, caller.principal)
    return {"sources": [_source(each) for each in sources]}


def catalog_schemas(
    caller: Person,
    with_parts: WithParts,
    source: str,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = catalog_service.PAGE,
) -> dict[str, Any]:
    """List the first schemas of a source with a table the person may discover."""
    with with_parts.queries.engine.begin() as conn:
        known = _known(conn, caller, with_parts)
        schemas = known.schemas(source, limit=limit)
        counts = known.count_by_schema(source, schemas)
    return {"schemas": [{"name": name, **_counted(counts.get(name, NONE))} for name in schemas]}


def catalog_tables(
    caller: Person,
    with_parts: WithParts,
    wanted: Annotated[TablesQuery, Query()],
) -> dict[str, Any]:
    """List a page of the tables the person may discover, in the order of their names."""
    asked = catalog_service.Wanted(
        source=wanted.source, schema=wanted.schema_, text=wanted.text, like=wanted.like, readable=wanted.readable
    )
    with with_parts.queries.engine.begin() as conn:
        known = _known(conn, caller, with_parts)
        listing = known.tables(asked, after=wanted.after, limit=wanted.limit)
        answer: dict[str, Any] = {"tables": [_table(each) for each in listing.tables], "after": listing.after}
        if wanted.counted:
            answer["count"] = _counted(known.count(asked))
            answer["all"] = _counted(known.count(replace(asked, text="", like="", readable=None)))
    return answer


def catalog_find(
    caller: Person, with_parts: WithParts, name: Annotated[list[str], Query(max_length=MAX_FOUND)]
) -> dict[str, Any]:
    """List those of some tables that the person may discover; a name is its three parts, joined by strokes."""
    names = [TableName(*parts) for each in name if len(parts := keys.split(each)) == len(TableName._fields)]
    with with_parts.queries.engine.begin() as conn:
        found = _known(conn, caller, with_parts).find(names)
    return {"tables": [{**table.name._asdict(), "readable": table.read.allowed} for table in found.values()]}


def catalog_table(source: str, schema: str, table: str, caller: Person, with_parts: WithParts) -> dict[str, Any]:
    """Describe one table."""
    with with_parts.queries.engine.begin() as conn:
        found = _known(conn, caller, with_parts).table(TableName(source, schema, table))
    return _described(found)


def complete(body: CompleteBody, caller: Kernel, with_parts: WithParts) -> dict[str, Any]:
    """Offer what could stand at the cursor."""
    settings, sql = with_parts.settings, body.sql[: with_parts.settings.limits.statement_bytes]
    sources = [
        name
        for name in settings.sources
        if decide(settings.policy, caller.principal, Action.DISCOVER, Resource(name)).allowed
    ]
    with with_parts.queries.engine.begin() as conn:
        found = completion.complete(sql, body.offset, sources, _known(conn, caller, with_parts))
    return {
        "start": found.start,
        "end": found.end,
        "items": [
            {"label": item.label, "insert": item.insert, "type": item.type, "documentation": item.documentation}
            for item in found.items
        ],
    }


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
    }


def _counted(count: Count) -> dict[str, int]:
    return {"visible": count.visible, "readable": count.readable}


def _table(table: Listed) -> dict[str, Any]:
    return {
        "name": str(table.name),
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
    }


def _described(table: VisibleDataset) -> dict[str, Any]:
    dataset = table.dataset
    return {
        "name": str(table.name),
        **table.name._asdict(),
        "comment": dataset.comment,
        "owner": dataset.owner,
        "rows": dataset.row_estimate,
        "rows_exact": dataset.rows_exact,
        "bytes": dataset.size_bytes,
        "newest": dataset.newest,
        "partitions": [visible.column.name for visible in table.columns if visible.column.partition],
        "divided": asdict(dataset.partitions) if dataset.partitions else None,
        "columns": [
            {
                "name": visible.column.name,
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
