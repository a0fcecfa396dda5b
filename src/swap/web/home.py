"""Home: go on where I stopped; start something."""

from __future__ import annotations

import logging
from typing import Any

from starlette.responses import Response

from swap.errors import SwapError
from swap.notebooks import service as notebooks
from swap.web import catalogue, paths
from swap.web.pages import Server, respond
from swap.web.portal import Portal, Visit

log = logging.getLogger("swap.web")
RECENT = 6


def home(portal: Portal, visit: Visit) -> Response:
    """Greeting and server, recent notebooks, examples, sources.  Each block stands alone: one that fails says so."""
    workspace = portal.workspace(visit.person)
    listing = notebooks.recent(workspace, RECENT)
    return respond(
        portal, visit, "home.html", here="home", server=Server(portal.hub.server(visit.person.id)),
        notebooks=listing.notebooks, total=notebooks.count(workspace) if len(listing.notebooks) == RECENT else len(listing.notebooks),
        examples=notebooks.examples(portal.settings.examples), usual=portal.starts.usual_seconds,
        lab=lambda path="": paths.lab(portal.settings.site, visit.person.id, path), **sources(portal, visit))


def sources(portal: Portal, visit: Visit) -> dict[str, Any]:
    """Return the sources for a page, or the reason why there are none to show."""
    try:
        catalog = portal.gateway.catalog(portal.token(visit.person))
    except SwapError as error:
        log.warning("the catalogue for %s: %s", visit.person.id, error)
        return {"sources": (), "sources_problem": error.problem}
    return {"sources": catalogue.sources(catalog), "sources_problem": None}


def sources_part(portal: Portal, visit: Visit) -> Response:
    """The block of sources alone, for "Try again"."""
    return respond(portal, visit, "part_sources.html", **sources(portal, visit))
