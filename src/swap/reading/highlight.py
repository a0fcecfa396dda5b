"""Code as a page shows it: keywords, functions, strings and comments marked.  Everything is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from markupsafe import Markup, escape
from pygments.lexers.data import JsonLexer
from pygments.lexers.r import SLexer
from pygments.lexers.shell import BashLexer
from pygments.lexers.sql import SqlLexer
from pygments.token import Comment, Keyword, Name, Operator, String, Token

from swap.reading import python

MARKED_LENGTH = 50_000
"""Characters of code that are looked into; longer code is shown without marks."""
_SQL = SqlLexer(stripnl=False, ensurenl=False)
_SHELL = BashLexer(stripnl=False, ensurenl=False)
_LEXERS: dict[str, Any] = {
    "r": SLexer(stripnl=False, ensurenl=False),
    "sql": _SQL,
    "bash": _SHELL,
    "sh": _SHELL,
    "json": JsonLexer(stripnl=False, ensurenl=False),
}
_MAGICS = {"%%swap": "sql", "%%sql": "sql", "%%bash": "bash", "%%sh": "sh", "%%R": "r"}
_CLASSES = ((Keyword, "k"), (Operator.Word, "k"), (String, "s"), (Comment, "o"))
_FUNCTIONS = (Name.Function, Name.Class, Name.Decorator)


def sql(text: str) -> Markup:
    r"""Return a statement with its parts marked, by the classes of look.css.

    >>> sql("SELECT '<b>'")
    Markup('<span class="k">SELECT</span> <span class="s">\'&lt;b&gt;\'</span>')
    """
    return code(text, "sql")


def spoken(text: str, language: str) -> str:
    r"""Return the language a cell is in: its notebook's, unless its first line is a magic that says another.

    >>> spoken("%%swap pages\nSELECT 1", "python")
    'sql'
    """
    return _MAGICS.get(text.partition("\n")[0].partition(" ")[0], language)


def code(text: str, language: str) -> Markup:
    """Return code with its parts marked; of a language that is not known, or long, without marks."""
    if len(text) > MARKED_LENGTH:
        return escape(text)
    if language == "python":
        return _marked(python.parts(text))
    lexer = _LEXERS.get(language)
    if lexer is None:
        return escape(text)
    if text.startswith("%%"):
        magic, _, rest = text.partition("\n")
        return Markup('<span class="o">{}</span>\n').format(magic) + code(rest, language)
    found = list(lexer.get_tokens(text))
    classes = (
        _class(kind, before_bracket=after.startswith("("), is_sql=lexer is _SQL)
        for (kind, _), (_, after) in pairwise([*found, (Token, "")])
    )
    return _marked(zip(classes, (part for _, part in found), strict=True))


def _marked(parts: Iterable[tuple[str, str]]) -> Markup:
    """Return pieces of code with their classes, those of one class together."""
    made: list[str] = []
    for css, group in groupby(parts, key=itemgetter(0)):
        # Between tags quotation marks need no escape, and code is full of them.
        part = html.escape("".join(text for _, text in group), quote=False)
        made.append(f'<span class="{css}">{part}</span>' if css else part)
    return Markup("".join(made))  # noqa: S704 — each part is escaped above


def _class(kind: Any, *, before_bracket: bool, is_sql: bool) -> str:
    if is_sql and before_bracket and (kind in Name or kind in Keyword):
        return "f"
    if kind in _FUNCTIONS:
        return "f"
    return next((css for family, css in _CLASSES if kind in family), "")
