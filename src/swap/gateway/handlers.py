"""One function for each route: who is calling, the verb below HTTP, its answer as JSON."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
from fastapi import Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field

from swap.errors import NotSignedIn, SwapError
from swap.gateway.answers import answer
from swap.gateway.asking import Body, Kernel, Person, Server, WithParts
from swap.gateway.auth import Standing
from swap.gateway.parquet import parquet
from swap.gateway.runs import changes
from swap.gateway.stream import access_changes, csv
from swap.identity import KERNELS, Via
from swap.people import service as people
from swap.query.execution.uploads import spooled
from swap.query.model import RunState, Statement
from swap.query.results.filters import Filter
from swap.query.results.pages import PAGE_ROWS

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
LINES = "application/x-ndjson"
CONTAINED = 1000
"""Characters that rows may be asked to contain."""
STATE_WAIT_SECONDS = 10.0
SMALL_BYTES = 100_000
"""Of a result that may come with the answer to its statement."""


class TokenBody(Body):
    """Which kernel wants a token."""

    kernel_id: str = Field(default="", max_length=200)


class QueryBody(Body):
    """A statement, its parameters, and the person's own tables."""

    statement: str
    params: dict[str, Any] = Field(default_factory=dict)
    tables: dict[str, str] = Field(default_factory=dict)
    wait: float = Field(default=0.0, ge=0.0, le=STATE_WAIT_SECONDS)
    rows: int = Field(default=0, ge=0, le=PAGE_ROWS)
    arrow: int = Field(default=0, ge=0, le=SMALL_BYTES)
    program: str = Field(default="", max_length=64)
    dialect: str = Field(default="", max_length=64)


def health() -> dict[str, bool]:
    """Say that the gateway runs."""
    return {"ok": True}


def mint_token(server: Server, body: TokenBody, with_parts: WithParts) -> dict[str, str]:
    """Give a Jupyter server a token for one of its kernels."""
    return _minted(server, with_parts, with_parts.kernel_key, Via.KERNEL, body.kernel_id)


def mint_saving_token(server: Server, with_parts: WithParts) -> dict[str, str]:
    """Give a Jupyter server a token that saves notebooks and does nothing else."""
    return _minted(server, with_parts, with_parts.server_key, Via.SERVER)


def mint_reading_token(server: Server, with_parts: WithParts) -> dict[str, str]:
    """Give a Jupyter server a token that reads what others share with its person and does nothing else."""
    return _minted(server, with_parts, with_parts.server_key, Via.READER)


def _minted(server: Server, with_parts: WithParts, key: str, via: Via, kernel_id: str = "") -> dict[str, str]:
    token = people.mint_token(
        key,
        via,
        server.person_id,
        server.access,
        now=with_parts.queries.now(),
        seconds=with_parts.settings.people.kernel_token_seconds,
        server_id=server.server_id,
        kernel_id=kernel_id,
    )
    return {"token": token.value, "expires_at": token.expires_at.isoformat()}


async def server_events(server: Server, with_parts: WithParts) -> AsyncIterator[dict[str, Any]]:
    """Tell a Jupyter server when its person's access ends or begins again."""
    look = partial(with_parts.guard.access, server.person_id)
    async for access in access_changes(with_parts.news, with_parts.lines, server.person_id, look):
        yield {"access": "live" if access.live else "ended", "epoch": access.epoch}


def server_queries(server: Server, with_parts: WithParts) -> dict[str, int]:
    """Tell a Jupyter server how many queries of its person are under way, from wherever they were asked."""
    return {"under_way": len(with_parts.queries.under_way(server.person_id))}


async def upload(request: Request, with_parts: WithParts) -> dict[str, Any]:
    """Keep one of the person's own tables."""
    caller = await anyio.to_thread.run_sync(with_parts.guard.caller, request, KERNELS)
    with with_parts.upload_turns.of(caller.principal.id), spooled() as file:
        async for chunk in request.stream():
            await anyio.to_thread.run_sync(file.write, chunk)
        file.flush()
        file.seek(0)
        uploads, gone = with_parts.queries.uploads, threading.Event()
        watching = asyncio.create_task(_until_gone(request, partial(uploads.wake, gone)))
        try:
            # Not among asyncio's few threads: those also look whether anybody's access has ended.
            return await anyio.to_thread.run_sync(
                uploads.add, caller.principal, file, gone, caller.kernel_id, limiter=with_parts.upload_threads
            )
        finally:
            watching.cancel()


async def _until_gone(request: Request, tell: Callable[[], None]) -> None:
    """Tell when whoever sent a request, which was read to its end, does not wait for the answer any more."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    await asyncio.to_thread(tell)


def start_query(body: QueryBody, caller: Person, with_parts: WithParts) -> JSONResponse:
    """Accept a statement; wait a while for its end if asked to, and give the first rows, or all, of what is there."""
    queries = with_parts.queries
    statement = Statement(body.statement, body.params, body.tables, caller.kernel_id, body.program, body.dialect)
    run = queries.run(caller.principal, statement)
    run.wait_end(body.wait)
    page = small = None
    try:
        # Whoever may not act any more, or has other groups by now, is shown what that leaves them.
        principal = with_parts.guard.bearer(caller.claims) if body.wait else caller.principal
        state = queries.access.seen(principal, run)
    except NotSignedIn as why:
        state = run.view().closed(why)
    except SwapError:  # nobody can say who they are now: it goes on, as far as they are told
        state = run.view().closed_for_now()
    else:
        if state.state is RunState.DONE:
            with contextlib.suppress(SwapError):  # closed, or gone to make room: whoever asks for it hears why
                if body.rows:
                    page = answer(queries.access.page(principal, run.id, 0, body.rows, None, descending=False))
                if body.arrow:
                    small = queries.access.small(principal, run.id, body.arrow)
    told = {
        "id": run.id,
        "state": answer(state),
        "page": page,
        "arrow": small and base64.b64encode(small).decode(),
    }
    # Made here, where other requests do not wait for it.
    return JSONResponse(told, 202)


def query_changes(
    caller: Kernel, with_parts: WithParts, program: Annotated[str, Query(max_length=64)] = ""
) -> StreamingResponse:
    """Tell of each of the kernel's runs as it changes.  Those of a program end when it has no such line any more."""
    standing = Standing(with_parts.guard, caller.claims, with_parts.news)
    told = changes(with_parts.queries, with_parts.lines, caller, standing, program)
    return StreamingResponse(told, media_type=LINES)


def query_state(query_id: str, caller: Person, with_parts: WithParts, after: int = -1) -> dict[str, Any]:
    """Tell a run's state when it is newer than `after`."""
    return answer(with_parts.queries.access.state(caller.principal, query_id, after, STATE_WAIT_SECONDS))


def query_result(
    query_id: str, caller: Person, with_parts: WithParts, batch: Annotated[int, Query(ge=0)] = 0
) -> StreamingResponse:
    """Send the result as Arrow, from a batch on, while it grows."""
    parts, size = with_parts.queries.access.stream(caller.principal, query_id, batch, caller.kernel_id)
    # A known length spares both sides the marks between parts, of which each read would look for one.
    headers = None if size is None else {"content-length": str(size)}
    return StreamingResponse(parts, media_type=ARROW, headers=headers)


def query_page(
    query_id: str,
    caller: Person,
    with_parts: WithParts,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_ROWS)] = 10,
    sort: str | None = None,
    descending: bool = False,
    contains: Annotated[str, Query(max_length=CONTAINED)] = "",
    column: str | None = None,
) -> dict[str, Any]:
    """Send some rows as text."""
    only = Filter(contains, column) if contains else None
    page = with_parts.queries.access.page(
        caller.principal,
        query_id,
        offset,
        limit,
        sort,
        descending=descending,
        only=only,
        kernel_id=caller.kernel_id,
    )
    return answer(page)


def query_download(
    query_id: str,
    caller: Person,
    with_parts: WithParts,
    kind: Annotated[Literal["csv", "parquet"], Query(alias="format")] = "csv",
) -> StreamingResponse:
    """Send the result as a file."""
    written, batches = with_parts.queries.access.download(caller.principal, query_id, caller.kernel_id)
    parts, media_type = (
        (csv(batches, written.schema, written.rows[-1]), "text/csv; charset=utf-8")
        if kind == "csv"
        else (parquet(batches, written.schema, written.rows[-1]), PARQUET)
    )
    named = f'attachment; filename="{query_id}.{kind}"'
    headers = {"content-disposition": named, "x-content-type-options": "nosniff"}
    return StreamingResponse(parts, media_type=media_type, headers=headers)


def cancel_query(query_id: str, caller: Person, with_parts: WithParts) -> dict[str, str]:
    """Cancel a run at its sources."""
    return {"state": with_parts.queries.cancel(caller.principal, query_id).value}
