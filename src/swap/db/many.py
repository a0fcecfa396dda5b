"""Many rows as one parameter of a statement, which is then the same, and compiled once, for however many there are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Text, cast, column, func, literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.selectable import TableValuedAlias


def given(columns: Iterable[Column[Any]], rows: Iterable[Mapping[str, Any]]) -> TableValuedAlias:
    """Return rows as something to select from: these columns of theirs, by name; one that a row lacks is null."""
    document = json.dumps(list(rows), default=_plain)
    its = [column(each.name, each.type) for each in columns]
    rows_of = func.jsonb_to_recordset(cast(literal(document, Text), JSONB))
    return rows_of.table_valued(*its, name="given").render_derived(with_types=True)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value))
