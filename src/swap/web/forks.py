"""Forks: one's own of a notebook that one may view, beside its original, and the forks that a notebook has.

An address is no key: each of these asks `sharing.open_`, by way of `forks`, whatever was asked before.
"""

from __future__ import annotations

from starlette.responses import Response

from swap.notebooks import forks, room, sharing, suggestions
from swap.notebooks.model import ID
from swap.web.asked import address, begins, from_mine, notebook_id, pages
from swap.web.pages import go, lab, respond, server_of
from swap.web.portal import Portal, Visit


def fork(portal: Portal, visit: Visit) -> Response:
    """Make a notebook of mine of what I see of this one, and lead to the page that says what it needs."""
    wanted, workspace = notebook_id(visit), portal.workspace(visit.person)

    def put(stem: str, written: bytes) -> str:
        return workspace.put(stem, [written], f".swap-{portal.clock.short()}.tmp", first=None)

    with portal.engine.begin() as conn:
        room.demand(conn, visit.person.id, portal.settings.keep.person_bytes)
        made = forks.fork(conn, portal.settings.policy, visit.person, wanted, put, visit.now, portal.clock.secret)
    return go(address(made, "origin"))


def origin(portal: Portal, visit: Visit) -> Response:
    """What my notebook was forked from, what it needs, and what the original has changed since, cell by cell."""
    wanted, first = notebook_id(visit), begins(visit)
    with portal.engine.begin() as conn:
        own = forks.look(conn, portal.settings.policy, visit.person, wanted, visit.now)
    both = own.both
    found, more = forks.news(both, first) if both else ([], False)
    kernel, packages = forks.needs(own.manifest)
    return respond(
        portal,
        visit,
        "fork_origin.html",
        here="notebooks",
        opened=own.opened,
        path=own.opened.kept.path,
        origin=own.origin,
        offers=found,
        count=len(both.offers) if both else 0,
        own=len(both.own) if both else 0,
        kernel=kernel,
        packages=packages,
        at=address(wanted),
        server=server_of(portal, visit),
        lab=lambda path="": lab(portal, visit, path),
        **pages(address(wanted, "origin"), first, forks.PAGE, more=more),
    )


def take(portal: Portal, visit: Visit) -> Response:
    """Take a cell of the original into my fork, and write its file."""
    wanted, workspace = notebook_id(visit), portal.workspace(visit.person)
    with portal.engine.begin() as conn:
        room.demand(conn, visit.person.id, portal.settings.keep.person_bytes)
        forks.take(
            conn,
            portal.settings.policy,
            visit.person,
            wanted,
            visit.form.get("cell", ""),
            visit.form.get("is", ""),
            workspace,
            portal.clock.short,
            visit.now,
        )
    return go(address(wanted, "origin"))


def leave(portal: Portal, visit: Visit) -> Response:
    """Keep a cell of my fork as it is."""
    wanted = notebook_id(visit)
    key, mark = visit.form.get("cell", ""), visit.form.get("is", "")
    with portal.engine.begin() as conn:
        forks.leave(conn, portal.settings.policy, visit.person, wanted, key, mark, visit.now)
    return go(address(wanted, "origin"))


def of_mine(portal: Portal, visit: Visit) -> Response:
    """Lead from a file of my home to the forks of the notebook that was saved from it."""
    return from_mine(portal, visit, "forks", "Fork")


def listing(portal: Portal, visit: Visit) -> Response:
    """What a notebook was forked from, and its forks and theirs, as far as I may open them."""
    wanted, first = notebook_id(visit), begins(visit)
    with portal.engine.begin() as conn:
        opened = sharing.open_(conn, visit.person, wanted, visit.now)
        origins = forks.origins(conn, visit.person, wanted, visit.now)
        found, more = sharing.forks(conn, visit.person, opened, visit.now, first)
    at = address(wanted, "forks")
    return respond(
        portal,
        visit,
        "forks.html",
        here="notebooks",
        opened=opened,
        origins=origins,
        forks=found,
        at=at,
        **pages(at, first, sharing.PAGE, more=more),
    )


def ask_suggest(portal: Portal, visit: Visit) -> Response:
    """What my fork has changed and could suggest, and what became of what it suggested."""
    wanted, first = notebook_id(visit), begins(visit)
    with portal.engine.begin() as conn:
        both = forks.compare(conn, portal.settings.policy, visit.person, wanted, visit.now)
        found, more = forks.of_mine(conn, both, first)
    at = address(wanted, "suggest")
    return respond(
        portal,
        visit,
        "fork_suggest.html",
        here="notebooks",
        opened=both.opened,
        original=both.original.opened,
        offers=found,
        count=len(both.own),
        at=at,
        **pages(at, first, forks.PAGE, more=more),
    )


def suggest(portal: Portal, visit: Visit) -> Response:
    """Suggest a cell of my fork to the original."""
    wanted, policy = notebook_id(visit), portal.settings.policy
    key, mark = visit.form.get("cell", ""), visit.form.get("is", "")
    with portal.engine.begin() as conn:
        suggestions.suggest(conn, policy, visit.person, wanted, key, mark, visit.now, portal.clock.secret)
    return go(address(wanted, "suggest"))


def suggested(portal: Portal, visit: Visit) -> Response:
    """What is suggested to a notebook that is mine or that I may manage."""
    wanted, first = notebook_id(visit), begins(visit)
    with portal.engine.begin() as conn:
        opened, found, more = suggestions.waiting(conn, visit.person, wanted, visit.now, first)
    at = address(wanted, "suggestions")
    more_ = pages(at, first, forks.PAGE, more=more)
    return respond(portal, visit, "suggestions.html", here="notebooks", opened=opened, at=at, offers=found, **more_)


def accept(portal: Portal, visit: Visit) -> Response:
    """Take a suggested cell into the notebook; where it is mine, write its file."""
    wanted, workspace = notebook_id(visit), portal.workspace(visit.person)
    which, mark, policy = _suggestion(visit), visit.form.get("is", ""), portal.settings.policy
    with portal.engine.begin() as conn:
        opened = sharing.open_(conn, visit.person, wanted, visit.now)
        room.demand(conn, opened.kept.owner_id, portal.settings.keep.person_bytes, visit.person.id)
        suggestions.accept(conn, policy, visit.person, wanted, which, mark, workspace, portal.clock.short, visit.now)
    return go(address(wanted, "suggestions"))


def decline(portal: Portal, visit: Visit) -> Response:
    """Decline a suggested cell."""
    wanted = notebook_id(visit)
    with portal.engine.begin() as conn:
        suggestions.decline(conn, visit.person, wanted, _suggestion(visit), visit.now)
    return go(address(wanted, "suggestions"))


def _suggestion(visit: Visit) -> str:
    """Return the id of a suggestion, or what is nobody's."""
    found = visit.form.get("suggestion", "")
    return found if ID.fullmatch(found) else ""
