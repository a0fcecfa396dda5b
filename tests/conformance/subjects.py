"""What each connector brings to the conformance suite: its real source, filled and disturbed from outside.

A new connector joins with one class like these and one line in `SUBJECTS`.
"""
# ruff: noqa: ARG002 — not every source needs everything that it is told

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from psycopg import sql

import services
from conformance.proxy import Proxy
from reading import batches as batches_of
from swap.connectors.base import Column, Connector, Dataset, Deadline, Fragment, OnBehalf, Predicate, Progress, Reader
from swap.connectors.files.connector import FilesConnector
from swap.connectors.memory import MemoryConnector, Table
from swap.connectors.mysql.connector import MysqlConnector
from swap.connectors.postgres.connector import PostgresConnector
from swap.db.embedded import EmbeddedPostgres
from swap.settings import FilesSource, MysqlSource, PostgresSource, Secret

SCHEMA = "conformance"
SOMEBODY = OnBehalf("paaaaaaaaa", "ann", frozenset({"analysts"}), frozenset())
PATIENCE_SECONDS = 15.0
"""How long a test waits where that is not what it is about: the machine may be busy with a start of something else."""


class Subject(ABC):
    """One source under test, with the schema `conformance`."""

    kind: str
    name = "stock"
    connector: Connector
    is_server = False
    """Whether the source is a server, behind a proxy, that can be made to stand still."""
    is_slow = False
    """Whether each question costs it a tenth of a second or more."""
    sorts = False
    """Whether the source sorts where it limits."""
    partitions = False
    """Whether the source has partitions that predicates can rule out."""
    account = ""
    """As whom the source is read for somebody; nothing where it knows nobody."""
    tells_progress = False
    """Whether the source tells how far it is before its first row, while it is held."""
    collations: frozenset[str] = frozenset()
    """How the source can be made to compare text otherwise than by its bytes."""
    proxy: Proxy | None = None
    """By way of what the source is reached, if it is a server."""
    unsupported: frozenset[str] = frozenset()
    """Names of the columns of `nasty.TYPES` that this source has no type for."""

    def __init__(self) -> None:
        self._harvested: dict[str, Dataset] = {}

    @abstractmethod
    def publish(self, name: str, rows: pa.Table, partition_by: Sequence[str] = ()) -> None:
        """Make a table in the source with these rows."""

    def kept(self, rows: pa.Table) -> pa.Table:
        """Return rows as the source can hold them: a value that none of its types has is null."""
        return rows

    def publish_collated(self, name: str, rows: pa.Table, collation: str) -> None:
        """Make a table whose `value` the source compares in one of `collations`."""
        raise NotImplementedError

    @abstractmethod
    def cost(self, reader: Reader) -> int:
        """Return how many bytes a finished read made the source give."""

    def opened(self, reader: Reader) -> int:
        """Return how many partitions, of a file each, a read looked into."""
        return reader.stats.files

    @abstractmethod
    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Keep every read of a table from ending while the block runs."""

    @abstractmethod
    def works(self, query_id: str, reader: Reader) -> bool:
        """Tell whether the source works on a query, asking the source itself."""

    @abstractmethod
    def kill(self, reader: Reader) -> None:
        """Kill, without warning, what answers this read."""

    def end(self) -> None:
        """End the server in good order, as somebody does who starts it again."""
        raise NotImplementedError

    @abstractmethod
    def revive(self) -> None:
        """Make the source answer again."""

    @abstractmethod
    def again(self) -> Connector:
        """Return another connector to the source, as another gateway has it; whoever gets it closes it."""

    def pids(self) -> Sequence[int]:
        """Return the server's processes; none where there is no server."""
        return ()

    @abstractmethod
    def close(self) -> None:
        """Take everything down."""

    def harvested(self) -> list[Dataset]:
        """Return every table that a whole harvest finds."""
        return [dataset for piece in self.connector.harvest() for dataset in piece]

    def columns(self, name: str, *wanted: str) -> tuple[Column, ...]:
        """Return a table's columns as harvested, all or those wanted, in the order wanted."""
        if name not in self._harvested:
            self._harvested |= {dataset.name: dataset for dataset in self.harvested() if dataset.schema == SCHEMA}
        found = self._harvested[name]
        columns = {column.name: column for column in found.columns}
        return tuple(columns[each] for each in wanted) if wanted else found.columns

    def fragment(
        self, name: str, *wanted: str, where: Sequence[Predicate] = (), limit: int | None = None, query_id: str = "q1"
    ) -> Fragment:
        """Return a fragment of a table."""
        return Fragment(SCHEMA, name, self.columns(name, *wanted), tuple(where), limit, query_id)

    def read(self, fragment: Fragment, seconds: float = 60.0) -> tuple[pa.Table, Reader]:
        """Read a fragment to its end."""
        reader = self.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + seconds))
        batches = list(batches_of(reader))
        schema = pa.schema([(column.name, column.type) for column in fragment.columns])
        return pa.Table.from_batches(batches, schema), reader


class Memory(Subject):
    """The double: its tables are what is published."""

    kind = "memory"
    tells_progress = True
    sorts = True
    collations = frozenset({"ignores case", "ignores trailing spaces"})

    def __init__(self) -> None:
        super().__init__()
        self.connector: MemoryConnector = MemoryConnector(self.name, {})

    def publish(self, name: str, rows: pa.Table, partition_by: Sequence[str] = ()) -> None:
        self.connector.tables[f"{SCHEMA}.{name}"] = Table(rows)

    def publish_collated(self, name: str, rows: pa.Table, collation: str) -> None:
        key = {"ignores case": str.casefold, "ignores trailing spaces": str.rstrip}[collation]
        self.connector.tables[f"{SCHEMA}.{name}"] = Table(rows, compares_by={"value": key})
        self._harvested.clear()

    def cost(self, reader: Reader) -> int:
        return reader.stats.bytes

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        self.connector.behaviour.gate = gate = threading.Event()
        self.connector.behaviour.progress = {name: [Progress(line="queued"), Progress(0.5, "half")]}
        try:
            yield
        finally:
            gate.set()
            self.connector.behaviour.gate = None
            self.connector.behaviour.progress = {}

    def works(self, query_id: str, reader: Reader) -> bool:
        return self.connector.running > 0

    def kill(self, reader: Reader) -> None:
        self.connector.behaviour.down = True

    def revive(self) -> None:
        self.connector.behaviour.down = False

    def again(self) -> MemoryConnector:
        return MemoryConnector(self.name, self.connector.tables)

    def close(self) -> None:
        self.connector.close()


class Files(Subject):
    """Parquet files below a directory of the test's own."""

    kind = "files"
    partitions = True

    def __init__(self) -> None:
        super().__init__()
        self.root = services.temporary_directory()
        self.connector: FilesConnector = FilesConnector(self.name, FilesSource(kind="files", root=self.root))

    def table(self, name: str) -> Path:
        """Return a table's directory."""
        return self.root / SCHEMA / name

    def publish(self, name: str, rows: pa.Table, partition_by: Sequence[str] = ()) -> None:
        table = self.table(name)
        shutil.rmtree(table, ignore_errors=True)
        for directory, part in parts(rows, partition_by):
            (table / directory).mkdir(parents=True, exist_ok=True)
            # Small tables get a row group for each row: then every value is once all that the statistics know.
            pq.write_table(part, table / directory / "part-0.parquet", row_group_size=1 if len(part) < 100 else 5000)

    def cost(self, reader: Reader) -> int:
        return int(reader.stats.detail["read_bytes"])

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        # A stopped process stands still exactly as one does that waits for a disk.
        self.connector.check()
        spare = self.connector._readers._spares[-1]
        os.kill(spare.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(spare.pid, signal.SIGCONT)

    def works(self, query_id: str, reader: Reader) -> bool:
        pid = reader.pid
        return pid is not None and Path(f"/proc/{pid}").exists()

    def kill(self, reader: Reader) -> None:
        os.kill(reader.pid, signal.SIGKILL)

    def revive(self) -> None:
        pass

    def again(self) -> FilesConnector:
        return FilesConnector(self.name, FilesSource(kind="files", root=self.root))

    def close(self) -> None:
        self.connector.close()
        shutil.rmtree(self.root)


def parts(rows: pa.Table, partition_by: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each partition, without their keys, and its directory."""
    if not partition_by:
        yield "", rows
        return
    key, *rest = partition_by
    for value in pc.unique(rows[key]).to_pylist():
        chosen = rows.filter(pc.field(key) == value).drop_columns([key])
        for below, part in parts(chosen, rest):
            yield f"{key}={value}/{below}", part


class Postgres(Subject):
    """A PostgreSQL server of its own, behind the proxy."""

    kind = "postgres"
    is_server = sorts = True
    # The server under test is built without ICU, and so without a collation that ignores case.
    collations = frozenset({"ignores trailing spaces"})
    unsupported = frozenset({"struct", "map", "null", "timestamp_ns"})
    account = "conformance_reader"
    database = "stock"

    def __init__(self) -> None:
        super().__init__()
        self._connectors: list[PostgresConnector] = []
        self.state = services.temporary_directory()
        self.server = EmbeddedPostgres(
            self.state,
            # It is killed in tests: what it said is committed stays, which synchronous_commit = off would not promise.
            extra={"fsync": "off", "full_page_writes": "off", "max_parallel_workers_per_gather": "0"},
        )
        self.server.start()
        self.server.ensure_account(self.account)
        with self.server.administrator() as conn:
            conn.execute(f"CREATE DATABASE {self.database}".encode())
            # What the account sends is written to the server's log, statement for statement.
            conn.execute(f"ALTER ROLE {self.account} SET log_statement = 'all'".encode())
        with self.administrator() as conn:
            conn.execute(
                f"CREATE SCHEMA {SCHEMA}; GRANT USAGE ON SCHEMA {SCHEMA} TO {self.account};"
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA {SCHEMA} GRANT SELECT ON TABLES TO {self.account}".encode()
            )
        self.proxy: Proxy = Proxy(("127.0.0.1", self.server.port))
        self.proxy.__enter__()
        self.password_file = self.state / "secrets" / f"postgres-{self.account}"
        self.connector: PostgresConnector = self.connect()

    def connect(
        self,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        password: Path | None = None,
        seconds: float = PATIENCE_SECONDS,
        database: str | None = None,
    ) -> PostgresConnector:
        """Return a connector to the server, by way of the proxy unless another port is named; `close` closes it."""
        connector = PostgresConnector(
            self.name,
            PostgresSource(
                kind="postgres",
                host=host,
                port=port or self.proxy.port,
                database=database or self.database,
                user=self.account,
                password=Secret(file=password or self.password_file),
                sslmode="disable",
                connect_timeout_seconds=seconds,
            ),
        )
        self._connectors.append(connector)
        return connector

    def administrator(self) -> contextlib.AbstractContextManager[psycopg.Connection]:
        """Connect as the superuser to the source's database."""
        return self.server.administrator(self.database)

    def publish(self, name: str, rows: pa.Table, partition_by: Sequence[str] = ()) -> None:
        self._make(name, rows, {field.name: _postgres_type(field.type) for field in rows.schema})

    def publish_collated(self, name: str, rows: pa.Table, collation: str) -> None:
        self._make(name, rows, {"id": "integer", "value": "char(6000)"})
        self._harvested.clear()

    def _make(self, name: str, rows: pa.Table, types: Mapping[str, str]) -> None:
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(type_)) for column, type_ in types.items()
        )
        table = sql.Identifier(SCHEMA, name)
        with self.administrator() as conn:
            conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
            conn.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
            with conn.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
                for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
                    copy.write_row(row)
            conn.execute(sql.SQL("ANALYZE {}").format(table))

    def log(self) -> str:
        """Return what the server has logged so far."""
        return self.server.log.read_text(errors="replace")

    def cost(self, reader: Reader) -> int:
        """Return the bytes that came through the proxy since the last time; reads run one at a time."""
        passed = self.proxy.from_server
        self.proxy.reset()
        return passed

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            # A server that was killed meanwhile cannot take its lock back.
            held.enter_context(contextlib.suppress(psycopg.OperationalError))
            conn = held.enter_context(self.administrator())
            held.enter_context(conn.transaction())
            conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(SCHEMA, name)))
            yield

    def works(self, query_id: str, reader: Reader) -> bool:
        with self.administrator() as conn:
            return (
                conn.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND state = 'active'",
                    [f"swap:{query_id}"],
                ).fetchone()
                is not None
            )

    def kill(self, reader: Reader) -> None:
        assert self.server.process is not None
        # The postmaster first, so that it starts nothing again; then what it had started.
        self.server.process.kill()
        self.server.process.wait()
        for pid in _children_of_data(self.server.data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGINT)
        self.server.process.wait(60)

    def again(self) -> PostgresConnector:
        return self.connect()

    def pids(self) -> Sequence[int]:
        assert self.server.process is not None
        return (self.server.process.pid, *_children_of_data(self.server.data))

    def revive(self) -> None:
        self.proxy.heal()
        if self.server.process is None or self.server.process.poll() is not None:
            self.server.restart()

    def close(self) -> None:
        for connector in self._connectors:
            connector.close()
        self.proxy.__exit__(None, None, None)
        self.server.stop()
        shutil.rmtree(self.state, ignore_errors=True)


def _children_of_data(data: Path) -> list[int]:
    """Return the processes whose working directory is this data directory: the server's backends."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink() == data:
                found.append(int(entry.name))
    return found


def _postgres_type(type_: pa.DataType) -> str:
    if pa.types.is_decimal(type_):
        return f"numeric({type_.precision}, {type_.scale})"
    if pa.types.is_list(type_):
        return _postgres_type(type_.value_type) + "[]"
    return {
        pa.bool_(): "boolean",
        pa.int16(): "smallint",
        pa.int32(): "integer",
        pa.int64(): "bigint",
        pa.float32(): "real",
        pa.float64(): "double precision",
        pa.string(): "text",
        pa.binary(): "bytea",
        pa.date32(): "date",
        pa.time64("us"): "time",
        pa.timestamp("us"): "timestamp",
        pa.timestamp("us", "UTC"): "timestamptz",
    }[type_]


class Mysql(Subject):
    """A MariaDB server of its own, behind the proxy."""

    kind = "mysql"
    is_server = sorts = True
    collations = frozenset({"ignores case", "ignores trailing spaces"})
    # BOOLEAN is a name for an integer; TIME is a span, of up to 838 hours either way.
    unsupported = frozenset({"boolean", "time", "list", "texts", "amounts", "struct", "map", "null", "timestamp_ns"})
    account = "conformance_reader"

    def __init__(self) -> None:
        super().__init__()
        self._connectors: list[MysqlConnector] = []
        self.server = services.MariaDB()
        self.proxy: Proxy = Proxy(("127.0.0.1", self.server.port))
        self.proxy.__enter__()
        self.password_file = self.server.state / "password"
        self.password_file.write_text("a secret")
        self.server.run(
            f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
            f"CREATE USER {self.account}@'127.0.0.1' IDENTIFIED BY 'a secret'",
            f"GRANT SELECT ON {SCHEMA}.* TO {self.account}@'127.0.0.1'",
        )
        self.connector: MysqlConnector = self.connect()

    def connect(self, **settings: Any) -> MysqlConnector:
        """Return a connector to the server, by way of the proxy unless another port is named; `close` closes it."""
        source = {
            "kind": "mysql",
            "host": "127.0.0.1",
            "port": self.proxy.port,
            "user": self.account,
            "password": Secret(file=self.password_file),
            "connect_timeout_seconds": PATIENCE_SECONDS,
        }
        if "accounts" in settings:
            del source["user"], source["password"]
        connector = MysqlConnector(self.name, MysqlSource(**(source | settings)))
        self._connectors.append(connector)
        return connector

    def publish(self, name: str, rows: pa.Table, partition_by: Sequence[str] = ()) -> None:
        self._make(name, rows, {field.name: _mysql_type(field.type) for field in rows.schema})

    def publish_collated(self, name: str, rows: pa.Table, collation: str) -> None:
        how = {
            "ignores case": "LONGTEXT COLLATE utf8mb4_unicode_nopad_ci",
            "ignores trailing spaces": "VARCHAR(6000) COLLATE utf8mb4_bin",
        }
        self._make(name, rows, {"id": "INT", "value": how[collation]})
        self._harvested.clear()

    def kept(self, rows: pa.Table) -> pa.Table:
        return pa.table([_storable(column) for column in rows.columns], schema=rows.schema)

    def _make(self, name: str, rows: pa.Table, types: Mapping[str, str]) -> None:
        columns = ", ".join(f"`{column}` {type_}" for column, type_ in types.items())
        table = f"{SCHEMA}.`{name}`"
        self.server.run(f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} ({columns})")
        places = ", ".join("CAST(%s AS DOUBLE)" if type_ in ("FLOAT", "DOUBLE") else "%s" for type_ in types.values())
        with self.server.administrator() as conn, conn.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {table} VALUES ({places})",
                [
                    [repr(value) if isinstance(value, float) else value for value in row]
                    for row in zip(*(column.to_pylist() for column in self.kept(rows).columns), strict=True)
                ],
            )
            conn.commit()
            cursor.execute(f"ANALYZE TABLE {table}")

    def cost(self, reader: Reader) -> int:
        """Return the bytes that came through the proxy since the last time; reads run one at a time."""
        passed = self.proxy.from_server
        self.proxy.reset()
        return passed

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        with self.server.administrator() as conn, conn.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {SCHEMA}.`{name}` WRITE")
            yield

    def works(self, query_id: str, reader: Reader) -> bool:
        return any(said.startswith(f"/* swap:{query_id} */") for said in self.server.statements())

    def kill(self, reader: Reader) -> None:
        self.server.kill()

    def end(self) -> None:
        self.server.end()

    def again(self) -> MysqlConnector:
        return self.connect()

    def pids(self) -> Sequence[int]:
        return (self.server.pid,)

    def revive(self) -> None:
        self.proxy.heal()
        self.server.start()

    def close(self) -> None:
        for connector in self._connectors:
            connector.close()
        self.proxy.__exit__(None, None, None)
        self.server.close()


def _mysql_type(type_: pa.DataType) -> str:
    if pa.types.is_decimal(type_):
        return f"DECIMAL({type_.precision}, {type_.scale})"
    return {
        pa.bool_(): "BOOLEAN",
        pa.int16(): "SMALLINT",
        pa.int32(): "INT",
        pa.int64(): "BIGINT",
        pa.float32(): "FLOAT",
        pa.float64(): "DOUBLE",
        pa.string(): "LONGTEXT",
        pa.binary(): "LONGBLOB",
        pa.date32(): "DATE",
        pa.time64("us"): "TIME(6)",
        pa.timestamp("us"): "DATETIME(6)",
        pa.timestamp("us", "UTC"): "TIMESTAMP(6) NULL",
    }[type_]


def _storable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with nulls for infinities, NaN, and moments in UTC that 32 bits of seconds do not reach.

    Zero has no sign in MariaDB's SQL.
    """
    if pa.types.is_floating(column.type):
        unsigned = pc.add(column, pa.scalar(0.0, column.type))
        return pc.if_else(pc.is_finite(column), unsigned, pa.scalar(None, column.type))
    if pa.types.is_timestamp(column.type) and column.type.tz:
        moments = column.cast(pa.int64())
        reached = pc.and_(pc.greater_equal(moments, 1_000_000), pc.less(moments, (2**31 - 1) * 1_000_000))
        return pc.if_else(reached, column, pa.scalar(None, column.type))
    return column


SUBJECTS: tuple[type[Subject], ...] = (Memory, Postgres, Files, Mysql)
