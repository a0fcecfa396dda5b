"""A shared notebook at its address, `/n/<id>`: as it was saved last, with what its reader may see of it.

An address is no key: each of these asks `shown.look`, which asks for the share, whatever was asked before.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from swap.errors import Conflict, Invalid, LimitExceeded, NotFound, Problem
from swap.notebooks import forks, gallery, room, sharing, shown
from swap.notebooks.share_store import Kept
from swap.notebooks.shares import Role
from swap.notebooks.shown import Seen
from swap.people import service as people
from swap.reading.answers import Rendered
from swap.web import comments, content, taken
from swap.web.asked import address, notebook_id
from swap.web.pages import go, lab, respond
from swap.web.portal import Portal, Visit
from swap.web.reading import as_wished, attachment, ending_of, moving

EXPORTS = {"seen": ("", ".ipynb"), "ipynb": ("ipynb", ".ipynb"), "script": ("script", ""), "html": ("html", ".html")}
"""What can be taken along: how the reading process makes it, and how the file ends."""


def page(portal: Portal, visit: Visit) -> Response:
    """The notebook in its frame, and who saved it when."""
    seen = _look(portal, visit, "page")
    with portal.engine.begin() as conn:
        around = forks.around(conn, portal.settings.policy, visit.person, seen.opened, visit.now)
        gallery.count_reader(conn, visit.person, seen.opened, visit.now)
        author = people.find_person(conn, seen.opened.kept.author_id)
        starred = gallery.is_starred(conn, visit.person, seen.opened.kept.notebook_id)
    shared: dict[str, Any] = {
        "here": "notebooks",
        "seen": seen,
        "told": seen.told,
        "opened": seen.opened,
        "kept": seen.opened.kept,
        "around": around,
        "starred": starred,
        "saved_by": "" if author is None or author.id == seen.opened.kept.owner_id else author.name,
        "address": address(seen.opened.kept.notebook_id),
        "manages": seen.opened.role.includes(Role.MANAGE),
        "owns": seen.opened.role is Role.OWN,
        "in_drive": (path := in_drive(seen.opened.kept)),
        "in_lab": lab(portal, visit, path),
        "window": f"notebook-{portal.clock.short()}",
        "unfolded": visit.query("code") == "all",
        "sandbox": content.SANDBOX,
    }
    try:
        rendered = portal.room.render_known(visit.person.id, seen.key, lambda: content.put_together(portal, seen))
    except (Invalid, LimitExceeded) as error:
        none: dict[str, Any] = {"rendered": None, "places": [], "frame": "", "talk": None, "problem": error.problem}
        return respond(portal, visit, "shared.html", status=error.status, **none, **shared)
    frame = _frame(portal, visit, seen)
    return respond(
        portal,
        visit,
        "shared.html",
        rendered=rendered,
        frame=content.at_cell(frame, visit.query("at")),
        talk=_talk(portal, seen, rendered, frame, shared["window"]),
        places=[(each, content.at_cell(frame, each.anchor)) for each in rendered.outline if each.level <= 3],
        problem=None,
        **shared,
    )


def in_drive(kept: Kept) -> str:
    """Return where JupyterLab has another's notebook: by its id, and then as its reader knows it."""
    name = f"{kept.name} ({kept.owner}).ipynb"
    return f"Shared:{kept.notebook_id}/{name.replace('/', '-')}"


def alone(portal: Portal, visit: Visit) -> Response:
    """The notebook without the page around it, to be printed."""
    return go(_frame(portal, visit, _look(portal, visit, "print")))


def export(portal: Portal, visit: Visit) -> Response:
    """The notebook as a file to take along: with the outputs one may see, without any, as a script, or as a page."""
    wanted = visit.query("as")
    seen = _look(portal, visit, wanted if wanted in EXPORTS else "")
    if wanted not in EXPORTS:
        raise NotFound(Problem("A notebook cannot be had as this.", todo="Choose one of the files on its page."))
    made, (kind, ending) = content.put_together(portal, seen), EXPORTS[wanted]
    if not ending:
        language = portal.room.render_known(visit.person.id, seen.key, lambda: made).language
        ending = ending_of(language)
    made = portal.room.export(visit.person.id, made, kind) if kind else made
    made = taken.whole(portal, seen.opened.name, made) if kind == "html" else made
    return attachment(made, seen.opened.name + ending)


def chart(portal: Portal, visit: Visit) -> Response:
    """A chart of the notebook, where it moves, for as long as its reader may see it."""
    seen = _look(portal, visit, "chart")
    at = content.shared_address(portal, portal.address(visit.request), visit.signed_in, seen, visit.now)
    back = address(seen.opened.kept.notebook_id)
    return moving(portal, visit, at, seen.opened.name, back, f"{back}/still?version={seen.number}&is={seen.key}")


def still(portal: Portal, visit: Visit) -> Response:
    """Whether what a page shows may be seen as it is: pages ask again and again, and load anew when it may not."""
    number = visit.query("version")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise NotFound(sharing.NOWHERE)
    with portal.engine.begin() as conn:
        seen = shown.look(conn, portal.settings.policy, visit.person, notebook_id(visit), visit.now, int(number))
    if seen.key != visit.query("is"):
        raise Conflict(Problem("You may see something else of this notebook now.", todo="Load the page again."))
    return Response(status_code=HTTPStatus.NO_CONTENT)


def take(portal: Portal, visit: Visit) -> Response:
    """Make a notebook mine that was offered to me, and write it into my home."""
    wanted, workspace = notebook_id(visit), portal.workspace(visit.person)

    def put(stem: str, written: bytes) -> str:
        return workspace.put(stem, [written], f".swap-{portal.clock.short()}.tmp", first=None)

    with portal.engine.begin() as conn:

        def whole(opened: sharing.Opened) -> bytes:
            shown.demand_all(conn, portal.settings.policy, visit.person, opened, visit.now)
            seen = shown.look(conn, portal.settings.policy, visit.person, wanted, visit.now)
            return shown.written(conn, seen)

        room.demand(conn, visit.person.id, portal.settings.keep.person_bytes)
        sharing.take(conn, visit.person, wanted, whole, put, visit.now)
    return go(address(wanted))


def _look(portal: Portal, visit: Visit, how: str) -> Seen:
    """Return what the person may see of the newest version; the audit has it of another's notebook."""
    with portal.engine.begin() as conn:
        seen = shown.look(conn, portal.settings.policy, visit.person, notebook_id(visit), visit.now)
        if how:
            sharing.read(conn, visit.person, seen.opened, how, seen.hidden_outputs)
    return seen


def _talk(portal: Portal, seen: Seen, rendered: Rendered, frame: str, window: str) -> comments.Talk:
    with portal.engine.begin() as conn:
        return comments.beside(conn, seen.opened, rendered, frame, window)


def _frame(portal: Portal, visit: Visit, seen: Seen) -> str:
    at = portal.address(visit.request)
    return as_wished(visit, content.shared_address(portal, at, visit.signed_in, seen, visit.now))
