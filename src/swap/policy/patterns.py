"""Patterns of resources by dotted parts: `lake.wmf.*.city`.  A star stands for exactly one whole name."""

from __future__ import annotations

from collections.abc import Sequence

from swap.policy.model import Resource


def covers(pattern: str, resource: Resource) -> bool:
    """Tell whether the pattern names the resource or something it lies in.

    >>> covers("lake.wmf", Resource("lake", "wmf", "pageview_hourly", "city"))
    True
    >>> covers("lake.wmf.pageview_hourly.city", Resource("lake", "wmf", "pageview_hourly"))
    False
    """
    wanted, parts = pattern.split("."), resource.parts
    return len(wanted) <= len(parts) and _agree(wanted, parts)


def reaches_into(pattern: str, resource: Resource) -> bool:
    """Tell whether the pattern names something inside the resource.

    >>> reaches_into("lake.wmf.*.city", Resource("lake", "wmf"))
    True
    """
    wanted, parts = pattern.split("."), resource.parts
    return len(wanted) > len(parts) and _agree(wanted, parts)


def _agree(wanted: Sequence[str], parts: Sequence[str]) -> bool:
    # Names compare without case, as the statement's names do; otherwise "City" would slip past a lock on "city".
    return all(name == "*" or name.casefold() == part.casefold() for name, part in zip(wanted, parts, strict=False))
