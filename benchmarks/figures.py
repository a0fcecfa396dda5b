"""Figures, their targets, and the last line of a benchmark."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = int(os.environ.get("ROUNDS", "7"))
"""Rounds that count; fewer for a quick look."""
ROWS = tuple(int(rows) for rows in os.environ.get("ROWS", "1000000,5000000").split(","))
"""How many rows the large tables have."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and what it should be at most, or at least."""

    name: str
    value: float
    target: float
    at_least: bool = False

    @property
    def part(self) -> float:
        """How much of its target it takes; more than 1 is short of it."""
        return self.target / max(self.value, 1e-9) if self.at_least else self.value / self.target


def begin(name: str, rounds: int = ROUNDS) -> None:
    """Print what the figures depend on beside the code."""
    print(f"{name}: {rounds} rounds, {os.cpu_count()} cores, load before it {os.getloadavg()[0]:.1f}", flush=True)


def finish(name: str, figures: Sequence[Figure]) -> None:
    """Print every figure beside its target, and the last line: the worst of all in parts of its target."""
    for each in figures:
        bound = "at least" if each.at_least else "at most"
        print(f"  {each.name}: {each.value:.2f} ({bound} {each.target:g}) {'ok' if each.part <= 1 else 'short'}")
    worst = max(each.part for each in figures)
    print(f"{name} worst_part_of_target={worst:.2f} target=1.00 {'ok' if worst <= 1 else 'short'}", flush=True)


def percentile(values: Sequence[float], hundredth: int) -> float:
    """Return a percentile, interpolated between the values there are."""
    return statistics.quantiles(values, n=100, method="inclusive")[hundredth - 1]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
