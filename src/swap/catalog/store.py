"""Rows of `dataset` and `source_state`.  What is read back equals what was harvested, types included.

Nothing is read but what was asked for by name, or a page of it: how many tables a site has does not matter.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    and_,
    any_,
    cast,
    delete,
    func,
    literal,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy import Row as RowOf
from sqlalchemy.dialects.postgresql import insert

from swap.catalog import history, keys
from swap.catalog.model import ServerState, TableName
from swap.connectors.base import Column, Comparison, Dataset, Partitions, Server
from swap.db.tables import dataset as dataset_table
from swap.db.tables import dataset_definition, source_state

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Harvested:
    """A dataset and where it was seen."""

    source: str
    dataset: Dataset


@dataclass(frozen=True, slots=True)
class Row:
    """A dataset as lists need it; names of columns are without case."""

    name: TableName
    comment: str
    row_estimate: int | None
    rows_exact: bool
    size_bytes: int | None
    newest: str
    columns: tuple[str, ...]
    partition_columns: tuple[str, ...]
    """Those of which `newest` tells: also a column that is no partition's."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a source answered when last asked, and since when that is so."""

    source: str
    up: bool
    problem: str
    since: datetime
    harvested_at: datetime | None
    servers: tuple[ServerState, ...] = ()


def encode(dataset: Dataset) -> dict[str, Any]:
    """Return the JSON a dataset is kept as.  Arrow's own schema message holds the types, exactly."""
    return {
        "arrow_schema": history.arrow_schema({column.name: column.type for column in dataset.columns}),
        "columns": [
            {
                "comment": column.comment,
                "partition": column.partition,
                "sensitivity": column.sensitivity,
                "inexact": sorted(column.inexact),
            }
            for column in dataset.columns
        ],
        "comment": dataset.comment,
        "owner": dataset.owner,
        "row_estimate": dataset.row_estimate,
        "size_bytes": dataset.size_bytes,
        "newest": dataset.newest,
        "rows_exact": dataset.rows_exact,
        "partitions": dataset.partitions.plain() if dataset.partitions else None,
        "newest_of": dataset.newest_of,
    }


def decode(schema: str, name: str, definition: dict[str, Any]) -> Dataset:
    """Return the dataset that `encode` was given."""
    fields = history.read_schema(definition["arrow_schema"])
    columns = tuple(
        Column(
            field.name,
            field.type,
            comment=said["comment"],
            partition=said["partition"],
            sensitivity=said["sensitivity"],
            inexact=frozenset(map(Comparison, said.get("inexact", ()))),
        )
        for field, said in zip(fields, definition["columns"], strict=True)
    )
    # What an older SWAP has kept knows neither these nor inexact; it is read until its source is harvested again.
    partitions = definition.get("partitions")
    return Dataset(
        schema,
        name,
        columns,
        comment=definition["comment"],
        owner=definition["owner"],
        row_estimate=definition["row_estimate"],
        size_bytes=definition["size_bytes"],
        newest=definition["newest"],
        rows_exact=definition.get("rows_exact", False),
        partitions=Partitions.from_plain(partitions) if partitions else None,
        newest_of=definition.get("newest_of", ""),
    )


@lru_cache(maxsize=1024)
def _decode_text(schema: str, name: str, definition: str) -> Dataset:
    # The same few tables are asked for again and again; what did not change is decoded once.
    return decode(schema, name, json.loads(definition))


def find(conn: Connection, names: Iterable[TableName]) -> list[Harvested]:
    """Return the datasets that have these names, upper and lower case aside."""
    table, long = dataset_table.c, dataset_definition.c
    paths = [keys.path(*name) for name in names if keys.storable(*name)]
    rows = conn.execute(
        select(table.source, table.schema, table.name, cast(long.definition, Text))
        .join_from(dataset_table, dataset_definition)
        .where(table.path == any_(literal(paths, ARRAY(Text))))
    )
    return [Harvested(source, _decode_text(schema, name, definition)) for source, schema, name, definition in rows]


def listed(conn: Connection, *conditions: ColumnElement[bool], after: TableName | None = None, limit: int) -> list[Row]:
    """Return the first datasets for which the conditions hold, in the order of their names."""
    table = dataset_table.c
    order = (table.path, table.source, table.schema, table.name)
    if after is not None:
        conditions = (*conditions, tuple_(*order) > tuple_(keys.path(*after), *after))
    # First which ones, then all of them: what is sorted is short.
    first = select(*order).where(*conditions).order_by(*order).limit(limit).subquery()
    same = and_(*(table[name] == first.c[name] for name in _PRIMARY))
    rows = conn.execute(select(dataset_table).join(first, same).order_by(*order))
    return [_shown(row) for row in rows]


def _shown(row: RowOf[Any]) -> Row:
    return Row(
        TableName(row.source, row.schema, row.name),
        row.comment,
        row.row_estimate,
        row.rows_exact,
        row.size_bytes,
        row.newest,
        tuple(row.columns),
        tuple(row.partition_columns),
    )


def newest(conn: Connection, *conditions: ColumnElement[bool], limit: int) -> list[Row]:
    """Return the datasets with the newest data for which the conditions hold."""
    rows = conn.execute(select(dataset_table).where(*conditions).order_by(dataset_table.c.newest.desc()).limit(limit))
    return [_shown(row) for row in rows]


def schemas(conn: Connection, source: str, *conditions: ColumnElement[bool], limit: int) -> list[str]:
    """Return the first schemas of a source with a dataset for which the conditions hold, in order of their names."""
    table = dataset_table.c
    order = (table.in_schema, table.schema)

    def first(*further: ColumnElement[bool]) -> Select[Any]:
        return select(*order).where(table.source == source, *conditions, *further).order_by(*order).limit(1)

    # From each schema to the next one, so that a schema of many tables is not gone through to the end.
    found = first().cte("found", recursive=True)
    following = first(tuple_(*order) > tuple_(found.c.in_schema, found.c.schema)).lateral()
    found = found.union_all(select(following).select_from(found.join(following, true())))
    return list(conn.scalars(select(found.c.schema).limit(limit)))


def counts(
    conn: Connection, *conditions: ColumnElement[bool], by: ColumnElement[str], readable: ColumnElement[bool]
) -> dict[str, tuple[int, int]]:
    """Return how many datasets there are for which the conditions hold and how many are readable, by a column."""
    rows = conn.execute(select(by, func.count(), func.count().filter(readable)).where(*conditions).group_by(by))
    return {name: (visible, opened) for name, visible, opened in rows}


def put(conn: Connection, source: str, datasets: Sequence[Dataset], now: datetime) -> int:
    """Keep these datasets of a source as they are now; return how many of them were new or had changed.

    What changed in the columns of those that were known is remembered.
    """
    table = dataset_table.c
    rows = [_row(source, _cleaned(dataset)) for dataset in datasets if _has_names(source, dataset)]
    known = {
        (schema, name): bytes(digest)
        for schema, name, digest in conn.execute(
            select(table.schema, table.name, table.digest).where(
                table.source == source, table.path == any_(literal([row["path"] for row in rows], ARRAY(Text)))
            )
        )
    }
    changed = [row for row in rows if known.get((row["schema"], row["name"])) != row["digest"]]
    if not changed:
        return 0
    before = _columns(conn, source, [row["path"] for row in changed])
    for row in changed:
        name = TableName(source, row["schema"], row["name"])
        if name in before:
            history.record(conn, name, before[name], row["definition"]["arrow_schema"], now)
    _upsert(conn, dataset_table, [{key: row[key] for key in row if key != "definition"} for row in changed])
    _upsert(conn, dataset_definition, [{key: row[key] for key in (*_PRIMARY, "definition")} for row in changed])
    return len(changed)


def _columns(conn: Connection, source: str, paths: Sequence[str]) -> dict[TableName, str]:
    """Return the columns of the datasets at these paths as they are kept, as Arrow's schema message."""
    table, long = dataset_table.c, dataset_definition.c
    rows = conn.execute(
        select(table.schema, table.name, long.definition["arrow_schema"].astext)
        .join_from(dataset_table, dataset_definition)
        .where(table.source == source, table.path == any_(literal(paths, ARRAY(Text))))
    )
    return {TableName(source, schema, name): columns for schema, name, columns in rows}


def schemas_of(conn: Connection, source: str) -> list[str]:
    """Return all schemas of a source."""
    return list(conn.scalars(select(dataset_table.c.schema).where(dataset_table.c.source == source).distinct()))


def forget_unseen(conn: Connection, source: str, names: Collection[tuple[str, str]], kept: Collection[str] = ()) -> int:
    """Forget the datasets of a source that are not among these (schema, name), some schemas aside; return how many."""
    table = dataset_table.c
    known = conn.execute(select(table.schema, table.name).where(table.source == source))
    gone = [(schema, name) for schema, name in known if (schema, name) not in names and schema not in kept]
    for start in range(0, len(gone), 1000):
        conn.execute(
            delete(dataset_table).where(
                table.source == source, tuple_(table.schema, table.name).in_(gone[start : start + 1000])
            )
        )
    return len(gone)


_PRIMARY = ("source", "schema", "name")


def _has_names(source: str, dataset: Dataset) -> bool:
    """Tell whether a dataset can be named, and each of its columns; one that cannot holds up no other."""
    columns = [column.name for column in dataset.columns]
    named = bool(source and dataset.schema and dataset.name)  # what has no name is closed to everybody
    if named and keys.storable(source, dataset.schema, dataset.name) and all(map(keys.storable, columns)):
        return True
    log.warning("A table of %s is left out: %r, or a column of it, is no name", source, (dataset.schema, dataset.name))
    return False


def _cleaned(dataset: Dataset) -> Dataset:
    """Return what is said of a dataset as the database can hold it."""
    said = (dataset.comment, dataset.owner, dataset.newest, *(column.comment for column in dataset.columns))
    values = [value for each in (dataset.partitions.newest if dataset.partitions else ()) for value in each.values]
    if all(keys.cleaned(text) == text for text in (*said, *(value for value in values if value is not None))):
        return dataset
    partitions = dataset.partitions and replace(
        dataset.partitions,
        newest=tuple(
            replace(each, values=tuple(None if value is None else keys.cleaned(value) for value in each.values))
            for each in dataset.partitions.newest
        ),
    )
    columns = tuple(replace(column, comment=keys.cleaned(column.comment)) for column in dataset.columns)
    return replace(
        dataset,
        columns=columns,
        partitions=partitions,
        comment=keys.cleaned(dataset.comment),
        owner=keys.cleaned(dataset.owner),
        newest=keys.cleaned(dataset.newest),
    )


def _upsert(conn: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    statement = insert(table)
    new = {column.name: statement.excluded[column.name] for column in table.c if column.name not in _PRIMARY}
    conn.execute(statement.on_conflict_do_update(index_elements=_PRIMARY, set_=new), rows)


def _row(source: str, dataset: Dataset) -> dict[str, Any]:
    """Return everything that is kept of a dataset."""
    definition = encode(dataset)
    said = json.dumps(definition, sort_keys=True, ensure_ascii=True).encode("ascii")
    name = TableName(source, dataset.schema, dataset.name)
    return {
        "source": source,
        "schema": dataset.schema,
        "name": dataset.name,
        "digest": hashlib.sha256(said).digest(),
        "comment": dataset.comment,
        "row_estimate": dataset.row_estimate,
        "rows_exact": dataset.rows_exact,
        "size_bytes": dataset.size_bytes,
        "newest": dataset.newest,
        "source_key": keys.path(source),
        "schema_key": keys.path(dataset.schema),
        "name_key": keys.path(dataset.name),
        "in_schema": keys.path(source, dataset.schema),
        "across": keys.path(source, dataset.name),
        "path": keys.path(*name),
        # What has no name is closed to everybody, so that it opens no table either.
        "columns": [keys.key(column.name) for column in dataset.columns if column.name],
        "partition_columns": [keys.key(name) for name in dataset.told_of],
        "words": keys.key(f"{name} {dataset.comment}"),
        "definition": definition,
    }


def forget_sources_except(conn: Connection, names: Sequence[str]) -> None:
    """Forget sources that the settings no longer name."""
    conn.execute(delete(dataset_table).where(dataset_table.c.source.not_in(names)))
    conn.execute(delete(source_state).where(source_state.c.source.not_in(names)))


def health(conn: Connection) -> dict[str, Health]:
    """Return each source's health, by name."""
    rows = conn.execute(select(source_state))
    return {
        row.source: Health(
            row.source, row.up, row.problem, row.since, row.harvested_at, tuple(map(_server, row.servers))
        )
        for row in rows
    }


def _server(kept: Mapping[str, Any]) -> ServerState:
    moments = {name: datetime.fromisoformat(kept[name]) for name in ("since", "harvested_at") if kept[name]}
    return ServerState(**{**kept, "harvested_at": None, **moments})


def record_servers(conn: Connection, source: str, servers: Sequence[Server], now: datetime) -> None:
    """Record how each server of a source did; `since` moves only when it goes up or down."""
    state = source_state.c
    before = {kept["name"]: kept for kept in conn.scalar(select(state.servers).where(state.source == source)) or ()}
    kept = []
    for server in servers:
        last, up = before.get(server.name, {}), not server.problem
        kept.append(
            {
                "name": server.name,
                "up": up,
                "since": last["since"] if last and last["up"] == up else now.isoformat(),
                "harvested_at": now.isoformat() if up else last.get("harvested_at"),
                "lag_seconds": server.lag_seconds,
                "stopped": server.stopped,
                "read_only": server.read_only,
            }
        )
    if kept or before:
        conn.execute(update(source_state).where(state.source == source).values(servers=kept))


def record_health(conn: Connection, source: str, *, up: bool, problem: str, now: datetime, harvested: bool) -> None:
    """Record what a source just did.  `since` moves only when it goes up or down."""
    values = {"up": up, "problem": problem, "since": now, "checked_at": now, "harvested_at": now if harvested else None}
    conn.execute(insert(source_state).values(source=source, **values).on_conflict_do_nothing())
    state = source_state.c
    conn.execute(update(source_state).where(state.source == source, state.up != up).values(since=now))
    changed = {"up": up, "problem": problem, "checked_at": now} | ({"harvested_at": now} if harvested else {})
    conn.execute(update(source_state).where(state.source == source).values(**changed))
