"""A version of a notebook as it was executed, kept beside its versions: with the same parts, seen by the same rule.

What its outputs come from is all that its kernel read, which was new and is known; nothing of it can be from elsewhere.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from swap import content
from swap.content import Manifest
from swap.notebooks import history, lineages, store
from swap.notebooks.versions import Part


def keep(conn: Connection, author: str, notebook_id: str, document: Any, kernel_id: str) -> str:
    """Keep an executed notebook; return its manifest's digest.  Raises Invalid, LimitExceeded."""
    taken = content.take_apart(document)
    manifest = content.read(taken.manifest)
    made = taken.parts | {taken.digest: taken.manifest}
    history.demand_small(manifest, {name: (len(part), content.count([part])) for name, part in made.items()})
    parts = [Part(name, content.packed(part), len(part), content.count([part])) for name, part in made.items()]
    store.add_parts(conn, notebook_id, parts)
    lineages.fix_known(conn, author, notebook_id, manifest.outputs(), kernel_id)
    return taken.digest


def bare(conn: Connection, notebook_id: str, number: int) -> dict[str, Any]:
    """Return a version without its outputs, to be executed.  Raises NotFound."""
    manifest: Manifest = history.manifest_at(conn, notebook_id, number)
    return history.put(conn, notebook_id, manifest.without(manifest.outputs()), {})
