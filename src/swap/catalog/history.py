"""What changed in the tables of sources, and when: rows of `dataset_change`.

A column that came, went, or is of another type is a change; new counts and comments are not.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, delete, func, insert, select, tuple_

from swap.catalog.model import Change, TableName, What
from swap.db.tables import dataset_change

KEPT = timedelta(days=400)
"""How long a change is remembered: a report of last year is read beside this year's."""
_c = dataset_change.c


def arrow_schema(columns: Mapping[str, pa.DataType]) -> str:
    """Return names and types as text, exactly: Arrow's own schema message."""
    schema = pa.schema([pa.field(name, type_) for name, type_ in columns.items()])
    return base64.b64encode(schema.serialize().to_pybytes()).decode("ascii")


def read_schema(text: str) -> pa.Schema:
    """Return what `arrow_schema` was given."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


def record(conn: Connection, name: TableName, before: str, after: str, at: datetime) -> None:
    """Remember how a table's columns differ; `before` and `after` are what `arrow_schema` made of them."""
    if before == after:
        return
    rows = [
        name._asdict() | {"at": at, "column": column, "what": what.value, "was": _written(was), "now": _written(now)}
        for column, what, was, now in differences(read_schema(before), read_schema(after))
    ]
    if rows:
        conn.execute(insert(dataset_change), rows)


def differences(
    before: pa.Schema, after: pa.Schema
) -> Iterator[tuple[str, What, pa.DataType | None, pa.DataType | None]]:
    """Yield (column, what happened to it, its type before, its type after), in the order of the columns."""
    was, now = (dict(zip(each.names, each.types, strict=True)) for each in (before, after))
    for column in dict.fromkeys([*after.names, *before.names]):
        if column not in was:
            yield column, What.ADDED, None, now[column]
        elif column not in now:
            yield column, What.GONE, was[column], None
        elif was[column] != now[column]:
            yield column, What.RETYPED, was[column], now[column]


def of(conn: Connection, name: TableName, limit: int) -> list[Change]:
    """Return the newest changes of a table, the newest first."""
    here = (_c.source == name.source, _c.schema == name.schema, _c.table == name.table)
    rows = conn.execute(select(dataset_change).where(*here).order_by(_c.at.desc(), _c.id).limit(limit))
    return [Change(row.at, row.column, What(row.what), _type(row.was), _type(row.now)) for row in rows]


def latest(conn: Connection, names: Iterable[TableName]) -> dict[TableName, dict[str, datetime]]:
    """Return when columns of tables went, or became another type, last."""
    rows = conn.execute(
        select(_c.source, _c.schema, _c.table, _c.column, func.max(_c.at).label("at"))
        .where(tuple_(_c.source, _c.schema, _c.table).in_(list(names)), _c.what != What.ADDED.value)
        .group_by(_c.source, _c.schema, _c.table, _c.column)
    )
    found: dict[TableName, dict[str, datetime]] = {}
    for row in rows:
        found.setdefault(TableName(row.source, row.schema, row.table), {})[row.column] = row.at
    return found


def forget(conn: Connection, source: str, now: datetime) -> None:
    """Forget the changes of a source that are older than anybody asks for."""
    conn.execute(delete(dataset_change).where(_c.source == source, _c.at < now - KEPT))


def _written(type_: pa.DataType | None) -> str | None:
    return None if type_ is None else arrow_schema({"": type_})


def _type(written: Any) -> pa.DataType | None:
    return None if written is None else read_schema(written).types[0]
