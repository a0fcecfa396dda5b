"""`swap queries` and `swap cancel`: what waits or runs, and an end to it, for whoever runs SWAP.

They ask the database and the sources themselves: a gateway that hangs, or is stopped, need not answer.  One that
does hears from the database that a query was cancelled, and stops whatever it does for it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from swap import audit, runtime, terminal
from swap.connectors import registry
from swap.db import engine
from swap.db.tables import person
from swap.errors import NotFound, Problem, QueryCancelled, SwapError, Unavailable
from swap.people import store as people
from swap.query import store
from swap.query.model import End, RunState
from swap.query.run import told
from swap.settings import Settings, load

Say = Callable[[str], None]


def queries(settings: Settings, say: Say) -> int:
    """Print a line for each query under way: its id, its state, since when, whose it is, and what it reads."""
    with _database(settings) as conn:
        found = store.unfinished(conn)
        names = dict(conn.execute(select(person.c.id, person.c.name)).all())
    for row in found:
        sources = " ".join(row.sources) or "no source"
        name, since = names.get(row.person_id, ""), f"{row.created_at:%Y-%m-%d %H:%M:%S} UTC"
        say(f"{row.id}  {row.state:<8} {since}  {name:<12} {sources}")
    if not found:
        say("No query waits or runs.")
    return 0


def cancel(settings: Settings, query_id: str, say: Say) -> int:
    """Record that a query is cancelled, tell its gateway, and end it at its sources.  Raises NotFound."""
    now = datetime.now(UTC)
    why = QueryCancelled(Problem("Cancelled by SWAP's administrator.", todo="Ask them before you run it again."))
    with _database(settings) as conn:
        row = next((each for each in store.unfinished(conn) if each.id == query_id), None)
        if row is None:
            raise NotFound(Problem(f"No query {query_id} waits or runs.", todo="`swap queries` lists those that do."))
        end = End(RunState.CANCELLED, why, now, now)
        if store.ended(conn, query_id, end):
            audit.record(conn, told.lost(row, end))
        # The gateway looks at what the person runs.
        people.announce(conn, row.person_id)
    say(f"{query_id} is cancelled; what else is done for it, its gateway stops as soon as it answers.")
    failed = False
    for each in row.handles:
        failed |= not _ended(settings, each["source"], each["handle"], query_id, say)
    return 1 if failed else 0


def _ended(settings: Settings, source: str, handle: Mapping[str, Any], query_id: str, say: Say) -> bool:
    """End a statement at its source; tell whether nothing of it is left there."""
    if source not in settings.sources:
        return True
    connector = registry.create(source, settings.sources[source])
    try:
        ended = connector.end(handle, query_id)
    except SwapError as error:
        say(f"{source}: {error.problem.title} {error.problem.why}")
        return False
    finally:
        connector.close()
    say(f"{source} has ended it." if ended else f"{source} does not work on it any more.")
    return True


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[Connection]:
    """Give a transaction on the database of the SWAP that runs."""
    here = runtime.of_running(settings.state)
    if here is None:
        raise Unavailable(Problem("SWAP does not run.", why="Nor does any query."))
    owner = engine.create(here.database_urls["owner"], connections=1)
    try:
        with owner.begin() as conn:
            yield conn
    finally:
        owner.dispose()


def main(config: str, query_id: str = "") -> int:
    """Cancel that query, or list all."""
    settings = load(Path(config))
    return cancel(settings, query_id, terminal.line) if query_id else queries(settings, terminal.line)


if __name__ == "__main__":
    terminal.leave(lambda: main(*sys.argv[1:]))
