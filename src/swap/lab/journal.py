"""What is still to be said to SWAP's store, in the person's home: in order, and there after any end of the server.

One file says what it is, and of a save another has the notebook.  Both are complete before they have their names.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from swap import content

FOLDER = Path(".swap", "saving")
_CHUNK_BYTES = 250_000

Signature = tuple[int, int, int]
"""By what a file is told from itself after a change: its moment, size and number on the disk."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to be said."""

    id: str
    """Unique, and in the order of their making."""
    what: Literal["saved", "found", "move", "delete"]
    path: str
    to: str = ""
    """Of a move: the new path."""
    base: int | None = None
    """The version that was changed; none where the entry before says it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    """Of a save: the file it becomes, and how that was before; empty once it is in its place."""
    before: Signature | None = None


class Journal:
    """The entries in one home."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def add(self, entry: Entry, notebook: bytes = b"", *, lasting: bool) -> None:
        """Write an entry, and what it saves; a lasting one is on the disk before this returns.

        Another is there after the end of this program, and, once it is synced, after that of the machine.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if entry.what in {"saved", "found"}:
            _write(self.notebook(entry), notebook, lasting=lasting)
        self._say(entry, lasting=lasting)

    def sync(self, entry: Entry) -> None:
        """Have what an entry saves on the disk before this returns."""
        descriptor = os.open(self.notebook(entry), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def settle(self, entry: Entry) -> Entry:
        """Let an entry wait whose file is in its place."""
        settled = replace(entry, target="", before=None)
        self._say(settled, lasting=True)
        return settled

    def begin_from(self, entry: Entry, base: int) -> Entry:
        """Let an entry follow another version."""
        changed = replace(entry, base=base)
        self._say(changed, lasting=True)
        return changed

    def done(self, entry: Entry) -> None:
        """Forget an entry."""
        # What says it goes first: a notebook alone means nothing.
        for path in (self._folder / f"{entry.id}.json", self.notebook(entry)):
            path.unlink(missing_ok=True)

    def waiting(self) -> list[Entry]:
        """Return the entries, oldest first; what is none is passed over: the home is its person's."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, TypeError):
                found.append(_entry(json.loads(path.read_bytes()), path.stem))
        return [entry for entry in found if entry.what in {"move", "delete"} or self.notebook(entry).is_file()]

    def tidy(self) -> None:
        """Remove what an end of the server has left half done: it says nothing."""
        kept = {name for entry in self.waiting() for name in (f"{entry.id}.json", f"{entry.id}.ipynb")}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.name not in kept and not path.is_dir():
                path.unlink(missing_ok=True)

    def notebook(self, entry: Entry) -> Path:
        """Return where the notebook of a save is."""
        return self._folder / f"{entry.id}.ipynb"

    def _say(self, entry: Entry, *, lasting: bool) -> None:
        _write(self._folder / f"{entry.id}.json", json.dumps(asdict(entry)).encode(), lasting=lasting)
        if lasting:
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _entry(said: dict[str, Any], id_: str) -> Entry:
    before = said.pop("before", None)
    entry = Entry(**said | {"id": id_, "before": tuple(before) if before else None})
    if entry.what not in {"saved", "found", "move", "delete"} or not isinstance(entry.path, str):
        raise ValueError(entry.what)
    return entry


def _write(path: Path, content: bytes, *, lasting: bool) -> None:
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        if lasting:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(path)


def signature(path: Path) -> Signature | None:
    """Return how a file is now, or None where there is none."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def parts(path: Path) -> int:
    """Return how many lists and objects a notebook has, of which little is in memory at a time."""
    with path.open("rb") as file:
        return content.count(iter(partial(file.read, _CHUNK_BYTES), b""))
