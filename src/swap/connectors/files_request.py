"""What the files connector and its reader process say to one another, as JSON can hold it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from swap.connectors.base import Column, Comparison, Dataset, Partitions, Predicate

DATASET = "dataset"
"""The key under which a harvest tells of a table."""


@dataclass(frozen=True, slots=True)
class Request:
    """One fragment of one table below `root`; without a table, a harvest of everything."""

    root: str
    schema: str = ""
    table: str = ""
    columns: pa.Schema = None
    predicates: tuple[Predicate, ...] = ()
    limit: int | None = None
    scattered: bool = False
    names: tuple[str, ...] = ()
    """What the columns are called in what is sent."""


@dataclass(frozen=True, slots=True)
class SoFar:
    """What the reader has done: rows and bytes sent, and what it read for them."""

    rows: int = 0
    at: int = 0
    files: int = 0
    files_to_read: int = 0
    row_groups: int = 0
    read_bytes: int = 0


def encode_request(request: Request) -> dict[str, Any]:
    """Return a request as a message."""
    return {
        "root": request.root,
        "schema": request.schema,
        "table": request.table,
        "columns": None if request.columns is None else _encode_schema(request.columns),
        "predicates": [[each.column, each.comparison.value, _encode(each.value)] for each in request.predicates],
        "limit": request.limit,
        "scattered": request.scattered,
        "names": request.names,
    }


def decode_request(fields: Mapping[str, Any]) -> Request:
    """Return the request of a message."""
    return Request(
        fields["root"],
        fields["schema"],
        fields["table"],
        None if fields["columns"] is None else _decode_schema(fields["columns"]),
        tuple(Predicate(name, Comparison(how), _decode(value)) for name, how, value in fields["predicates"]),
        fields["limit"],
        fields["scattered"],
        tuple(fields["names"]),
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
        "columns": [[each.comment, each.partition, each.sensitivity] for each in dataset.columns],
    }
    return {DATASET: about, "schema": _encode_schema(pa.schema([(each.name, each.type) for each in dataset.columns]))}


def decode_dataset(told: Mapping[str, Any]) -> Dataset:
    """Return the table of a message."""
    fields = dict(told[DATASET])
    described = zip(_decode_schema(told["schema"]), fields.pop("columns"), strict=True)
    divided = fields.pop("partitions")
    return Dataset(
        columns=tuple(Column(each.name, each.type, *rest) for each, rest in described),
        partitions=Partitions.from_plain(divided) if divided else None,
        **fields,
    )


def _encode_schema(schema: pa.Schema) -> str:
    return base64.b64encode(schema.serialize()).decode()


def _decode_schema(text: str) -> pa.Schema:
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
