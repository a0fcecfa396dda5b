"""With whom folders of mine are shared: the page that says it, and the forms that change it."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from swap.notebooks import folders, sharing
from swap.notebooks.shares import OFFERED, Kind, Role, Share, until
from swap.web.asked import PATH_LENGTH, begins, pages
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit
from swap.web.sharing import WORDS, as_word

PAGE = "/notebooks/folder"


def page(portal: Portal, visit: Visit) -> Response:
    """With whom a folder is shared; people and groups whose name begins with what is looked for."""
    first, text = begins(visit), visit.query("find").strip()
    with portal.engine.begin() as conn:
        folder = folders.open_(conn, visit.person, visit.query("path", PATH_LENGTH))
        given, more = folders.given(conn, visit.person, folder, first)
        found = sharing.search(conn, text)
    return respond(
        portal,
        visit,
        "folder_share.html",
        here="notebooks",
        folder=folder,
        rows=given,
        everyone=any(each.share.kind is Kind.EVERYONE for each in given),
        found=[each for each in found if (each.kind, each.whom) != (Kind.PERSON, visit.person.id)],
        text=text,
        at=PAGE,
        words=WORDS,
        roles=lambda _: OFFERED,
        today=visit.now.astimezone(portal.zone).date().isoformat(),
        **pages(PAGE, first, sharing.PAGE, more=more, query={"path": folder.path}),
    )


def give(portal: Portal, visit: Visit) -> Response:
    """Share it, or change what was shared."""
    path, wanted = visit.form.get("path", ""), as_word(Kind, visit.form.get("kind", ""))
    role = as_word(Role, visit.form.get("role", ""))
    expires_at = until(visit.form.get("until", ""), portal.zone, visit.now)
    share = Share(wanted, visit.form.get("whom", ""), role, expires_at)
    with portal.engine.begin() as conn:
        folders.share(conn, visit.person, path, share, visit.now)
    return go(f"{PAGE}?{urlencode({'path': path})}")


def end(portal: Portal, visit: Visit) -> Response:
    """End a share."""
    path, kind = visit.form.get("path", ""), as_word(Kind, visit.form.get("kind", ""))
    with portal.engine.begin() as conn:
        folders.end(conn, visit.person, path, kind, visit.form.get("whom", ""))
    return go(f"{PAGE}?{urlencode({'path': path})}")
