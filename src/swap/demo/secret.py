"""Secrets of the demo's own stores, made at their first use: a file that its user alone can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def kept(path: Path) -> str:
    """Return the secret at a path: lower-case letters and digits."""
    if path.exists():
        return path.read_text(encoding="ascii")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = secrets.token_hex(32)
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(made)
    draft.replace(path)
    return made
