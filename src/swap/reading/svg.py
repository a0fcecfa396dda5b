"""A drawing that somebody else wrote → one of which only shapes, text and colours are left, as a file of its own.

Browsers run nothing and ask nobody for a drawing that is shown as a picture; this holds where one is opened by itself.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from markupsafe import escape

LENGTH = 5_000_000
ELEMENTS = 50_000
DEPTH = 60
SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
TAGS = frozenset(
    """
    circle clipPath defs desc ellipse g line linearGradient marker mask path pattern polygon polyline radialGradient
    rect stop svg symbol text textPath title tspan use
    """.split()  # noqa: SIM905
)
ATTRIBUTES = frozenset(
    """
    class clip-path clip-rule clipPathUnits cx cy d dominant-baseline dx dy fill fill-opacity fill-rule font-family
    font-size font-style font-weight fx fy gradientTransform gradientUnits height id lengthAdjust letter-spacing
    marker-end marker-mid marker-start markerHeight markerUnits markerWidth mask offset opacity orient overflow
    patternTransform patternUnits points preserveAspectRatio r refX refY rotate rx ry spreadMethod stop-color
    stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit
    stroke-opacity stroke-width style text-anchor textLength transform vector-effect viewBox visibility width x x1 x2 y
    y1 y2
    """.split()  # noqa: SIM905
)
_DOCTYPE = re.compile(r"<!DOCTYPE\s[^>\[]{0,500}>", re.IGNORECASE)
_ELSEWHERE = re.compile(r"url\s*\(\s*['\"]?\s*(?!#)|image|expression|@|\\|&|javascript:|data:|//", re.IGNORECASE)
"""What no value of a listed attribute needs, but one that leads elsewhere may hold."""


class Refused(ValueError):
    """This is no drawing that can be shown."""


def drawing(text: str) -> bytes:
    """Return a drawing made anew of what is listed.  Raises Refused.

    >>> drawing('<svg xmlns="http://www.w3.org/2000/svg" onload="go()"><script>go()</script><path d="M0 0"/></svg>')
    b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><path d="M0 0"></path></svg>'
    """
    if len(text) > LENGTH:
        raise Refused("too long")
    # Of a document type only the name: what it may declare grows without end.
    bare = _DOCTYPE.sub("", text, count=1)
    if "<!DOCTYPE" in bare.upper() or "<!ENTITY" in bare.upper():
        raise Refused("it declares something")
    try:
        root = ET.fromstring(bare.encode("utf-8"))  # noqa: S314 — without declarations nothing expands
    except (ET.ParseError, ValueError, LookupError) as error:
        raise Refused("it is not XML") from error
    if root.tag != f"{SVG}svg":
        raise Refused("it is not SVG")
    budget = [ELEMENTS]
    inside = _written(root, DEPTH, budget)
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return inside.replace("<svg", f"<svg {names}", 1).encode("utf-8")


def _written(element: Element, depth: int, budget: list[int]) -> str:
    budget[0] -= 1
    if not depth or budget[0] < 0:
        raise Refused("it has too many parts")
    tag = element.tag.removeprefix(SVG) if isinstance(element.tag, str) and element.tag.startswith(SVG) else ""
    if tag not in TAGS:
        return ""
    attributes = "".join(
        f' {name}="{escape(value)}"'
        for name, value in element.attrib.items()
        if name in ATTRIBUTES and not _ELSEWHERE.search(value)
    )
    link = element.get(LINK) or element.get("href") or ""
    if re.fullmatch(r"#[\w.-]{1,200}", link):
        attributes += f' xlink:href="{escape(link)}"'
    inside = str(escape(element.text or "")) + "".join(
        _written(each, depth - 1, budget) + str(escape(each.tail or "")) for each in element
    )
    return f"<{tag}{attributes}>{inside}</{tag}>"
