"""Notebooks, and saves of them, for tests of their history."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from typing import Any

from swap import content
from swap.lab.sending import Save, written
from swap.notebooks.versions import Kind, Part, Sent


def notebook(*sources: str, outputs: dict[int, list[Any]] | None = None, **metadata: Any) -> dict[str, Any]:
    """Return a notebook of code cells; a cell keeps its id wherever it stands as long as it begins the same."""
    cells = [
        {
            "cell_type": "code",
            "id": "c" + content.digest(source[:3].encode())[:8],
            "metadata": {},
            "source": source,
            "outputs": (outputs or {}).get(place, []),
            "execution_count": None,
        }
        for place, source in enumerate(sources)
    ]
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def save_of(
    document: dict[str, Any],
    path: str = "a.ipynb",
    base: int | None = None,
    kind: str = "saved",
    save_id: str = "",
    kernel_id: str = "",
    kernels: str = "",
) -> Save:
    """Return a save as a person's server sends it."""
    file = content.digest(json.dumps(document).encode())
    taken = content.take_apart(document)
    environment = {"kernel_id": kernel_id, "kernels": kernels}
    return Save(path, base, kind, save_id or secrets.token_hex(8), file, environment, taken, lambda: taken)


def body(document: dict[str, Any], known: Collection[str] = (), **more: Any) -> bytes:
    """Return a save as it goes over the wire."""
    return written(save_of(document, **more), frozenset(known))


def sent(document: dict[str, Any], **more: Any) -> Sent:
    """Return a save as the gateway has read it."""
    save = save_of(document, **more)
    parts = {
        name: Part(name, content.packed(part), len(part), content.count([part]))
        for name, part in (save.taken.parts | {save.taken.digest: save.taken.manifest}).items()
    }
    return Sent(
        save.path,
        save.base,
        Kind(save.kind),
        save.save_id,
        bytes.fromhex(save.file_digest),
        save.environment,
        save.taken.digest,
        content.read(save.taken.manifest),
        parts,
    )
