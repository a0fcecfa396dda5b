"""Rows of a kept result as text: a few at a time, sorted or filtered.

Only the rows asked for are taken out of the mapped file, and long values are cut before Python sees them:
one page is a few megabytes whatever the result holds.  What grows with the result is the first page of a sort,
which reads a column, and of a filter, which reads all that it looks into; their further pages do not.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from swap.errors import Invalid, LimitExceeded, Problem
from swap.query.language.text import cut
from swap.query.results import filters
from swap.query.results import format as shown
from swap.query.results.filters import Filter
from swap.query.results.format import Head
from swap.query.results.spool import Spool, Written, batch_at

PAGE_ROWS = 1000
"""Rows of one page at most."""
CELL_CHARACTERS = 10_000
"""Characters of a value at most; fewer where a page has many cells."""
PAGE_CHARACTERS = 8_000_000
FILTER_SECONDS = 20.0
"""How long a result is looked through for a filter: nobody who types waits longer, and others wait for their turn."""
_SORTING = threading.Semaphore(2)
"""Sorts at a time: each reads a whole column."""
_FILTERING = threading.Semaphore(2)
"""Filters at a time: each reads up to a whole result, and no sort waits for that."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a result as text, with their columns; `total` are all of its rows."""

    columns: tuple[Head, ...]
    rows: tuple[tuple[str | None, ...], ...]
    offset: int
    total: int


def page(
    spool: Spool,
    query_id: str,
    offset: int,
    limit: int,
    sort: str | None,
    *,
    descending: bool,
    only: Filter | None = None,
) -> Page:
    """Return rows as text, of all or `only` of some.  Raises NotFound, Invalid."""
    written = spool.written(query_id)
    found = None if only is None else _found(spool, query_id, written, only)
    total = written.rows[-1] if found is None else len(found)
    if not offset >= 0 or not 0 <= limit <= PAGE_ROWS:
        raise Invalid(Problem("offset and limit must not be negative.", why=f"A page has at most {PAGE_ROWS} rows."))
    count = max(0, min(limit, total - offset))
    path = spool.path(query_id)
    places: range | list[int]
    if sort is not None:
        order = _sorted(spool, query_id, written, sort, descending=descending)
        order = order if found is None else order.filter(pc.is_in(order, value_set=found))
        places = order.slice(offset, count).to_pylist()
    elif found is not None:
        places = found.slice(offset, count).to_pylist()
    else:
        places = range(offset, offset + count)
    most = max(50, min(CELL_CHARACTERS, PAGE_CHARACTERS // max(1, count * len(written.schema))))
    rows: list[tuple[str | None, ...]] = []
    for batch in _taken(path, written, places):
        rows.extend(zip(*(_texts(column, most) for column in batch.columns), strict=True))
    return Page(tuple(shown.head(each) for each in written.schema), tuple(rows), offset, total)


def _taken(path: Path, written: Written, places: range | list[int]) -> Iterator[pa.RecordBatch]:
    """Yield the rows at these places, in this order."""
    place = 0
    while place < len(places):
        index = bisect.bisect_right(written.rows, places[place]) - 1
        start = written.rows[index]
        stop = place
        while stop < len(places) and start <= places[stop] < written.rows[index + 1]:
            stop += 1
        batch = batch_at(path, written, index)
        if isinstance(places, range):
            yield batch.slice(places[place] - start, stop - place)
        else:
            yield batch.take(pa.array([each - start for each in places[place:stop]], pa.int64()))
        place = stop


def _texts(column: pa.Array, most: int) -> list[str | None]:
    """Return values as text, the long ones cut."""
    type_ = column.type
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        begun = pc.utf8_slice_codeunits(column, 0, most + 1).to_pylist()
        return [value if value is None else cut(value, most) for value in begun]
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        column = pc.binary_slice(column, 0, shown.MAX_BINARY_BYTES + 1)
    elif pa.types.is_nested(type_):
        return [_nested(column.slice(place, 1), most) for place in range(len(column))]
    return [shown.text(value) for value in shown.values(column)]


def _nested(value: pa.Array, most: int) -> str | None:
    # A number takes 8 bytes and about as many characters.
    if value.nbytes > 8 * most:
        return f"… {shown.sql_type(value.type)} of {value.nbytes / 1e6:,.1f} MB, too long to be shown"
    text = shown.text(shown.values(value)[0])
    return text if text is None else cut(text, most)


def _found(spool: Spool, query_id: str, written: Written, only: Filter) -> pa.Array:
    """Return where the rows stand that a filter leaves, in the order of the file."""
    if not written.complete:
        raise Invalid(Problem("A result can be filtered once it is complete."))
    filters.check(written, only)
    with _FILTERING:
        return _matching(spool, query_id, only)


@lru_cache(maxsize=8)
def _matching(spool: Spool, query_id: str, only: Filter) -> pa.Array:
    written, path = spool.written(query_id), spool.path(query_id)
    ends_at = time.monotonic() + FILTER_SECONDS
    parts = []
    for index, start in enumerate(pa.array(written.rows[:-1], pa.uint32())):
        if time.monotonic() > ends_at:
            raise LimitExceeded(
                Problem(
                    f"This result cannot be looked through in {FILTER_SECONDS:g} s.",
                    todo="Filter one column, or use WHERE in the statement.",
                )
            )
        found = pc.indices_nonzero(filters.matches(batch_at(path, written, index), only)).cast(pa.uint32())
        parts.append(pc.add(found, start).cast(pa.uint32()))
    return pa.concat_arrays(parts) if parts else pa.array([], pa.uint32())


def _sorted(spool: Spool, query_id: str, written: Written, column: str, *, descending: bool) -> pa.Array:
    """Return where all rows stand in the file, in this order."""
    if column not in written.schema.names:
        raise Invalid(Problem(f"There is no column {cut(column)} in this result."))
    if written.schema.names.count(column) > 1:
        raise Invalid(
            Problem(
                f"Two columns of this result are called {cut(column)}.",
                todo="Give one of them another name, or use ORDER BY in the statement.",
            )
        )
    if not written.complete:
        raise Invalid(Problem("A result can be sorted once it is complete."))
    with _SORTING:
        return _order(spool, query_id, column, descending)


@lru_cache(maxsize=8)
def _order(spool: Spool, query_id: str, column: str, descending: bool) -> pa.Array:
    written, path = spool.written(query_id), spool.path(query_id)
    index = written.schema.get_field_index(column)
    values = pa.chunked_array(
        [batch_at(path, written, each).column(index) for each in range(len(written.rows) - 1)],
        written.schema.field(index).type,
    )
    try:
        order = pc.sort_indices(values, sort_keys=[("", "descending" if descending else "ascending", "at_end")])
    except (pa.ArrowException, TypeError) as error:
        raise Invalid(
            Problem(f"The column {cut(column)} cannot be sorted here.", todo="Use ORDER BY in the statement.")
        ) from error
    return order.cast(pa.uint32())
