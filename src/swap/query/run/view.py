"""What is seen of a run: its stages drawn, its headline, its summary.  Facts in, the model of `state` out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from swap.errors import from_json
from swap.query.model import RunState
from swap.query.results import format as shown
from swap.query.results.spool import Written
from swap.query.run import estimates
from swap.query.run.stages import SourceProgress, Stage
from swap.query.run.state import ResultColumn, RunView, Span, StageView

_LABELS = {
    "rights": {"todo": "Check your rights", "active": "Checking your rights", "done": "Checked your rights"},
    "wait": {"todo": "Wait for {0}", "active": "Waiting for {0}", "done": "Waited for {0}"},
    "run": {"todo": "Run in {0}", "active": "Running in {0}", "done": "Ran in {0}"},
    "fetch": {"todo": "Fetch rows from {0}", "active": "Fetching rows from {0}", "done": "Fetched rows from {0}"},
    "combine": {"todo": "Combine", "active": "Combining", "done": "Combined"},
}


def stages(
    steps: Iterable[Stage], sources: Mapping[str, SourceProgress], expected: Mapping[str, Span]
) -> tuple[StageView, ...]:
    """Draw the steps; what is expected of them is by key."""
    return tuple(_stage(step, sources.get(step.source), expected.get(step.key)) for step in steps)


def _stage(step: Stage, progress: SourceProgress | None, expected: Span | None) -> StageView:
    return StageView(
        key=step.key,
        label=_label(step),
        detail=_detail(step, progress, expected),
        state=step.state,
        start=rounded(step.start),
        end=rounded(step.end),
        expected=None if expected is None else Span(round(expected.start, 3), round(expected.end, 3)),
    )


def _label(step: Stage) -> str:
    return _LABELS[step.kind][step.state].format(step.source)


def _detail(step: Stage, progress: SourceProgress | None, expected: Span | None) -> str:
    if step.state == "todo" and expected is not None:
        return estimates.roughly(expected.end - expected.start)
    if step.state == "active" and step.kind == "fetch" and progress is not None and progress.total is not None:
        about = estimates.about(progress.total)
        if 0 < progress.rows < min(progress.total, about):
            return f"{progress.rows:,} of about {about:,} rows, {_size(progress.bytes)}"
    return step.detail


def fetched(progress: SourceProgress) -> str:
    """Say what came from a source."""
    return f"{progress.rows:,} rows, {_size(progress.bytes)}"


def headline(state: RunState, steps: Iterable[Stage]) -> str:
    """Say in a few words what goes on, or how it ended."""
    if state.ended:
        return state.value.capitalize()
    active = [step for step in steps if step.state == "active"]
    for kind in ("wait", "combine", "run", "fetch"):
        for step in active:
            if step.kind == kind:
                return f"Waiting, {step.detail.partition(',')[0]}" if kind == "wait" else _label(step)
    return "Starting"


def summary(steps: Iterable[Stage], now: float) -> str:
    """Say where the time went: waiting, each source, combining."""
    begun = [step for step in steps if step.start is not None]
    parts = [
        ("waited", [step for step in begun if step.kind == "wait"]),
        *(
            (source, [step for step in begun if step.kind in {"run", "fetch"} and step.source == source])
            for source in dict.fromkeys(step.source for step in begun if step.kind in {"run", "fetch"})
        ),
        ("combined", [step for step in begun if step.kind == "combine"]),
    ]
    return " · ".join(f"{name} {_took(part, now):.1f} s" for name, part in parts if part)


def _took(steps: list[Stage], now: float) -> float:
    return max(now if step.end is None else step.end for step in steps) - min(step.start or 0.0 for step in steps)


def columns(written: Written | None) -> tuple[ResultColumn, ...] | None:
    """Return the columns of a result; None while they are not known."""
    if written is None:
        return None
    return tuple(ResultColumn(field.name, shown.sql_type(field.type)) for field in written.schema)


def remembered(row: Any, written: Written | None) -> RunView:
    """Return what is still known of a run that ended before this gateway started: its row, and a result kept."""
    return RunView(
        id=row.id,
        revision=1,
        state=RunState(row.state),
        headline=row.state.capitalize(),
        elapsed=(row.ended_at - row.created_at).total_seconds() if row.ended_at else 0.0,
        rows=row.row_count or 0,
        bytes=written.bytes if written else 0,
        columns=columns(written),
        error=from_json(row.error) if row.error else None,
        expires_at=row.expires_at,
    )


def rounded(moment: float | None) -> float | None:
    """Return a moment as it is told, to a thousandth of a second."""
    return None if moment is None else round(moment, 3)


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 100 * size else f"{count / size:.0f} {unit}"
    return f"{count} B"
