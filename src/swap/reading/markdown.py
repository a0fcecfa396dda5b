"""Markdown that somebody else wrote → HTML: rendered, then cleaned, and only then given what is our own.

What is ours, such as marked code, formulas, pictures and the anchors of headings, travels through the cleaning as a
mark that nobody can write, and never as an attribute's value.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mistune
from markupsafe import Markup, escape
from mistune.plugins.formatting import strikethrough
from mistune.plugins.math import math
from mistune.plugins.table import table
from mistune.plugins.task_lists import task_lists
from mistune.plugins.url import url
from mistune.renderers.html import HTMLRenderer

from swap.reading import clean, formula, highlight

Picture = Callable[[str], Markup | None]
"""Takes the name of an attachment, returns the picture, or None where there is none."""

HEADINGS = 300
_SECRET = secrets.token_hex(8)
"""What nobody can write, in whichever way: marks are made of it."""
_MARK = re.compile(f"\ue000{_SECRET}-([0-9]+)\ue001")
_BLOCK = re.compile(f"<div>{_MARK.pattern}</div>")
_HEADING = re.compile(f"(?:<h([2-6])>)?\ue000{_SECRET}#([0-9]+)\ue001")
_ENVIRONMENT = re.compile(r"^\\begin\{(equation|align|gather|multline|eqnarray)(\*?)\}", re.MULTILINE)
_cleaner = clean.cleaner(lambda _tag, _name, value: None if _SECRET in value else value)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a cell, by its level in the notebook; its anchor is unique within the cell."""

    level: int
    text: str
    anchor: str


@dataclass(slots=True)
class _Made:
    """What one text gave that is ours, and its headings."""

    picture: Picture
    parts: list[str] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)

    def mark(self, part: str) -> str:
        """Keep a part of ours; return what stands in its place."""
        self.parts.append(part)
        return f"\ue000{_SECRET}-{len(self.parts) - 1}\ue001"


class _Renderer(HTMLRenderer):
    """HTML with marks in the place of what is ours."""

    made: _Made

    def __init__(self) -> None:
        super().__init__(escape=False)

    def sanitize_url(self, url: str) -> str:
        """Leave addresses as they are: the cleaning judges them."""
        return url

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        del attrs
        plain = Markup(_MARK.sub("", text)).striptags().strip()  # noqa: S704 — read, not shown
        shown = min(level + 1, 6)
        if not plain or len(self.made.headings) >= HEADINGS:
            return f"<h{shown}>{text}</h{shown}>\n"
        self.made.headings.append(Heading(level, plain[:200], anchor(plain)))
        return f"<h{shown}>\ue000{_SECRET}#{len(self.made.headings) - 1}\ue001{text}</h{shown}>\n"

    def block_code(self, code: str, info: str | None = None) -> str:
        language = (info or "").split(" ")[0].lower()
        marked = highlight.code(code.rstrip("\n"), language)
        box = Markup('<pre class="sw-code" tabindex="0">{}</pre>').format(marked)
        return f"<div>{self.made.mark(box)}</div>\n"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        del title
        described = Markup(_MARK.sub("", text)).striptags()  # noqa: S704 — escaped where it is shown
        if url.startswith("attachment:"):
            found = self.made.picture(url.removeprefix("attachment:"))
            if found is not None:
                return self.made.mark(str(found))
        if re.match("https?://", url):
            # It is not loaded: whoever has that host would learn who reads this, and when.
            return f'<a href="{escape(url)}">{escape(described or url)}</a>'
        return str(escape(described))


def _table_cell(_: Any, text: str, align: str | None = None, head: bool = False) -> str:
    tag, side = "th" if head else "td", f' align="{align}"' if align in clean.SIDES else ""
    return f"<{tag}{side}>{text}</{tag}>\n"


def _inline_math(renderer: Any, text: str) -> str:
    return str(renderer.made.mark(formula.shown(text, block=False)))


def _block_math(renderer: Any, text: str) -> str:
    return f"<div>{renderer.made.mark(formula.shown(text, block=True))}</div>\n"


_renderer = _Renderer()
_markdown = mistune.create_markdown(renderer=_renderer, plugins=[table, strikethrough, task_lists, url, math])
_renderer.register("table_cell", _table_cell)
_renderer.register("inline_math", _inline_math)
_renderer.register("block_math", _block_math)
_renderer.register("task_list_item", lambda _, text, checked=False: f"<li>{'☑' if checked else '☐'} {text}</li>\n")
_one_at_a_time = threading.Lock()


def render(text: str, picture: Picture = lambda _: None) -> tuple[Markup, tuple[Heading, ...]]:
    r"""Return a text as HTML, with its headings.

    >>> str(render("# A *b*\n\n<script>x</script>\n\n[c](javascript:x)")[0])
    '<h2 id="A-b">A <em>b</em></h2>\n\n\n<p><a target="_blank" rel="noopener noreferrer">c</a></p>\n'
    """
    made = _Made(picture)
    with _one_at_a_time:
        _renderer.made = made
        rendered = str(_markdown(_environments(text)))
    cleaned = clean.within(_cleaner.clean(rendered))
    cleaned = _HEADING.sub(lambda at: _begun(at[1], made.headings[int(at[2])]), cleaned)
    cleaned = _BLOCK.sub(lambda at: made.parts[int(at[1])], cleaned)
    return Markup(_MARK.sub(lambda at: made.parts[int(at[1])], cleaned)), tuple(made.headings)  # noqa: S704


def _begun(level: str | None, heading: Heading) -> str:
    """Return how a heading begins, with its anchor; nothing where the cleaning took the heading away."""
    return "" if level is None else f'<h{level} id="{escape(heading.anchor)}">'


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as links in notebooks write it.

    >>> anchor("By continent")
    'By-continent'
    """
    return re.sub(r"\s", "-", heading)


def _environments(text: str) -> str:
    """Return a text with the environments of LaTeX that stand alone between dollars, as formulas."""
    begins = list(_ENVIRONMENT.finditer(text))
    if not begins:
        return text
    kept: list[str] = []
    at = 0
    for begin in begins:
        end = f"\\end{{{begin[1]}{begin[2]}}}"
        found = text.find(end, begin.end()) if begin.start() >= at else -1
        if found < 0:
            continue
        kept += [text[at : begin.start()], f"\n$$\n{text[begin.start() : found + len(end)]}\n$$\n"]
        at = found + len(end)
    return "".join([*kept, text[at:]])
