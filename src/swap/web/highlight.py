"""SQL as a page shows it: keywords, strings and comments marked.  Everything is escaped."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_KEYWORDS = [
    "select",
    "from",
    "where",
    "join",
    "left",
    "right",
    "full",
    "cross",
    "on",
    "using",
    "group",
    "order",
    "by",
    "having",
    "limit",
    "as",
    "and",
    "or",
    "not",
    "in",
    "is",
    "null",
    "with",
    "union",
    "all",
    "distinct",
    "case",
    "when",
    "then",
    "else",
    "end",
    "over",
    "partition",
    "desc",
    "asc",
    "between",
    "like",
    "exists",
]
_TOKEN = re.compile(
    rf"(?P<o>--[^\n]*)|(?P<s>'(?:[^']|'')*')|(?P<k>\b(?:{'|'.join(_KEYWORDS)})\b)|(?P<f>\b[a-z_]+(?=\())", re.IGNORECASE
)


def sql(text: str) -> Markup:
    """Return a statement with its parts marked.

    >>> sql("SELECT '<b>' -- a & b")
    Markup('<span class="k">SELECT</span> <span class="s">&#39;&lt;b&gt;&#39;</span> <span class="o">-- a &amp;
    b</span>')
    """
    made, at = Markup(), 0
    for token in _TOKEN.finditer(text):
        made += escape(text[at : token.start()])
        made += Markup('<span class="{}">{}</span>').format(token.lastgroup, token[0])
        at = token.end()
    return made + escape(text[at:])
