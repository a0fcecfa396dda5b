"""What a person is told of a run: the one model of it, whoever remembers the run and whoever tells.

A run in memory, the row of one that ended before this gateway started, and one whose result is closed by now all
become a `RunView`.  The gateway's JSON and the Lab's `lab/src/model.ts` are made from it; docs/reference/api.md says
what each field means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from swap.errors import SwapError
from swap.query.model import RunState

StageState = Literal["todo", "active", "done"]


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in seconds."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class StageView:
    """One step of a run; seconds count from its acceptance."""

    key: str
    label: str
    detail: str
    state: StageState
    start: float | None
    end: float | None
    expected: Span | None


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of the result, with its SQL type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class RunView:
    """Where a run stands at one moment."""

    id: str
    revision: int
    state: RunState
    headline: str
    elapsed: float
    expected_end: float | None = None
    stages: tuple[StageView, ...] = ()
    rows: int = 0
    bytes: int = 0
    source_rows: Mapping[str, int] = field(default_factory=dict)
    source_bytes: Mapping[str, int] = field(default_factory=dict)
    summary: str = ""
    notices: tuple[str, ...] = ()
    note: str = ""
    columns: tuple[ResultColumn, ...] | None = None
    error: SwapError | None = None
    expires_at: datetime | None = None

    def closed(self, why: SwapError) -> RunView:
        """Return what is told once its result is closed: that it ended, and nothing that could tell of what it read."""
        return RunView(
            id=self.id,
            revision=self.revision,
            state=self.state,
            headline=self.headline,
            elapsed=self.elapsed,
            error=why if self.state is RunState.FAILED else self.error,
            expires_at=self.expires_at,
        )

    def closed_for_now(self) -> RunView:
        """Return what is told while nobody can say who may see it: it goes on, so that it is asked again."""
        return RunView(id=self.id, revision=0, state=RunState.RUNNING, headline="Running", elapsed=self.elapsed)
