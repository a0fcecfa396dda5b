"""HTML that somebody else wrote → HTML of which only what is listed is left: text, tables, links that lead elsewhere.

No picture, style, name, class or id stays: nothing of it can act, ask another host, leave its place or mean another
part of the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import nh3
from markupsafe import Markup

TAGS = frozenset(
    """
    a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr
    i ins kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var
    """.split()  # noqa: SIM905 — read as a list of words
)
ATTRIBUTES = {
    "*": {"lang", "title"},
    "a": {"href"},
    "col": {"span"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
SIDES = {"left", "right", "center"}
VALUES = {
    "*": {"dir": {"ltr", "rtl", "auto"}},
    "th": {"align": SIDES, "scope": {"row", "col", "rowgroup", "colgroup"}},
    "td": {"align": SIDES},
}
UNSEEN = frozenset({"script", "style", "template", "title", "noscript", "textarea", "svg", "math", "iframe", "object"})
"""What stands inside these is no text for people."""
_WITHIN = re.compile(r'<a href="(#[^"]*)"[^>]*>')


def cleaner(may_stay: Callable[[str, str, str], str | None] | None = None) -> nh3.Cleaner:
    """Return what cleans; of attributes that are listed, `may_stay` can still change or drop one."""
    return nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags=set(UNSEEN),
        attributes=ATTRIBUTES,
        tag_attribute_values=VALUES,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer",
        url_schemes={"http", "https", "mailto"},
        url_relative=lambda url: url if url.startswith("#") else None,
        attribute_filter=may_stay,
    )


_cleaner = cleaner()


def html(text: str) -> Markup:
    """Return HTML of which only what is listed is left.

    >>> html("<b onclick='go()' class=x>a</b><script>go()</script><img src=x onerror=go()>")
    Markup('<b>a</b>')
    >>> html("<a href='#there'>x</a><a href='javascript:go()'>y</a>")
    Markup('<a href="#there">x</a><a target="_blank" rel="noopener noreferrer">y</a>')
    """
    return Markup(within(_cleaner.clean(text)))  # noqa: S704 — cleaned here


def within(cleaned: str) -> str:
    """Return cleaned HTML in which a link within the page opens no other one."""
    return _WITHIN.sub(r'<a href="\1">', cleaned)
