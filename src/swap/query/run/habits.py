"""How long statements usually take: what each person's own last run of the same one took, in memory only.

Never across people: how long somebody's query took is theirs.  Statements are kept as digests, their spans as numbers.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from swap.query.model import Statement
from swap.query.run.state import Span

STATEMENTS = 1000
"""How many are remembered; the one that ran longest ago is forgotten first."""


class Usual:
    """What one gateway remembers of the runs that succeeded."""

    def __init__(self, most: int = STATEMENTS) -> None:
        self._most = most
        self._spans: OrderedDict[bytes, Mapping[str, Span]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, person_id: str, statement: Statement) -> Habit:
        """Return what is known of a person's statement, and where to write what this run of it takes."""
        parts = (
            person_id,
            statement.dialect,
            statement.text,
            sorted(statement.params.items()),
            sorted(statement.tables),
        )
        digest = hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            return Habit(self, digest, self._spans.get(digest, {}))

    def keep(self, digest: bytes, spans: Mapping[str, Span]) -> None:
        """Remember a run in the place of the one before."""
        with self._lock:
            self._spans[digest] = spans
            self._spans.move_to_end(digest)
            while len(self._spans) > self._most:
                self._spans.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Habit:
    """One person's one statement: the spans of its steps when it last succeeded, counted from when it began to run."""

    _usual: Usual
    _digest: bytes
    spans: Mapping[str, Span]

    def learn(self, spans: Mapping[str, Span]) -> None:
        """Remember how this run went."""
        self._usual.keep(self._digest, spans)
