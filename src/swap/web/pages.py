"""Write a page: a template with what every page needs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from sqlalchemy.exc import DBAPIError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from swap import restarts
from swap.errors import SwapError
from swap.notebooks import notices
from swap.web import paths
from swap.web.hub import ServerKind
from swap.web.portal import Portal, Visit

log = logging.getLogger("swap.web")
TUNNEL_PORT = "/help/tunnel-port"
MODE_COOKIE = "swap_mode"
_VERSION = version("swap-analytics")


@dataclass(frozen=True, slots=True)
class Server:
    """The state of the person's server, as an icon's kind and a word; and when it will be stopped as idle, if soon."""

    kind: ServerKind
    stops_at: datetime | None = None

    @property
    def icon(self) -> str:
        """The kind of state for the icon."""
        return _SERVER[self.kind][0]

    @property
    def word(self) -> str:
        """The word, with a capital."""
        return _SERVER[self.kind][1]

    @property
    def running(self) -> bool:
        """Whether it runs, and may be stopped."""
        return self.kind is ServerKind.RUNNING

    @property
    def startable(self) -> bool:
        """Whether it does not run, and may be started."""
        return self.kind is ServerKind.STOPPED

    @property
    def sentence(self) -> str:
        """What Home says about it."""
        return _SERVER[self.kind][2]


_SERVER: dict[ServerKind, tuple[str, str, str]] = {
    ServerKind.RUNNING: ("ok", "Running", "Your server is running"),
    ServerKind.STARTING: ("wait", "Starting", "Your server is starting"),
    ServerKind.STOPPING: ("wait", "Stopping", "Your server is stopping"),
    ServerKind.STOPPED: ("off", "Stopped", "Your server is stopped"),
    ServerKind.UNKNOWN: ("warn", "Not known", "The hub does not answer; running servers go on"),
}


def server_of(portal: Portal, visit: Visit) -> Server:
    """Return the person's server as pages show it."""
    told, launch = portal.hub.server(visit.person.id), portal.settings.launch
    if told.kind is not ServerKind.RUNNING or told.active_at is None or not launch.idle_hours:
        return Server(told.kind)
    stops_at = told.active_at + timedelta(hours=launch.idle_hours)
    return Server(told.kind, stops_at if visit.now >= stops_at - timedelta(hours=launch.idle_told_hours) else None)


def respond(
    portal: Portal, visit: Visit, template: str, *, status: int = 200, here: str = "", **values: Any
) -> Response:
    """Return a template as a page, in the person's own frame when there is one."""
    session = visit.session
    if session and not visit.is_part and "server" not in values:
        values["server"] = server_of(portal, visit)
    site, address = portal.settings.site, portal.address(visit.request)
    frame: dict[str, Any] = {
        "site": site,
        "address": address,
        "here": here,
        "version": _VERSION,
        "zone": site.time_zone,
        "mode": visit.request.cookies.get(MODE_COOKIE, ""),
        "person": session.principal if session else None,
        "csrf": session.csrf if session else "",
        "admin": session is not None and portal.is_admin(session.principal),
        "now": visit.now,
        "new": _new(portal, visit) if session and not visit.is_part else 0,
        "restarts": restarts.read(portal.settings.state, visit.now),
        "tz": portal.zone,
        "server": values.pop("server", None),
        "probe_url": address.probe_url,
        "astray": leads_astray(portal, visit),
        "port_here": port_of(visit),
        "port_wanted": site.address.port,
    }
    content = portal.templates.get_template(template).render({**frame, **values})
    return HTMLResponse(content, status_code=status)


def _new(portal: Portal, visit: Visit) -> int:
    """Return how many notices a person has not read; none where the database is away, which a page may have to say."""
    try:
        with portal.engine.begin() as conn:
            return notices.count_new(conn, visit.person, visit.now)
    except (SwapError, DBAPIError) as error:
        log.warning("what is new for %s: %s", visit.person.id, type(error).__name__)
        return 0


def go(path: str) -> Response:
    """Return a redirect that is always a GET."""
    return RedirectResponse(path, status_code=303)


def leads_astray(portal: Portal, visit: Visit) -> bool:
    """Tell whether a person's server could not be reached as the portal is: their tunnel ends at another port."""
    site = portal.settings.site.address
    return portal.address(visit.request) == site and port_of(visit) != site.port


def lab(portal: Portal, visit: Visit, path: str = "") -> str:
    """Return where the person's JupyterLab shows a notebook, or opens; where it would not, the page that says why."""
    if leads_astray(portal, visit):
        return TUNNEL_PORT
    return paths.lab(portal.address(visit.request), visit.person.id, path)


def port_of(visit: Visit) -> int:
    """Return the port in the browser's address bar, as the Host header has it."""
    port = visit.request.headers.get("host", "").rpartition(":")[2]
    return int(port) if port.isdigit() and len(port) <= 5 else 80
