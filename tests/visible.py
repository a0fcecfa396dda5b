"""The text that a browser would show of a page, to compare two renderers by it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_UNSEEN = frozenset({"head", "style", "script", "title", "summary"})
_PROMPT = re.compile(r"(?:In|Out)\s*\[\s*\d*\s*\]:")
_VOID = frozenset({"img", "br", "hr", "meta", "link", "input", "col"})


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        anchor = tag == "a" and ("class", "anchor-link") in attrs
        if (tag in _UNSEEN or anchor or (self._unseen and tag == "a")) and tag not in _VOID:
            self._unseen += 1
        if tag not in {"span", "b", "strong", "em", "code", "a", "bdi"}:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._unseen and tag in {*_UNSEEN, "a"}:
            self._unseen -= 1

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)


def text(html: str) -> list[str]:
    """Return the words that are seen, without prompts, marks of links and what says only that code is folded."""
    found = _Text()
    found.feed(html)
    return _PROMPT.sub(" ", "".join(found.parts)).split()
