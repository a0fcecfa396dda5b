"""Who asks, and what the handlers work with: the dependencies that FastAPI gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine

from swap.gateway.auth import Caller, Guard
from swap.gateway.lines import Lines
from swap.gateway.stream import AccessNews
from swap.gateway.turns import Turns
from swap.identity import KERNELS, Via
from swap.people import service as people
from swap.query.service import Queries
from swap.settings import Settings

REQUESTS_PER_PERSON = 64
"""A waiting query holds two: one for its state, one for its result."""
UPLOADS_PER_PERSON = 3
UPLOADS_AT_ONCE = 32
"""Uploads that are read, or wait for memory to be: each has a combiner of its own, and those have a budget."""
QUERIES = KERNELS | {Via.PORTAL}
RUNS = frozenset({Via.REPORT})
SAVING = frozenset({Via.SERVER})
READING = frozenset({Via.READER})
SAVES_AT_ONCE = 4
"""Notebooks that are taken in: each is in memory meanwhile, packed."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers work with; one for each application."""

    settings: Settings
    guard: Guard
    queries: Queries
    news: AccessNews
    kernel_key: str
    server_key: str
    engine: Engine
    new_id: Callable[[], str]
    tables: Path
    """Where the result tables of reports are."""
    lines: Lines = field(default_factory=Lines)
    turns: Turns = field(default_factory=lambda: Turns(REQUESTS_PER_PERSON, "requests"))
    upload_turns: Turns = field(default_factory=lambda: Turns(UPLOADS_PER_PERSON, "uploads"))
    save_turns: Turns = field(default_factory=lambda: Turns(SAVES_AT_ONCE, "saves"))
    save_threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(SAVES_AT_ONCE))
    upload_threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(UPLOADS_AT_ONCE))


class Body(BaseModel):
    """The base of JSON bodies: closed against unknown fields."""

    model_config = ConfigDict(extra="forbid")


async def parts(request: Request) -> Parts:
    """Return what this application works with.  Not in a thread, as all that is not async is."""
    found: Parts = request.app.state.parts
    return found


WithParts = Annotated[Parts, Depends(parts)]


def _caller(allowed: frozenset[Via]) -> Callable[[Request, Parts], AsyncIterator[Caller]]:
    async def caller(request: Request, with_parts: WithParts) -> AsyncIterator[Caller]:
        found = await anyio.to_thread.run_sync(with_parts.guard.caller, request, allowed)
        with with_parts.turns.of(found.principal.id):
            yield found

    return caller


def _server(request: Request, with_parts: WithParts) -> people.LaunchedServer:
    return with_parts.guard.server(request)


Server = Annotated[people.LaunchedServer, Depends(_server)]
Person = Annotated[Caller, Depends(_caller(QUERIES))]
Kernel = Annotated[Caller, Depends(_caller(KERNELS))]
Reporting = Annotated[Caller, Depends(_caller(RUNS))]
Saving = Annotated[Caller, Depends(_caller(SAVING))]
Reading = Annotated[Caller, Depends(_caller(READING))]
