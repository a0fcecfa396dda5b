"""What an address asks for: a notebook by its id, and from which row on a list is shown."""

from __future__ import annotations

import re

from swap.errors import NotFound, Problem
from swap.notebooks import sharing
from swap.web.portal import Visit

LARGEST = 10_000
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def notebook_id(visit: Visit) -> str:
    """Return the id in a path.  Raises NotFound for what is none, as for one that nobody has."""
    found: str = visit.params["notebook_id"]
    if not ID.fullmatch(found):
        raise NotFound(sharing.NOWHERE)
    return found


def address(notebook: str, step: str = "") -> str:
    """Return the address of a notebook, or of something that is done with it."""
    return f"/n/{notebook}/{step}" if step else f"/n/{notebook}"


def begins(visit: Visit) -> int:
    """Return from which row on a list is shown.  Raises NotFound."""
    text = visit.query("from") or "0"
    if text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= LARGEST:
        return int(text)
    raise NotFound(Problem("There is no such page of this list.", todo="Go to its first page."))
