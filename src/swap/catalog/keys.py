"""Names of tables as one text each, so that they can be looked up and ordered: without case, and never two alike.

A slash stands between the parts, so a part's own slash is written otherwise; nothing is ever split by a dot.
"""

from __future__ import annotations

import re

LONGEST = 600
"""Characters of a table's name, its parts together; four bytes each still fit into a page of an index."""
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_PART = re.compile(r"((?:[^/\\]|\\.)*)(/|\Z)", re.DOTALL)


def storable(*names: str) -> bool:
    r"""Tell whether the database can hold these names: no NUL, no half a character, and not too long to be looked up.

    >>> storable("page"), storable("a\\0"), storable("\\ud800")
    (True, False, False)
    """
    return sum(map(len, names)) <= LONGEST and not any(_UNSTORABLE.search(name) for name in names)


def cleaned(text: str) -> str:
    """Return text as the database can hold it."""
    return _UNSTORABLE.sub("\ufffd", text)


def key(name: str) -> str:
    """Return a name as names are compared."""
    return name.casefold()


def joined(*parts: str) -> str:
    r"""Return several names as one text.

    >>> joined("lake", "a/b", "c"), joined("lake", "a", "b/c")
    ('lake/a\\/b/c', 'lake/a/b\\/c')
    """
    return "/".join(part.replace("\\", "\\\\").replace("/", "\\/") for part in parts)


def path(*parts: str) -> str:
    """Return several names as one text, without case."""
    return joined(*map(key, parts))


def split(text: str) -> tuple[str, ...]:
    r"""Return the names that `joined` was given; nothing for a text that it does not make.

    >>> split(joined("lake", "a/b\\", "")), split("lake\\")
    (('lake', 'a/b\\', ''), ())
    """
    parts, place = [], 0
    while found := _PART.match(text, place):
        parts.append(re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL))
        place = found.end()
        if not found[2]:
            return tuple(parts)
    return ()
