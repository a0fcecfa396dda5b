"""What a notebook is made of, as its history keeps it: a manifest that names parts by what is in them.

A cell's source, its outputs and each of its images are parts apart, so that a version holds only what changed.  The
person's server takes a notebook apart, and the gateway checks what it is sent without building anything of it.
Pure: values in, values out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from swap.errors import Invalid, LimitExceeded, Problem

WHOLE_BYTES = 50_000_000
"""Of all parts of a version together."""
WHOLE_PARTS = 200_000
"""Lists and objects in the JSON of a version; a cell has about four."""
MANIFEST_BYTES = 8_000_000
IMAGE_CHARACTERS = 1_000
"""A shorter image stays with its output."""
LEVEL = 3
"""Of zlib: twice as fast as the default, for a tenth more."""
KINDS = frozenset({"code", "markdown", "raw"})
_MADE = b'{"execution_count":'
_BY = b'{"by":'
_EMPTY = re.compile(rb'\{"execution_count":(null|[0-9]{1,6}),"images":\[\],"outputs":\[\]\}')
HIDDEN = "application/vnd.swap.hidden+json"
"""The type of what stands in place of outputs that somebody may not see."""
VOLATILE = frozenset({"trusted", "execution", "collapsed", "signature", "orig_nbformat", "orig_nbformat_minor"})
"""Metadata that says nothing of what a notebook is: whom somebody trusted, when a cell ran."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A notebook taken apart."""

    manifest: bytes
    parts: dict[str, bytes]
    """Digest → what is in it; without parts of cells that were taken apart before."""
    cells: tuple[tuple[Any, list[str]], ...]
    """Each cell as it was given, and the names of its parts."""

    @property
    def digest(self) -> str:
        """Name this state of the notebook: the same for the same content."""
        return digest(self.manifest)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell in a manifest: its source, its outputs if there are any, and their images."""

    source: str
    outputs: str | None
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as it was read; every part of it has the type it says."""

    metadata: dict[str, Any]
    minor: int
    cells: tuple[Cell, ...]

    def digests(self) -> set[str]:
        """Return every part that it names."""
        return {each for cell in self.cells for each in (cell.source, cell.outputs, *cell.images) if each is not None}

    def outputs(self) -> set[str]:
        """Return the parts that are outputs."""
        return {cell.outputs for cell in self.cells if cell.outputs is not None}

    def without(self, outputs: Collection[str]) -> Manifest:
        """Return it without some outputs, and their images."""
        bare = [replace(cell, outputs=None, images=()) if cell.outputs in outputs else cell for cell in self.cells]
        return replace(self, cells=tuple(bare))


def digest(content: bytes) -> str:
    """Return the name of what is in a part."""
    return hashlib.sha256(content).hexdigest()


def take_apart(document: Any, before: Taken | None = None) -> Taken:
    """Take a notebook apart; cells that are as they were `before` keep their parts' names, and are not looked into.

    Raises Invalid for what is none of format 4.

    >>> taken = take_apart({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
    ...     {"cell_type": "markdown", "id": "a", "metadata": {"trusted": True}, "source": ["# Hi"]}]})
    >>> put_together(taken.manifest, taken.parts.__getitem__)["cells"]
    [{'cell_type': 'markdown', 'id': 'a', 'metadata': {}, 'source': '# Hi'}]
    """
    if not isinstance(document, dict) or document.get("nbformat") != 4 or not isinstance(document.get("cells"), list):
        raise _no_notebook()
    parts: dict[str, bytes] = {}
    known = {cell.get("id"): (cell, names) for cell, names in before.cells} if before else {}

    def names_of(cell: Any) -> list[str]:
        was, names = known.get(cell.get("id"), (None, [])) if isinstance(cell, dict) else (None, [])
        return names if was is not None and _is_same(was, cell) else _take_cell(cell, keep)

    def keep(content: bytes) -> str:
        name = digest(content)
        parts[name] = content
        return name

    cells = tuple((cell, names_of(cell)) for cell in document["cells"])
    manifest = {
        "minor": minor if isinstance(minor := document.get("nbformat_minor"), int) else 0,
        "metadata": _lasting(document.get("metadata")),
        "cells": [names for _, names in cells],
    }
    return Taken(_written(manifest), parts, cells)


def _is_same(was: Any, now: Any) -> bool:
    try:
        return _same(was, now)
    except RecursionError:  # nested deeply: it is taken apart anew
        return False


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON: 1, 1.0 and true are not."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _take_cell(cell: Any, keep: Callable[[bytes], str]) -> list[str]:
    if not isinstance(cell, dict) or cell.get("cell_type") not in KINDS:
        raise _no_notebook()
    outputs, count = cell.get("outputs"), cell.get("execution_count")
    kept = {name: value for name, value in cell.items() if name not in {"outputs", "execution_count"}}
    kept |= {"metadata": _lasting(cell.get("metadata")), "source": _text(cell.get("source"))}
    source = keep(_written(kept))
    if cell["cell_type"] != "code" or (not outputs and count is None):
        return [source]
    images: list[list[Any]] = []
    told = [_take_output(output, at, images, keep) for at, output in enumerate(outputs or [])]
    name = keep(_written({"execution_count": count, "images": images, "outputs": told}))
    # One for each place, also of the same image: what a version has in all is counted from this list.
    return [source, name, *(image[2] for image in images)]


def _take_output(output: Any, at: int, images: list[list[Any]], keep: Callable[[bytes], str]) -> dict[str, Any]:
    """Return an output without its images, which are kept apart with where they stood."""
    if not isinstance(output, dict):
        raise _no_notebook()
    told = dict(output)
    if "text" in told:
        told["text"] = _text(told["text"])
    if not isinstance(told.get("data"), dict):
        return told
    data = told["data"] = {
        mime: value if mime.endswith("json") else _joined(value) for mime, value in told["data"].items()
    }
    for mime in sorted(data):
        content = _image(data[mime]) if mime.startswith("image/") else None
        if content is not None:
            images.append([at, mime, keep(content), int(data[mime].endswith("\n"))])
    for image_at, mime, _, _ in images:
        if image_at == at:
            del data[mime]
    return told


def _image(value: Any) -> bytes | None:
    """Return an image's bytes, if its base 64 can be written again exactly from them."""
    if not isinstance(value, str) or len(value) < IMAGE_CHARACTERS:
        return None
    text = value.removesuffix("\n")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if base64.b64encode(content).decode() == text else None


def put_together(manifest: bytes, part: Callable[[str], bytes]) -> dict[str, Any]:
    """Return the notebook of a manifest whose parts `part` returns.  Raises Invalid for what is no manifest."""
    return put(read(manifest), part, {})


def put(manifest: Manifest, part: Callable[[str], bytes], instead: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the notebook of a manifest, with one output `instead` of all that are in an outputs part."""
    return {
        "cells": [_put_cell(cell, part, instead) for cell in manifest.cells],
        "metadata": manifest.metadata,
        "nbformat": 4,
        "nbformat_minor": manifest.minor,
    }


def _put_cell(cell: Cell, part: Callable[[str], bytes], instead: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = loaded(part(cell.source))
    if made.get("cell_type") != "code":
        return made
    if cell.outputs is not None and cell.outputs in instead:
        return made | {"execution_count": None, "outputs": [instead[cell.outputs]]}
    return made | outputs(cell, part)


def outputs(cell: Cell, part: Callable[[str], bytes]) -> dict[str, Any]:
    """Return a cell's outputs, with their images, and its execution count."""
    if cell.outputs is None:
        return {"execution_count": None, "outputs": []}
    kept = loaded(part(cell.outputs))
    try:
        for at, mime, name, lines in kept["images"]:
            # Only what the manifest names, once: nothing else was counted, or is known to be this notebook's.
            if name not in cell.images or not 0 <= lines <= 1 or mime in kept["outputs"][at]["data"]:
                raise _no_notebook()
            kept["outputs"][at]["data"][mime] = base64.b64encode(part(name)).decode() + "\n" * lines
        return {"execution_count": kept["execution_count"], "outputs": kept["outputs"]}
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise _no_notebook() from error


def outputs_of(outputs: list[dict[str, Any]]) -> bytes:
    """Return the part of outputs that have no images, of no execution."""
    return _written({"execution_count": None, "images": [], "outputs": outputs})


def made_by(content: bytes, person_id: str) -> bytes:
    """Return outputs that somebody made in another's notebook: no other outputs are the same part, whatever is in them.

    Nothing is built of them.  Raises Invalid for what are none, or are named so already.

    >>> made_by(outputs_of([]), "pabc")
    b'{"by":"pabc","execution_count":null,"images":[],"outputs":[]}'
    """
    if not content.startswith(_MADE):
        raise _no_notebook()
    return _BY + json.dumps(person_id).encode() + b"," + content[1:]


def is_made_by(packed: bytes) -> bool:
    """Tell whether outputs, as they are sent, are named as somebody's who made them in another's notebook."""
    return zlib.decompressobj().decompress(packed, len(_BY)) == _BY


def is_empty(content: bytes) -> bool:
    """Tell whether an outputs part holds no output, only which execution it was.

    >>> is_empty(b'{"execution_count":3,"images":[],"outputs":[]}')
    True
    """
    return _EMPTY.fullmatch(content) is not None


def loaded(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a part.  Raises Invalid for what is none: it may be anybody's."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _no_notebook() from error
    if not isinstance(value, dict):
        raise _no_notebook()
    return value


def read(manifest: bytes) -> Manifest:
    """Read a manifest.  Raises Invalid for what is none, LimitExceeded."""
    if len(manifest) > MANIFEST_BYTES or count(iter([manifest])) > WHOLE_PARTS:
        raise too_large()
    value = loaded(manifest)
    cells, minor, metadata = value.get("cells"), value.get("minor"), value.get("metadata")
    if not isinstance(cells, list) or type(minor) is not int or not isinstance(metadata, dict) or len(value) != 3:
        raise _no_notebook()
    return Manifest(metadata, minor, tuple(_read_cell(cell) for cell in cells))


def write(manifest: Manifest) -> bytes:
    """Return a manifest as it is kept, as `read` reads it.

    >>> made = Manifest({}, 5, (Cell("a" * 64, None, ()),))
    >>> read(write(made)) == made
    True
    """
    named = [(cell.source, cell.outputs, *cell.images) for cell in manifest.cells]
    cells = [[name for name in names if name is not None] for names in named]
    return _written({"minor": manifest.minor, "metadata": manifest.metadata, "cells": cells})


def _read_cell(cell: Any) -> Cell:
    if not isinstance(cell, list) or not cell or not all(is_digest(name) for name in cell):
        raise _no_notebook()
    return Cell(cell[0], cell[1] if len(cell) > 1 else None, tuple(cell[2:]))


def is_digest(name: Any) -> bool:
    """Tell whether a value can name a part."""
    return isinstance(name, str) and len(name) == 64 and all(char in "0123456789abcdef" for char in name)


def packed(content: bytes) -> bytes:
    """Return a part as it is sent and stored."""
    return zlib.compress(content, LEVEL)


def unpacked(content: bytes, size_bytes: int) -> bytes:
    """Return what was packed, of a size that is known.  Raises Invalid for what is anything else; no more is built."""
    try:
        unpacker = zlib.decompressobj()
        made = unpacker.decompress(content, size_bytes + 1)
    except zlib.error as error:
        raise _no_notebook() from error
    if len(made) != size_bytes or not unpacker.eof or unpacker.unused_data:
        raise _no_notebook()
    return made


def count(chunks: Iterable[bytes]) -> int:
    r"""Return how many lists and objects begin in a text of JSON; what stands in its strings is no part.

    Exact up to the place from where it is no JSON, which is as far as anything is built of it.

    >>> count([b'[{"a": "[[', b'[\\', b'"[["}, {}]'])
    3
    """
    found, inside, held = 0, False, b""
    for read_ in chunks:
        chunk = held + read_
        # A backslash that escapes what comes next waits for it.
        odd = (len(chunk) - len(chunk.rstrip(b"\\"))) % 2
        chunk, held = (chunk[:-1], b"\\") if odd else (chunk, b"")
        # Without escaped backslashes and then escaped quotes, each quote begins or ends a string.
        between = chunk.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(between[inside::2])
        found += outside.count(b"{") + outside.count(b"[")
        inside ^= len(between) % 2 == 0
    return found


def too_large() -> LimitExceeded:
    """Return the error for a notebook that no history keeps."""
    return LimitExceeded(
        Problem(
            "This notebook is too large for its history.",
            why=f"A version has at most {WHOLE_BYTES // 1_000_000} MB and {WHOLE_PARTS:,} parts.",
            todo="Clear outputs that you do not need, and save again. The file itself is saved.",
        )
    )


def _no_notebook() -> Invalid:
    return Invalid(
        Problem(
            "This is not a notebook that SWAP can keep.",
            why="It is not Jupyter's format 4, or was damaged on its way.",
            todo="Save it from JupyterLab.",
        )
    )


def _lasting(metadata: Any) -> dict[str, Any]:
    kept = metadata if isinstance(metadata, dict) else {}
    return {name: value for name, value in kept.items() if name not in VOLATILE}


def _text(value: Any) -> str:
    joined = _joined(value)
    return joined if isinstance(joined, str) else ""


def _joined(value: Any) -> Any:
    return "".join(value) if isinstance(value, list) and all(isinstance(line, str) for line in value) else value


def _written(value: Any) -> bytes:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    except RecursionError as error:
        raise _no_notebook() from error
