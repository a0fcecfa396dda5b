"""A card of each notebook, by which it is found: made anew soon after anything on it has changed.

Each card is made in a transaction of its own, from what there is then.  It is read by `gallery` alone, which asks who
may open a notebook of the shares and not of its card.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from swap import content
from swap.catalog import keys
from swap.content import Cell, Manifest
from swap.errors import SwapError, Unavailable
from swap.notebooks import card_store as store
from swap.notebooks import due, history, lineages
from swap.notebooks.card_store import Card
from swap.notebooks.model import name_of, text, title
from swap.notebooks.shares import Kind
from swap.notebooks.words import Where, vector
from swap.query import lineage

log = logging.getLogger(__name__)
TEXT = 100_000
"""Characters of a notebook's cells in which words are found."""
SOURCE_BYTES = 100_000
"""Of one cell; a larger one holds data rather than words."""
SOURCE_LISTS = 1_000
OUTPUTS_BYTES = 1_000_000
"""Of one cell's, in which an error is looked for."""
COMMENTS = 500
"""Of a notebook, the newest."""
DATASETS = 200
"""Of a notebook."""
_ERROR = b'"output_type":"error"'
"""As a part has it; in a string the quotes would be escaped."""


def work_off(engine: Engine, stopping: Callable[[], bool] = lambda: False) -> None:
    """Make all cards that are due, until it is to stop.  Raises Unavailable."""
    while not stopping() and _make_next(engine):
        pass


def _make_next(engine: Engine) -> bool:
    with engine.begin() as conn:
        notebook_id = store.take_due(conn)
        if notebook_id is None:
            return False
        try:
            with conn.begin_nested():
                make(conn, notebook_id)
        except Unavailable:
            raise
        except (SwapError, DBAPIError, ValueError) as error:
            # One that cannot be read must not keep the others from being found.
            log.warning("No card of notebook %s: %s", notebook_id, type(error).__name__)
    return True


def make(conn: Connection, notebook_id: str) -> None:
    """Make a notebook's card of what there is now; of one that is deleted there is none."""
    due.hold(conn, notebook_id)
    found = store.newest(conn, notebook_id)
    if found is None:
        store.drop(conn, notebook_id)
        return
    manifest = history.manifest_of(conn, notebook_id, found.digest.hex())
    cells = list(_cells(conn, notebook_id, manifest.cells))
    named = keys.cleaned(title({"cells": cells}, name_of(found.path)))
    said = keys.cleaned("\n".join(_within(text(cell.get("source")) for cell in cells)))
    stars, readers = store.counts(conn, notebook_id)
    card = Card(
        notebook_id,
        found.person_id,
        found.at,
        named,
        said,
        [store.named(Kind.PERSON, found.person_id), *store.shared_with(conn, notebook_id)],
        _datasets(conn, notebook_id, manifest.outputs()),
        _failed(conn, notebook_id, manifest),
        stars,
        readers,
        vector(_said(named, name_of(found.path), cells, store.comments(conn, notebook_id, COMMENTS))),
    )
    store.put(conn, card)


def _cells(conn: Connection, notebook_id: str, cells: Collection[Cell]) -> Iterator[dict[str, Any]]:
    """Yield the cells of a version that are not too large, without outputs."""
    kept = store.parts(conn, notebook_id, {cell.source for cell in cells}, SOURCE_BYTES, SOURCE_LISTS)
    for cell in cells:
        part = kept.get(cell.source)
        if part is not None:
            yield content.loaded(content.unpacked(part.content, part.size_bytes))


def _within(sources: Iterable[str]) -> Iterator[str]:
    """Yield texts as long as there is room for them."""
    left = TEXT
    for source in sources:
        yield source[:left]
        left -= len(source[:left])


def _said(
    named: str, file: str, cells: Iterable[dict[str, Any]], comments: Iterable[str]
) -> Iterator[tuple[Where, str]]:
    yield Where.TITLE, named
    yield Where.TITLE, file
    left = TEXT
    for cell in cells:
        source = text(cell.get("source"))[:left]
        yield Where.CODE if cell.get("cell_type") == "code" else Where.TEXT, source
        left -= len(source)
    yield from ((Where.COMMENTS, each) for each in comments)


def _datasets(conn: Connection, notebook_id: str, outputs: Collection[str]) -> list[str]:
    """Return the tables that outputs of a version come from, as far as it was recorded."""
    sets = lineages.of_notebook(conn, notebook_id, outputs).sets
    columns = lineage.union(lineage.columns(conn, sets.keys()).values())
    tables = {(each.source, each.schema, each.table) for each in columns}
    return sorted(keys.joined(*(part or "" for part in table)) for table in tables)[:DATASETS]


def _failed(conn: Connection, notebook_id: str, manifest: Manifest) -> list[bytes]:
    """Return the outputs parts of a version in which there is an error."""
    kept = store.parts(conn, notebook_id, manifest.outputs(), OUTPUTS_BYTES, content.WHOLE_PARTS)
    return [part.digest for part in kept.values() if _ERROR in content.unpacked(part.content, part.size_bytes)]
