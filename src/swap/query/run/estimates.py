"""What a run is expected to do next, from what is known of it; nothing known is nothing expected.

A step takes as long as it did last time, or as its own rate says.  One that is over its time promises nothing,
and neither does the whole then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from swap.query.run.stages import SourceProgress, Stage
from swap.query.run.state import Span

RATE_SECONDS = 0.5
"""Fetching is watched for this long before its rate is taken for one."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The spans of the steps that go on or are to come, and when the whole ends if that is known of all of them."""

    spans: Mapping[str, Span]
    end: float | None


def rest(
    steps: Iterable[Stage], now: float, began: float | None, usual: Mapping[str, Span], rated: Mapping[str, float]
) -> Expected:
    """Return what is left, in seconds since the run was accepted.

    `began` is when it had its places, None before; `rated` holds the ends that follow from a step's own rate.
    """
    base = now if began is None else began
    sure = began is not None and bool(usual)
    spans: dict[str, Span] = {}
    before: dict[str, tuple[float, float]] = {}
    for step in steps:
        if step.kind in {"rights", "wait"}:
            continue
        known = usual.get(step.key)
        reached = step.end
        if step.state == "active" and step.start is not None:
            end = rated.get(step.key, step.start + known.end - known.start if known else 0.0)
            if end > now:
                spans[step.key] = Span(step.start, end)
            else:
                sure = False
            reached = max(end, now)
        elif step.state == "todo" and known:
            waits_for = [ends for key, ends in before.items() if step.key == "combine" or key == f"run:{step.source}"]
            # As long after the last of them as usual.
            shift = max(end for end, _ in waits_for) - max(usually for _, usually in waits_for) if waits_for else base
            start = max(now, known.start + shift)
            spans[step.key] = Span(start, start + known.end - known.start)
            reached = spans[step.key].end
        if known and reached is not None:
            before[step.key] = (reached, known.end)
    return Expected(spans, max((span.end for span in spans.values()), default=None) if sure else None)


def rated(steps: Iterable[Stage], sources: Mapping[str, SourceProgress], now: float) -> dict[str, float]:
    """Return when the fetching that goes on will end, by step, for the sources whose rate says it."""
    ends = {}
    for step in steps:
        if step.kind == "fetch" and step.state == "active" and step.start is not None:
            progress = sources[step.source]
            end = fetched_by(step.start, now, progress.rows, progress.total) if progress.total is not None else None
            if end is not None:
                ends[step.key] = end
    return ends


def fetched_by(started: float, now: float, rows: int, total: int) -> float | None:
    """Return when the last row is here, at the rate so far; None when that cannot be said."""
    took = now - started
    return started + took * total / rows if 0 < rows < total and took >= RATE_SECONDS else None


def about(rows: int) -> int:
    """Return a count as an estimate is told: three digits that count.

    >>> about(310_482), about(26_115), about(12)
    (310000, 26100, 12)
    """
    return round(rows, min(0, 3 - len(str(rows))))


def roughly(seconds: float) -> str:
    """Return a duration as it is expected.

    >>> roughly(0.2), roughly(16.4), roughly(200)
    ('less than 1 s', 'about 16 s', 'about 3 min')
    """
    if seconds < 0.95:
        return "less than 1 s"
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"
