"""For those who run SWAP: people, groups, servers, queries and limits; and an end to everything of one person.

Only members of the admin group come here (`app._answer` asks before each handler); for everybody else these pages do
not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from swap import audit
from swap.errors import NotFound, Problem, Unavailable
from swap.people import roster
from swap.people import service as accounts
from swap.people.roster import PAGE, Known
from swap.reports import owners
from swap.web import uses
from swap.web.asked import begins, pages
from swap.web.hub import ServerKind
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit

LARGEST = 10_000_000
Value = TypeVar("Value")


def people(portal: Portal, visit: Visit) -> Response:
    """Everybody, or those whose name has a text in it, or who are in a group."""
    text, group = visit.query("q").strip(), visit.query("group")
    begins = _begins(visit)
    page = _read(portal, lambda conn: roster.people(conn, visit.now, text=text, group=group, begins=begins))
    return _list(portal, visit, "admin_people.html", page, {"q": text, "group": group}, text=text, group=group)


def groups(portal: Portal, visit: Visit) -> Response:
    """The groups that people are in."""
    page = _read(portal, lambda conn: roster.groups(conn, visit.now, begins=_begins(visit)))
    return _list(portal, visit, "admin_groups.html", page, admins=portal.settings.people.admins)


def servers(portal: Portal, visit: Visit) -> Response:
    """The servers that run."""
    page = _read(portal, lambda conn: roster.servers(conn, begins=_begins(visit)))
    return _list(portal, visit, "admin_servers.html", page)


def queries(portal: Portal, visit: Visit) -> Response:
    """The queries that wait or run; no statement, which is its person's."""
    page = _read(portal, lambda conn: roster.queries(conn, begins=_begins(visit)))
    return _list(portal, visit, "admin_queries.html", page)


def reports(portal: Portal, visit: Visit) -> Response:
    """The reports that nobody may let run as they are; no name of a notebook, which is its owner's."""
    first = begins(visit)
    found, more = _read(portal, lambda conn: owners.unowned(conn, visit.now, first))
    return respond(
        portal,
        visit,
        "admin_reports.html",
        here="admin",
        rows=found,
        first=first,
        **pages("/admin/reports", first, owners.PAGE, more=more),
    )


def limits(portal: Portal, visit: Visit) -> Response:
    """What one query, one person and each source may use, as the settings have it."""
    settings = portal.settings
    return respond(
        portal,
        visit,
        "admin_limits.html",
        here="admin",
        tables=(
            ("limits", "One query", described(settings.limits)),
            ("launch", "One person's server", described(settings.launch)),
            ("keep", "What is over", described(settings.keep)),
        ),
        sources=sorted(
            (name, source.slots_in_all, source.slots_per_person) for name, source in settings.sources.items()
        ),
    )


def person(portal: Portal, visit: Visit) -> Response:
    """One person, and what of theirs is open."""
    return _one(portal, visit, "admin_person.html")


def ask_end(portal: Portal, visit: Visit) -> Response:
    """Whether really."""
    return _one(portal, visit, "admin_end.html")


async def end(portal: Portal, visit: Visit) -> Response:
    """End everything of one person: sign-ins, sessions, tokens, queries, the server.

    The first transaction ends all power; the hub then ends the server's process.  Raises Unavailable when it does not:
    the access has ended all the same.
    """
    known = await run_in_threadpool(_end_access, portal, visit)
    if await portal.hub.state(known.id) is not ServerKind.STOPPED:
        try:
            await portal.hub.stop(known.id)
        except Unavailable as error:
            raise Unavailable(
                Problem(
                    f"The access of {known.name} has ended, but their server was not stopped.",
                    why=f"{error.problem.title} What runs in it can ask nothing of SWAP any more.",
                    todo="End everything once more when the hub answers.",
                )
            ) from error
    return go(address("/admin/person", {"id": known.id, "ended": "1"}))


def _end_access(portal: Portal, visit: Visit) -> Known:
    with portal.engine.begin() as conn:
        known = _known(conn, visit, visit.form.get("id", ""))
        for server_id in accounts.end_everything(conn, known.id, visit.now):
            audit.record(conn, audit.ServerStopped(person_id=known.id, server_id=server_id))
        audit.record(conn, audit.EverythingEnded(person_id=visit.person.id, whose=known.id))
    return known


def _one(portal: Portal, visit: Visit, template: str) -> Response:
    with portal.engine.begin() as conn:
        known = _known(conn, visit, visit.query("id"))
        running = roster.queries(conn, person_id=known.id)
    used = uses.words(portal.places.use(known.id)) if known.server_since else []
    ended = visit.query("ended") == "1"
    return respond(portal, visit, template, here="admin", known=known, page=running, ended=ended, uses=used)


def _known(conn: Connection, visit: Visit, person_id: str) -> Known:
    found = roster.people(conn, visit.now, person_id=person_id).rows if person_id else ()
    if not found:
        raise NotFound(Problem("There is nobody with this id."))
    return found[0]


def _list(
    portal: Portal,
    visit: Visit,
    template: str,
    page: roster.Page[Any],
    query: dict[str, str] | None = None,
    **values: Any,
) -> Response:
    path, asked = visit.request.url.path, query or {}
    values["earlier"] = address(path, asked | {"from": str(max(0, page.begins - PAGE) or "")}) if page.begins else ""
    values["later"] = address(path, asked | {"from": str(page.ends)}) if page.ends < page.total else ""
    return respond(portal, visit, template, here="admin", page=page, **values)


def _read(portal: Portal, ask: Callable[[Connection], Value]) -> Value:
    with portal.engine.begin() as conn:
        return ask(conn)


def _begins(visit: Visit) -> int:
    """Return the row with which the page begins; 0 for what is no number.

    Digits of other scripts are digits to `int` and none here.
    """
    said = visit.query("from", 8)
    return min(int(said), LARGEST) if said.isascii() and said.isdigit() else 0


def address(path: str, query: dict[str, str]) -> str:
    """Return a path with what of the query says something.

    >>> address("/admin", {"q": "a b", "from": ""})
    '/admin?q=a+b'
    """
    said = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{said}" if said else path


def described(model: BaseModel) -> list[tuple[str, Any, str]]:
    """Return (name, value, what it is) of the settings of a table that are plain values."""
    return [
        (name, value, field.description or "")
        for name, field in type(model).model_fields.items()
        if isinstance(value := getattr(model, name), (int, float, str, tuple)) or value is None
    ]
