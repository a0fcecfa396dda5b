"""My own packages: throw them away."""

from __future__ import annotations

from starlette.responses import Response

from swap.web import paths
from swap.web.pages import go
from swap.web.portal import Portal, Visit


def remove(portal: Portal, visit: Visit) -> Response:
    """Remove all packages of my own; what kernels have imported stays with them until they are restarted."""
    portal.workspace(visit.person).remove_packages()
    return go(paths.HOME)
