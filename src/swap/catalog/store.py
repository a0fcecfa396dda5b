"""Rows of `dataset` and `source_state`.  What is read back equals what was harvested, types included."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Text, bindparam, cast, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from swap.connectors.base import Column, Comparison, Dataset, Partitions
from swap.db.tables import dataset as dataset_table
from swap.db.tables import source_state


@dataclass(frozen=True, slots=True)
class Harvested:
    """A dataset and where and when it was seen."""

    source: str
    dataset: Dataset
    harvested_at: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a source answered when last asked, and since when that is so."""

    source: str
    up: bool
    problem: str
    since: datetime
    harvested_at: datetime | None


def encode(dataset: Dataset) -> dict[str, Any]:
    """Return the JSON a dataset is kept as.  Arrow's own schema message holds the types, exactly."""
    schema = pa.schema([pa.field(column.name, column.type) for column in dataset.columns])
    return {
        "arrow_schema": base64.b64encode(schema.serialize().to_pybytes()).decode("ascii"),
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
    }


def decode(schema: str, name: str, definition: dict[str, Any]) -> Dataset:
    """Return the dataset that `encode` was given."""
    fields = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(definition["arrow_schema"])))
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
    )


@lru_cache(maxsize=8192)
def _decode_text(schema: str, name: str, definition: str) -> Dataset:
    # Every query reads the catalog; what did not change is decoded once.
    return decode(schema, name, json.loads(definition))


def all_datasets(conn: Connection) -> list[Harvested]:
    """Return every dataset, in the order of their names."""
    table = dataset_table.c
    rows = conn.execute(
        select(table.source, table.schema, table.name, cast(table.definition, Text), table.harvested_at).order_by(
            table.source, table.schema, table.name
        ),
    )
    return [
        Harvested(source, _decode_text(schema, name, definition), harvested_at)
        for source, schema, name, definition, harvested_at in rows
    ]


def put_datasets(conn: Connection, source: str, datasets: Iterable[Dataset], now: datetime) -> None:
    """Record tables as a source describes them now; what is known of its others stays."""
    rows = [
        {
            "source": source,
            "schema": dataset.schema,
            "name": dataset.name,
            "definition": encode(dataset),
            "harvested_at": now,
        }
        for dataset in datasets
    ]
    if rows:
        put = insert(dataset_table)
        changed = {"definition": put.excluded.definition, "harvested_at": put.excluded.harvested_at}
        conn.execute(put.on_conflict_do_update(index_elements=dataset_table.primary_key, set_=changed), rows)


def forget_unseen(conn: Connection, source: str, seen: set[tuple[str, str]]) -> None:
    """Forget a source's tables that are not among these (schema, name), which a whole harvest has seen."""
    table = dataset_table.c
    known = conn.execute(select(table.schema, table.name).where(table.source == source))
    gone = [{"gone_schema": schema, "gone_name": name} for schema, name in known if (schema, name) not in seen]
    if gone:
        conn.execute(
            delete(dataset_table).where(
                table.source == source,
                table.schema == bindparam("gone_schema"),
                table.name == bindparam("gone_name"),
            ),
            gone,
        )


def forget_sources_except(conn: Connection, names: Sequence[str]) -> None:
    """Forget sources that the settings no longer name."""
    conn.execute(delete(dataset_table).where(dataset_table.c.source.not_in(names)))
    conn.execute(delete(source_state).where(source_state.c.source.not_in(names)))


def health(conn: Connection) -> dict[str, Health]:
    """Return each source's health, by name."""
    rows = conn.execute(select(source_state))
    return {row.source: Health(row.source, row.up, row.problem, row.since, row.harvested_at) for row in rows}


def record_health(conn: Connection, source: str, *, up: bool, problem: str, now: datetime, harvested: bool) -> None:
    """Record what a source just did.  `since` moves only when it goes up or down."""
    values = {"up": up, "problem": problem, "since": now, "checked_at": now, "harvested_at": now if harvested else None}
    conn.execute(insert(source_state).values(source=source, **values).on_conflict_do_nothing())
    state = source_state.c
    conn.execute(update(source_state).where(state.source == source, state.up != up).values(since=now))
    changed = {"up": up, "problem": problem, "checked_at": now} | ({"harvested_at": now} if harvested else {})
    conn.execute(update(source_state).where(state.source == source).values(**changed))
