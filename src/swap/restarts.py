"""What the supervisor is about to start again, kept in a small file, so that pages can say when.

Data only: who shows it has the words.  A file that cannot be read or written is as none.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

FILE = "restarts.json"
STARTING = timedelta(seconds=15)
"""How long after its start a program is still told of: it needs some seconds before it answers."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A program that ended so many times in a row, and when it is started again, in ISO 8601 with its zone."""

    name: str
    ends: int
    at: str

    def seconds(self, now: datetime) -> int:
        """Return in how many seconds it is started; nothing when that has begun."""
        return max(0, round((datetime.fromisoformat(self.at) - now).total_seconds()))


def write(state: Path, restarts: Iterable[Restart]) -> None:
    """Keep these and no others; a disk that is full for the moment leaves the older ones."""
    path = state / FILE
    draft = path.with_suffix(".new")
    with contextlib.suppress(OSError):
        draft.write_text(json.dumps([asdict(each) for each in restarts]), encoding="ascii")
        draft.replace(path)


def read(state: Path, now: datetime) -> tuple[Restart, ...]:
    """Return what is waited for now."""
    try:
        found = [Restart(**each) for each in json.loads((state / FILE).read_text(encoding="ascii"))]
        return tuple(each for each in found if now - datetime.fromisoformat(each.at) < STARTING)
    except (OSError, ValueError, TypeError):
        return ()
