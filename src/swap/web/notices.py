"""What I am told of: the page that lists it, and how I am told by mail."""

from __future__ import annotations

from starlette.responses import Response

from swap.errors import Invalid, Problem
from swap.notebooks import notices
from swap.notebooks.mails import path, words
from swap.notebooks.notices import Mail
from swap.web.asked import begins, pages
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit

AT = "/notices"
CHOICES = {
    Mail.AT_ONCE: "At once",
    Mail.DAILY: "Once a day, in the morning",
    Mail.NONE: "Not by mail",
}


def page(portal: Portal, visit: Visit) -> Response:
    """What I am told of, the newest first."""
    first = begins(visit)
    with portal.engine.begin() as conn:
        found, more = notices.listed(conn, visit.person, visit.now, first)
        chosen = notices.choice(conn, visit.person)
    return respond(
        portal,
        visit,
        "notices.html",
        here="notices",
        notices=[(each, words(each)) for each in found],
        mail=portal.settings.mail is not None,
        choices=CHOICES,
        chosen=chosen,
        **pages(AT, first, notices.PAGE, more=more),
    )


def follow(portal: Portal, visit: Visit) -> Response:
    """Lead to what one of my notices is about; it is read then."""
    text = visit.form.get("notice", "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid(Problem("SWAP cannot read this form.", todo="Load the page again."))
    with portal.engine.begin() as conn:
        found = notices.follow(conn, visit.person, int(text), visit.now)
    return go(path(found))


def read_all(portal: Portal, visit: Visit) -> Response:
    """Mark all of them as read."""
    with portal.engine.begin() as conn:
        notices.read_all(conn, visit.person, visit.now)
    return go(AT)


def choose(portal: Portal, visit: Visit) -> Response:
    """Let me be told by mail as I want."""
    with portal.engine.begin() as conn:
        notices.choose(conn, visit.person, visit.form.get("mail", ""))
    return go(AT)
