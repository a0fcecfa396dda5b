"""A version of a shared notebook as one person may see it now: its share first, then its outputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from swap import content
from swap.content import Manifest
from swap.errors import Forbidden, NotFound, Problem
from swap.identity import Principal
from swap.notebooks import history, lineages, sharing, sight, store
from swap.notebooks.shares import Role
from swap.notebooks.sharing import Opened
from swap.notebooks.sight import Hidden
from swap.notebooks.versions import Part
from swap.settings import Policy

CONTROLS = "widgets"
"""Metadata in which Jupyter keeps the state of controls: it holds data as outputs do, and of what is not recorded."""


@dataclass(frozen=True, slots=True)
class Edition:
    """A version as it was executed: what it is called among all of them, and its manifest's digest."""

    name: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody may see of a version, before anything of it is put together."""

    opened: Opened
    number: int
    manifest: Manifest
    outputs: int
    """Cells that have some."""
    hidden: Mapping[str, Hidden]
    key: str
    """What it is known by: the same for the same version with the same outputs hidden, and for nothing else.

    The content has no part in it: from a digest of all of it, hidden outputs could be guessed.
    """

    @property
    def hidden_outputs(self) -> int:
        """How many cells' outputs are hidden."""
        return sum(cell.outputs in self.hidden for cell in self.manifest.cells)

    @property
    def told(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What hidden outputs come from, as far as the person may know, and whom to ask."""
        return _told(self.hidden)

    @property
    def lent(self) -> Manifest:
        """The manifest, without metadata that is its owner's alone."""
        if self.opened.role is Role.OWN:
            return self.manifest
        kept = {name: value for name, value in self.manifest.metadata.items() if name != CONTROLS}
        return replace(self.manifest, metadata=kept)


def look(
    conn: Connection, policy: Policy, person: Principal, notebook_id: str, now: datetime, number: int | None = None
) -> Seen:
    """Return what somebody may see of a version, the newest if none is named.  Raises NotFound."""
    opened = sharing.open_(conn, person, notebook_id, now)
    number, digest = opened.kept.number if number is None else number, opened.kept.digest
    if number != opened.kept.number:
        found = store.version(conn, notebook_id, number)
        if found is None:
            raise NotFound(sharing.NOWHERE)
        digest = found.digest.hex()
    return _seen(conn, policy, person, opened, digest, now, number, number)


def look_at(
    conn: Connection, policy: Policy, person: Principal, opened: Opened, edition: Edition, now: datetime
) -> Seen:
    """Return what somebody may see of a version as it was executed."""
    return _seen(conn, policy, person, opened, edition.digest, now, edition.version, edition.name)


def _seen(
    conn: Connection,
    policy: Policy,
    person: Principal,
    opened: Opened,
    digest: str,
    now: datetime,
    number: int,
    known_as: int | str,
) -> Seen:
    notebook_id = opened.kept.notebook_id
    manifest = history.manifest_of(conn, notebook_id, digest)
    hidden = sight.hidden(conn, policy, person, notebook_id, manifest.outputs(), now)
    count = sum(cell.outputs is not None for cell in manifest.cells)
    return Seen(opened, number, manifest, count, hidden, _key(notebook_id, known_as, manifest, hidden))


def _key(notebook_id: str, known_as: int | str, manifest: Manifest, hidden: Mapping[str, Hidden]) -> str:
    instead = [hidden.get(cell.outputs or "") for cell in manifest.cells]
    told = [notebook_id, known_as, [why and (why.datasets, why.ask) for why in instead]]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def written(conn: Connection, seen: Seen) -> bytes:
    """Return the version as a file; of outputs that are hidden nothing is read."""
    return history.as_file(history.put(conn, seen.opened.kept.notebook_id, seen.lent, seen.hidden))


def packed(conn: Connection, seen: Seen) -> tuple[bytes, dict[str, Part]]:
    """Return the version as a manifest and its parts, to be put together elsewhere; hidden outputs are not read.

    In their place is a part that says why.  Not even their names are told: what is short could be guessed from those.
    """
    instead = {name: content.outputs_of([sight.instead(why)]) for name, why in seen.hidden.items()}
    names = {name: content.digest(part) for name, part in instead.items()}
    lent = seen.lent
    cells = [
        replace(cell, outputs=names[cell.outputs], images=()) if cell.outputs in names else cell for cell in lent.cells
    ]
    parts = store.parts(conn, seen.opened.kept.notebook_id, lent.without(names).digests())
    parts |= {
        content.digest(part): Part(content.digest(part), content.packed(part), len(part), content.count([part]))
        for part in instead.values()
    }
    return content.write(replace(lent, cells=tuple(cells))), parts


def demand_all(conn: Connection, policy: Policy, person: Principal, opened: Opened, now: datetime) -> None:
    """Raise Forbidden unless somebody may see all outputs of all versions, as an owner does."""
    outputs = lineages.all_of(conn, opened.kept.notebook_id)
    hidden = sight.hidden(conn, policy, person, opened.kept.notebook_id, outputs, now)
    if hidden:
        datasets, asks = _told(hidden)
        raise Forbidden(
            Problem(
                f"{opened.name} cannot become yours.",
                why=f"Its versions hold outputs that you may not see{_of(datasets)}; an owner sees all of them.",
                todo=f"Ask {' and '.join(asks)} for access.",
            )
        )


def _told(hidden: Mapping[str, Hidden]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what hidden outputs come from, and whom to ask."""
    datasets = {name for each in hidden.values() for name in each.datasets}
    return tuple(sorted(datasets)), tuple(sorted({each.ask for each in hidden.values()}))


def _of(datasets: tuple[str, ...]) -> str:
    return f", from {', '.join(datasets)}" if datasets else ""


def seen_by(conn: Connection, policy: Policy, opened: Opened, people: Sequence[Principal]) -> tuple[int, list[int]]:
    """Return how many cells of the newest version have outputs, and how many of them each of some people would see."""
    manifest = history.manifest_of(conn, opened.kept.notebook_id, opened.kept.digest)
    cells = [cell.outputs for cell in manifest.cells if cell.outputs is not None]
    seen = sight.would_see(conn, policy, people, opened.kept.notebook_id, set(cells))
    return len(cells), [sum(part in each for part in cells) for each in seen]
