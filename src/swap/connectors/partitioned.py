"""What partitions' values say, wherever they are kept: Hive's names for them are those of its directories."""

from __future__ import annotations

import re
from collections.abc import Sequence

NULL = "__HIVE_DEFAULT_PARTITION__"
FINER = "hour"
"""The last key that does not stand for itself: its partitions are counted by day."""
KEPT = 60
"""Partitions, or days where a day has hours, that the catalog keeps: every query reads the catalog."""
INTEGER = re.compile(r"-?[0-9]{1,18}")


def order(value: str) -> tuple[int, int, str]:
    """Return what partitions are ordered by: null is the oldest, numbers are in the order of numbers."""
    if value == NULL:
        return 0, 0, ""
    return (1, int(value), "") if INTEGER.fullmatch(value) else (2, 0, value)


def newer(one: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]) -> bool:
    """Tell whether one partition, its keys with their values, stands behind another."""
    return [order(value) for _, value in one] > [order(value) for _, value in other]


def moment(partition: Sequence[tuple[str, str]]) -> str:
    """Return a partition as a moment where its keys are year, month, day, hour, else as its values.

    >>> moment([("year", "2026"), ("month", "9"), ("day", "3"), ("hour", "5")])
    '2026-09-03 05:00'
    """
    parts = dict(partition)
    if list(parts)[:1] == ["year"] and all(INTEGER.fullmatch(value) for value in parts.values()):
        text = "-".join(parts[key].zfill(2) for key in ("year", "month", "day") if key in parts)
        return f"{text} {parts['hour'].zfill(2)}:00" if "hour" in parts else text
    return ", ".join(value for _, value in partition if value != NULL)
