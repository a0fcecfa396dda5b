"""A notebook's file → values of known types and bounded sizes.  What is not listed here is dropped.

The file is anybody's: every part may be missing, of any type, of any size, or made to be slow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from swap.errors import Invalid, LimitExceeded, Problem

FILE_BYTES = 50_000_000
CELLS = 2_000
OUTPUTS = 200
"""Of one cell."""
SOURCE_LENGTH = 200_000
TEXT_LENGTH = 500_000
"""Characters of a cell's source, and of a text of an output; the rest is left out, and the page says so."""
PICTURE_LENGTH = 15_000_000
"""Characters of a picture in base64; a larger one is left out."""
PIXELS = 4_000
"""The largest width and height that a picture may ask for."""
TYPE_LENGTH = 80
KINDS = ("markdown", "code", "raw")
"""Of cells; a tuple, since what is looked for in it may be of any type."""
ATTACHMENTS = 50
LINES = 2_000
"""Of a traceback."""

RESULT = "application/vnd.swap.result+json"
PROGRESS = "application/vnd.swap.progress+json"
ERROR = "application/vnd.swap.error+json"
HIDDEN = "application/vnd.swap.hidden+json"
"""What stands in place of outputs that the reader may not see; nothing is shown beside it."""
VEGA_LITE = frozenset({"application/vnd.vegalite.v5+json", "application/vnd.vegalite.v6+json"})
PLOTLY = "application/vnd.plotly.v1+json"
OF_JSON = frozenset({RESULT, PROGRESS, ERROR, PLOTLY, *VEGA_LITE, "application/json", "application/geo+json"})
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"})
TEXTS = frozenset({"text/plain", "text/html", "text/markdown", "text/latex"})
_CUT = "\n… the rest is left out here"


@dataclass(frozen=True, slots=True)
class Stream:
    """What was printed."""

    text: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """What ended a cell."""

    name: str
    value: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Data:
    """One output in several types; `others` names those that no reader of ours knows."""

    texts: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    """Type → base64, of SVG the text."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Type → JSON, of any shape."""
    others: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None


Output = Stream | Failure | Data


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell."""

    kind: str
    """`markdown`, `code` or `raw`."""
    source: str
    outputs: tuple[Output, ...] = ()
    left_out: int = 0
    """How many outputs there are beside these."""
    attachments: Mapping[str, Data] = field(default_factory=dict)
    hides_source: bool = False
    hides_outputs: bool = False


def load(content: bytes) -> dict[str, Any]:
    """Return a notebook's JSON.  Raises Invalid for what is no notebook in format 4, LimitExceeded."""
    if len(content) > FILE_BYTES:
        raise LimitExceeded(
            Problem(
                "This notebook is too large to be read here.",
                why=f"It has {len(content) / 1e6:.0f} MB; up to {FILE_BYTES / 1e6:.0f} MB are shown.",
                todo="Open it in JupyterLab, and clear the outputs that it no longer needs.",
            )
        )
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _no_notebook("It is not JSON.") from error
    if not isinstance(found, dict) or not isinstance(found.get("nbformat"), int):
        raise _no_notebook("It does not say in which format it is.")
    if found["nbformat"] != 4:
        raise Invalid(
            Problem(
                f"This notebook is in format {found['nbformat']:d}; SWAP shows format 4.",
                why="Format 4 is what Jupyter has saved since 2015.",
                todo="Open it in JupyterLab and save it: that brings it to format 4.",
            )
            if abs(found["nbformat"]) < 1000
            else Problem("This notebook is in a format that nobody knows.", todo="Save it anew in JupyterLab.")
        )
    if not isinstance(found.get("cells"), list):
        raise _no_notebook("It has no list of cells.")
    return found


def language(document: Mapping[str, Any]) -> str:
    """Return the language of a notebook's code, in lower case, or nothing."""
    metadata = _dict(document.get("metadata"))
    for about, key in (("language_info", "name"), ("kernelspec", "language")):
        name = _dict(metadata.get(about)).get(key)
        if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9+#. -]{1,30}", name):
            return name.lower()
    return ""


def cells(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the cells that are shown, as they came."""
    for each in document["cells"][:CELLS]:
        if isinstance(each, dict) and each.get("cell_type") in KINDS:
            yield each


def cell(raw: Mapping[str, Any]) -> Cell:
    """Return one cell, made anew of what is listed."""
    metadata = _dict(raw.get("metadata"))
    hides = _dict(metadata.get("jupyter"))
    tags = metadata.get("tags")
    tags = {each for each in tags if isinstance(each, str)} if isinstance(tags, list) else set()
    outputs = raw.get("outputs") if raw["cell_type"] == "code" else None
    outputs = outputs if isinstance(outputs, list) else []
    return Cell(
        raw["cell_type"],
        text(raw.get("source"), SOURCE_LENGTH),
        tuple(_joined(_output(each) for each in outputs[:OUTPUTS] if isinstance(each, dict))),
        max(0, len(outputs) - OUTPUTS),
        {
            name: _data(bundle, {})
            for name, bundle in list(_dict(raw.get("attachments")).items())[:ATTACHMENTS]
            if len(name) <= 200
        },
        hides_source=hides.get("source_hidden") is True or bool(tags & {"hide-input", "hide_input", "remove-input"}),
        hides_outputs=hides.get("outputs_hidden") is True or metadata.get("collapsed") is True,
    )


def text(value: Any, limit: int) -> str:
    """Return a text that may come as a list of its lines, cut where it is too long.

    >>> text(["a", 1, "b"], 10), text({"a": 1}, 10)
    ('ab', '')
    """
    if isinstance(value, list):
        value = "".join(each for each in value if isinstance(each, str))
    if not isinstance(value, str):
        return ""
    # A half of a pair that stands alone cannot be sent to a browser.
    sound = str(value)[: limit + 1].encode("utf-8", "replace").decode("utf-8")
    return sound if len(sound) <= limit else sound[:limit] + _CUT


def _joined(outputs: Iterator[Output | None]) -> Iterator[Output]:
    """Yield outputs, with what was printed in pieces in one."""
    before: Stream | None = None
    for each in outputs:
        if isinstance(each, Stream) and before is not None and each.is_error == before.is_error:
            before = Stream(text(before.text + each.text, TEXT_LENGTH), each.is_error)
            continue
        if before is not None:
            yield before
        before = each if isinstance(each, Stream) else None
        if each is not None and not isinstance(each, Stream):
            yield each
    if before is not None:
        yield before


def _output(raw: Mapping[str, Any]) -> Output | None:
    kind = raw.get("output_type")
    if kind == "stream":
        return Stream(text(raw.get("text"), TEXT_LENGTH), raw.get("name") == "stderr")
    if kind == "error":
        lines = raw.get("traceback")
        lines = [each for each in lines if isinstance(each, str)][:LINES] if isinstance(lines, list) else []
        return Failure(
            text(raw.get("ename"), 500), text(raw.get("evalue"), 10_000), text("\n".join(lines), TEXT_LENGTH)
        )
    if kind in {"display_data", "execute_result"}:
        return _data(_dict(raw.get("data")), _dict(raw.get("metadata")))
    return None


def _data(raw: Any, metadata: Mapping[str, Any]) -> Data:
    if isinstance(raw, dict) and HIDDEN in raw:
        return Data(values={HIDDEN: raw[HIDDEN]})
    texts: dict[str, str] = {}
    pictures: dict[str, str] = {}
    values: dict[str, Any] = {}
    others: list[str] = []
    for kind, value in list(_dict(raw).items())[:50]:
        if kind in TEXTS:
            texts[kind] = text(value, TEXT_LENGTH)
        elif kind in PICTURES:
            picture = text(value, PICTURE_LENGTH)
            if picture and len(picture) <= PICTURE_LENGTH:
                pictures[kind] = picture
        elif kind in OF_JSON:
            values[kind] = value
        elif len(kind) <= TYPE_LENGTH and re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind, re.ASCII):
            others.append(kind)
    sizes = next((_dict(metadata.get(kind)) for kind in pictures if kind in metadata), metadata)
    return Data(texts, pictures, values, tuple(others), _pixels(sizes.get("width")), _pixels(sizes.get("height")))


def _pixels(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and type(value) is not bool and 1 <= value <= PIXELS else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _no_notebook(why: str) -> Invalid:
    return Invalid(
        Problem(
            "This file is not a notebook that can be shown.",
            why=why,
            todo="Download it to look at what it holds; nothing was changed.",
        )
    )
