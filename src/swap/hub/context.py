"""What the hub's own classes need and JupyterHub cannot give them: settings, runtime and our database."""

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
from swap.hub.turns import Turns
from swap.runtime import Runtime
from swap.settings import Settings, load

Value = TypeVar("Value")
TURN_SECONDS = 10.0
"""How long a start keeps others waiting; most have ended by then, and one that hangs must not hold up everybody."""


@dataclass(frozen=True, slots=True)
class Context:
    """One hub process's settings, runtime and engine."""

    settings: Settings
    runtime: Runtime
    engine: Engine

    async def transact(self, verb: Callable[[Connection], Value]) -> Value:
        """Run one transaction in a thread, so that the hub's event loop never waits for the database."""
        return await asyncio.to_thread(self._transact, verb)

    def _transact(self, verb: Callable[[Connection], Value]) -> Value:
        with self.engine.begin() as conn:
            return verb(conn)


@cache
def current() -> Context:
    """Return this process's context: SWAP_RUNTIME says where everything is."""
    runtime = runtimes.read()
    return Context(load(runtime.config), runtime, engine.create(runtime.database_urls["hub"]))


@cache
def turns() -> Turns:
    """Return this process's turns to start a server."""
    return Turns(current().settings.launch.starts_at_once or len(os.sched_getaffinity(0)), TURN_SECONDS)


def utc_now() -> datetime:
    """Return this moment; the hub's classes are where the clock is read."""
    return datetime.now(UTC)
