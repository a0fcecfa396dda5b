"""Sign out, and the choice of light or dark."""

from __future__ import annotations

from starlette.responses import Response

from swap import audit
from swap.people import service as people
from swap.web import paths
from swap.web.auth import forget_browser
from swap.web.pages import MODE_COOKIE, go, respond
from swap.web.portal import Portal, Visit

MODES = ("light", "dark")
YEAR_SECONDS = 31_536_000


def ask_sign_out(portal: Portal, visit: Visit) -> Response:
    """The page JupyterLab leads to: one button, so that a link alone signs nobody out."""
    return go("/signed-out") if visit.session is None else respond(portal, visit, "sign_out.html")


def sign_out(portal: Portal, visit: Visit) -> Response:
    """End all of the person's sign-ins, everywhere: here, at the hub, at their server, for their kernels.

    One transaction does it, and works with the hub away: the hub asks the same table before it lets a cookie or
    token pass, the person's server is told through the gateway, and the gateway refuses tokens of an older epoch.
    """
    with portal.engine.begin() as conn:
        people.sign_out(conn, visit.person.id, visit.now)
        audit.record(conn, audit.SignedOut(person_id=visit.person.id))
    return forget_browser(portal, visit, go("/signed-out"))


def signed_out(portal: Portal, visit: Visit) -> Response:
    """The page that says what has ended."""
    return go(paths.HOME) if visit.session is not None else respond(portal, visit, "signed_out.html")


def mode(portal: Portal, visit: Visit) -> Response:
    """Keep the choice of light, dark or as the system, and go back to the page it was made on."""
    referer = visit.request.headers.get("referer", "").partition("://")[2]
    answer = go(paths.local("/" + referer.partition("/")[2]))
    if visit.form.get("mode") in MODES:
        tls = portal.address(visit.request).tls
        answer.set_cookie(MODE_COOKIE, visit.form["mode"], max_age=YEAR_SECONDS, path="/", samesite="lax", secure=tls)
    else:
        answer.delete_cookie(MODE_COOKIE, path="/")
    return answer
