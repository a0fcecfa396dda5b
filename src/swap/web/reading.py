"""A notebook as it is read: the page around it, and the files to take along.  The notebook itself is in a frame."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from swap.errors import Invalid, LimitExceeded, NotFound, Problem
from swap.notebooks.model import name_of
from swap.notebooks.workspace import visible
from swap.web import comments, content, taken
from swap.web.files import PATH_LENGTH
from swap.web.pages import MODE_COOKIE, go, lab, respond, server_of
from swap.web.portal import Portal, Visit

EXPORTS = {"ipynb": ("ipynb", ".ipynb"), "script": ("script", ""), "html": ("html", ".html")}
_ENDINGS = {"r": ".R"}
"""How a script ends, by its language; Python's for all others."""


def page(portal: Portal, visit: Visit) -> Response:
    """One of my notebooks: its title, its table of contents, and itself."""
    path = visible(visit.params["path"])
    found = content.file(portal, visit.person, path)
    name = name_of(path)
    shared: dict[str, Any] = {
        "here": "notebooks",
        "path": path,
        "name": name,
        "folder": path.rsplit("/", 1)[0] if "/" in path else "",
        "server": server_of(portal, visit),
        "lab": lambda path="": lab(portal, visit, path),
    }
    try:
        rendered = portal.room.render(visit.person.id, found)
    except (Invalid, LimitExceeded) as error:
        return respond(portal, visit, "reading_failed.html", status=error.status, problem=error.problem, **shared)
    frame, window = _frame(portal, visit, path, found), f"notebook-{portal.clock.short()}"
    return respond(
        portal,
        visit,
        "reading.html",
        frame=content.at_cell(frame, visit.query("at")),
        places=[(each, content.at_cell(frame, each.anchor)) for each in rendered.outline if each.level <= 3],
        window=window,
        talk=comments.beside_mine(portal, visit, path, rendered, frame, window),
        sandbox=content.SANDBOX,
        rendered=rendered,
        unfolded=visit.query("code") == "all",
        **shared,
    )


def alone(portal: Portal, visit: Visit) -> Response:
    """The notebook without the page around it, to be printed."""
    path = visible(visit.query("path", PATH_LENGTH))
    return go(_frame(portal, visit, path, content.file(portal, visit.person, path)))


def export(portal: Portal, visit: Visit) -> Response:
    """The notebook as a file to take along: without outputs, as a script, or as a page."""
    path, wanted = visible(visit.query("path", PATH_LENGTH)), visit.query("as")
    if wanted not in EXPORTS:
        raise NotFound(Problem("A notebook cannot be had as this.", todo="Choose one of the files on its page."))
    found = content.file(portal, visit.person, path)
    kind, ending = EXPORTS[wanted]
    language = "" if ending else portal.room.render(visit.person.id, found).language
    name = name_of(path) + (ending or ending_of(language))
    made = portal.room.export(visit.person.id, found, kind)
    return attachment(taken.whole(portal, name_of(path), made) if kind == "html" else made, name)


def chart(portal: Portal, visit: Visit) -> Response:
    """A chart of one of my notebooks, where it moves."""
    path = visible(visit.query("path", PATH_LENGTH))
    found = content.file(portal, visit.person, path)
    at = content.address(portal, portal.address(visit.request), visit.signed_in, path, found, visit.now)
    return moving(portal, visit, at, name_of(path), f"/notebooks/read/{quote(path)}")


def moving(portal: Portal, visit: Visit, notebook: str, name: str, back: str, still: str = "") -> Response:
    """Answer with the page around a chart of a notebook that is shown at an address."""
    wanted = visit.query("chart")
    if not content.CHART.fullmatch(wanted):
        raise NotFound(Problem("There is no such chart.", todo="Open it from its notebook."))
    frame = as_wished(visit, notebook + wanted)
    shown: dict[str, Any] = {
        "name": name,
        "back": back,
        "frame": frame,
        "sandbox": content.CHART_SANDBOX,
        "still": still,
    }
    return respond(portal, visit, "chart.html", here="notebooks", **shown)


def ending_of(language: str) -> str:
    """Return how a script's file ends, by its language."""
    return _ENDINGS.get(language, ".py")


def attachment(made: bytes, name: str) -> Response:
    """Answer with a file to be kept, of which a browser shows nothing on our origin."""
    return Response(
        made,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"},
    )


def as_wished(visit: Visit, address: str) -> str:
    """Return an address that shows a notebook, as the person wants pages to look."""
    wishes = {"mode": visit.request.cookies.get(MODE_COOKIE, ""), "code": visit.query("code")}
    kept = {key: value for key, value in wishes.items() if value in {*content.MODES, "all"}}
    return f"{address}?{urlencode(kept)}" if kept else address


def _frame(portal: Portal, visit: Visit, path: str, found: bytes) -> str:
    at = portal.address(visit.request)
    return as_wished(visit, content.address(portal, at, visit.signed_in, path, found, visit.now))
