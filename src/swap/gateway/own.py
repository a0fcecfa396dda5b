"""A person's own notebooks, as their own server reads them: what is told beside one, what another machine has saved.

A notebook is found by its path and by who asks, never by an id: nobody can ask for somebody else's.
"""

from __future__ import annotations

from typing import Annotated, Any

import anyio.to_thread
from fastapi import Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from swap.gateway.asking import READING, Parts, Reading, WithParts
from swap.gateway.auth import Caller
from swap.gateway.beside import told
from swap.gateway.notebooks import PATH_LENGTH, PLAIN
from swap.gateway.shared import MEDIA_TYPE, sent
from swap.notebooks import beside, history, shown
from swap.notebooks.shown import Seen

Path = Annotated[str, Query(max_length=PATH_LENGTH, pattern=PLAIN)]


def beside_it(path: Path, caller: Reading, with_parts: WithParts) -> dict[str, Any]:
    """Tell what is told beside a notebook of the person's own."""
    now = with_parts.queries.now()
    with with_parts.engine.begin() as conn:
        notebook_id = history.head(conn, caller.principal, path).notebook_id
        return told(beside.look(conn, with_parts.settings.policy, caller.principal, notebook_id, now), now)


async def version(path: Path, request: Request, with_parts: WithParts) -> Response:
    """Send the newest version of a notebook of the person's own."""
    caller = await anyio.to_thread.run_sync(with_parts.guard.caller, request, READING)

    def take() -> bytes:
        with with_parts.engine.begin() as conn:
            return sent(conn, _look(conn, with_parts, caller, path))

    with with_parts.turns.of(caller.principal.id):
        return Response(await anyio.to_thread.run_sync(take, limiter=with_parts.save_threads), media_type=MEDIA_TYPE)


def _look(conn: Connection, with_parts: Parts, caller: Caller, path: str) -> Seen:
    """Return the newest version of a person's own notebook.  Raises NotFound."""
    notebook_id = history.head(conn, caller.principal, path).notebook_id
    return shown.look(conn, with_parts.settings.policy, caller.principal, notebook_id, with_parts.queries.now())
