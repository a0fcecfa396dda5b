"""The demo's lake as tables of Hive: external ones over the same Parquet files, with the same comments and marks.

They are made when their mark is missing, which is written last; so an interrupted first start goes on where it stopped.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from swap.connectors.hive_session import Session
from swap.connectors.hive_types import identifier, string
from swap.connectors.hive_wire import Server
from swap.demo import lake
from swap.demo.describe import LAKE, About
from swap.demo.lake import Progress, silent

VERSION = 1
"""Raised when what Hive is told changes; its tables are then made again."""
ACCOUNT = "swap"
_SECONDS = 300.0
_TYPES: dict[pa.DataType, str] = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "string",
    pa.binary(): "binary",
    pa.date32(): "date",
}
_KEYS = {"integer": "int", "bigint": "bigint", "text": "string"}


def make(port: int, root: Path, state: Path, progress: Progress = silent) -> None:
    """Make every table that is missing, in the server at the port, over the lake below `root`."""
    for name in lake.TABLES:
        mark = state / f"{name}-{VERSION}-{lake.VERSION}"
        if mark.exists():
            continue
        progress(f"hive.{name}", done=False, size_bytes=0)
        schema, _, table = name.partition(".")
        with session(port) as hive:
            for statement in statements(schema, table, root / schema / table, LAKE[name]):
                operation = hive.execute(statement, math.ceil(_SECONDS))
                hive.finish(operation)
                hive.close_operation(operation)
        mark.touch()
        progress(f"hive.{name}", done=True, size_bytes=0)


@contextmanager
def session(port: int) -> Iterator[Session]:
    """Open a session at our own server."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        address = {
            "servers": [["127.0.0.1", port]],
            "user": ACCOUNT,
            "password": ACCOUNT,
            "tls": False,
            "ca": "",
            "connect_seconds": 30.0,
            "configuration": {},
        }
        server = Server("lake", address, ours.fileno())
        try:
            server.connect(time.monotonic() + _SECONDS)
            with server.told():
                yield server.session
        finally:
            server.close()


def statements(schema: str, table: str, place: Path, about: About) -> list[str]:
    """Return what makes one table over the files at a place, and counts its rows."""
    name = f"{identifier(schema)}.{identifier(table)}"
    file = next(place.rglob("*.parquet"))
    columns = [_column(field.name, _type(field.type), about) for field in pq.read_schema(file)]
    keys = [_column(key, _KEYS[type_], about) for key, type_ in _partitions(place, file, about)]
    partitioned = f" PARTITIONED BY ({', '.join(keys)})" if keys else ""
    made = [
        f"CREATE DATABASE IF NOT EXISTS {identifier(schema)}",
        f"DROP TABLE IF EXISTS {name}",
        (
            f"CREATE EXTERNAL TABLE {name} ({', '.join(columns)}) COMMENT {string(about.comment)}{partitioned}"
            f" STORED AS PARQUET LOCATION {string(place.as_uri())}"
        ),
        f"ALTER TABLE {name} SET OWNER USER {identifier(about.owner)}",
    ]
    if keys:
        made.append(f"MSCK REPAIR TABLE {name}")
    counted = f" PARTITION ({', '.join(identifier(key) for key, _ in _partitions(place, file, about))})" if keys else ""
    return [*made, f"ANALYZE TABLE {name}{counted} COMPUTE STATISTICS"]


def _partitions(place: Path, file: Path, about: About) -> Sequence[tuple[str, str]]:
    """Return the keys on the way to a file, and their types: numbers, unless the table says otherwise."""
    pairs = [part.partition("=") for part in file.relative_to(place).parts[:-1]]
    return [(key, about.partitions.get(key, "bigint" if value.isdigit() else "text")) for key, _, value in pairs]


def _column(name: str, type_: str, about: About) -> str:
    comment = about.columns.get(name, "")
    mark = f" [sensitivity: {about.sensitivity[name]}]" if name in about.sensitivity else ""
    return f"{identifier(name)} {type_} COMMENT {string(comment + mark)}"


def _type(type_: pa.DataType) -> str:
    if pa.types.is_timestamp(type_):
        return "timestamp"
    if pa.types.is_decimal(type_):
        return f"decimal({type_.precision},{type_.scale})"
    if pa.types.is_list(type_):
        return f"array<{_type(type_.value_type)}>"
    if pa.types.is_map(type_):
        return f"map<{_type(type_.key_type)},{_type(type_.item_type)}>"
    if pa.types.is_struct(type_):
        return f"struct<{','.join(f'{identifier(field.name)}:{_type(field.type)}' for field in type_)}>"
    return _TYPES[type_]
