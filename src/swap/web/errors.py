"""Errors as pages: what happened as the heading, why, what to do.  Never a stack trace, never a stock page."""

from __future__ import annotations

import logging
from http import HTTPStatus

from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from swap.db.engine import AWAY, DatabaseUnavailable
from swap.errors import Forbidden, Invalid, NotFound, Problem, SwapError, Unavailable
from swap.web.pages import respond
from swap.web.portal import Portal, Visit

log = logging.getLogger("swap.web")

NO_PAGE = Problem("There is no page at this address.")


def as_problem(error: Exception) -> SwapError | None:
    """Return an error a person can be told about, or None for a mistake of ours."""
    if isinstance(error, SwapError):
        return error if type(error) is not SwapError else None
    if isinstance(error, OperationalError):
        return DatabaseUnavailable(AWAY)
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.NOT_FOUND:
            return NotFound(NO_PAGE)
        if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Invalid(Problem("SWAP cannot do this here.", why=f"{error.detail}."))
    return None


def page(portal: Portal, visit: Visit, error: Exception) -> Response:
    """Return the page, or the part of a page, for an error."""
    known = as_problem(error)
    if known is None:
        reference = f"e-{portal.clock.short()}"
        log.error("%s %s failed, reference %s", visit.request.method, visit.request.url.path, reference, exc_info=error)
        return _ours(portal, visit, reference)
    status = error.status_code if isinstance(error, HTTPException) else known.status
    if isinstance(known, Unavailable):
        log.warning("%s %s: %s", visit.request.method, visit.request.url.path, known)
    if visit.is_part:
        return respond(portal, visit, "part_failed.html", status=status, problem=known.problem)
    template = {NotFound: "error_404.html", Forbidden: "error_403.html"}.get(type(known), "error_other.html")
    return respond(portal, visit, template, status=status, problem=known.problem, path=visit.request.url.path[:300])


def _ours(portal: Portal, visit: Visit, reference: str) -> Response:
    if visit.is_part:
        return respond(
            portal,
            visit,
            "part_failed.html",
            status=500,
            problem=Problem(
                "SWAP made a mistake on this part of the page.",
                why="Trying again is safe.",
                todo=f"Reference {reference}.",
            ),
        )
    return respond(
        portal,
        visit,
        "error_500.html",
        status=500,
        reference=reference,
        when=visit.now,
        path=visit.request.url.path[:300],
    )
