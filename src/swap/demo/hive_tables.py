"""The demo's lake as tables of a Hive: external ones over the same Parquet files, which stay as they are.

A table's definition is read off its first file and from `describe`; its version stands in its properties, so one that
is there in this version is kept.  Statements only: who runs them has a session.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from swap.connectors.hive.types import identifier, string
from swap.demo import describe, lake

VERSION = f"{lake.VERSION}.1"
"""Raised when the definitions change; older tables are then made again."""

PROPERTY = "swap.demo"
"""The property that tells a table's version."""

_PLAIN = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "string",
    pa.large_string(): "string",
    pa.binary(): "binary",
    pa.date32(): "date",
}
_PARTITION_TYPES = {"integer": "int", "text": "string"}


def databases() -> list[str]:
    """Return what makes the databases."""
    names = sorted({name.partition(".")[0] for name in lake.TABLES})
    return [f"CREATE DATABASE IF NOT EXISTS {identifier(name)}" for name in names]


def version(root: Path) -> str:
    """Return what a table over the lake below `root` says of itself: a lake that moved is another one."""
    return f"{VERSION} {root.absolute()}"


def version_of(name: str) -> str:
    """Return the question for a table's version; a table that is not there is an error."""
    return f"SHOW TBLPROPERTIES {_quoted(name)}({string(PROPERTY)})"


def statements(root: Path, name: str) -> Iterator[str]:
    """Yield what makes a table of the lake below `root` again from nothing; its version is said last."""
    about = describe.LAKE[name]
    place = (root / Path(*name.split("."))).absolute()
    schema = pq.read_schema(next(place.rglob("*.parquet")))
    columns = ", ".join(
        f"{identifier(field.name)} {hive_type(field.type)} COMMENT {string(about.comment_of(field.name))}"
        for field in schema
    )
    partitions = ", ".join(
        f"{identifier(column)} {_PARTITION_TYPES[type_]} COMMENT {string(about.comment_of(column))}"
        for column, type_ in about.partitions.items()
    )
    table = _quoted(name)
    yield f"DROP TABLE IF EXISTS {table}"
    yield (
        f"CREATE EXTERNAL TABLE {table} ({columns}) COMMENT {string(about.comment)}"
        + (f" PARTITIONED BY ({partitions})" if partitions else "")
        + f" STORED AS PARQUET LOCATION {string(f'file://{place}')}"
    )
    yield f"ALTER TABLE {table} SET OWNER ROLE {identifier(about.owner)}"
    if partitions:
        specs = sorted(_spec(file.parent.relative_to(place)) for file in place.rglob("*.parquet"))
        yield f"ALTER TABLE {table} ADD {' '.join(f'PARTITION ({spec})' for spec in specs)}"
    counted = f" PARTITION ({', '.join(map(identifier, about.partitions))})" if partitions else ""
    yield f"ANALYZE TABLE {table}{counted} COMPUTE STATISTICS"
    yield f"ALTER TABLE {table} SET TBLPROPERTIES ({string(PROPERTY)}={string(version(root))})"


def hive_type(type_: pa.DataType) -> str:
    """Return an Arrow type as Hive writes it.

    >>> hive_type(pa.map_(pa.string(), pa.list_(pa.int32())))
    'map<string,array<int>>'
    """
    if pa.types.is_list(type_):
        return f"array<{hive_type(type_.value_type)}>"
    if pa.types.is_map(type_):
        return f"map<{hive_type(type_.key_type)},{hive_type(type_.item_type)}>"
    if pa.types.is_struct(type_):
        return f"struct<{','.join(f'{identifier(field.name)}:{hive_type(field.type)}' for field in type_)}>"
    if pa.types.is_decimal(type_):
        return f"decimal({type_.precision},{type_.scale})"
    if pa.types.is_timestamp(type_):
        # Hive's timestamps have no zone; the demo's with one are all in UTC.
        return "timestamp"
    return _PLAIN[type_]


def _spec(folder: Path) -> str:
    parts = (part.partition("=") for part in folder.parts)
    return ", ".join(f"{identifier(name)}={string(value)}" for name, _, value in parts)


def _quoted(name: str) -> str:
    return ".".join(map(identifier, name.split(".")))
