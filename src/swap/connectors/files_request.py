"""What the files connector and its reader process say to one another, as JSON can hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from swap.connectors.base import Predicate
from swap.connectors.messages import decode_predicates, decode_schema, encode_predicates, encode_schema


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
        "columns": None if request.columns is None else encode_schema(request.columns),
        "predicates": encode_predicates(request.predicates),
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
        None if fields["columns"] is None else decode_schema(fields["columns"]),
        decode_predicates(fields["predicates"]),
        fields["limit"],
        fields["scattered"],
        tuple(fields["names"]),
    )
