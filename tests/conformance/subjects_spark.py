"""Apache Spark in the conformance suite: a Spark Thrift Server of its own, on local files, behind the proxy."""
# ruff: noqa: ARG002 — not every source needs everything that it is told

from __future__ import annotations

import contextlib
import html
import json
import re
import shutil
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import services
from conformance.subjects import SCHEMA, parts
from conformance.subjects_hive import Thrift
from swap.connectors.base import Reader
from swap.connectors.hive.session import StatementError
from swap.connectors.hive.types import identifier
from swap.connectors.wire import LostError
from swap.errors import SwapError

_SLEEP = "SELECT reflect('java.lang.Thread', 'sleep', 600000L) FROM range(0, 2, 1, 2)"
"""What keeps both of the server's cores from other work."""


class Spark(Thrift):
    """Tables are external ones over Parquet files that the test writes."""

    kind = "spark"
    unsupported = frozenset({"time", "null", "timestamp_ns"})
    collations = frozenset({"ignores case", "ignores trailing spaces"})

    def start(self) -> services.RunningSpark:
        return services.RunningSpark()

    def publish(self, name: str, rows: pa.Table, partition_by: Sequence[str] = ()) -> None:
        self._make(name, rows, partition_by, {field.name: _spark_type(field.type) for field in rows.schema})

    def publish_collated(self, name: str, rows: pa.Table, collation: str) -> None:
        how = {"ignores case": "string COLLATE UTF8_LCASE", "ignores trailing spaces": "char(6000)"}
        self._make(name, rows, (), {"id": "int", "value": how[collation]})
        self._harvested.clear()

    def _make(self, name: str, rows: pa.Table, partition_by: Sequence[str], types: dict[str, str]) -> None:
        place = self.root / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        table = f"{SCHEMA}.{identifier(name)}"
        for directory, part in parts(rows, partition_by):
            (place / directory).mkdir(parents=True, exist_ok=True)
            pq.write_table(part, place / directory / "part-0.parquet")
        columns = ", ".join(f"{identifier(column)} {type_}" for column, type_ in types.items())
        keys = ", ".join(map(identifier, partition_by))
        self.run(
            f"DROP TABLE IF EXISTS {table}",
            f"CREATE TABLE {table} ({columns}) USING parquet {f'PARTITIONED BY ({keys})' if keys else ''}"
            f" LOCATION 'file://{place}'",
            *([f"MSCK REPAIR TABLE {table}"] if keys else []),
            f"ANALYZE TABLE {table} COMPUTE STATISTICS",
        )

    def opened(self, reader: Reader) -> int:
        told = "\n".join(self.run(f"EXPLAIN FORMATTED {reader.stats.statement}"))
        scanned = re.search(r"InMemoryFileIndex \[(.*)\]", told)
        if (whole := re.search(r"CatalogFileIndex.*\[file:(.*)\]", told)) is not None:
            return len(list(Path(whole[1]).rglob("*.parquet")))
        if scanned is None:  # not even a scan is left
            return 0
        more = re.search(r"(\d+) entries", scanned[1])
        return scanned[1].count("file:") + (int(more[1]) if more else 0)

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Keep the server's cores busy: what is asked meanwhile waits for one."""
        over = threading.Event()
        holding = threading.Thread(target=self._hold, args=[over])
        holding.start()
        try:
            while holding.is_alive() and not any("'sleep'" in said for said in self._jobs()):
                over.wait(0.05)
            yield
        finally:
            over.set()
            holding.join()

    def _hold(self, over: threading.Event) -> None:
        # A server that was killed meanwhile holds nothing any more.
        with contextlib.suppress(StatementError, LostError, SwapError), self.session() as session:
            operation = session.execute(_SLEEP, 600)
            over.wait(600)
            session.cancel(operation)

    def works(self, query_id: str, reader: Reader) -> bool:
        # Whether one runs is told by its jobs: the page of statements knows it before it has one, and may go on showing
        # one that was cancelled. It is the page that tells of a result which is kept until it is closed.
        kept = [said for said, state in self._statements() if state == "FINISHED"]
        return any(said.startswith("SELECT") and f"FROM `{SCHEMA}`" in said for said in (*self._jobs(), *kept))

    def statements(self) -> list[str]:
        return [said for said, _ in self._statements()]

    def _statements(self) -> list[tuple[str, str]]:
        """Return statements and their states."""
        page = self._page("sqlserver/").decode()
        return [(html.unescape(said).strip(), state) for said, state in _STATEMENT.findall(page)]

    def _jobs(self) -> list[str]:
        """Return the statements whose jobs run or wait for a core."""
        jobs: list[str] = []
        for application in json.loads(self._page("api/v1/applications") or b"[]"):
            told = self._page(f"api/v1/applications/{application['id']}/jobs?status=running")
            jobs += [job["description"] for job in json.loads(told or b"[]")]
        return jobs

    def _page(self, path: str) -> bytes:
        """Return what it tells of itself: nothing, if it is not there or stands still."""
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.server.web_port}/{path}", timeout=5) as told,
        ):
            return bytes(told.read())
        return b""


_STATEMENT = re.compile(r'<span class="description-input">([^<]*)</span>\s*</td>\s*<td>\s*(\w+)\s*</td>')


def _spark_type(type_: pa.DataType) -> str:
    if pa.types.is_decimal(type_):
        return f"decimal({type_.precision},{type_.scale})"
    if pa.types.is_list(type_):
        return f"array<{_spark_type(type_.value_type)}>"
    if pa.types.is_map(type_):
        return f"map<{_spark_type(type_.key_type)},{_spark_type(type_.item_type)}>"
    if pa.types.is_struct(type_):
        return f"struct<{','.join(f'{identifier(field.name)}:{_spark_type(field.type)}' for field in type_)}>"
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
        pa.timestamp("us"): "timestamp_ntz",
        pa.timestamp("us", "UTC"): "timestamp",
    }[type_]
