"""What a kernel's code uses of notebooks: the sources of a version that it names, and what one cell of that shows.

Sent as shared notebooks are: a line of JSON, and parts, packed.  None of them is built here.
"""

from __future__ import annotations

import json
from typing import Annotated

import anyio.to_thread
from fastapi import Query, Request
from fastapi.responses import Response

from swap.errors import NotFound
from swap.gateway.asking import WithParts
from swap.gateway.notebooks import PLAIN
from swap.gateway.shared import MEDIA_TYPE
from swap.identity import KERNELS
from swap.notebooks import sharing, using
from swap.notebooks.model import ID
from swap.notebooks.versions import Part

NAME_LENGTH = 1_200
"""A person's name, and a path."""
Version = Annotated[int, Query(ge=1, lt=2**31)]


async def code(
    request: Request,
    with_parts: WithParts,
    name: Annotated[str, Query(max_length=NAME_LENGTH, pattern=PLAIN)],
    version: Version | None = None,
) -> Response:
    """Send the sources of a version of a notebook, and say of each cell whether it shows something."""
    caller = await anyio.to_thread.run_sync(with_parts.guard.caller, request, KERNELS)

    def take() -> bytes:
        policy, now = with_parts.settings.policy, with_parts.queries.now()
        with with_parts.engine.begin() as conn:
            seen, parts = using.sources(conn, policy, caller.principal, name, version, now)
        kept = seen.opened.kept
        hidden = {outputs: [list(why.datasets), why.ask] for outputs, why in seen.hidden.items()}
        said = {
            "notebook": kept.notebook_id,
            "name": kept.name,
            "owner": kept.owner,
            "version": seen.number,
            "newest": kept.number,
            "shows": [cell.outputs is not None for cell in seen.manifest.cells],
            "hidden": [hidden.get(cell.outputs or "") for cell in seen.manifest.cells],
        }
        names = [cell.source for cell in seen.manifest.cells]
        return _sent(said, [parts[each] for each in names])

    with with_parts.turns.of(caller.principal.id):
        return Response(await anyio.to_thread.run_sync(take, limiter=with_parts.save_threads), media_type=MEDIA_TYPE)


async def output(
    notebook_id: str, request: Request, with_parts: WithParts, version: Version, cell: Annotated[int, Query(ge=0)]
) -> Response:
    """Send what a cell shows; the kernel has read what it comes from."""
    caller = await anyio.to_thread.run_sync(with_parts.guard.caller, request, KERNELS)
    if not ID.fullmatch(notebook_id):
        raise NotFound(sharing.NOWHERE)

    def take() -> bytes:
        policy, now = with_parts.settings.policy, with_parts.queries.now()
        with with_parts.engine.begin() as conn:
            part = using.output(conn, policy, caller.principal, caller.kernel_id, notebook_id, version, cell, now)
        return _sent({}, [part])

    with with_parts.turns.of(caller.principal.id):
        return Response(await anyio.to_thread.run_sync(take, limiter=with_parts.save_threads), media_type=MEDIA_TYPE)


def _sent(said: dict[str, object], parts: list[Part]) -> bytes:
    sizes = [[len(part.content), part.size_bytes] for part in parts]
    return json.dumps(said | {"parts": sizes}).encode() + b"\n" + b"".join(part.content for part in parts)
