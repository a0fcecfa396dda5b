"""A statement's text as errors show it: cut, and with places in it."""

from __future__ import annotations

import re

from swap.query.model import Place

MAX_SHOWN = 100
"""Characters of a name that an error repeats."""
HALF = re.compile(r"[\ud800-\udfff]")
"""A surrogate, which JSON may bring and UTF-8 cannot hold."""


def cut(text: str, length: int = MAX_SHOWN) -> str:
    """Return a name, or a sentence, as an error shows it however long it is."""
    return text if len(text) <= length else text[:length] + "…"


def place(text: str, offset: int | None) -> Place | None:
    r"""Return line and column of an offset into the statement.

    >>> place("SELECT a\nFROM b", 14)
    Place(line=2, column=6)
    """
    if offset is None or not 0 <= offset <= len(text):
        return None
    before = text[:offset]
    return Place(before.count("\n") + 1, offset - before.rfind("\n"))
