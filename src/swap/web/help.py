"""Pages that explain: why a notebook's address does not work from this browser, and the keys."""

from __future__ import annotations

import platform

from starlette.responses import Response

from swap.settings.origins import PROBE
from swap.web.pages import go, respond
from swap.web.paths import HOME
from swap.web.portal import Portal, Visit


def localhost_name(portal: Portal, visit: Visit) -> Response:
    """The browser does not find names that end in .localhost."""
    host = portal.address(visit.request).host
    own = f"{visit.session.principal.id}.{host}" if visit.session else f"p….{host}"
    return respond(portal, visit, "help_localhost_name.html", own=own, probe=f"{PROBE}.{host}")


def tunnel_port(portal: Portal, visit: Visit) -> Response:
    """The tunnel's local port is not the port SWAP sends people to.  Whoever came by no tunnel is led Home."""
    if portal.address(visit.request).tls:
        return go(HOME)
    return respond(portal, visit, "help_tunnel_port.html", machine=platform.node() or "the machine SWAP runs on")


def keyboard(portal: Portal, visit: Visit) -> Response:
    """All keys."""
    return respond(portal, visit, "help_keyboard.html")
