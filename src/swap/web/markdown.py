"""Markdown of SWAP's own documentation → HTML for a page.  Pure; HTML within the Markdown is shown as text.

Headings get the anchors that the links between pages use; a link goes where `resolve` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mistune
from markupsafe import Markup, escape
from mistune.plugins.table import table
from mistune.renderers.html import HTMLRenderer

from swap.reading import highlight

Resolve = Callable[[str], str | None]
"""Takes a link as it is written, returns the address to go to, or None for what is not part of the help."""

_KEY = re.compile(r"</?kbd>")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the second level, for the outline."""

    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page: its title, its body without the title, and its outline."""

    title: str
    body: Markup
    outline: tuple[Heading, ...]


def render(text: str, resolve: Resolve) -> Rendered:
    """Return a page of documentation."""
    renderer = _Renderer(resolve)
    markdown = mistune.create_markdown(renderer=renderer, plugins=[table])
    renderer.register("table", _table)
    renderer.register("table_cell", _cell)
    body = markdown(_without_comments(text))
    return Rendered(renderer.title, Markup(body), tuple(renderer.outline))  # noqa: S704 — all of it escaped below


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as links between the pages write it.

    >>> anchor("What `swap` shows, and when")
    'what-swap-shows-and-when'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _without_comments(text: str) -> str:
    return re.sub(r"^<!--.*?-->\n", "", text, flags=re.DOTALL | re.MULTILINE)


class _Renderer(HTMLRenderer):
    """HTML as the portal's pages are: no inline style, boxes that scroll can be focused, links lead somewhere."""

    def __init__(self, resolve: Resolve) -> None:
        super().__init__(escape=True)
        self.title = ""
        self.outline: list[Heading] = []
        self._resolve = resolve

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        del attrs
        plain = Markup(text).striptags()  # noqa: S704 — read, not shown
        if level == 1 and not self.title:
            self.title = plain
            return ""
        # A page that holds a notebook has that one's title too.
        shown = max(level, 2)
        if shown == 2:
            self.outline.append(Heading(anchor(plain), plain))
        return f'<h{shown} id="{escape(anchor(plain))}">{text}</h{shown}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        del title
        address = self._resolve(url)
        if address is None:
            return text
        outside = ' rel="noopener noreferrer"' if re.match("https?:", address) else ""
        return f'<a href="{escape(address)}"{outside}>{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        del title
        address = self._resolve(url)
        described = Markup(text).striptags()  # noqa: S704 — escaped where it is shown
        return f'<img src="{escape(address)}" alt="{escape(described)}" loading="lazy">' if address else text

    def block_code(self, code: str, info: str | None = None) -> str:
        language = (info or "").split(" ")[0]
        shown = highlight.sql(code.rstrip("\n")) if language == "sql" else escape(code.rstrip("\n"))
        return f'<pre class="sw-code" tabindex="0" role="group" aria-label="Example">{shown}</pre>\n'

    def inline_html(self, html: str) -> str:
        return html if _KEY.fullmatch(html) else str(escape(html))


def _cell(renderer: Any, text: str, align: str | None = None, head: bool = False) -> str:
    del renderer
    kind = "th scope=col" if head else "td"
    number = ' class="num"' if align == "right" else ""
    return f"<{kind}{number}>{text}</{kind.partition(' ')[0]}>\n"


def _table(renderer: Any, text: str) -> str:
    del renderer
    return f'<div class="doc-t" tabindex="0" role="group" aria-label="Table"><table>\n{text}</table></div>\n'
