"""A version of a shared notebook as one person may see it now: its share first, then its outputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from swap import content
from swap.errors import Forbidden, NotFound, Problem
from swap.identity import Principal
from swap.notebooks import sharing, sight, store
from swap.notebooks.sharing import Opened
from swap.notebooks.sight import Hidden
from swap.settings import Policy

HIDDEN = "application/vnd.swap.hidden+json"
"""What stands in the place of outputs that somebody may not see."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody may see of a version, before anything of it is put together."""

    opened: Opened
    number: int
    manifest: content.Manifest
    outputs: int
    """Cells that have some."""
    hidden: Mapping[str, Hidden]
    key: str
    """What it is known by: the same for the same content with the same outputs hidden, and for nothing else."""

    @property
    def hidden_outputs(self) -> int:
        """How many cells' outputs are hidden."""
        return sum(cell.outputs in self.hidden for cell in self.manifest.cells)

    @property
    def datasets(self) -> tuple[str, ...]:
        """What is read by outputs that are hidden, as far as the person may know."""
        return tuple(sorted({name for each in self.hidden.values() for name in each.datasets}))

    @property
    def asks(self) -> tuple[str, ...]:
        """Whom to ask for it."""
        return tuple(sorted({each.ask for each in self.hidden.values()}))


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
    part = store.parts(conn, notebook_id, [digest])[digest]
    manifest = content.read(content.unpacked(part.content, part.size_bytes))
    outputs = {cell.outputs for cell in manifest.cells if cell.outputs is not None}
    hidden = sight.hidden(conn, policy, person, notebook_id, outputs, now)
    count = sum(cell.outputs is not None for cell in manifest.cells)
    return Seen(opened, number, manifest, count, hidden, _key(digest, hidden))


def _key(digest: str, hidden: Mapping[str, Hidden]) -> str:
    told = [digest, sorted((name, each.datasets, each.ask) for name, each in hidden.items())]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def written(conn: Connection, seen: Seen) -> bytes:
    """Return the version as a file; of outputs that are hidden nothing is read."""
    manifest, hidden = seen.manifest, seen.hidden
    needed = {
        name
        for cell in manifest.cells
        for name in ((cell.source,) if cell.outputs in hidden else (cell.source, cell.outputs, *cell.images))
        if name is not None
    }
    kept = store.parts(conn, seen.opened.kept.notebook_id, needed)

    def part(name: str) -> bytes:
        return content.unpacked(kept[name].content, kept[name].size_bytes)

    document = {
        "cells": [_cell(cell, hidden, part) for cell in manifest.cells],
        "metadata": manifest.metadata,
        "nbformat": 4,
        "nbformat_minor": manifest.minor,
    }
    return (json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8", "surrogatepass")


def _cell(cell: content.Cell, hidden: Mapping[str, Hidden], part: Any) -> dict[str, Any]:
    made = content.loaded(part(cell.source))
    if made.get("cell_type") != "code":
        return made
    if cell.outputs is None or cell.outputs not in hidden:
        return made | content.outputs(cell, part)
    told = hidden[cell.outputs]
    data = {HIDDEN: {"datasets": list(told.datasets), "ask": told.ask}}
    return made | {"execution_count": None, "outputs": [{"output_type": "display_data", "data": data, "metadata": {}}]}


def demand_all(seen: Seen) -> None:
    """Raise Forbidden unless somebody may see all outputs."""
    if seen.hidden:
        raise Forbidden(
            Problem(
                f"{seen.opened.name} cannot become yours.",
                why=f"It holds outputs that you may not see{_of(seen.datasets)}; an owner sees all of them.",
                todo=f"Ask {' and '.join(seen.asks)} for access, or copy the notebook without outputs.",
            )
        )


def _of(datasets: tuple[str, ...]) -> str:
    return f", of {', '.join(datasets)}" if datasets else ""
