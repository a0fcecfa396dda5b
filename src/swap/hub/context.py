"""What the hub's own classes need and JupyterHub cannot give: settings, runtime, our database, people's servers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TypeVar

from sqlalchemy import Connection, Engine

from swap import runtime as runtimes
from swap.db import engine
from swap.hub.servers import Here, Servers
from swap.hub.turns import Turns
from swap.launch.keeper import Keeper
from swap.launch.rules import rules
from swap.runtime import Runtime
from swap.settings import Settings, load

Value = TypeVar("Value")
TURN_SECONDS = 10.0
"""How long a start keeps others waiting; most have ended by then, and one that hangs must not hold up everybody."""


@dataclass(frozen=True, slots=True)
class Context:
    """One hub process's settings, runtime, engine, and its way to people's servers."""

    settings: Settings
    runtime: Runtime
    engine: Engine
    servers: Servers

    async def transact(self, verb: Callable[[Connection], Value]) -> Value:
        """Run one transaction in a thread, so that the hub's event loop never waits for the database."""
        return await asyncio.to_thread(self._transact, verb)

    def _transact(self, verb: Callable[[Connection], Value]) -> Value:
        with self.engine.begin() as conn:
            return verb(conn)


_given: list[Context] = []
"""The context of a process that was handed one."""


def give(settings: Settings, runtime: Runtime, servers: Servers) -> None:
    """Hand this process its context, before anything asks for it."""
    _given.append(Context(settings, runtime, engine.create(runtime.database_urls["hub"]), servers))


@cache
def current() -> Context:
    """Return this process's context: what it was handed, else what SWAP_RUNTIME leads to."""
    if _given:
        return _given[0]
    runtime = runtimes.read()
    settings = load(runtime.config)
    keeper = Keeper(rules(settings, runtime))
    keeper.prepare()
    return Context(settings, runtime, engine.create(runtime.database_urls["hub"]), Here(keeper))


@cache
def turns() -> Turns:
    """Return this process's turns to start a server."""
    return Turns(current().settings.launch.starts_at_once or len(os.sched_getaffinity(0)), TURN_SECONDS)


def utc_now() -> datetime:
    """Return this moment; the hub's classes are where the clock is read."""
    return datetime.now(UTC)
