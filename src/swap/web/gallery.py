"""The gallery: notebooks that I may open, mine and others', by words, people, groups and tables; and stars."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from swap.catalog import keys
from swap.errors import NotFound, Problem, SwapError
from swap.notebooks import gallery, words
from swap.notebooks.card_store import RANKED, Order, Wanted
from swap.notebooks.gallery import PAGE, Found
from swap.notebooks.model import ID
from swap.notebooks.words import Where
from swap.policy.decide import decide
from swap.policy.model import Action, Resource
from swap.web import home
from swap.web.asked import address, begins, notebook_id, pages
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit
from swap.web.words import moment

log = logging.getLogger("swap.web")
WHERE = {"title": Where.TITLE, "text": Where.TEXT, "code": Where.CODE, "comments": Where.COMMENTS}
NAMED = 64
"""Tables of a page of notebooks that are looked up; as many as the gateway takes at once."""
SHOWN = 3
"""Tables of a notebook that a list names."""
OF_TABLE = 5
"""Notebooks that a table's page lists."""
TABLE_LENGTH = keys.LONGEST + 10
PARTS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A notebook, with those of the tables it uses that its reader may know of, and what became of them."""

    found: Found
    tables: tuple[tuple[str, ...], ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What is known of a table: whether it is there, and when a column of it went or became another type."""

    there: bool
    changed_at: datetime | None = None


def page(portal: Portal, visit: Visit) -> Response:
    """What is asked for by the address; without anything, what was saved last, and examples."""
    said = _said(visit)
    text, table, first = said["q"], said["uses"], begins(visit)
    names = _table(portal, visit, table) if table else ()
    wanted = _wanted(said, names)
    rows, more = _find(portal, visit, wanted, text, first) if _finds_something(said, wanted) else ((), False)
    here = {name: value for name, value in said.items() if value}
    return respond(
        portal,
        visit,
        "gallery.html",
        here="notebooks",
        rows=rows,
        said=said,
        text=text,
        asked=words.asked(text),
        table=".".join(names) if names else table.replace("/", "."),
        unknown_table=bool(table and not names),
        by=rows[0].found.kept.owner if rows and wanted.person_id else "",
        groups=sorted(visit.person.groups),
        anything=bool(here),
        examples=() if here else home.offered_examples(portal, visit),
        shown=SHOWN,
        ranked=RANKED,
        where=tuple(WHERE),
        link=lambda **change: _at({name: value for name, value in (here | change).items() if value}),
        pieces=words.pieces,
        split=keys.split,
        **pages("/gallery", first, PAGE, more=more, query=here),
    )


def _said(visit: Visit) -> dict[str, str]:
    """Return what the address says; nothing where it says nothing."""
    said = {name: visit.query(name, TABLE_LENGTH).strip() for name in ("q", "in", "group", "by", "uses", "starred")}
    said["q"] = said["q"][:200]
    said["order"] = visit.query("order") if visit.query("order") == Order.POPULAR else ""
    said["in"] = said["in"] if said["in"] in WHERE else ""
    said["starred"] = "1" if said["starred"] else ""
    if said["group"] and said["group"] not in visit.person.groups:
        # Who shares with the groups of others is nobody's business.
        raise NotFound(Problem("You are in no group of this name.", todo="Choose one of your groups."))
    if said["by"] and not ID.fullmatch(said["by"]):
        raise NotFound(Problem("There is no such person.", todo="Choose somebody in the gallery."))
    return said


def _wanted(said: Mapping[str, str], names: tuple[str, ...]) -> Wanted:
    return Wanted(
        words=words.query(said["q"], WHERE.get(said["in"])),
        dataset=keys.joined(*names) if names else "",
        person_id=said["by"],
        group=said["group"],
        starred=bool(said["starred"]),
        order=Order(said["order"] or Order.RECENT),
    )


def _finds_something(said: Mapping[str, str], wanted: Wanted) -> bool:
    """Tell whether all that was asked for is something that can be looked for."""
    return bool(wanted.words or not said["q"]) and bool(wanted.dataset or not said["uses"])


def _table(portal: Portal, visit: Visit, text: str) -> tuple[str, ...]:
    """Return the table that a text names, if the person may know of it."""
    parts = keys.split(text) if "/" in text else tuple(text.split("."))
    if len(parts) != PARTS or not all(parts) or not keys.storable(*parts):
        return ()
    found = portal.gateway.find(portal.token(visit.signed_in), [parts])
    return tuple(str(found[0][name]) for name in ("source", "schema", "table")) if found else ()


def _find(
    portal: Portal, visit: Visit, wanted: Wanted, text: str = "", first: int = 0, rows: int = PAGE
) -> tuple[tuple[Row, ...], bool]:
    policy = portal.settings.policy
    with portal.engine.begin() as conn:
        found, more = gallery.find(conn, policy, visit.person, wanted, visit.now, text=text, begins=first, page=rows)
    known = _known(portal, visit, found)
    return tuple(_row(each, known) for each in found), more


def _known(portal: Portal, visit: Visit, found: Iterable[Found]) -> dict[str, Table]:
    """Return what is known of the tables of some notebooks; those that the person may not know of are not in it."""
    named = sorted({name for each in found for name in each.datasets})[:NAMED]
    if not named:
        return {}
    try:
        there = portal.gateway.find_changed(portal.token(visit.signed_in), [keys.split(name) for name in named])
    except SwapError as error:
        log.warning("the tables of notebooks for %s: %s", visit.person.id, error)
        return {}
    known = {
        keys.path(each["source"], each["schema"], each["table"]): Table(True, moment(each.get("changed_at")))
        for each in there
    }
    return {
        name: table for name in named if (table := known.get(_path(name)) or _gone(portal, visit, name)) is not None
    }


def _path(name: str) -> str:
    return keys.path(*keys.split(name))


def _gone(portal: Portal, visit: Visit, name: str) -> Table | None:
    """Return what is said of a table that is not there: of one that the person may not know of, nothing."""
    allowed = decide(portal.settings.policy, visit.person, Action.DISCOVER, Resource(*keys.split(name))).allowed
    return Table(False) if allowed else None


def _row(found: Found, known: Mapping[str, Table]) -> Row:
    tables = [(name, known[name]) for name in found.datasets if name in known]
    return Row(
        found,
        tuple(keys.split(name) for name, table in tables if table.there),
        tuple(_dotted(name) for name, table in tables if not table.there),
        tuple(_dotted(name) for name, table in tables if table.changed_at and table.changed_at > found.kept.at),
    )


def _dotted(name: str) -> str:
    return ".".join(keys.split(name))


def _at(said: Mapping[str, str]) -> str:
    query = urlencode(said)
    return f"/gallery?{query}" if query else "/gallery"


def of_table(portal: Portal, visit: Visit, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return for a table's page which notebooks use it, and where there are more."""
    name = keys.joined(*(str(table[part]) for part in ("source", "schema", "table")))
    with portal.engine.begin() as conn:
        found, more = gallery.find(
            conn, portal.settings.policy, visit.person, Wanted(dataset=name), visit.now, page=OF_TABLE
        )
    return {"users": found, "more_users": _at({"uses": name}) if more else ""}


def star(portal: Portal, visit: Visit) -> Response:
    """Give a notebook a star."""
    with portal.engine.begin() as conn:
        gallery.star(conn, visit.person, wanted := notebook_id(visit), visit.now)
    return go(address(wanted))


def unstar(portal: Portal, visit: Visit) -> Response:
    """Take my star back."""
    with portal.engine.begin() as conn:
        gallery.unstar(conn, visit.person, wanted := notebook_id(visit), visit.now)
    return go(address(wanted))
