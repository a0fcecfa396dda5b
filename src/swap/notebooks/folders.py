"""What people do with folders that they share.  One verb, one function, one transaction; each says so in the audit.

A share of a folder gives its role on the notebooks that lie in it, at any depth, at the moment somebody asks:
`shares.role` decides, as of a notebook's own shares.  A folder is its owner's, and a path: a renamed one is not shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from swap import audit
from swap.errors import Invalid, LimitExceeded, NotFound, Problem
from swap.identity import Principal
from swap.notebooks import events, notices, sharing
from swap.notebooks import folder_store as store
from swap.notebooks.folder_store import Given, Shared
from swap.notebooks.shares import OFFERED, Kind, Share
from swap.notebooks.workspace import visible

SHARES = 500
"""Of all folders of one person."""
LISTED = 100
"""Folders that somebody shares, which their page lists; and what of folders the page of a notebook lists."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of somebody's, and how many notebooks with a version lie in it."""

    path: str
    notebooks: int


def named(path: str) -> str:
    """Return a path that a folder of a home can have.  Raises NotFound for one that leads elsewhere, or is hidden.

    >>> named("ideas/2026")
    'ideas/2026'
    """
    # A folder is what a notebook can lie in.
    return visible(f"{path}/a.ipynb").removesuffix("/a.ipynb")


def open_(conn: Connection, person: Principal, path: str) -> Folder:
    """Return a folder of somebody's own; nothing may lie in it.  Raises NotFound."""
    folder = named(path)
    return Folder(folder, len(store.notebooks(conn, person.id, folder)))


def share(conn: Connection, person: Principal, path: str, wanted: Share, now: datetime) -> None:
    """Share a folder of one's own, or change what was shared.  Raises NotFound, Invalid, LimitExceeded."""
    folder = named(path)
    store.hold(conn, person.id, folder)
    inside = store.notebooks(conn, person.id, folder)
    if not inside:
        raise NotFound(
            Problem(
                f"No saved notebook lies in {folder}.",
                why="A folder is shared for the notebooks in it.",
                todo="Save one there in JupyterLab first.",
            )
        )
    if wanted.role not in OFFERED:
        raise Invalid(Problem("This role cannot be given for a folder.", todo="Choose one that the page offers."))
    if wanted.kind is Kind.PERSON and wanted.whom == person.id:
        raise Invalid(Problem("This folder is yours.", todo="Choose somebody else."))
    sharing.demand_there(conn, wanted, now)
    was = store.one(conn, person.id, folder, wanted.kind, wanted.whom)
    if was is None and store.count(conn, person.id) >= SHARES:
        raise LimitExceeded(
            Problem(
                f"Your folders are shared {SHARES} times.",
                why="This is the most there can be.",
                todo="End a share of a folder, or share with a group instead.",
            )
        )
    store.put(conn, person.id, folder, wanted, now)
    audit.record(
        conn,
        events.FolderShared(
            person_id=person.id,
            via=person.via,
            folder=folder,
            kind=wanted.kind.value,
            whom=wanted.whom,
            role=wanted.role.value,
            expires_at="" if wanted.expires_at is None else wanted.expires_at.isoformat(),
            was="" if was is None else was.role.value,
        ),
    )
    if wanted.kind is Kind.PERSON and was is None:
        # A notice is about a notebook: the one that was saved last.
        notices.tell(conn, notices.Kind.SHARE, {wanted.whom}, notices.About(inside[0], None, person.id), now)


def end(conn: Connection, person: Principal, path: str, kind: Kind, whom: str) -> None:
    """End a share of a folder of one's own; one that has ended stays so.  Raises NotFound."""
    folder = named(path)
    store.hold(conn, person.id, folder)
    was = store.one(conn, person.id, folder, kind, whom)
    if was is None:
        return
    store.end(conn, person.id, folder, kind, whom)
    audit.record(
        conn,
        events.FolderShareEnded(
            person_id=person.id,
            via=person.via,
            folder=folder,
            kind=kind.value,
            whom=whom,
            was=was.role.value,
        ),
    )


def given(conn: Connection, person: Principal, folder: Folder, begins: int) -> tuple[list[Given], bool]:
    """Return a page of the shares of a folder of one's own, from row `begins` on, and whether there are more."""
    found = store.of_folder(conn, person.id, folder.path, begins, sharing.PAGE + 1)
    return found[: sharing.PAGE], len(found) > sharing.PAGE


def reaching(conn: Connection, opened: sharing.Opened) -> list[Given]:
    """Return what a notebook's folders give to whom, for who may manage the notebook."""
    return store.of_notebook(conn, opened.kept.notebook_id, LISTED)


def shared(conn: Connection, person: Principal) -> list[Shared]:
    """Return the folders that somebody shares."""
    return store.shared(conn, person.id, LISTED)
