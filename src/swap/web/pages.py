"""Write a page: a template with what every page needs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from swap import restarts
from swap.web import paths
from swap.web.hub import ServerKind
from swap.web.portal import Portal, Visit

MODE_COOKIE = "swap_mode"
_VERSION = version("swap-analytics")


@dataclass(frozen=True, slots=True)
class Server:
    """The state of the person's server, as an icon's kind and a word."""

    kind: ServerKind

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


def respond(
    portal: Portal, visit: Visit, template: str, *, status: int = 200, here: str = "", **values: Any
) -> Response:
    """Return a template as a page, in the person's own frame when there is one."""
    session = visit.session
    if session and not visit.is_part and "server" not in values:
        values["server"] = Server(portal.hub.server(session.principal.id))
    site = portal.settings.site
    frame: dict[str, Any] = {
        "site": site,
        "here": here,
        "version": _VERSION,
        "zone": site.time_zone,
        "mode": visit.request.cookies.get(MODE_COOKIE, ""),
        "person": session.principal if session else None,
        "csrf": session.csrf if session else "",
        "now": visit.now,
        "restarts": restarts.read(portal.settings.state, visit.now),
        "tz": portal.zone,
        "server": values.pop("server", None),
        "probe_url": f"http://probe--x.{site.host}:{paths.public_port(site)}/ping",
        "port_here": port_of(visit),
        "port_wanted": paths.public_port(site),
    }
    content = portal.templates.get_template(template).render({**frame, **values})
    return HTMLResponse(content, status_code=status)


def go(path: str) -> Response:
    """Return a redirect that is always a GET."""
    return RedirectResponse(path, status_code=303)


def port_of(visit: Visit) -> int:
    """Return the port in the browser's address bar, as the Host header has it."""
    port = visit.request.headers.get("host", "").rpartition(":")[2]
    return int(port) if port.isdigit() and len(port) <= 5 else 80
