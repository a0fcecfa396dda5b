"""The gateway's application: settings and runtime in, a FastAPI application out."""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from swap.catalog.harvest import Harvester
from swap.connectors import registry
from swap.connectors.base import Connector
from swap.db import engine as database
from swap.errors import CATEGORIES, Invalid, NotFound, Problem, SwapError, Unavailable, to_json
from swap.gateway.asking import Parts
from swap.gateway.auth import Guard
from swap.gateway.body import BodyLimit
from swap.gateway.notebooks import SAVE_BYTES
from swap.gateway.routes import router
from swap.gateway.stream import AccessNews
from swap.query.execution.pool import Pool
from swap.query.results.spool import Spool
from swap.query.service import Queries
from swap.reports import outputs
from swap.reports.results import Results
from swap.runtime import Runtime
from swap.settings import Settings
from swap.settings.sources import RESULT_TABLES, TABLES
from swap.walls.errands import Errands

log = logging.getLogger(__name__)

THREADS = 256
"""Requests that may wait at a time: states are long polls, results follow their query."""
FIRST_HARVEST_SECONDS = 2.0
LOOK_SECONDS = 5.0
HOUSEKEEPING_SECONDS = 300.0
STOP_SECONDS = 5.0


def utc_now() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an unguessable id of letters and digits."""
    return secrets.token_hex(10)


def create(
    settings: Settings,
    runtime: Runtime,
    connectors: Mapping[str, Connector] | None = None,
    errands: Errands | None = None,
) -> FastAPI:
    """Return the gateway, which has a warden to do its errands where people have walls.

    Sources come from the settings; tests may bring connectors of their own.
    """
    engine = database.create(runtime.database_urls["gateway"], connections=30)
    sources = (
        dict(connectors)
        if connectors is not None
        else {name: registry.create(name, source, errands) for name, source in settings.sources.items()}
    )
    pool = Pool(settings.limits, runtime.spool / "spill", errands)
    harvester = Harvester(engine, sources, utc_now)
    spool = Spool(runtime.spool, settings.limits)
    tables = settings.state / TABLES
    all_sources = sources | {RESULT_TABLES: registry.own(RESULT_TABLES, tables, errands)}
    results = Results(settings.policy, utc_now)
    queries = Queries(engine, settings, all_sources, pool, spool, utc_now, new_id, harvester.ask_again, results)
    guard = Guard(engine, runtime, utc_now)
    news = AccessNews(runtime.database_urls["gateway"], queries.recheck)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        stopping = threading.Event()
        await anyio.to_thread.run_sync(queries.start)
        harvester.start()
        # The first question should not meet an empty catalog; a source that is slow holds up nobody for long.
        await anyio.to_thread.run_sync(harvester.wait_first, FIRST_HARVEST_SECONDS)
        news.start()
        tidy = partial(outputs.tidy, engine, tables)
        house = threading.Thread(target=_keep_house, args=(queries, tidy, stopping), name="housekeeping", daemon=True)
        house.start()
        try:
            yield
        finally:
            stopping.set()
            await anyio.to_thread.run_sync(lambda: _stop(queries, harvester, news, all_sources))
            await anyio.to_thread.run_sync(house.join, STOP_SECONDS)
            engine.dispose()

    app = FastAPI(title="SWAP gateway", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.parts = Parts(
        settings, guard, queries, news, runtime.kernel_key, runtime.server_key, engine, new_id, tables
    )
    app.state.harvester = harvester
    app.include_router(router())
    limits = {"/v1/uploads": settings.limits.upload_bytes + 1_000_000, "/v1/notebooks": SAVE_BYTES}
    app.add_middleware(BodyLimit, larger=limits)
    app.add_exception_handler(SwapError, _swap_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _our_mistake)
    return app


def _keep_house(queries: Queries, tidy: Callable[[], None], stopping: threading.Event) -> None:
    due = time.monotonic() + HOUSEKEEPING_SECONDS
    while not stopping.wait(LOOK_SECONDS):
        _try(queries.look_after)
        if time.monotonic() >= due and _try(queries.keep_house) and _try(tidy):
            due = time.monotonic() + HOUSEKEEPING_SECONDS


def _try(work: Callable[[], None]) -> bool:
    """Do it, and tell whether it is done; what is not is tried again at the next look."""
    try:
        work()
    except Unavailable as away:
        log.warning("Housekeeping waits: %s", away.problem.title)
    except Exception:
        log.exception("Housekeeping failed; it is tried again")
    else:
        return True
    return False


def _stop(queries: Queries, harvester: Harvester, news: AccessNews, sources: Mapping[str, Connector]) -> None:
    news.stop()
    harvester.stop()
    queries.stop()
    for connector in sources.values():
        connector.close()


def _answer(error: SwapError) -> JSONResponse:
    return JSONResponse({"error": to_json(error)}, status_code=error.status)


async def _swap_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SwapError)
    return _answer(error)


async def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # What was sent is not repeated: it may hold a secret.
    where = ", ".join(
        sorted({".".join(str(part) for part in each["loc"] if part != "body") for each in error.errors()})
    )
    return _answer(
        Invalid(
            Problem(
                "The request cannot be understood.",
                why=f"Wrong: {where}." if where else "",
                todo="Ask with swap.sql and the other functions of `import swap`, which know what can be asked.",
            )
        )
    )


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    by_status = {cls.status: cls for cls in reversed(list(CATEGORIES.values()))}
    kind = NotFound if error.status_code == 404 else by_status.get(error.status_code, Invalid)
    answer = _answer(kind(Problem(f"{str(error.detail).rstrip('.')}.")))
    answer.status_code = error.status_code
    return answer


async def _our_mistake(_request: Request, error: Exception) -> JSONResponse:
    log.error("Unexpected error", exc_info=error)
    return _answer(
        SwapError(
            Problem("SWAP made a mistake.", why="Trying again is safe.", todo="Tell whoever runs SWAP if it stays so.")
        )
    )
