"""What connectors and their reader processes say to one another, as JSON can hold it: schemas, filters, tables."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from swap.connectors.base import Column, Comparison, Dataset, Fragment, Order, Partitions, Predicate

DATASETS = "datasets"
"""The key under which a harvest tells of some tables at once."""
TABLES = "tables"
"""The key under which a reader tells the names of some tables, as (schema, name)."""
SERVER = "server"
"""The key under which a harvest tells how its server does: what `Server` holds beside its name."""
HANDLE = "handle"
"""The key under which a reader tells by what its statement can be ended at the store, by any process."""
NOTICE = "notice"
"""The key under which a reader tells what must be known of the answer."""
STANDING = "standing"
"""The key under which a check tells what it saw."""
STATEMENT = "statement"
"""The key under which a reader tells what it asks its store."""
PROGRESS = "progress"
"""The key under which it tells how far the store is: its share and its line."""


def encode_fragment(fragment: Fragment) -> dict[str, Any]:
    """Return a fragment, but of its columns only names and types."""
    return {
        "schema": fragment.schema,
        "table": fragment.table,
        "columns": encode_schema(fragment.columns_as(())),
        "predicates": [[each.column, each.comparison.value, _encode(each.value)] for each in fragment.predicates],
        "limit": fragment.limit,
        "query_id": fragment.query_id,
        "scattered": fragment.scattered,
        "order": [[each.column, each.descending, each.nulls_first] for each in fragment.order],
    }


def decode_fragment(plain: Mapping[str, Any]) -> Fragment:
    """Return the fragment that `plain` was made from."""
    return Fragment(
        plain["schema"],
        plain["table"],
        tuple(Column(each.name, each.type) for each in decode_schema(plain["columns"])),
        tuple(Predicate(name, Comparison(how), _decode(value)) for name, how, value in plain["predicates"]),
        plain["limit"],
        plain["query_id"],
        plain["scattered"],
        tuple(Order(*each) for each in plain["order"]),
    )


def encode_dataset(dataset: Dataset) -> dict[str, Any]:
    """Return a table of a harvest as a message."""
    about = {
        "schema": dataset.schema,
        "name": dataset.name,
        "comment": dataset.comment,
        "owner": dataset.owner,
        "row_estimate": dataset.row_estimate,
        "size_bytes": dataset.size_bytes,
        "newest": dataset.newest,
        "rows_exact": dataset.rows_exact,
        "partitions": dataset.partitions.plain() if dataset.partitions else None,
        "newest_of": dataset.newest_of,
        "columns": [_encode_column(each) for each in dataset.columns],
    }
    return {"about": about, "schema": encode_schema(pa.schema([(each.name, each.type) for each in dataset.columns]))}


def decode_dataset(told: Mapping[str, Any]) -> Dataset:
    """Return the table of a message."""
    fields = dict(told["about"])
    described = zip(decode_schema(told["schema"]), fields.pop("columns"), strict=True)
    divided = fields.pop("partitions")
    return Dataset(
        columns=tuple(_decode_column(each, rest) for each, rest in described),
        partitions=Partitions.from_plain(divided) if divided else None,
        **fields,
    )


def _encode_column(column: Column) -> list[Any]:
    return [column.comment, column.partition, column.sensitivity, sorted(column.inexact)]


def _decode_column(field: pa.Field, about: list[Any]) -> Column:
    comment, partition, sensitivity, inexact = about
    return Column(field.name, field.type, comment, partition, sensitivity, frozenset(map(Comparison, inexact)))


def encode_schema(schema: pa.Schema) -> str:
    """Return a schema as text."""
    return base64.b64encode(schema.serialize()).decode()


def decode_schema(text: str) -> pa.Schema:
    """Return the schema of a text."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


def _encode(value: Any) -> Any:
    if value is None:
        return None
    kind = type(value).__name__
    return [kind, _ENCODERS.get(kind, str)(value)]


_ENCODERS: dict[str, Any] = {
    "tuple": lambda values: [_encode(each) for each in values],
    "bool": bool,
    "float": float.hex,
    "bytes": bytes.hex,
    "date": date.isoformat,
    "time": time.isoformat,
    "datetime": datetime.isoformat,
}
_DECODERS: dict[str, Any] = {
    "tuple": lambda values: tuple(_decode(each) for each in values),
    "bool": bool,
    "float": float.fromhex,
    "bytes": bytes.fromhex,
    "int": int,
    "str": str,
    "Decimal": Decimal,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
}


def _decode(value: Any) -> Any:
    return None if value is None else _DECODERS[value[0]](value[1])
