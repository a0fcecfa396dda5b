"""Ask every source what it has, in the background.  One source that is down holds up no other.

What a source has is recorded piece by piece, so that 50,000 tables need neither the memory nor one
transaction of 50,000; only a harvest that came to its end knows which tables are gone.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from swap.catalog import history, store
from swap.connectors.base import Connector
from swap.errors import SwapError, Unavailable

log = logging.getLogger(__name__)

EVERY_SECONDS = 300.0
RETRY_SECONDS = 15.0
"""How long after a failure a source is asked again."""
LONGEST_PAUSE_SECONDS = 0.25
"""How long it waits at most between two pieces, so that a large source is not renewed for hours."""


def harvest(
    engine: Engine,
    connector: Connector,
    now: Callable[[], datetime],
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Bring one source's catalog up to date; tell whether the source answered, to the end.

    Queries share the process: after each piece it lets them have it for as long as the piece has used it.
    When it breaks off, the tables it told of are recorded and none is forgotten; nor is one of a server that was away.
    """
    seen: set[tuple[str, str]] = set()
    used = time.thread_time()
    try:
        for piece in connector.harvest():
            with engine.begin() as conn:
                store.put(conn, connector.name, piece, now())
            seen.update((dataset.schema, dataset.name) for dataset in piece)
            pause(min(time.thread_time() - used, LONGEST_PAUSE_SECONDS))
            used = time.thread_time()
    except SwapError as error:
        log.warning("%s could not be harvested: %s", connector.name, error)
        with engine.begin() as conn:
            store.record_health(
                conn,
                connector.name,
                up=False,
                problem=error.problem.why or error.problem.title,
                now=now(),
                harvested=False,
            )
            store.record_servers(conn, connector.name, connector.servers(), now())
        return False
    servers = connector.servers()
    away = [server for server in servers if server.problem]
    with engine.begin() as conn:
        kept = [schema for schema in store.schemas_of(conn, connector.name) if any(each.holds(schema) for each in away)]
        store.forget_unseen(conn, connector.name, seen, kept)
        history.forget(conn, connector.name, now())
        store.record_health(conn, connector.name, up=True, problem="", now=now(), harvested=True)
        store.record_servers(conn, connector.name, servers, now())
    return True


class Harvester:
    """One thread for each source, asking at the start, then every five minutes and on demand."""

    def __init__(self, engine: Engine, connectors: Mapping[str, Connector], now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._connectors = connectors
        self._now = now
        self._wake = {name: threading.Event() for name in connectors}
        self._first = {name: threading.Event() for name in connectors}
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin harvesting; returns at once."""
        with self._engine.begin() as conn:
            store.forget_sources_except(conn, list(self._connectors))
        for name, connector in self._connectors.items():
            thread = threading.Thread(target=self._run, args=(name, connector), name=f"harvest-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def ask_again(self, source: str) -> None:
        """Harvest one source soon, for example because a query found it down or changed."""
        if source in self._wake:
            self._wake[source].set()

    def wait_first(self, seconds: float) -> bool:
        """Wait until every source was asked once; tell whether all were."""
        deadline = time.monotonic() + seconds
        return all(event.wait(max(0.0, deadline - time.monotonic())) for event in self._first.values())

    def stop(self) -> None:
        """End the threads; one that waits for a source ends with the process."""
        self._stopping.set()
        for event in self._wake.values():
            event.set()
        for thread in self._threads:
            thread.join(timeout=1.0)
        self._over.set()

    def _run(self, name: str, connector: Connector) -> None:
        while not self._stopping.is_set():
            self._wake[name].clear()
            try:
                answered = harvest(self._engine, connector, self._now)
            except Exception:  # a connector's bug must not end the harvest of its source for ever
                log.exception("Harvesting %s failed", name)
                self._say_that_it_failed(name)
                answered = False
            self._first[name].set()
            self._wake[name].wait(EVERY_SECONDS if answered else RETRY_SECONDS)
        if self._over.is_set():
            # It waited for its source longer than its gateway lived; it leaves no connection open.
            self._engine.dispose()

    def _say_that_it_failed(self, name: str) -> None:
        """Let people see that the catalog of a source is not what the source has now."""
        why = "Its catalog could not be renewed. The gateway's log says why."
        # With the database away there is nobody to say it to.
        with contextlib.suppress(SQLAlchemyError, Unavailable), self._engine.begin() as conn:
            store.record_health(conn, name, up=False, problem=why, now=self._now(), harvested=False)
