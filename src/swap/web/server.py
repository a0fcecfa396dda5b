"""My server: start it and show what happens, stop it, say why it did not start.

Everything here runs on the event loop, where the starts are followed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from swap.errors import Unavailable
from swap.notebooks.model import name_of
from swap.web import paths
from swap.web.hub import AWAY, ServerKind
from swap.web.notebooks import begin_start, server_page
from swap.web.pages import TUNNEL_PORT, Server, go, lab, leads_astray, respond
from swap.web.portal import Portal, Visit
from swap.web.starts import Start

WATCH_SECONDS = 15.0
"""A line is sent at least this often, so that a lost connection is noticed."""


async def page(portal: Portal, visit: Visit) -> Response:
    """The start as it stands: steps, failure, or the offer to start.  A running server is left for at once."""
    path = paths.notebook(visit.query("next", 1000))
    kind = await portal.hub.state(visit.person.id)
    start = portal.starts.latest(visit.person.id)
    if kind is ServerKind.RUNNING and (start is None or start.state != "starting"):
        return go(lab(portal, visit, path))
    if kind is ServerKind.STARTING and (start is None or start.state != "starting"):
        start = portal.starts.begin(visit.person.id, request=False)
    values: dict[str, Any] = {
        "server": Server(kind),
        "path": path,
        "title": name_of(path),
        "start": start,
        "limit": portal.settings.launch.start_seconds,
        "usual": portal.starts.usual_seconds,
        "elapsed": portal.starts.elapsed(start) if start else 0.0,
        "waited": portal.starts.waited(start) if start else 0.0,
    }
    if start is not None and start.state == "starting":
        return respond(portal, visit, "server_starting.html", **values)
    if start is not None and start.state == "failed":
        return respond(portal, visit, "server_failed.html", **values)
    if kind is ServerKind.UNKNOWN:
        raise Unavailable(AWAY)
    why = await run_in_threadpool(portal.places.ended, visit.person.id)
    return respond(portal, visit, "server_stopped.html", why=why, **values)


async def begin(portal: Portal, visit: Visit) -> Response:
    """Start my server, or open a notebook on the one that runs."""
    if leads_astray(portal, visit):
        return go(TUNNEL_PORT)
    path = paths.notebook(visit.form.get("next"))
    kind = await portal.hub.state(visit.person.id)
    if kind is ServerKind.UNKNOWN:
        raise Unavailable(AWAY)
    if kind is ServerKind.RUNNING:
        return go(lab(portal, visit, path))
    begin_start(portal, visit.person.id, kind)
    return go(server_page(path))


async def stop(portal: Portal, visit: Visit) -> Response:
    """Stop my server, or cancel its start."""
    portal.starts.cancelled(visit.person.id)
    await portal.hub.stop(visit.person.id)
    portal.starts.forget(visit.person.id)
    return go(paths.HOME)


async def restart(portal: Portal, visit: Visit) -> Response:
    """Stop my server and start it again; the page of the start shows both."""
    person_id = visit.person.id

    async def stopped() -> None:
        await portal.hub.stop(person_id)
        await portal.hub.stopped(person_id)

    portal.starts.begin(person_id, after=stopped)
    return go(server_page(paths.notebook(visit.form.get("next"))))


async def events(portal: Portal, visit: Visit) -> Response:
    """The start as server-sent events: the whole state on each change."""
    start = portal.starts.latest(visit.person.id)
    return StreamingResponse(
        _feed(portal, start),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _feed(portal: Portal, start: Start | None) -> AsyncIterator[str]:
    limit = portal.settings.launch.start_seconds
    if start is None:
        yield _event({"state": "none"})
        return
    while True:
        changed = start.changed
        yield _event(
            {
                "state": start.state,
                "progress": start.progress,
                "elapsed": round(portal.starts.elapsed(start), 2),
                "waited": round(portal.starts.waited(start), 2),
                "steps": [
                    {
                        "key": step.key,
                        "label": step.said,
                        "detail": step.detail(limit),
                        "began": step.began,
                        "ended": step.ended,
                    }
                    for step in start.steps
                ],
            }
        )
        if start.state != "starting":
            return
        try:
            await asyncio.wait_for(changed.wait(), WATCH_SECONDS)
        except TimeoutError:
            yield ": still here\n\n"


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"
