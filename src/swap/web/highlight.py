"""SQL as a page shows it: keywords, functions, strings and comments marked.  Everything is escaped."""

from __future__ import annotations

from itertools import pairwise

from markupsafe import Markup, escape
from pygments.lexers.sql import SqlLexer
from pygments.token import Comment, Keyword, Name, String, Token

_LEXER = SqlLexer(stripnl=False, ensurenl=False)
_CLASSES = ((Keyword, "k"), (String, "s"), (Comment, "o"))


def sql(text: str) -> Markup:
    """Return a statement with its parts marked, by the classes of look.css.

    >>> sql("SELECT '<b>'")
    Markup('<span class="k">SELECT</span> <span class="s">&#39;&lt;b&gt;&#39;</span>')
    """
    made = Markup()
    for (kind, part), (_, after) in pairwise([*_LEXER.get_tokens(text), (Token, "")]):
        found = _class(kind, before_bracket=after.startswith("("))
        made += Markup('<span class="{}">{}</span>').format(found, part) if found else escape(part)
    return made


def _class(kind: Token, *, before_bracket: bool) -> str:
    if before_bracket and (kind in Name or kind in Keyword):
        return "f"
    return next((css for family, css in _CLASSES if kind in family), "")
