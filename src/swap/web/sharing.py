"""With whom a notebook is shared: the page that says it, and the forms that change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from starlette.responses import Response

from swap.errors import Invalid, Problem
from swap.identity import Principal, Via
from swap.notebooks import folders, sharing, shown
from swap.notebooks.share_store import Given
from swap.notebooks.shares import OFFERED, Kind, Role, Share, until
from swap.notebooks.sharing import Opened
from swap.web.asked import address, begins, from_mine, notebook_id, pages
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit

WORDS = {
    Role.VIEW: "may view",
    Role.COMMENT: "may comment",
    Role.EDIT: "may edit",
    Role.MANAGE: "may manage",
    Role.OWN: "may become the owner",
}
Word = TypeVar("Word", Kind, Role)


@dataclass(frozen=True, slots=True)
class Row:
    """A share, as the page shows it."""

    given: Given
    ended: bool
    sees: int
    """Cells of the newest version whose outputs they see, with these groups alone."""

    @property
    def name(self) -> str:
        """With whom."""
        return "Everyone who may sign in" if self.given.share.kind is Kind.EVERYONE else self.given.name


def of_mine(portal: Portal, visit: Visit) -> Response:
    """Lead from a file of my home to the page of the notebook that was saved from it."""
    return from_mine(portal, visit, "share", "Share")


def page(portal: Portal, visit: Visit) -> Response:
    """With whom a notebook is shared; people and groups whose name begins with what is looked for."""
    first, text = begins(visit), visit.query("find").strip()
    with portal.engine.begin() as conn:
        opened = sharing.open_(conn, visit.person, notebook_id(visit), visit.now, Role.MANAGE)
        given, more = sharing.given(conn, opened, first)
        readers = [Principal(each.share.whom, each.name, each.groups, Via.PORTAL) for each in given]
        outputs, sees = shown.seen_by(conn, portal.settings.policy, opened, readers)
        by_folder = folders.reaching(conn, opened)
        found = sharing.search(conn, text)
    at = address(opened.kept.notebook_id, "share")
    return respond(
        portal,
        visit,
        "share.html",
        here="notebooks",
        opened=opened,
        kept=opened.kept,
        rows=[Row(each, _is_over(each, visit), count) for each, count in zip(given, sees, strict=True)],
        by_folder=by_folder,
        outputs=outputs,
        everyone=any(each.share.kind is Kind.EVERYONE for each in given),
        found=[each for each in found if (each.kind, each.whom) != (Kind.PERSON, opened.kept.owner_id)],
        text=text,
        at=at,
        begins=first,
        link=f"{portal.address(visit.request).url}{address(opened.kept.notebook_id)}",
        words=WORDS,
        roles=lambda kind: _roles(opened, kind),
        today=visit.now.astimezone(portal.zone).date().isoformat(),
        **pages(at, first, sharing.PAGE, more=more),
    )


def give(portal: Portal, visit: Visit) -> Response:
    """Share it, or change what was shared."""
    wanted = notebook_id(visit)
    kind, whom = as_word(Kind, visit.form.get("kind", "")), visit.form.get("whom", "")
    given = as_word(Role, visit.form.get("role", ""))
    expires_at = until(visit.form.get("until", ""), portal.zone, visit.now)
    with portal.engine.begin() as conn:
        sharing.share(conn, visit.person, wanted, Share(kind, whom, given, expires_at), visit.now)
    return go(address(wanted, "share"))


def end(portal: Portal, visit: Visit) -> Response:
    """End a share, of a notebook that I may manage, or mine of another's."""
    wanted, kind, whom = notebook_id(visit), as_word(Kind, visit.form.get("kind", "")), visit.form.get("whom", "")
    with portal.engine.begin() as conn:
        sharing.end(conn, visit.person, wanted, kind, whom, visit.now)
    mine = (kind, whom) == (Kind.PERSON, visit.person.id)
    return go("/notebooks" if mine else address(wanted, "share"))


def _roles(opened: Opened, kind: Kind) -> tuple[Role, ...]:
    """Return what this person can give to this kind."""
    return (*OFFERED, Role.OWN) if opened.role is Role.OWN and kind is Kind.PERSON else OFFERED


def _is_over(given: Given, visit: Visit) -> bool:
    return given.share.expires_at is not None and given.share.expires_at <= visit.now


def as_word(words: type[Word], text: str) -> Word:
    """Return a word of a form.  Raises Invalid."""
    try:
        return words(text)
    except ValueError as error:
        raise Invalid(Problem("SWAP cannot read this form.", todo="Load the page again.")) from error
