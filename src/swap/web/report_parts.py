"""What the pages of reports share: the report that an address names, words for what it may be, an answer."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from swap.errors import NotFound
from swap.reports import service
from swap.reports.model import Missed, Overlap, RunState, State
from swap.reports.schedule import spoken
from swap.reports.service import Looked
from swap.web.pages import respond
from swap.web.portal import Portal, Visit

ID = re.compile(r"[0-9a-f]{1,64}")
STATES = {
    RunState.DATA: ("wait", "Waits for data"),
    RunState.LATE: ("warn", "Late"),
    RunState.WAITING: ("wait", "Waiting"),
    RunState.RUNNING: ("wait", "Running"),
    RunState.DONE: ("ok", "Done"),
    RunState.FAILED: ("bad", "Failed"),
    RunState.REFUSED: ("bad", "Not run"),
    RunState.LEFT: ("off", "Left out"),
    RunState.CANCELLED: ("off", "Cancelled"),
}
"""A run's state as an icon and a word."""
HELD = ("warn", "Held")
"""Of one that is done, and whose edition is held."""
REPORT_STATES = {State.ACTIVE: ("ok", "Active"), State.PAUSED: ("off", "Paused"), State.ENDED: ("off", "Ended")}
MISSED = {
    Missed.LATEST: "run once, for the latest period",
    Missed.ALL: "run, each for its period",
    Missed.NONE: "are left out",
}
OVERLAP = {Overlap.WAIT: "the next one waits", Overlap.SKIP: "the next one is left out"}


def look_at(visit: Visit, conn: Connection) -> Looked:
    """Return the report that a path names.  Raises NotFound."""
    return service.look(conn, visit.person, id_of(visit), visit.now)


def id_of(visit: Visit, name: str = "report_id") -> str:
    """Return an id in a path.  Raises NotFound for what is none, as for one that nobody has."""
    found: str = visit.params[name]
    if not ID.fullmatch(found):
        raise NotFound(service.NOWHERE)
    return found


def answer(portal: Portal, visit: Visit, template: str, **values: Any) -> Response:
    """Return a page of reports, or a part of one."""
    words: dict[str, Any] = {
        "states": STATES,
        "held_state": HELD,
        "report_states": REPORT_STATES,
        "missed": MISSED,
        "overlap": OVERLAP,
        "spoken": spoken,
    }
    return respond(portal, visit, template, **({"here": "reports"} | words | values))


def new_id(portal: Portal) -> str:
    """Return an id for a report or a run."""
    return portal.clock.short() + portal.clock.short()
