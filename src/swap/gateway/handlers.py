"""One function for each route: who is calling, the verb below HTTP, its answer as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from swap.catalog import service as catalog_service
from swap.catalog.model import VisibleDataset
from swap.gateway.auth import Caller, Guard
from swap.gateway.stream import AccessNews, access_changes, csv
from swap.gateway.turns import Turns
from swap.identity import Via
from swap.people import service as people
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
            with_parts.queries.upload, caller.principal, file, limiter=with_parts.upload_threads
        )


def start_query(body: QueryBody, caller: Person, with_parts: WithParts) -> dict[str, str]:
    """Accept a statement."""
    statement = Statement(body.statement, body.params, body.tables, caller.kernel_id)
    return {"id": with_parts.queries.run(caller.principal, statement).id}


def query_state(query_id: str, caller: Person, with_parts: WithParts, after: int = -1) -> dict[str, Any]:
    """Tell a run's state when it is newer than `after`."""
    return with_parts.queries.state(caller.principal, query_id, after, STATE_WAIT_SECONDS)


def query_result(
    query_id: str, caller: Person, with_parts: WithParts, batch: Annotated[int, Query(ge=0)] = 0
) -> StreamingResponse:
    """Send the result as Arrow, from a batch on, while it grows."""
    return StreamingResponse(with_parts.queries.stream(caller.principal, query_id, batch), media_type=ARROW)


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
    return with_parts.queries.page(caller.principal, query_id, offset, limit, sort, descending=descending)


def query_download(query_id: str, caller: Person, with_parts: WithParts) -> StreamingResponse:
    """Send the result as CSV."""
    schema, batches = with_parts.queries.download(caller.principal, query_id)
    return StreamingResponse(
        csv(batches, schema),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{query_id}.csv"', "x-content-type-options": "nosniff"},
    )


def cancel_query(query_id: str, caller: Person, with_parts: WithParts) -> dict[str, str]:
    """Cancel a run at its sources."""
    return {"state": with_parts.queries.cancel(caller.principal, query_id)}


def catalog(caller: Person, with_parts: WithParts) -> dict[str, Any]:
    """List the sources and tables the person may discover."""
    settings = with_parts.settings
    with with_parts.queries.engine.begin() as conn:
        sources = catalog_service.sources(conn, settings, caller.principal)
        tables = catalog_service.visible(conn, settings.policy, caller.principal)
    return {
        "sources": [
            {
                "name": each.name,
                "kind": each.kind,
                "title": each.title,
                "owner": each.owner,
                "note": each.note,
                "up": each.up,
                "since": each.since.isoformat(),
                "tables_readable": each.tables_readable,
                "tables_visible": each.tables_visible,
            }
            for each in sources
        ],
        "tables": [
            {
                "name": table.full_name,
                "comment": table.dataset.comment,
                "rows": table.dataset.row_estimate,
                "rows_exact": table.dataset.rows_exact,
                "bytes": table.dataset.size_bytes,
                "newest": table.dataset.newest,
                "readable": table.read.allowed,
                "rule": table.read.rule,
                "because": table.read.because,
                "ask": table.read.ask,
            }
            for table in tables
        ],
    }


def catalog_table(source: str, schema: str, table: str, caller: Person, with_parts: WithParts) -> dict[str, Any]:
    """Describe one table."""
    with with_parts.queries.engine.begin() as conn:
        found = catalog_service.table(conn, with_parts.settings.policy, caller.principal, source, schema, table)
    return _described(found)


def complete(body: CompleteBody, caller: Kernel, with_parts: WithParts) -> dict[str, Any]:
    """Offer what could stand at the cursor."""
    with with_parts.queries.engine.begin() as conn:
        visible = catalog_service.visible(conn, with_parts.settings.policy, caller.principal)
    found = completion.complete(body.sql[: with_parts.settings.limits.statement_bytes], body.offset, visible)
    return {
        "start": found.start,
        "end": found.end,
        "items": [
            {"label": item.label, "insert": item.insert, "type": item.type, "documentation": item.documentation}
            for item in found.items
        ],
    }


def _described(table: VisibleDataset) -> dict[str, Any]:
    dataset = table.dataset
    return {
        "name": table.full_name,
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
