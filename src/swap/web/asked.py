"""What an address asks for: a notebook by its id or by a file of mine, and from which row on a list is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from swap.errors import NotFound, Problem
from swap.notebooks import history, sharing
from swap.notebooks.model import ID, name_of
from swap.notebooks.workspace import visible
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit

LARGEST = 10_000
PATH_LENGTH = 1000


def notebook_id(visit: Visit) -> str:
    """Return the id in a path.  Raises NotFound for what is none, as for one that nobody has."""
    found: str = visit.params["notebook_id"]
    if not ID.fullmatch(found):
        raise NotFound(sharing.NOWHERE)
    return found


def address(notebook: str, step: str = "") -> str:
    """Return the address of a notebook, or of something that is done with it."""
    return f"/n/{notebook}/{step}" if step else f"/n/{notebook}"


def from_mine(portal: Portal, visit: Visit, step: str, doing: str, **more: str) -> Response:
    """Lead from a file of my home to a step of the notebook that was saved from it.  Raises NotFound for no file."""
    path = visible(visit.query("path", PATH_LENGTH))
    try:
        with portal.engine.begin() as conn:
            head = history.head(conn, visit.person, path)
    except NotFound:
        portal.workspace(visit.person).open(path)[0].close()  # or there is no such notebook at all
        return respond(portal, visit, "no_version.html", here="notebooks", path=path, name=name_of(path), doing=doing)
    return go(f"{address(head.notebook_id, step)}{f'?{urlencode(more)}' if more else ''}")


def begins(visit: Visit) -> int:
    """Return from which row on a list is shown.  Raises NotFound."""
    text = visit.query("from") or "0"
    if text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= LARGEST:
        return int(text)
    raise NotFound(Problem("There is no such page of this list.", todo="Go to its first page."))


def pages(
    at: str, first: int, size: int, *, more: bool, query: Mapping[str, str] = {}, part: str = ""
) -> dict[str, Any]:
    """Return where the rows before and behind those of a page are, as templates name them; nothing for none.

    >>> pages("/notices", 50, 50, more=True, query={"q": "a"})
    {'earlier': '/notices?q=a', 'later': '/notices?q=a&from=100'}
    """

    def from_row(row: int) -> str:
        said = urlencode({**query, **({"from": row} if row else {})})
        return f"{at}{f'?{said}' if said else ''}{part}"

    return {
        "earlier": from_row(max(first - size, 0)) if first else "",
        "later": from_row(first + size) if more else "",
    }
