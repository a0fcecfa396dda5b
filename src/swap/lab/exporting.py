"""What a notebook saved as HTML may hold: text, tables, pictures that are part of it, and nothing that acts.

Whoever opens such a file has no policy of SWAP's around it, so nothing in it may run, and nothing be asked of another
host: what is not on these lists is left out.
"""

from __future__ import annotations

import re

from bleach.css_sanitizer import CSSSanitizer  # type: ignore[import-untyped]
from bleach.sanitizer import Cleaner  # type: ignore[import-untyped]

TAGS = frozenset(
    """
    a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr
    i img ins kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var
    """.split()  # noqa: SIM905 — read as a list of words
)
ATTRIBUTES = frozenset({"align", "alt", "class", "colspan", "dir", "id", "lang", "rowspan", "scope", "start", "title"})
STYLES = frozenset(
    """
    background-color border border-bottom border-collapse border-left border-right border-top color display font-family
    font-size font-style font-weight height line-height margin margin-bottom margin-left margin-right margin-top
    max-width min-width opacity overflow overflow-x padding padding-bottom padding-left padding-right padding-top
    text-align text-decoration text-transform vertical-align white-space width word-break
    """.split()  # noqa: SIM905
)
"""None of these takes an address, or leaves its place on the page."""
_LINK = re.compile(r"(?:https?://|mailto:|#|[\w./%-]+(?:[?#]|$))", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]+")
_UNSEEN = ("script", "style", "template", "title")
"""What stands inside these is no text for people."""
_BEGIN = re.compile(rf"<({'|'.join(_UNSEEN)})\b", re.IGNORECASE | re.ASCII)
_END = {tag: re.compile(rf"</{tag}\s*>", re.IGNORECASE | re.ASCII) for tag in _UNSEEN}


def clean(text: object) -> str:
    """Return HTML of which only what is listed is left; of other elements their text stays.

    >>> clean("<b onclick='go()'>a</b><script>go()</script><img src=x onerror=go()>")
    '<b>a</b><img>'
    """
    cleaner = Cleaner(
        tags=TAGS,
        attributes=_may_stay,
        protocols=frozenset({"http", "https", "mailto", "data"}),
        strip=True,
        css_sanitizer=CSSSanitizer(allowed_css_properties=STYLES),
    )
    return str(cleaner.clean(seen(str(text))))


def seen(text: str) -> str:
    """Return HTML without the elements that hold no text for people; one that has no end stays as it is.

    Each end is looked for from its beginning, and one that is not there once: the time grows as the text does.

    >>> seen("a<script>go()</script>b<style>c")
    'ab<style>c'
    """
    kept: list[str] = []
    at = 0
    endless: set[str] = set()
    for begin in _BEGIN.finditer(text):
        tag = begin[1].lower()
        if begin.start() < at or tag in endless:
            continue
        end = _END[tag].search(text, begin.end())
        if end is None:
            endless.add(tag)
            continue
        kept.append(text[at : begin.start()])
        at = end.end()
    return "".join([*kept, text[at:]])


def _may_stay(tag: str, name: str, value: str) -> bool:
    if name == "href":
        return tag == "a" and _LINK.match(value.strip()) is not None
    if name == "src":
        return tag == "img" and _PICTURE.fullmatch(value.strip()) is not None
    if name in {"width", "height"}:
        return tag in {"img", "td", "th", "col", "table"} and re.fullmatch(r"\d{1,5}%?", value) is not None
    return name in ATTRIBUTES or name == "style"
