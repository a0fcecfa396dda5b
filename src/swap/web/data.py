"""Data: find a table, understand it, see what is locked and whom to ask."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import quote
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from swap.errors import CATEGORIES, NotFound, Problem, QueryTimedOut, SwapError, from_json
from swap.notebooks import model
from swap.web import catalogue, partitions
from swap.web.gateway import Page
from swap.web.pages import respond
from swap.web.portal import Portal, Visit

log = logging.getLogger("swap.web")
PREVIEW_ROWS = 10
PREVIEW_SECONDS = 60.0
PREVIEWS_AT_ONCE = 16
PREVIEWS_OF_ONE = 2


def index(portal: Portal, visit: Visit) -> Response:
    """All sources I may query."""
    catalog = portal.gateway.catalog(portal.token(visit.signed_in))
    return respond(portal, visit, "data.html", here="data", sources=catalogue.sources(catalog))


def source(portal: Portal, visit: Visit) -> Response:
    """One source: its tables, by schema, narrowed by the address's `q` and `show`."""
    catalog = portal.gateway.catalog(portal.token(visit.signed_in))
    sources = catalogue.sources(catalog)
    found = next((item for item in sources if item.name == visit.params["source"]), None)
    if found is None:
        raise NotFound(Problem("There is no source of this name."))
    tables = catalogue.tables(catalog, found.name)
    text, show, schema = visit.query("q").strip(), visit.query("show"), visit.query("schema")
    within = tuple(table for table in tables if not schema or table.schema == schema)
    shown = catalogue.narrowed(within, text, show)
    return respond(
        portal,
        visit,
        "source.html",
        here="data",
        sources=sources,
        source=found,
        groups=catalogue.grouped(shown),
        shown=len(shown),
        total=len(within),
        readable=sum(table.readable for table in within),
        text=text,
        show=show if show in catalogue.SHOWN else "all",
        schema=schema,
        schemas=catalogue.grouped(tables),
        first=next((table.full_name for table in within if table.readable), "") if found.up else "",
    )


def table(portal: Portal, visit: Visit) -> Response:
    """One table: columns, locks, partitions; its ten rows load apart."""
    names = _names(visit)
    token = portal.token(visit.signed_in)
    found = portal.gateway.table(token, *names)
    columns = [column | {"rule": catalogue.named(column.get("rule"))} for column in found.get("columns", [])]
    readable = [column for column in columns if column.get("readable")]
    condition, newest = partitions.newest(found)
    statement = model.select(*names, condition)
    return respond(
        portal,
        visit,
        "table.html",
        here="data",
        names=names,
        full_name=".".join(names),
        table=found,
        columns=columns,
        readable=readable,
        hatched=catalogue.HATCHED,
        locks=catalogue.locks(found),
        divided=partitions.block(found, everything=visit.query("partitions") == "all"),
        newest=newest,
        keys=[column["name"] for column in columns if column.get("partition")],
        preview=_address(*names) + "/preview",
        one_liner=f"swap.sql({_python(' '.join(statement.splitlines()))})",
    )


async def preview(portal: Portal, visit: Visit) -> Response:
    """Ten rows, through the gateway like any query; cancelled at the source when the reader leaves."""
    names = _names(visit)
    values: dict[str, Any] = {"names": names, "full_name": ".".join(names), "preview": _address(*names) + "/preview"}
    template = "part_preview.html" if visit.is_part else "preview.html"
    token = portal.token(visit.signed_in)
    try:
        found = await run_in_threadpool(portal.gateway.table, token, *names)
        condition, values["newest"] = partitions.newest(found)
        page = await _ten_rows(portal, visit, token, model.select(*names, condition))
    except SwapError as error:
        log.info("preview of %s for %s: %s", values["full_name"], visit.person.id, error)
        return await run_in_threadpool(
            respond,
            portal,
            visit,
            template,
            status=200 if visit.is_part else error.status,
            here="data",
            problem=error.problem,
            page=None,
            **values,
        )
    return await run_in_threadpool(
        respond,
        portal,
        visit,
        template,
        here="data",
        page=page,
        problem=None,
        columns=catalogue.with_locked(found, page.columns),
        **values,
    )


_places = asyncio.Semaphore(PREVIEWS_AT_ONCE)
_own_places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
"""By person, for as long as a preview of theirs is under way: one person's slow tables hold up nobody else's rows."""


async def _ten_rows(portal: Portal, visit: Visit, token: str, statement: str) -> Page:
    own = _own_places.setdefault(visit.person.id, asyncio.Semaphore(PREVIEWS_OF_ONE))
    async with own, _places:
        if await visit.request.is_disconnected():  # while it stood in line
            raise CATEGORIES["cancelled"]
        query_id = await portal.gateway.run(token, statement)
        finished = False
        try:
            async with asyncio.timeout(PREVIEW_SECONDS):
                revision = 0
                while not finished:
                    state = await portal.gateway.state(token, query_id, revision)
                    revision = int(state.get("revision", revision))
                    finished = state.get("state") not in {"waiting", "running"}
                    if not finished and await visit.request.is_disconnected():
                        raise CATEGORIES["cancelled"]
            if state.get("state") != "done":
                raise from_json(state.get("error") or {"category": "cancelled", "title": "The preview was cancelled."})
            return await portal.gateway.page(token, query_id, PREVIEW_ROWS)
        except TimeoutError as error:
            raise QueryTimedOut(
                Problem(
                    f"No rows came within {PREVIEW_SECONDS:.0f} seconds.",
                    why="The query was cancelled at the source.",
                    todo="Ask for fewer rows in a notebook: name a partition.",
                )
            ) from error
        finally:
            if not finished:
                await asyncio.shield(portal.gateway.cancel(token, query_id))


def _names(visit: Visit) -> tuple[str, str, str]:
    return visit.params["source"], visit.params["schema"], visit.params["table"]


def _address(*names: str) -> str:
    return "/data/" + "/".join(quote(name, safe="") for name in names)


def _python(text: str) -> str:
    """Return text as a Python string literal with double quotes, as people write SQL in notebooks."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
