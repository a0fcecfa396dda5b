"""Apache Hive in the conformance suite: a HiveServer2 of its own, on local files, behind the proxy."""
# ruff: noqa: ARG002 — not every source needs everything that it is told

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import time
import urllib.request
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import services
from conformance.proxy import Proxy
from conformance.subjects import SCHEMA, Subject, parts
from swap.connectors.base import Reader
from swap.connectors.hive.connector import HiveConnector
from swap.connectors.hive.session import Session
from swap.connectors.hive.types import identifier
from swap.connectors.hive.wire import Server
from swap.settings import HiveSource

_ZONED = "timestamp with local time zone"
_PAUSE = "swap.test.pause"
_SLEEPS = (
    f"reflect('java.lang.Thread', 'sleep', CAST(reflect('java.lang.System', 'getProperty', '{_PAUSE}', '0') AS BIGINT))"
)


class Thrift(Subject):
    """A server of HiveServer2's protocol, behind the proxy."""

    is_server = is_slow = sorts = True
    partitions = True
    account = "ann"
    server: services.JavaServer

    def __init__(self) -> None:
        super().__init__()
        self.root = services.temporary_directory()
        self.server = self.start()
        self.proxy: Proxy = Proxy(("127.0.0.1", self.server.port))
        self.proxy.__enter__()
        self._source = HiveSource(
            kind="hive",
            product=self.kind,  # type: ignore[arg-type]  # one of the two
            servers=(f"127.0.0.1:{self.proxy.port}",),
            user="swap",
            tls="disable",
        )
        self.connector: HiveConnector = self.again()
        self.run(f"CREATE DATABASE IF NOT EXISTS {SCHEMA}")

    @abstractmethod
    def start(self) -> services.JavaServer:
        """Start the server."""

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session for the block as the one who owns the data, past the proxy."""
        with self.link({}) as server:
            yield server.session

    @contextlib.contextmanager
    def link(self, configuration: Mapping[str, str]) -> Iterator[Server]:
        """Open such a session with settings of its own, and return what holds it."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            address = {
                "servers": [["127.0.0.1", self.server.port]],
                "user": "owner",
                "password": "x",
                "tls": False,
                "ca": "",
                "spark": self.kind == "spark",
                "connect_seconds": 20.0,
                "configuration": configuration,
            }
            server = Server(self.name, address, ours.fileno())
            try:
                server.connect(time.monotonic() + 120)
                yield server
            finally:
                server.close()

    def run(self, *statements: str) -> list[str]:
        """Run statements as the one who owns the data; return the texts that the last one answers."""
        texts: list[str] = []
        with self.session() as session:
            for statement in statements:
                operation = session.execute(statement, 120)
                session.finish(operation)
                if statement.startswith("EXPLAIN"):
                    texts = [text for piece in session.rows(operation, 1000) for text in piece[0].values.texts()]
                session.close_operation(operation)
        return texts

    @abstractmethod
    def statements(self) -> list[str]:
        """Return what it was asked so far and remembers, in its own words."""

    def cost(self, reader: Reader) -> int:
        """Return the bytes that came through the proxy since the last time; reads run one at a time."""
        passed = self.proxy.from_server
        self.proxy.reset()
        return passed

    def kill(self, reader: Reader) -> None:
        self.server.kill()

    def end(self) -> None:
        self.server.end()

    def again(self) -> HiveConnector:
        return HiveConnector(self.name, self._source)

    def pids(self) -> Sequence[int]:
        return (self.server.pid,)

    def revive(self) -> None:
        self.proxy.heal()
        self.server.revive()

    def close(self) -> None:
        self.connector.close()
        self.proxy.__exit__(None, None, None)
        self.server.close()
        shutil.rmtree(self.root, ignore_errors=True)


class Hive(Thrift):
    """Tables are external ones over Parquet files that the test writes."""

    kind = "hive"
    tells_progress = True
    collations = frozenset({"ignores trailing spaces"})
    unsupported = frozenset({"time", "null", "timestamp_ns"})

    def start(self) -> services.JavaServer:
        return services.RunningHive()

    def publish(self, name: str, rows: pa.Table, partition_by: Sequence[str] = ()) -> None:
        self._make(name, rows, partition_by, {field.name: _hive_type(field.type) for field in rows.schema})

    def publish_collated(self, name: str, rows: pa.Table, collation: str) -> None:
        self._make(name, rows, (), {"id": "int", "value": "char(255)"})
        self._harvested.clear()

    def _make(self, name: str, rows: pa.Table, partition_by: Sequence[str], types: dict[str, str]) -> None:
        place = self.root / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        table = f"{SCHEMA}.{identifier(name)}"
        zoned = [column for column in types if types[column] == _ZONED]
        if partition_by:
            made = self._partitioned(table, rows, partition_by, types, place)
        elif zoned:
            made = self._zoned(table, rows, zoned, types, place)
        else:
            pq.write_table(rows, place / "part-0.parquet")
            # To count is a job of seconds: only rows that somebody asks the number of are counted.
            counted = [f"ANALYZE TABLE {table} COMPUTE STATISTICS"] if rows.num_rows > 1000 else []
            made = [_external(table, types, place), *counted]
        self.run(f"DROP TABLE IF EXISTS {table}", *made)

    def _partitioned(
        self, table: str, rows: pa.Table, keys: Sequence[str], types: dict[str, str], place: Path
    ) -> list[str]:
        for directory, part in parts(rows, keys):
            (place / directory).mkdir(parents=True)
            pq.write_table(part, place / directory / "part-0.parquet")
        counted = f"ANALYZE TABLE {table} PARTITION ({', '.join(map(identifier, keys))}) COMPUTE STATISTICS"
        return [
            _external(table, types, place, keys),
            f"MSCK REPAIR TABLE {table}",
            *([counted] if rows.num_rows > 1000 else []),
        ]

    def _zoned(self, table: str, rows: pa.Table, zoned: list[str], types: dict[str, str], place: Path) -> list[str]:
        """Make a sequence file of a Parquet one: Hive reads times with a zone neither from Parquet nor from ORC."""
        pq.write_table(rows, place / "part-0.parquet")
        chosen = ", ".join(
            f"CAST({identifier(column)} AS {_ZONED}) AS {identifier(column)}" if column in zoned else identifier(column)
            for column in types
        )
        staged = f"{SCHEMA}.staged"
        return [
            f"DROP TABLE IF EXISTS {staged}",
            _external(staged, types | dict.fromkeys(zoned, "timestamp"), place),
            (
                f"CREATE TABLE {table} ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazybinary.LazyBinarySerDe'"
                f" STORED AS SEQUENCEFILE AS SELECT {chosen} FROM {staged}"
            ),
        ]

    def opened(self, reader: Reader) -> int:
        (told,) = self.run(f"EXPLAIN DEPENDENCY {reader.stats.statement}")
        return len(json.loads(told)["input_partitions"])

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Put a view in the table's place whose job sleeps at each row, as long as a property of the server's says."""
        table, behind = (f"{SCHEMA}.{identifier(each)}" for each in (name, f"{name}_behind"))
        columns = ", ".join(identifier(column.name) for column in self.columns(name))
        self.run(
            f"ALTER TABLE {table} RENAME TO {behind}",
            # Grouped, so that it is a job and not read while it is fetched.
            f"CREATE VIEW {table} AS SELECT {columns} FROM {behind} WHERE coalesce({_SLEEPS}, '') <> 'awake' GROUP BY {columns}",
            _set_pause("100"),
        )
        try:
            yield
        finally:
            self.server.revive()  # one that was killed meanwhile has forgotten the property
            self.run(_set_pause("0"), f"DROP VIEW {table}", f"ALTER TABLE {behind} RENAME TO {table}")

    def works(self, query_id: str, reader: Reader) -> bool:
        return any(running and SCHEMA in said for said, running in self._queries("active"))

    def statements(self) -> list[str]:
        return [said for which in ("active", "historical") for said, _ in self._queries(which)]

    def _queries(self, which: str) -> list[tuple[str, bool]]:
        """Return queries in the server's own words, and whether they run."""
        address = f"http://127.0.0.1:{self.server.web_port}/api/v1/queries/{which}"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as told:
            return [((each["queryDisplay"] or {}).get("queryString", ""), each["running"]) for each in json.load(told)]
        return []


def _set_pause(milliseconds: str) -> str:
    return f"SELECT reflect('java.lang.System', 'setProperty', '{_PAUSE}', '{milliseconds}')"


def _external(table: str, types: dict[str, str], place: Path, keys: Sequence[str] = ()) -> str:
    columns = ", ".join(f"{identifier(column)} {types[column]}" for column in types if column not in keys)
    divided = ", ".join(f"{identifier(key)} {types[key]}" for key in keys)
    partitioned = f" PARTITIONED BY ({divided})" if keys else ""
    return f"CREATE EXTERNAL TABLE {table} ({columns}){partitioned} STORED AS PARQUET LOCATION 'file://{place}'"


def _hive_type(type_: pa.DataType) -> str:
    if pa.types.is_decimal(type_):
        return f"decimal({type_.precision},{type_.scale})"
    if pa.types.is_list(type_):
        return f"array<{_hive_type(type_.value_type)}>"
    if pa.types.is_map(type_):
        return f"map<{_hive_type(type_.key_type)},{_hive_type(type_.item_type)}>"
    if pa.types.is_struct(type_):
        return f"struct<{','.join(f'{field.name}:{_hive_type(field.type)}' for field in type_)}>"
    return {
        pa.bool_(): "boolean",
        pa.int16(): "smallint",
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.float32(): "float",
        pa.float64(): "double",
        pa.string(): "string",
        pa.binary(): "binary",
        pa.date32(): "date",
        pa.timestamp("us"): "timestamp",
        pa.timestamp("us", "UTC"): _ZONED,
    }[type_]
