"""Put a notebook's file into its place, whole or not at all; what it is beside its content stays."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path


def put(written: bytes, target: Path) -> None:
    """Write a file, whole or not at all."""
    draft = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.new")
    try:
        draft.write_bytes(written)
        move(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def move(draft: Path, target: Path) -> None:
    """Put a file in another's place, with what may be done with that one; the draft is used up."""
    place = target.resolve()
    try:
        mode, links = place.stat().st_mode & 0o7777, place.stat().st_nlink
    except FileNotFoundError:
        mode, links = 0o666 & ~_umask(), 1
    if links > 1 or not os.access(place.parent, os.W_OK):
        # Another name of the same file goes on showing it.
        with draft.open("rb") as source, place.open("wb") as file:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        draft.unlink(missing_ok=True)
        return
    draft.chmod(mode)
    if draft.stat().st_dev == place.parent.stat().st_dev:
        draft.replace(place)
        return
    near = place.with_name(f".{place.name[:200]}.{secrets.token_hex(4)}.new")
    shutil.copy2(draft, near)
    near.replace(place)
    draft.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
