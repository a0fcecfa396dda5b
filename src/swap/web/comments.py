"""What people say about a notebook's cells: beside the notebook, on a page of its own, and the forms that write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup, escape
from sqlalchemy import Connection
from starlette.responses import Response

from swap.errors import Conflict, Invalid, LimitExceeded, NotFound, Problem
from swap.notebooks import comments, history, said, sharing, shown
from swap.notebooks.comment_store import Comment, Thread
from swap.notebooks.comments import Place
from swap.notebooks.model import ID
from swap.notebooks.shares import Role
from swap.notebooks.sharing import Opened
from swap.notebooks.shown import Seen
from swap.reading.answers import Rendered, Spot
from swap.web import content
from swap.web.asked import address, begins, from_mine, notebook_id, pages
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit

_UNREADABLE = Problem("SWAP cannot read this form.", todo="Load the page again.")


@dataclass(frozen=True, slots=True)
class Spoken:
    """A thread, as pages show it: where it stands in the version that is shown, if it does."""

    thread: Thread
    number: int | None
    """The cell's, from 1 on."""
    href: str
    gone: bool

    @property
    def where(self) -> str:
        """What it is about, in words."""
        if not self.thread.cell_id:
            return "The notebook"
        if self.gone:
            return "A cell that is gone"
        return "A cell" if self.number is None else f"Cell {self.number}"


@dataclass(frozen=True, slots=True)
class Talk:
    """What the comments beside a notebook, or on their page, are made of."""

    opened: Opened
    spoken: Sequence[Spoken]
    total: int
    """Threads of the notebook, resolved ones too."""
    spots: Sequence[tuple[int, Spot]]
    """Cells that can be commented on, with their numbers."""
    window: str
    """In which links to cells open; nothing for this one."""
    page: str = ""
    """Where a form leads back to: `thread` is the thread's own page."""
    chosen: str = ""
    """The cell, by its id, that the form begins with."""

    @property
    def at(self) -> str:
        """The address of the comments."""
        return address(self.opened.kept.notebook_id, "comments")

    @property
    def lacks(self) -> bool:
        """Whether this version has no such cell as the form is to begin with."""
        return bool(self.chosen) and all(spot.id != self.chosen for _, spot in self.spots)

    @property
    def writes(self) -> bool:
        """Whether this person may comment."""
        return self.opened.role.includes(Role.COMMENT)

    @property
    def manages(self) -> bool:
        """Whether this person may delete what others wrote."""
        return self.opened.role.includes(Role.MANAGE)


def beside(conn: Connection, opened: Opened, rendered: Rendered, frame: str, window: str) -> Talk:
    """Return the open threads of a notebook that is shown in a frame, in the order of its cells."""
    found, total = comments.open_threads(conn, opened)
    numbers = _numbers(rendered.spots)
    spoken = [_spoken(each, numbers, lambda anchor: content.at_cell(frame, anchor)) for each in found]
    spoken.sort(key=lambda each: (bool(each.thread.cell_id), each.number or len(rendered.spots) + 1))
    return Talk(opened, spoken, total, _spots(rendered), window)


def beside_mine(portal: Portal, visit: Visit, path: str, rendered: Rendered, frame: str, window: str) -> Talk | None:
    """Return the same for a file of mine; None for one that has no version yet."""
    with portal.engine.begin() as conn:
        try:
            head = history.head(conn, visit.person, path)
        except NotFound:
            return None
        opened = sharing.open_(conn, visit.person, head.notebook_id, visit.now)
        return beside(conn, opened, rendered, frame, window)


def of_mine(portal: Portal, visit: Visit) -> Response:
    """Lead from a file of my home to the comments on the notebook that was saved from it, and from one of its cells."""
    cell_id = visit.query("cell")
    return from_mine(portal, visit, "comments", "Comment on", **({"cell": cell_id} if cell_id else {}))


def page(portal: Portal, visit: Visit) -> Response:
    """All threads of a notebook, the newest first; or one of them, whole."""
    wanted, first, thread_id = notebook_id(visit), begins(visit), visit.query("thread")
    with portal.engine.begin() as conn:
        seen = shown.look(conn, portal.settings.policy, visit.person, wanted, visit.now)
        sharing.read(conn, visit.person, seen.opened, "comments", seen.hidden_outputs)
        if thread_id:
            if not ID.fullmatch(thread_id):
                raise NotFound(comments.NOTHING)
            one, more = comments.thread(conn, seen.opened, thread_id, first)
            found, step = [one], comments.PAGE_OF_THREAD
        else:
            found, more = comments.threads(conn, seen.opened, first)
            step = comments.PAGE
    rendered = _rendered(portal, visit, seen)
    numbers = None if rendered is None else _numbers(rendered.spots)
    home = address(wanted)
    spoken = [_spoken(each, numbers, lambda anchor: f"{home}?{urlencode({'at': anchor})}") for each in found]
    spots = () if rendered is None or thread_id else _spots(rendered)
    talk = Talk(seen.opened, spoken, len(spoken), spots, "", "thread" if thread_id else "", visit.query("cell"))
    return respond(
        portal,
        visit,
        "comments.html",
        here="notebooks",
        talk=talk,
        opened=seen.opened,
        home=home,
        whole=bool(thread_id),
        still=f"{address(wanted, 'still')}?{urlencode({'version': seen.number, 'is': seen.key})}",
        **pages(talk.at, first, step, more=more, query={"thread": thread_id} if thread_id else {}),
    )


def _rendered(portal: Portal, visit: Visit, seen: Seen) -> Rendered | None:
    """Return the notebook as it is shown; None for one that cannot be, which may have comments all the same."""
    try:
        return portal.room.render_known(visit.person.id, seen.key, lambda: content.put_together(portal, seen))
    except (Invalid, LimitExceeded):
        return None


def add(portal: Portal, visit: Visit) -> Response:
    """Begin a thread, on a cell of the newest version or on the notebook as a whole."""
    wanted = _opened(portal, visit)
    version, cell_id = visit.form.get("version", ""), visit.form.get("cell", "")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise Invalid(_UNREADABLE)
    if cell_id:
        _demand_there(portal, visit, wanted, cell_id)
    with portal.engine.begin() as conn:
        place = Place(cell_id, int(version))
        made = comments.add(
            conn, visit.person, wanted, place, visit.form.get("text", ""), visit.now, portal.clock.secret
        )
    return _back(visit, made)


def reply(portal: Portal, visit: Visit) -> Response:
    """Say something in a thread."""
    wanted = _opened(portal, visit)
    with portal.engine.begin() as conn:
        text = visit.form.get("text", "")
        made = comments.reply(conn, visit.person, wanted, _named(visit, "thread"), text, visit.now, portal.clock.secret)
    return _back(visit, made)


def change(portal: Portal, visit: Visit) -> Response:
    """Write a comment of mine anew."""
    wanted = _opened(portal, visit)
    with portal.engine.begin() as conn:
        text = visit.form.get("text", "")
        made = comments.change(conn, visit.person, wanted, _named(visit, "comment"), text, visit.now)
    return _back(visit, made)


def delete(portal: Portal, visit: Visit) -> Response:
    """Delete a comment of mine, or any of a notebook that I may manage."""
    wanted = _opened(portal, visit)
    with portal.engine.begin() as conn:
        comments.delete(conn, visit.person, wanted, _named(visit, "comment"), visit.now)
    return go(address(wanted, "comments"))


def resolve(portal: Portal, visit: Visit) -> Response:
    """Say that nothing is left to do in a thread."""
    wanted = _opened(portal, visit)
    thread_id = _named(visit, "thread")
    with portal.engine.begin() as conn:
        comments.resolve(conn, visit.person, wanted, thread_id, visit.now)
    return go(f"{address(wanted, 'comments')}?{urlencode({'thread': thread_id})}")


def reopen(portal: Portal, visit: Visit) -> Response:
    """Open a resolved thread again."""
    wanted = _opened(portal, visit)
    thread_id = _named(visit, "thread")
    with portal.engine.begin() as conn:
        comments.reopen(conn, visit.person, wanted, thread_id, visit.now)
    return go(f"{address(wanted, 'comments')}?{urlencode({'thread': thread_id})}")


def linked(text: str) -> Markup:
    """Return a text as HTML: all of it escaped, and its addresses links that tell nobody where they stood."""
    link = Markup('<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{0}</a>')
    return Markup("").join(link.format(part) if is_address else escape(part) for part, is_address in said.parts(text))


def _opened(portal: Portal, visit: Visit) -> str:
    """Return the id of a notebook that may be commented on, before anything else of a form is looked at."""
    wanted = notebook_id(visit)
    with portal.engine.begin() as conn:
        sharing.open_(conn, visit.person, wanted, visit.now, Role.COMMENT)
    return wanted


def _named(visit: Visit, field: str) -> str:
    found = visit.form.get(field, "")
    if not ID.fullmatch(found):
        raise Invalid(_UNREADABLE)
    return found


def _demand_there(portal: Portal, visit: Visit, wanted: str, cell_id: str) -> None:
    """Raise Conflict for a cell that the newest version has not got."""
    with portal.engine.begin() as conn:
        seen = shown.look(conn, portal.settings.policy, visit.person, wanted, visit.now)
    rendered = portal.room.render_known(visit.person.id, seen.key, lambda: content.put_together(portal, seen))
    if cell_id not in _numbers(rendered.spots):
        raise Conflict(
            Problem(
                "This cell is gone.",
                why=f"{seen.opened.name} was saved meanwhile, as version {seen.number}.",
                todo="Load the page again, and comment on another cell. Your comment was not kept.",
            )
        )


def _back(visit: Visit, made: Comment) -> Response:
    """Lead to a comment, on the page that its form was on."""
    wanted = notebook_id(visit)
    if visit.form.get("page") == "thread":
        return go(f"{address(wanted, 'comments')}?{urlencode({'thread': made.thread})}#c-{made.id}")
    return go(f"{address(wanted)}#c-{made.id}")


def _numbers(spots: Sequence[Spot]) -> Mapping[str, int]:
    """Return cell id → number; of two with the same id the first counts."""
    found: dict[str, int] = {}
    for number, spot in enumerate(spots, 1):
        if spot.id:
            found.setdefault(spot.id, number)
    return found


def _spots(rendered: Rendered) -> list[tuple[int, Spot]]:
    return [(number, rendered.spots[number - 1]) for number in _numbers(rendered.spots).values()]


def _spoken(thread: Thread, numbers: Mapping[str, int] | None, at: Callable[[str], str]) -> Spoken:
    number = (numbers or {}).get(thread.cell_id)
    gone = bool(thread.cell_id) and numbers is not None and number is None
    return Spoken(thread, number, at(f"cell-{number}") if number else "", gone)
