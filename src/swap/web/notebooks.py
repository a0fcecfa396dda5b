"""My notebooks: list, make, copy an example, open."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from swap.errors import Invalid, NotFound, Problem, SwapError, Unavailable
from swap.notebooks import folders, model, room, sharing
from swap.notebooks import service as notebooks
from swap.notebooks.model import Notebook
from swap.web import catalogue, partitions
from swap.web.asked import begins, pages
from swap.web.hub import AWAY, ServerKind
from swap.web.pages import TUNNEL_PORT, go, lab, leads_astray, respond, server_of
from swap.web.portal import Portal, Visit

log = logging.getLogger("swap.web")
LISTED = 500
FIRST_SQL = "SELECT 'Replace this with a question of yours' AS answer"


def listing(portal: Portal, visit: Visit) -> Response:
    """All of my notebooks, newest first."""
    found = notebooks.recent(portal.workspace(visit.person), LISTED)
    text = visit.query("q").strip()
    wanted = text.lower().split()
    first = begins(visit)
    with portal.engine.begin() as conn:
        received, more = sharing.received(conn, visit.person, visit.now, first)
        shared = {each.folder: each for each in folders.shared(conn, visit.person)}
        warning = room.of(conn, visit.person.id, portal.settings.keep.person_bytes).warning
        large = room.largest(conn, room.LARGEST, visit.person.id) if warning else []
    shown = tuple(
        item for item in found.notebooks if all(word in f"{item.title} {item.path}".lower() for word in wanted)
    )
    return respond(
        portal,
        visit,
        "notebooks.html",
        here="notebooks",
        notebooks=shown,
        total=len(found.notebooks),
        text=text,
        complete=found.complete,
        received=received,
        folders=sorted({*_folders(found.notebooks), *shared})[:LISTED],
        shared=shared,
        warning=warning,
        large=[(each.path, room.amount(each.used)) for each in large],
        server=server_of(portal, visit),
        lab=lambda path="": lab(portal, visit, path),
        **pages("/notebooks", first, sharing.PAGE, more=more, part="#received"),
    )


def _folders(listed: Iterable[Notebook]) -> Iterator[str]:
    """Yield the folders in which notebooks lie, and those around them."""
    for each in listed:
        steps = each.path.split("/")[:-1]
        yield from ("/".join(steps[:depth]) for depth in range(1, len(steps) + 1))


async def create(portal: Portal, visit: Visit) -> Response:
    """Make a notebook (empty, for a table, or from an example), start my server if need be, and lead to it."""
    if leads_astray(portal, visit):
        return go(TUNNEL_PORT)
    kind = await portal.hub.state(visit.person.id)
    if kind is ServerKind.UNKNOWN:
        raise Unavailable(AWAY)
    if kind in {ServerKind.STOPPED, ServerKind.STOPPING}:
        # Begun first: writing the notebook takes less time than the server needs to look for it.
        begin_start(portal, visit.person.id, kind)
    return lead(portal, visit, kind, await run_in_threadpool(_make, portal, visit))


def _make(portal: Portal, visit: Visit) -> str:
    workspace = portal.workspace(visit.person)
    if example := visit.form.get("example"):
        return notebooks.copy_example(workspace, portal.settings.examples, example, portal.clock.short)
    if table := visit.form.get("table"):
        source, schema = visit.form.get("source", ""), visit.form.get("schema", "")
        return notebooks.new(workspace, _select(portal, visit, source, schema, table), portal.clock.short)
    return notebooks.new(workspace, _first_sql(portal, visit), portal.clock.short)


def _select(portal: Portal, visit: Visit, source: str, schema: str, name: str) -> str:
    """Return the statement for a table this person may read.  Raises what the gateway says about any other."""
    if not (source and schema and name):
        raise Invalid(Problem("There is no such table.", todo="Choose one from Data."))
    found = portal.gateway.table(portal.token(visit.signed_in), source, schema, name)
    if not any(column.get("readable") for column in found.get("columns", ())):
        raise NotFound(
            Problem("You may not read this table.", todo="Its page says which rule locks it, and whom to ask.")
        )
    return model.select(source, schema, name, partitions.newest(found)[0])


def _first_sql(portal: Portal, visit: Visit) -> str:
    """Return a statement that runs for this person: ten rows of a table they may read, if the gateway says one."""
    try:
        token = portal.token(visit.signed_in)
        for source in catalogue.sources(portal.gateway.sources(token)):
            if source.up and source.readable:
                found = portal.gateway.tables(token, source=source.name, readable=True, limit=1)["tables"]
                for table in map(catalogue.table, found):
                    return model.select(table.source, table.schema, table.name)
    except SwapError as error:
        log.warning("no table for a new notebook of %s: %s", visit.person.id, error)
    return FIRST_SQL


def lead(portal: Portal, visit: Visit, kind: ServerKind, path: str) -> Response:
    """Send the browser to a notebook: at once when the server runs, through the page of its start otherwise."""
    if kind is ServerKind.RUNNING:
        return go(lab(portal, visit, path))
    return go(server_page(path))


def begin_start(portal: Portal, person_id: str, kind: ServerKind) -> None:
    """Begin a start, after the stop that is still going on, or join the start that is.  Needs the event loop."""
    after = (lambda: portal.hub.stopped(person_id)) if kind is ServerKind.STOPPING else None
    portal.starts.begin(person_id, after=after)


def server_page(path: str = "") -> str:
    """Return the address of the page that shows a start and then leads to `path`."""
    return f"/server?{urlencode({'next': path})}" if path else "/server"
