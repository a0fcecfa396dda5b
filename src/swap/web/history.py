"""The history of one of my notebooks: its versions, what changed in one, its name, and back to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.responses import Response

from swap.errors import NotFound, Problem
from swap.notebooks import history, room
from swap.notebooks.model import name_of
from swap.notebooks.workspace import visible
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit

PATH_LENGTH = 1000
NEWEST = 2**31 - 1
DIGITS = 10


def page(portal: Portal, visit: Visit) -> Response:
    """Versions, newest first; what was only a step on the way is folded away."""
    path, everything = visible(visit.query("path", PATH_LENGTH)), visit.query("all") == "1"
    before = _number(visit.query("before"), NEWEST)
    try:
        with portal.engine.begin() as conn:
            found = history.page(conn, visit.person, path, before, folded=not everything)
    except NotFound:
        portal.workspace(visit.person).open(path)[0].close()  # or there is no such notebook at all
        return respond(portal, visit, "history_none.html", here="notebooks", path=path, name=name_of(path))
    return respond(
        portal,
        visit,
        "history.html",
        here="notebooks",
        path=path,
        name=name_of(path),
        page=found,
        first=before >= found.head.number,
        everything=everything,
        at=lambda where="", **more: _address(path, where, more),
    )


def changes(portal: Portal, visit: Visit) -> Response:
    """What changed from one version to another: without `old`, since the one before."""
    path, new = visible(visit.query("path", PATH_LENGTH)), _number(visit.query("new"))
    old = _number(visit.query("old"), max(new - 1, 0))
    with portal.engine.begin() as conn:
        found = history.compare(conn, portal.settings.policy, visit.person, path, old, new, visit.now)
    return respond(
        portal,
        visit,
        "history_changes.html",
        here="notebooks",
        path=path,
        name=name_of(path),
        old=old,
        new=new,
        changes=found,
        at=lambda where="", **more: _address(path, where, more),
    )


def ask_restore(portal: Portal, visit: Visit) -> Response:
    """Whether really."""
    path, number = visible(visit.query("path", PATH_LENGTH)), _number(visit.query("version"))
    with portal.engine.begin() as conn:
        found = history.page(conn, visit.person, path, number + 1, folded=False)
    if not found.versions or found.versions[0].number != number:
        raise _no_version()
    return respond(
        portal,
        visit,
        "history_restore.html",
        here="notebooks",
        path=path,
        name=name_of(path),
        version=found.versions[0],
        head=found.head.number,
        at=lambda where="", **more: _address(path, where, more),
    )


def restore(portal: Portal, visit: Visit) -> Response:
    """Make a new version with the content of that one, and write the file."""
    path, number = visible(visit.form.get("path", "")), _number(visit.form.get("version", ""))
    workspace, draft = portal.workspace(visit.person), f".swap-{portal.clock.short()}.tmp"
    with portal.engine.begin() as conn:
        history.restore(
            conn,
            portal.settings.policy,
            visit.person,
            path,
            number,
            lambda: workspace.digest(path),
            lambda written: workspace.replace(path, [written], draft),
            visit.now,
            f"portal-{portal.clock.short()}",
        )
    return go(_address(path, "", {}))


def deleted(portal: Portal, visit: Visit) -> Response:
    """What I have deleted and can have back."""
    before = _before(visit.query("before"))
    with portal.engine.begin() as conn:
        found, more = history.deleted(conn, visit.person, before)
    return respond(
        portal,
        visit,
        "notebooks_deleted.html",
        here="notebooks",
        notebooks=found,
        kept=timedelta(days=portal.settings.keep.deleted_days),
        first=before is None,
        older=urlencode({"before": f"{found[-1].at.isoformat()} {found[-1].notebook_id}"}) if more else "",
    )


def bring_back(portal: Portal, visit: Visit) -> Response:
    """Put a deleted notebook into the home again."""
    workspace, draft = portal.workspace(visit.person), f".swap-{portal.clock.short()}.tmp"
    with portal.engine.begin() as conn:
        room.demand(conn, visit.person.id, portal.settings.keep.person_bytes)
        path = history.bring_back(
            conn,
            portal.settings.policy,
            visit.person,
            visit.form.get("notebook", ""),
            lambda stem, written: workspace.put(stem, [written], draft, first=None),
            visit.now,
            f"portal-{portal.clock.short()}",
        )
    return go(_address(path, "", {}))


def name(portal: Portal, visit: Visit) -> Response:
    """Name a version; without a name, take it away."""
    path, number = visible(visit.form.get("path", "")), _number(visit.form.get("version", ""))
    with portal.engine.begin() as conn:
        history.name(conn, visit.person, path, number, visit.form.get("name", ""))
    return go(_address(path, "", {}))


def _address(path: str, where: str, more: dict[str, object]) -> str:
    step = f"/{where}" if where else ""
    return f"/notebooks/history{step}?{urlencode({'path': path, **more})}"


def _number(text: str, otherwise: int | None = None) -> int:
    """Return a version's number as an address or a form has it.  Raises NotFound for what is none."""
    if text.isascii() and text.isdigit() and len(text) < DIGITS:
        return int(text)
    if otherwise is None or text:
        raise _no_version()
    return otherwise


def _before(text: str) -> tuple[datetime, str] | None:
    """Return from where a list goes on, as its link says.  Raises NotFound for what is no such link."""
    if not text:
        return None
    moment, _, notebook_id = text.partition(" ")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not notebook_id or not notebook_id.isprintable():
        raise NotFound(Problem("There is no such page of the list.", todo="Begin with the first."))
    return at, notebook_id


def _no_version() -> NotFound:
    return NotFound(Problem("There is no such version.", todo="Choose one from the notebook's history."))
