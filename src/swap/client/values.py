"""Parameters and own tables on their way to the gateway, with their exact types."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from swap.errors import Invalid, Problem


def encode_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON; a type JSON lacks becomes {"type": …, "value": text} (docs/reference/api.md)."""
    return {str(name).lstrip(":$"): _encode(str(name), value) for name, value in params.items()}


def _encode(name: str, value: Any) -> Any:  # noqa: PLR0911 - one line for each type
    value = value.item() if hasattr(value, "item") and hasattr(value, "dtype") and not hasattr(value, "columns") else value
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else {"type": "float", "value": repr(value)}
    if isinstance(value, Decimal):
        return {"type": "decimal", "value": str(value)}
    if isinstance(value, datetime):
        return {"type": "timestamp", "value": value.isoformat()}
    if isinstance(value, date):
        return {"type": "date", "value": value.isoformat()}
    if isinstance(value, time):
        return {"type": "time", "value": value.isoformat()}
    if isinstance(value, (bytes, bytearray)):
        return {"type": "binary", "value": bytes(value).hex()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_encode(name, item) for item in value]
    raise Invalid(Problem(
        f"The parameter {name} is a {type(value).__name__}, which a statement cannot take.", why="Nothing was run.",
        todo="Pass text, a number, a date, a moment, True, False, None or a list of them.",
    ))


def to_arrow(name: str, table: Any) -> pa.Table:
    """Return a person's own table as Arrow: pandas, polars, Arrow tables, batches and readers, results of SWAP."""
    if isinstance(table, pa.Table):
        return table
    if isinstance(table, pa.RecordBatch):
        return pa.Table.from_batches([table])
    if isinstance(table, pa.RecordBatchReader):
        return table.read_all()
    if hasattr(table, "to_arrow"):  # polars, and our own Result
        return table.to_arrow()
    if hasattr(table, "columns") and hasattr(table, "index"):
        return pa.Table.from_pandas(table, preserve_index=any(label is not None for label in table.index.names))
    if hasattr(table, "__arrow_c_stream__"):
        return pa.table(table)
    raise Invalid(Problem(
        f"The table {name} is a {type(table).__name__}.", why="Nothing was run.",
        todo="Pass a pandas or polars DataFrame or a pyarrow Table.",
    ))


def as_stream(table: pa.Table) -> bytes:
    """Return a table as an Arrow IPC stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
