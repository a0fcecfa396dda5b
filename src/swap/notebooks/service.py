"""What the portal does with notebooks: list mine, make one, copy an example.  One verb, one function."""

from __future__ import annotations

import codecs
import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from swap.errors import Invalid, NotFound, Problem
from swap.notebooks import model
from swap.notebooks.model import Example, Listing, Notebook
from swap.notebooks.place import Place
from swap.notebooks.workspace import Found

TITLES_BYTES = 40_000_000
"""Bytes of notebooks that are read for one list's titles; the rest go by their files' names."""
TITLES_KEPT = 4096
NAME_BYTES = 200
PIECE_BYTES = 65_536
BAD_NAME = Problem(
    "This cannot be a notebook's name.",
    why="A name has no slash, does not begin with a dot and is at most 200 bytes long.",
    todo="Choose another one; nothing was changed.",
)
NO_NOTEBOOK = Problem(
    "This file is not a notebook.",
    why="A notebook is a file that ends in .ipynb and was saved by Jupyter, in its format 4.",
    todo="Choose another file; nothing was changed.",
)
EXAMPLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


_known: dict[tuple[Place, Found], str] = {}
_lock = threading.Lock()


def recent(workspace: Place, limit: int) -> Listing:
    """Return the `limit` notebooks edited last, newest first, with their titles."""
    found, complete = workspace.find()
    newest = sorted(found, key=lambda item: (-item.modified_ns, item.path))[:limit]
    read = itertools.accumulate(item.size_bytes for item in newest)
    titles = _titles(workspace, [item for item, so_far in zip(newest, read, strict=True) if so_far <= TITLES_BYTES])
    listed = tuple(
        Notebook(
            item.path,
            titles.get(item) or model.name_of(item.path),
            datetime.fromtimestamp(item.modified_ns / 1e9, tz=UTC),
            item.size_bytes,
        )
        for item in newest
    )
    return Listing(listed, complete and len(found) <= limit)


def count(workspace: Place) -> int:
    """Return how many notebooks the home holds, within the limits of a search."""
    return len(workspace.find()[0])


def new(workspace: Place, sql: str, token: Callable[[], str]) -> str:
    """Make untitled-n.ipynb whose first cell runs `sql`; return its path."""
    return _add(workspace, "untitled", model.new(sql, token()), token, first=1)


def examples(directory: Path | None, *, has_r: bool) -> tuple[Example, ...]:
    """Return the site's examples in the order of their files' names; a file that cannot be read is left out.

    So are those in R where there is no R.
    """
    found = []
    for path in sorted(directory.glob("*.ipynb"), key=lambda each: each.stem) if directory else []:
        document = _example(str(path), path.stat().st_mtime_ns)
        if document is not None and EXAMPLE_NAME.fullmatch(path.stem) and (has_r or not model.is_in_r(document)):
            about = _about(document)
            found.append(
                Example(
                    path.stem,
                    about.get("title") or model.title(document, path.stem),
                    about.get("summary", ""),
                    about.get("tag", ""),
                    *model.sample(document),
                    model.asks(document),
                )
            )
    return tuple(found)


def copy_example(workspace: Place, directory: Path | None, name: str, token: Callable[[], str]) -> str:
    """Copy an example, without outputs, into the home; return the copy's path.  Raises NotFound for an unknown name."""
    path = directory / f"{name}.ipynb" if directory and EXAMPLE_NAME.fullmatch(name) else None
    document = _example(str(path), path.stat().st_mtime_ns) if path and path.is_file() else None
    if document is None:
        raise NotFound(Problem("There is no such example.", todo="Choose one from Home."))
    return _add(workspace, name, model.without_outputs(document), token, first=None)


def _add(workspace: Place, stem: str, document: dict[str, Any], token: Callable[[], str], *, first: int | None) -> str:
    return workspace.put(
        stem, [json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"], f".swap-{token()}.tmp", first=first
    )


def named(title: str) -> str:
    """Return the file's name that somebody wants.  Raises Invalid for what is none: a path, hidden, too long.

    >>> named(" first "), named("first.ipynb")
    ('first.ipynb', 'first.ipynb')
    """
    stem = title.strip().removesuffix(".ipynb").strip()
    if not stem or stem.startswith(".") or len(stem.encode()) > NAME_BYTES or not stem.isprintable():
        raise Invalid(BAD_NAME)
    if any(char in stem for char in "/\\"):
        raise Invalid(BAD_NAME)
    return f"{stem}.ipynb"


def upload(workspace: Place, filename: str, file: BinaryIO, token: Callable[[], str]) -> str:
    """Put a notebook from somebody's own machine into the home; return its path.  Raises Invalid for what is none.

    The file is looked at and never parsed: a small one can be made that takes gigabytes as objects, and all people's
    pages come from this process.
    """
    stem = named(re.split(r"[/\\]", filename)[-1]).removesuffix(".ipynb")
    if not filename.endswith(".ipynb") or not _looks_like_a_notebook(file):
        raise Invalid(NO_NOTEBOOK)
    return workspace.put(stem, _pieces(file), f".swap-{token()}.tmp", first=None)


def _looks_like_a_notebook(file: BinaryIO) -> bool:
    wanted, begins, kept = {b'"cells"', b'"nbformat"'}, b"", b""
    for piece in _pieces(file):
        begins = begins or piece.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        wanted -= {word for word in wanted if word in kept + piece}
        kept = piece[-16:]
    return begins == b"{" and not wanted


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece


def _about(document: dict[str, Any]) -> dict[str, str]:
    """Return title, summary and tag from a notebook's metadata: its `swap` part, or the metadata itself."""
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    own = metadata.get("swap")
    merged = metadata | (own if isinstance(own, dict) else {})
    return {key: merged[key] for key in ("title", "summary", "tag") if isinstance(merged.get(key), str)}


@lru_cache(maxsize=64)
def _example(path: str, modified_ns: int) -> dict[str, Any] | None:  # noqa: ARG001 (part of the key: a changed file is read again)
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _titles(workspace: Place, wanted: Sequence[Found]) -> dict[Found, str]:
    """Return the titles of notebooks; the same file at the same moment is read once."""
    with _lock:
        titles = {item: _known[workspace, item] for item in wanted if (workspace, item) in _known}
    if unknown := [item for item in wanted if item not in titles]:
        titles |= zip(unknown, workspace.titles([item.path for item in unknown]), strict=True)
        with _lock:
            _known.update({(workspace, item): titles[item] for item in unknown})
            while len(_known) > TITLES_KEPT:
                del _known[next(iter(_known))]
    return titles
