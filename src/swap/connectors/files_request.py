"""What the files connector and its reader process say to one another: JSON one way, Arrow the other."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from swap.connectors.base import Column, Comparison, Dataset, Partitions, Predicate

METADATA = b"swap"
"""The key under which each batch carries a `Progress`."""

DATASETS = pa.schema([("dataset", pa.string()), ("columns", pa.binary())])
"""The answer to a harvest: one row for each table."""


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


@dataclass(frozen=True, slots=True)
class Progress:
    """What the reader has done so far; exactly one of `whole` and `error` is set on the last batch."""

    files: int = 0
    files_to_read: int = 0
    row_groups: int = 0
    read_bytes: int = 0
    whole: bool = False
    error: str = ""


def encode_request(request: Request) -> bytes:
    """Return one line of JSON."""
    predicates = [[each.column, each.comparison.value, _encode(each.value)] for each in request.predicates]
    columns = None if request.columns is None else base64.b64encode(request.columns.serialize()).decode()
    return (
        json.dumps(
            {
                "root": request.root,
                "schema": request.schema,
                "table": request.table,
                "columns": columns,
                "predicates": predicates,
                "limit": request.limit,
                "scattered": request.scattered,
            }
        ).encode()
        + b"\n"
    )


def decode_request(line: bytes) -> Request:
    """Return the request of one line."""
    fields = json.loads(line)
    columns = (
        None if fields["columns"] is None else pa.ipc.read_schema(pa.py_buffer(base64.b64decode(fields["columns"])))
    )
    predicates = tuple(Predicate(name, Comparison(how), _decode(value)) for name, how, value in fields["predicates"])
    return Request(
        fields["root"], fields["schema"], fields["table"], columns, predicates, fields["limit"], fields["scattered"]
    )


def encode_progress(progress: Progress) -> dict[bytes, bytes]:
    """Return a batch's metadata."""
    return {METADATA: json.dumps(astuple(progress)).encode()}


def decode_progress(metadata: Mapping[bytes, bytes] | None) -> Progress:
    """Return what a batch's metadata says."""
    return Progress(*json.loads((metadata or {}).get(METADATA, b"[]")))


def encode_dataset(dataset: Dataset) -> tuple[str, bytes]:
    """Return one row of a harvest."""
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
    return json.dumps(about), pa.schema([(each.name, each.type) for each in dataset.columns]).serialize().to_pybytes()


def decode_dataset(about: str, columns: bytes) -> Dataset:
    """Return the dataset of one row."""
    fields = json.loads(about)
    described = zip(pa.ipc.read_schema(pa.py_buffer(columns)), fields.pop("columns"), strict=True)
    divided = fields.pop("partitions")
    return Dataset(
        columns=tuple(Column(each.name, each.type, *rest) for each, rest in described),
        partitions=Partitions.from_plain(divided) if divided else None,
        **fields,
    )


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
