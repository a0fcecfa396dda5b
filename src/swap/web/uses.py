"""What a person's server uses of what it may, in words.  Processors are a rate, which one look does not tell."""

from __future__ import annotations

from swap.usage import Part, Use

GB = 1e9


def words(use: Use) -> list[str]:
    """Return a sentence's part for each thing that is used, the most wanted first; none where nobody counts.

    >>> words(Use(memory=Part(1.23e9, 8e9), processes=Part(12, 1500)))
    ['1.2 of 8 GB of memory', '12 of 1,500 processes']
    """
    said = (_bytes(use.memory, "memory"), _number(use.processes, "processes"), _bytes(use.disk, "disk"))
    return [each for each in said if each]


def _bytes(part: Part | None, what: str) -> str:
    if part is None or part.used is None:
        return ""
    limit = "" if part.limit is None else f" of {part.limit / GB:.3g}"
    return f"{part.used / GB:.1f}{limit} GB of {what}"


def _number(part: Part | None, what: str) -> str:
    if part is None or part.used is None:
        return ""
    limit = "" if part.limit is None else f" of {part.limit:,.0f}"
    return f"{part.used:,.0f}{limit} {what}"
