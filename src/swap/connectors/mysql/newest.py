"""Up to when a table's data goes: the largest value of a column of time that the site names.

Asked while a catalog is harvested, in no query's path.  No table is gone through for it: the server says beforehand
that the end of an index is all it looks at, or it is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase

import pyarrow as pa

from swap.connectors.base import Dataset
from swap.connectors.mysql.types import identifier
from swap.connectors.mysql.wire import Link
from swap.errors import SourceFailed

_FROM_AN_INDEX = "Select tables optimized away"
_MOMENT = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?: ?(\d\d):?(\d\d):?\d\d(?:\.\d+)?)?", re.ASCII)
"""As the server writes it, or MediaWiki."""


def column_of(dataset: Dataset, patterns: Sequence[str]) -> str:
    """Return the first column of time that a pattern of database.table.column names; "" where none does."""
    names = (column.name for column in dataset.columns if _is_time(column.type))
    place = f"{dataset.schema}.{dataset.name}"
    return next((name for name in names if any(fnmatchcase(f"{place}.{name}", each) for each in patterns)), "")


def largest(link: Link, dataset: Dataset, column: str) -> str:
    """Return a column's largest value as a moment; "" where an index does not tell it, or it is none."""
    question = f"SELECT MAX({identifier(column)}) AS it FROM {identifier(dataset.schema)}.{identifier(dataset.name)}"  # noqa: S608 — quoted
    try:
        plan = link.table(f"EXPLAIN {question}")
        if [row.get("Extra") for row in plan] != [_FROM_AN_INDEX]:
            return ""
        return moment(link.table(question)[0]["it"] or "")
    except SourceFailed:
        # It may not be explained: a view's owner can forbid it.
        return ""


def moment(written: str) -> str:
    """Return a moment in words, to the minute; "" for what is none, such as a date of zeros or MediaWiki's infinity.

    >>> moment("20261122053059"), moment("2026-11-22 05:30:59.5"), moment("2026-11-22"), moment("infinity")
    ('2026-11-22 05:30', '2026-11-22 05:30', '2026-11-22', '')
    """
    found = _MOMENT.fullmatch(written)
    if found is None:
        return ""
    said = "-".join(found.group(1, 2, 3)) + (f" {found[4]}:{found[5]}" if found[4] else "")
    try:
        datetime.fromisoformat(said)
    except ValueError:
        return ""
    return said


def _is_time(type_: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(type_) or pa.types.is_date(type_))
