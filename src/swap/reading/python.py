"""Python as a page shows it: keywords, names that are defined, strings and comments found by one expression.

Pygments finds more, and takes twenty times as long for it: half of the time that a whole notebook takes.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator

_STRING = (
    r'"""(?:[^"\\]|\\.|"(?!""))*(?:"""|\Z)|"(?:[^"\\\n]|\\.)*"?'
    r"|'''(?:[^'\\]|\\.|'(?!''))*(?:'''|\Z)|'(?:[^'\\\n]|\\.)*'?"
)
_PART = re.compile(
    rf"(?P<o>\#[^\n]*)|(?P<s>(?:[rbfuRBFU]{{1,2}}(?=[\"']))?(?:{_STRING}))|(?P<f>(?<=def )\w+|(?<=class )\w+|@[\w.]+)"
    rf"|(?P<k>(?:{'|'.join(sorted(keyword.kwlist))})(?!\w))|(?P<word>\w+)",
    re.DOTALL,
)
"""A word is taken whole, so that nothing is looked for within it; each alternative ends where it stops to match."""


def parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield code in pieces, each with its class or nothing.

    >>> list(parts("def f(): # x"))
    [('k', 'def'), ('', ' '), ('f', 'f'), ('', '(): '), ('o', '# x')]
    """
    at = 0
    for found in _PART.finditer(text):
        if found.lastgroup == "word":
            continue
        if found.start() > at:
            yield "", text[at : found.start()]
        yield str(found.lastgroup), found[0]
        at = found.end()
    if at < len(text):
        yield "", text[at:]
