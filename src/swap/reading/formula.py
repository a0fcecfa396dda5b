r"""LaTeX formulas → MathML, which browsers draw by themselves; what cannot be translated is shown as it was written.

The library's elements are taken one by one and written anew: its own text is not escaped everywhere.
"""

from __future__ import annotations

import contextlib
from html import unescape
from xml.etree.ElementTree import Element

from latex2mathml import converter
from markupsafe import Markup, escape

LENGTH = 2_000
DEPTH = 60
ELEMENTS = frozenset(
    """
    math mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr
    munder munderover
    """.split()  # noqa: SIM905
)
ATTRIBUTES = frozenset(
    """
    accent columnalign columnspacing depth display displaystyle fence height largeop linethickness lspace mathvariant
    maxsize minsize movablelimits rowspacing rspace scriptlevel separator stretchy symmetric width
    """.split()  # noqa: SIM905
)
_ALIGNED = (("\\begin{aligned}", "\\begin{align*}"), ("\\end{aligned}", "\\end{align*}"))


def shown(latex: str, *, block: bool) -> Markup:
    r"""Return a formula as MathML, or its source.

    >>> shown("x<y", block=False)
    Markup('<math display="inline"><mrow><mi>x</mi><mo>&lt;</mo><mi>y</mi></mrow></math>')
    """
    source = latex.strip()
    if 0 < len(source) <= LENGTH:
        for theirs, known in _ALIGNED:
            source = source.replace(theirs, known)
        # Anybody's text, to a library that raises whatever comes.
        with contextlib.suppress(Exception):
            found = converter.convert_to_element(source, display="block" if block else "inline")
            return Markup(_written(found, DEPTH))  # noqa: S704 — written below, from what is listed
    tag = "pre" if block else "code"
    return Markup('<{} class="tex">{}</{}>').format(Markup(tag), latex.strip(), Markup(tag))  # noqa: S704


def _written(element: Element, depth: int) -> str:
    if not depth:
        raise RecursionError
    # The library writes operators as references to characters.
    inside = str(escape(unescape(element.text or ""))) + "".join(
        _written(each, depth - 1) + str(escape(unescape(each.tail or ""))) for each in element
    )
    if element.tag not in ELEMENTS:
        return inside
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in element.attrib.items() if name in ATTRIBUTES)
    return f"<{element.tag}{attributes}>{inside}</{element.tag}>"
