"""A notebook of before SWAP becomes one of SWAP's, with the versions that git had of it.

What its outputs come from nobody recorded.  So nothing is recorded of that: they are for their person alone, until
the notebook is run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from swap import audit
from swap.db.notebook_tables import notebook
from swap.notebooks import events, history, room, store
from swap.notebooks.versions import NAME_LENGTH, PartsMissing, Sent

VIA = "import"


@dataclass(frozen=True, slots=True)
class Old:
    """A version: what was sent of it, when it was made, what it is called, and of which commit it is."""

    sent: Sent
    at: datetime
    name: str
    environment: Mapping[str, Any]


def paths(conn: Connection, person_id: str) -> frozenset[str]:
    """Return the paths at which a person has notebooks."""
    there = notebook.c.person_id == person_id, notebook.c.deleted_at.is_(None)
    return frozenset(conn.scalars(select(notebook.c.path).where(*there)))


def take_in(
    conn: Connection,
    person_id: str,
    path: str,
    versions: Iterable[Old],
    now: datetime,
    new_id: Callable[[], str],
    most_bytes: int,
) -> int:
    """Make a notebook of these versions, the oldest first; return how many there are, or 0 where it is there.

    Raises PartsMissing, LimitExceeded.
    """
    if store.find(conn, person_id, path) is not None:
        return 0
    store.add(conn, new_id(), person_id, path, now)
    head = store.hold(conn, person_id, path)
    assert head is not None
    before, at, number = history.NOTHING, None, 0
    for number, old in enumerate(versions, 1):
        known, needed = before.digests(), old.sent.manifest.digests()
        if needed - known - old.sent.parts.keys():
            raise PartsMissing
        store.add_parts(conn, head.notebook_id, (part for name, part in old.sent.parts.items() if name not in known))
        history.demand_small(old.sent.manifest, store.sizes(conn, head.notebook_id, needed))
        # A clock that was wrong, or a branch, puts no version before the one that it was made from.
        at = min(old.at if at is None else max(at, old.at), now)
        values = {
            "digest": bytes.fromhex(old.sent.digest),
            "file_digest": old.sent.file_digest,
            "kind": old.sent.kind.value,
            "environment": dict(old.environment),
            "save_id": old.sent.save_id,
            "name": "".join(each for each in old.name if each.isprintable())[:NAME_LENGTH].strip(),
        }
        store.append(conn, head, number, values, author=person_id, via=VIA, now=at, parent=number - 1 or None)
        before = old.sent.manifest
    room.demand(conn, person_id, most_bytes)
    audit.record(
        conn, events.NotebookTakenIn(person_id=person_id, notebook_id=head.notebook_id, path=path, versions=number)
    )
    return number
