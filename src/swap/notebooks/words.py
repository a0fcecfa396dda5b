"""Words of notebooks, and of who looks for them, as PostgreSQL compares them.

Both are made here and nothing else: so an identifier falls into the same words on both sides, and no character of a
query means anything to the database.  Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

LONGEST = 60
"""Characters of a word that are compared."""
POSITIONS = 16_383
"""Places in a text that PostgreSQL tells apart."""
KEPT_BYTES = 400_000
"""Of the different words of one notebook; PostgreSQL holds 1 MB, with their places."""
OFTEN = 5
"""Places of one word of a notebook that count for its rank."""
ASKED = 10
"""Words of a query."""
BEGINNING = 3
"""From so many characters on, a word of a query also finds those that begin with it."""
# Chinese and Japanese are written without spaces: each of their characters is a word.
_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")


class Where(StrEnum):
    """Where a word stands; the value is PostgreSQL's weight, A the heaviest."""

    TITLE = "A"
    TEXT = "B"
    CODE = "C"
    COMMENTS = "D"


def split(text: str) -> Iterator[str]:
    """Yield the words of a text: letters and digits, without case.

    >>> list(split("SELECT * FROM lake.wmf.Pageview_Hourly"))
    ['select', 'from', 'lake', 'wmf', 'pageview', 'hourly']
    """
    for found in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
        yield found[0][:LONGEST]


def vector(parts: Iterable[tuple[Where, str]]) -> str:
    """Return the words of some texts as PostgreSQL reads a tsvector; what is too much at the end is left out.

    >>> vector([(Where.TITLE, "Mobile readers"), (Where.CODE, "readers = 1")])
    "'mobile':1A 'readers':2A,3C '1':4C"
    """
    places: dict[str, list[str]] = {}
    size = place = 0
    for where, text in parts:
        for word in split(text):
            if word not in places:
                size += len(word.encode())
                if size > KEPT_BYTES:
                    return _written(places)
                places[word] = []
            place = min(place + 1, POSITIONS)
            if len(places[word]) < OFTEN:
                places[word].append(f"{place}{where}")
    return _written(places)


def _written(places: dict[str, list[str]]) -> str:
    return " ".join(f"'{word}':{','.join(each)}" for word, each in places.items())


def query(text: str, where: Where | None = None) -> str:
    """Return what somebody looks for as PostgreSQL reads a tsquery: all of the words; nothing for none.

    >>> query("Page views & !'x'"), query("navig", Where.CODE), query("*:*")
    ("'page':* & 'views':* & 'x'", "'navig':*C", '')
    """
    return " & ".join(f"'{word}'{_mark(word, where)}" for word in asked(text))


def asked(text: str) -> list[str]:
    """Return the words of a query, each once."""
    return list(dict.fromkeys(split(text)))[:ASKED]


def _mark(word: str, where: Where | None) -> str:
    mark = ("*" if len(word) >= BEGINNING else "") + (where or "")
    return f":{mark}" if mark else ""


def finds(wanted: Sequence[str], text: str) -> bool:
    """Tell whether one of the words of a query is in a text.

    >>> finds(["navig"], "event.navigationtiming"), finds(["x"], "xy")
    (True, False)
    """
    return any(
        word == each or (len(each) >= BEGINNING and word.startswith(each)) for word in split(text) for each in wanted
    )


def pieces(wanted: Sequence[str], line: str) -> list[tuple[str, bool]]:
    """Return a line in pieces, each with whether it is a word that was looked for.

    >>> pieces(["page"], "a page_views")
    [('a ', False), ('page', True), ('_views', False)]
    """
    made, end = list[tuple[str, bool]](), 0
    for found in _WORD.finditer(line):
        if finds(wanted, found[0]):
            made += [(line[end : found.start()], False), (found[0], True)]
            end = found.end()
    made.append((line[end:], False))
    return [each for each in made if each[0]]
