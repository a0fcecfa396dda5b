"""What a kernel takes of a notebook at a version that its code names: its sources, and what one of its cells shows.

Rights are those of the moment at which it asks: the share first, then, of outputs, what they come from.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from swap import audit
from swap.errors import Forbidden, Invalid, NotFound, Problem
from swap.identity import Principal
from swap.notebooks import events, lineages, share_store, sharing, shown, store
from swap.notebooks.shares import Role
from swap.notebooks.shown import Seen
from swap.notebooks.sight import Hidden
from swap.notebooks.versions import Part
from swap.query import lineage
from swap.settings import Policy

ADDRESS = "/n/"
ENDING = ".ipynb"
NAMED = 20
"""Notebooks of one name that an error lists."""


def found(conn: Connection, person: Principal, name: str, now: datetime) -> str:
    """Return the id of the notebook that somebody calls `owner/name`, or by its address.  Raises NotFound, Invalid.

    Whoever may not open it is told what is told of one that does not exist.
    """
    if name.startswith(ADDRESS):
        return name.removeprefix(ADDRESS)
    owner, _, rest = name.partition("/")
    kept = share_store.called(conn, person, owner, rest.removesuffix(ENDING) + ENDING, now, NAMED + 1)
    if not kept:
        raise NotFound(_nowhere(name))
    if len(kept) > 1:
        written = ", ".join(
            f"{ADDRESS}{each.notebook_id}@{each.number} (saved {each.at:%Y-%m-%d %H:%M} UTC)" for each in kept[:NAMED]
        )
        raise Invalid(
            Problem(
                f"There are several notebooks {name} that you may open.",
                why=f"Their addresses are {written}{' and others' * (len(kept) > NAMED)}.",
                todo="Write the address of the one you mean in place of its name.",
            )
        )
    return kept[0].notebook_id


def sources(
    conn: Connection, policy: Policy, person: Principal, name: str, number: int | None, now: datetime
) -> tuple[Seen, dict[str, Part]]:
    """Return a version and the parts that are its cells' sources.  Raises NotFound, and Invalid without a number."""
    notebook_id = found(conn, person, name, now)
    seen = _look(conn, policy, person, notebook_id, number, name, now)
    _record(conn, person, seen, "")
    wanted = {cell.source for cell in seen.manifest.cells}
    return seen, store.parts(conn, notebook_id, wanted)


def output(
    conn: Connection,
    policy: Policy,
    person: Principal,
    kernel_id: str,
    notebook_id: str,
    number: int,
    at: int,
    now: datetime,
) -> Part:
    """Return the part of what a cell shows; its kernel has then read what that comes from.

    Raises NotFound, Forbidden naming what it comes from and whom to ask.
    """
    seen = _look(conn, policy, person, notebook_id, number, "", now)
    cells = seen.manifest.cells
    name = cells[at].outputs if at < len(cells) else None
    if name is None:
        raise NotFound(Problem(f"Cell {at + 1} of {seen.opened.name} shows nothing in version {number}."))
    if name in seen.hidden:
        raise _closed(seen, at, seen.hidden[name])
    recorded = lineages.of_notebook(conn, notebook_id, [name]).sets
    if not recorded:
        # Only its owner comes here: what nobody knows the origin of is hidden from others.
        raise _closed(seen, at, Hidden((), policy.ask))
    lineage.read(conn, person.id, kernel_id, recorded, now)
    _record(conn, person, seen, str(at))
    return store.parts(conn, notebook_id, [name])[name]


def _look(
    conn: Connection, policy: Policy, person: Principal, notebook_id: str, number: int | None, name: str, now: datetime
) -> Seen:
    opened = sharing.open_(conn, person, notebook_id, now)
    newest = opened.kept.number
    if number is None:
        raise Invalid(
            Problem(
                f"Say which version of {name} to use.",
                why="A version stays as it is, whatever is changed in the notebook.",
                todo=f'Write "{name}@{newest}": {newest} is the newest.',
            )
        )
    if opened.role is not Role.OWN and not _was_open(conn, person, notebook_id, number, newest, now):
        raise NotFound(_no_version(opened.name, number, newest))
    try:
        return shown.look(conn, policy, person, notebook_id, now, number)
    except NotFound:
        raise NotFound(_no_version(opened.name, number, newest)) from None


def _was_open(conn: Connection, person: Principal, notebook_id: str, number: int, newest: int, now: datetime) -> bool:
    """Tell whether a version was the newest at some time since the notebook was shared with somebody.

    What its owner took out before that is not for others.
    """
    if number >= newest:
        return number == newest
    since, next_ = share_store.since(conn, person, notebook_id, now), store.version(conn, notebook_id, number + 1)
    return since is not None and next_ is not None and next_.at > since


def _record(conn: Connection, person: Principal, seen: Seen, cell: str) -> None:
    if seen.opened.role is Role.OWN:
        return
    audit.record(
        conn,
        events.NotebookUsed(
            person_id=person.id,
            via=person.via,
            notebook_id=seen.opened.kept.notebook_id,
            version=seen.number,
            cell=cell,
        ),
    )


def _closed(seen: Seen, at: int, why: Hidden) -> Forbidden:
    of = f"It comes from {' and '.join(why.datasets)}." if why.datasets else "What it comes from is not recorded."
    todo = f"Ask {why.ask} for access."
    if seen.opened.role is Role.OWN:
        todo = "Run the notebook, save it, and use that version."
    return Forbidden(Problem(f"You may not see what cell {at + 1} of {seen.opened.name} shows.", why=of, todo=todo))


def _nowhere(name: str) -> Problem:
    return Problem(
        f"There is no notebook {name} that you may open.",
        why="Nobody has one of that name, or it is not shared with you.",
        todo='Write "owner/name@version", as the page of the notebook shows them, or ask its owner to share it.',
    )


def _no_version(name: str, number: int, newest: int) -> Problem:
    return Problem(
        f"{name} has no version {number} that you may use.",
        why="There is none, or it was replaced before the notebook was shared with you.",
        todo=f"Use version {newest}, the newest, or one that you have seen since.",
    )
