"""What a page asks of the data: a query through the gateway like any other, cancelled when its reader leaves."""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakValueDictionary

from swap.errors import CATEGORIES, Problem, QueryTimedOut, from_json
from swap.web.gateway import Page
from swap.web.portal import Portal, Visit

SECONDS: Final = 60.0
AT_ONCE: Final = 16
OF_ONE: Final = 2
_places = asyncio.Semaphore(AT_ONCE)
_own_places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
"""By person, for as long as something of theirs is under way: one person's slow tables hold up nobody else's rows."""


async def rows(portal: Portal, visit: Visit, token: str, statement: str, limit: int) -> Page:
    """Return the first rows of a result."""
    return await portal.gateway.page(token, await until_done(portal, visit, token, statement), limit)


async def until_done(portal: Portal, visit: Visit, token: str, statement: str) -> str:
    """Run a statement; return the query's id once its result is whole."""
    own = _own_places.setdefault(visit.person.id, asyncio.Semaphore(OF_ONE))
    async with own, _places:
        if await visit.request.is_disconnected():  # while it stood in line
            raise CATEGORIES["cancelled"]
        query_id = await portal.gateway.run(token, statement)
        finished = False
        try:
            async with asyncio.timeout(SECONDS):
                revision = 0
                while not finished:
                    state = await portal.gateway.state(token, query_id, revision)
                    revision = int(state.get("revision", revision))
                    finished = state.get("state") not in {"waiting", "running"}
                    if not finished and await visit.request.is_disconnected():
                        raise CATEGORIES["cancelled"]
        except TimeoutError as error:
            raise QueryTimedOut(
                Problem(
                    f"No rows came within {SECONDS:.0f} seconds.",
                    why="The query was cancelled at the source.",
                    todo="Ask for fewer rows in a notebook: name a partition.",
                )
            ) from error
        finally:
            if not finished:
                await asyncio.shield(portal.gateway.cancel(token, query_id))
        if state.get("state") != "done":
            raise from_json(state.get("error") or {"category": "cancelled", "title": "The query was cancelled."})
        return query_id
