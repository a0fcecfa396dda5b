"""Notebooks that others share with a person, as the person's own server reads them: what may be seen at this moment.

Each question asks `shown.look` anew.  A version goes out as a save comes in: a line of JSON, a line with the manifest,
and the parts, packed, one after another.  None of them is built here.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from swap.errors import NotFound, Problem
from swap.gateway.asking import READING, Parts, Reading, WithParts
from swap.gateway.auth import Caller
from swap.gateway.beside import told
from swap.notebooks import beside, sharing, shown
from swap.notebooks.model import ID
from swap.notebooks.share_store import Kept
from swap.notebooks.shares import Role, role
from swap.notebooks.shown import Seen

MEDIA_TYPE = "application/octet-stream"
LARGEST = 10_000
"""Of what is shared with one person, how many rows may be passed over."""
MINE = Problem("This notebook is yours.", todo="Open it from your own files.")


def received(
    caller: Reading, with_parts: WithParts, begins: Annotated[int, Query(alias="from", ge=0, le=LARGEST)] = 0
) -> dict[str, Any]:
    """List what others share with the person, the newest share first."""
    now = with_parts.queries.now()
    with with_parts.engine.begin() as conn:
        found, more = sharing.received(conn, caller.principal, now, begins)
    given = [(each, role(caller.principal, each.owner_id, each.shares, now)) for each in found]
    return {"notebooks": [_told(each, is_) for each, is_ in given if is_ is not None], "more": more}


def standing(
    notebook_id: str,
    caller: Reading,
    with_parts: WithParts,
    number: Annotated[int | None, Query(alias="version", ge=1, lt=2**31)] = None,
) -> dict[str, Any]:
    """Tell what a notebook is to the person now, and by which key what they may see of a version is known."""
    with with_parts.engine.begin() as conn:
        return _described(_look(conn, with_parts, caller, notebook_id, number))


def beside_it(notebook_id: str, caller: Reading, with_parts: WithParts) -> dict[str, Any]:
    """Tell what is told beside another's notebook."""
    with with_parts.engine.begin() as conn:
        _look(conn, with_parts, caller, notebook_id)
        now = with_parts.queries.now()
        return told(beside.look(conn, with_parts.settings.policy, caller.principal, notebook_id, now), now)


async def version(notebook_id: str, request: Request, with_parts: WithParts) -> Response:
    """Send the newest version, with the outputs that the person may see."""
    caller = await anyio.to_thread.run_sync(with_parts.guard.caller, request, READING)

    def take() -> bytes:
        with with_parts.engine.begin() as conn:
            seen = _look(conn, with_parts, caller, notebook_id)
            sharing.read(conn, caller.principal, seen.opened, "lab", seen.hidden_outputs)
            return sent(conn, seen)

    with with_parts.turns.of(caller.principal.id):
        return Response(await anyio.to_thread.run_sync(take, limiter=with_parts.save_threads), media_type=MEDIA_TYPE)


def sent(conn: Connection, seen: Seen) -> bytes:
    """Return a version as it goes out: what is said of it, its manifest, and its parts."""
    manifest, parts = shown.packed(conn, seen)
    sizes = [[part.digest, len(part.content), part.size_bytes] for part in parts.values()]
    said = json.dumps(_described(seen) | {"parts": sizes}).encode()
    return b"".join((said, b"\n", manifest, b"\n", *(part.content for part in parts.values())))


def _look(conn: Connection, with_parts: Parts, caller: Caller, notebook_id: str, number: int | None = None) -> Seen:
    """Return what the person may see of another's notebook.  Raises NotFound."""
    if not ID.fullmatch(notebook_id):
        raise NotFound(sharing.NOWHERE)
    policy, now = with_parts.settings.policy, with_parts.queries.now()
    seen = shown.look(conn, policy, caller.principal, notebook_id, now, number)
    if seen.opened.role is Role.OWN:
        # It lies in their home: no token need read it.
        raise NotFound(MINE)
    return seen


def _described(seen: Seen) -> dict[str, Any]:
    told = {"shown": seen.number, "key": seen.key, "hidden": seen.hidden_outputs}
    return _told(seen.opened.kept, seen.opened.role) | told


def _told(kept: Kept, given: Role) -> dict[str, Any]:
    return {
        "notebook": kept.notebook_id,
        "name": kept.name,
        "owner": kept.owner,
        "role": given.value,
        "version": kept.number,
        "at": kept.at.isoformat(),
    }
