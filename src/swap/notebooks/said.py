"""What somebody wrote: plain text of a bounded length, whom it mentions, which addresses stand in it.  Pure values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from swap.errors import Invalid, Problem

LENGTH = 4_000
MENTIONS = 10
"""In one text; further ones are text."""
_MENTION = re.compile(r"(?<![\w.@/-])@([\w][\w.+-]{0,63})")
_ADDRESS = re.compile(r"https?://[^\s<>\"'`]+", re.IGNORECASE)
_AFTER = ".,;:!?)]}»”’"
"""What ends a sentence, not an address."""
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that let the text after them run the other way, beyond its own end."""


def said(text: str) -> str:
    r"""Return a text as it is kept.  Raises Invalid for an empty one, and for one that is too long.

    >>> said("  a\r\nb\x00 ")
    'a\nb'
    """
    kept = "".join(each for each in text.replace("\r\n", "\n").replace("\r", "\n") if _is_text(each)).strip()
    if not kept:
        raise Invalid(Problem("This comment is empty.", todo="Write something. Nothing was changed."))
    if len(kept) > LENGTH:
        raise Invalid(
            Problem(
                f"This comment is too long: {len(kept):,} characters.",
                why=f"A comment has at most {LENGTH:,}.",
                todo="Go back and shorten it. Nothing was changed.",
            )
        )
    return kept


def _is_text(character: str) -> bool:
    return character in "\n\t" or (character not in _TURNS and unicodedata.category(character) not in {"Cc", "Cs"})


def mentioned(text: str) -> tuple[str, ...]:
    """Return the names that a text mentions, in lower case, each once.

    A name may hold points and hyphens; at its end they may be the sentence's, so both are looked for.

    >>> mentioned("@Ann, ask @bob.b. Not me@example.org")
    ('ann', 'bob.b.', 'bob.b')
    """
    found: dict[str, None] = {}
    for match in list(_MENTION.finditer(text))[:MENTIONS]:
        name = match[1].lower()
        found |= dict.fromkeys((name, name.rstrip(".-+")))
    return tuple(found)


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield a text in pieces, each with whether it is an address that can be followed.

    >>> list(parts("See https://example.org/a."))
    [('See ', False), ('https://example.org/a', True), ('.', False)]
    """
    begins = 0
    for match in _ADDRESS.finditer(text):
        address = match[0].rstrip(_AFTER)
        if match.start() > begins:
            yield text[begins : match.start()], False
        yield address, True
        begins = match.start() + len(address)
    if begins < len(text):
        yield text[begins:], False
