"""Home: go on where I stopped; start something."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from swap import r
from swap.errors import SwapError
from swap.notebooks import service as notebooks
from swap.notebooks.model import Example
from swap.web import catalogue, uses
from swap.web.pages import lab, respond, server_of
from swap.web.portal import Portal, Visit

log = logging.getLogger("swap.web")
RECENT = 6
NAMED = 64
"""Tables of examples that are looked up."""


def home(portal: Portal, visit: Visit) -> Response:
    """Greeting and server, recent notebooks, examples, sources.  Each block stands alone: one that fails says so."""
    workspace = portal.workspace(visit.person)
    listing = notebooks.recent(workspace, RECENT)
    examples = notebooks.examples(portal.settings.examples, has_r=r.is_there())
    seen = sources(portal, visit)
    offered = _offered(portal, visit, examples, seen["sources"])
    server = server_of(portal, visit)
    return respond(
        portal,
        visit,
        "home.html",
        here="home",
        server=server,
        uses=uses.words(portal.places.use(visit.person.id)) if server.running else [],
        notebooks=listing.notebooks,
        total=notebooks.count(workspace) if len(listing.notebooks) == RECENT else len(listing.notebooks),
        examples=offered,
        packages=workspace.packages(),
        first=next((each.example for each in offered if each.example.sql and each.runs), None),
        usual=portal.starts.usual_seconds,
        lab=lambda path="": lab(portal, visit, path),
        **seen,
    )


def _offered(
    portal: Portal, visit: Visit, examples: Sequence[Example], sources: Sequence[catalogue.Source]
) -> tuple[catalogue.Offered, ...]:
    # Also of a source that for this person does not exist: an example that asks it is not for them.
    known = {*portal.settings.sources, *(source.name for source in sources)}
    named = catalogue.named_tables([example.asks for example in examples], known)
    wanted = sorted(set().union(*named))[:NAMED]
    if not wanted or not sources:
        return catalogue.offered(examples, named, None)
    try:
        found = portal.gateway.find(portal.token(visit.signed_in), wanted)
    except SwapError as error:
        log.warning("the tables of the examples for %s: %s", visit.person.id, error)
        return catalogue.offered(examples, named, None)
    readable = {tuple(table[part] for part in ("source", "schema", "table")) for table in found if table["readable"]}
    return catalogue.offered(examples, named, readable)


def offered_examples(portal: Portal, visit: Visit) -> tuple[catalogue.Offered, ...]:
    """Return the examples, those first that this person can run."""
    examples = notebooks.examples(portal.settings.examples, has_r=r.is_there())
    return _offered(portal, visit, examples, sources(portal, visit)["sources"]) if examples else ()


def sources(portal: Portal, visit: Visit) -> dict[str, Any]:
    """Return the sources for a page, or the reason why there are none to show."""
    try:
        found = portal.gateway.sources(portal.token(visit.signed_in), fresh=True)
    except SwapError as error:
        log.warning("the catalogue for %s: %s", visit.person.id, error)
        return {"sources": (), "sources_problem": error.problem}
    return {"sources": catalogue.sources(found), "sources_problem": None}


def sources_part(portal: Portal, visit: Visit) -> Response:
    """The block of sources alone, for "Try again"."""
    return respond(portal, visit, "part_sources.html", **sources(portal, visit))
