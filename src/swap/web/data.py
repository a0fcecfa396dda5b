"""Data: find a table, understand it, see what is locked and whom to ask."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from swap.catalog.model import Count
from swap.errors import NotFound, Problem, SwapError
from swap.notebooks import model
from swap.reports import tables
from swap.reports.tables import Shown
from swap.web import asking, catalogue, gallery, partitions, report_rows
from swap.web.pages import respond
from swap.web.portal import Portal, Visit

log = logging.getLogger("swap.web")
SCHEMAS = 50
"""Schemas of a source that stand in the tree; a site may have a thousand."""
MAX_TEXT = 1000
_NUMBER = re.compile("[0-9]{1,9}")
PREVIEW_ROWS = 10


def index(portal: Portal, visit: Visit) -> Response:
    """All sources I may query; or, by the address's `q`, the tables of all of them with these words, columns too."""
    token = portal.token(visit.signed_in)
    text = visit.query("q").strip()
    sources = catalogue.sources(portal.gateway.sources(token, fresh=not text))
    if not text:
        return respond(portal, visit, "data.html", here="data", sources=sources, text="")
    after, begins = visit.query("after", 10_000), visit.query("from")
    answer = portal.gateway.tables(token, text=text[:MAX_TEXT], columns=True, after=after, counted=True)
    counted = catalogue.count(answer["count"])
    found = tuple(map(catalogue.table, answer["tables"]))
    begin = int(begins) if after and _NUMBER.fullmatch(begins) else 1
    listing = catalogue.Listing(found, begin, answer["after"], counted, counted)
    written, more_written = ([], False) if after else _written(portal, visit, text[:MAX_TEXT])
    following = urlencode({"q": text, "after": listing.after, "from": str(listing.ends + 1)})
    return respond(
        portal,
        visit,
        "data_search.html",
        here="data",
        sources=sources,
        text=text,
        listing=listing,
        written=written,
        more_written=more_written,
        table_page=_address,
        first_page=f"/data?{urlencode({'q': text})}",
        next_page=f"/data?{following}",
    )


def _written(portal: Portal, visit: Visit, text: str) -> tuple[list[Shown], bool]:
    """Return the first tables that reports write with these words in their names, and whether there may be more."""
    with portal.engine.begin() as conn:
        return tables.search(conn, portal.settings.policy, visit.person, text, visit.now)


def source(portal: Portal, visit: Visit) -> Response:
    """One source: its tables by schema, a page at a time, narrowed by the address's `q`, `show` and `schema`."""
    token = portal.token(visit.signed_in)
    sources = catalogue.sources(portal.gateway.sources(token))
    found = next((item for item in sources if item.name == visit.params["source"]), None)
    if found is None:
        raise NotFound(Problem("There is no source of this name."))
    text, show, schema = visit.query("q").strip(), visit.query("show"), visit.query("schema")
    after, begins = visit.query("after"), visit.query("from")
    asked = {"schema": schema, "q": text, "show": show}
    readable = {"readable": True, "locked": False}.get(show)
    wanted = {"source": found.name, "schema": schema, "text": text[:MAX_TEXT], "readable": readable}
    # What is counted goes through many tables: only what is not known already.
    answer = portal.gateway.tables(token, **wanted, after=after, counted=bool(text))
    schemas = catalogue.schemas(portal.gateway.schemas(token, found.name, SCHEMAS))
    everything = Count(found.visible, found.readable)
    if schema:
        within = portal.gateway.tables(token, source=found.name, schema=schema, limit=1, counted=True)
        everything = catalogue.count(within["count"])
    listing = catalogue.Listing(
        tuple(map(catalogue.table, answer["tables"])),
        int(begins) if after and _NUMBER.fullmatch(begins) else 1,
        answer["after"],
        catalogue.count(answer["count"]) if text else catalogue.shown(everything, show),
        everything,
    )
    return respond(
        portal,
        visit,
        "source.html",
        here="data",
        sources=sources,
        source=found,
        listing=listing,
        groups=catalogue.grouped(listing.tables, schemas),
        total=listing.everything.visible,
        readable=listing.everything.readable,
        text=text,
        show=show if show in catalogue.SHOWN else "all",
        schema=schema,
        schemas=schemas,
        more_schemas=len(schemas) == SCHEMAS,
        first_page=_address_of(found.name, asked),
        next_page=_address_of(found.name, asked | {"after": listing.after, "from": str(listing.ends + 1)}),
        first=_first_readable(portal, token, found.name, schema, listing) if found.up else None,
    )


def _first_readable(
    portal: Portal, token: str, source: str, schema: str, listing: catalogue.Listing
) -> catalogue.Table | None:
    for table in listing.tables:
        if table.readable:
            return table
    if not listing.everything.readable:
        return None
    found = portal.gateway.tables(token, source=source, schema=schema, readable=True, limit=1)["tables"]
    return catalogue.table(found[0]) if found else None


def _address_of(source: str, query: Mapping[str, str]) -> str:
    said = {key: value for key, value in query.items() if value}
    return f"/data/{quote(source, safe='')}" + (f"?{urlencode(said)}" if said else "")


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
        changes=catalogue.changes(found),
        divided=partitions.block(found, everything=visit.query("partitions") == "all"),
        newest=newest,
        keys=[column["name"] for column in columns if column.get("partition")],
        preview=_address(*names) + "/preview",
        **gallery.of_table(portal, visit, found),
        **report_rows.about(visit, found, _address(*names)),
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
        page = await asking.rows(portal, visit, token, model.select(*names, condition), PREVIEW_ROWS)
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


def _names(visit: Visit) -> tuple[str, str, str]:
    return visit.params["source"], visit.params["schema"], visit.params["table"]


def _address(*names: str) -> str:
    return "/data/" + "/".join(quote(name, safe="") for name in names)


def _python(text: str) -> str:
    """Return text as a Python string literal with double quotes, as people write SQL in notebooks."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
