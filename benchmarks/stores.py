"""What it takes to bring 500,000 rows of Hive and 1 M rows of MariaDB into a notebook as Arrow, beside what people use.

Eight columns of TPC-H's lineitem, through `swap.sql(…).to_arrow()` and through the bare connector; impyla's columns
and PyHive's rows on the same HiveServer2, connectorx, PyMySQL and mysqlclient on the same MariaDB, each with a
connection of its own. The peers stop the clock with what they give: Python objects for all but connectorx. Columns
are checksummed after that and compared. Memory is measured in rounds of its own, also with 5 M rows, and of a Spark
Thrift Server, too: what stands between a store and a notebook should not grow with them.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

import services
from benchmarks import cost
from benchmarks.figures import ROUNDS, Figure, begin, finish, ratio
from benchmarks.site import STORE, Gateway, Side, running, same
from swap.connectors.hive.types import identifier
from swap.demo import hive_lake
from swap.demo.hive_tables import hive_type

HIVE_ROWS, MYSQL_ROWS, MOST_ROWS = 500_000, 1_000_000, 5_000_000
TABLE, LARGE = "lineitem", "lineitem_large"
FLAT = 1.1
"""How much the peak at the most rows may exceed that at the fewest: its samples vary by some MB."""
MADE = """
    SELECT 1 + n // 4 AS l_orderkey, (hash(n) % 200000)::BIGINT AS l_partkey, (1 + n % 7)::INTEGER AS l_linenumber,
        (1 + hash(n, 1) % 50)::DECIMAL(15, 2) AS l_quantity,
        ((90000 + hash(n, 2) % 10400000) / 100)::DECIMAL(15, 2) AS l_extendedprice,
        ['A', 'N', 'R'][1 + (hash(n, 3) % 3)::INTEGER] AS l_returnflag,
        DATE '1992-01-02' + (hash(n, 4) % 2526)::INTEGER AS l_shipdate,
        left('slyly final deposits ' || md5(n::TEXT), (10 + hash(n, 5) % 34)::INTEGER) AS l_comment
    FROM range({rows}) t(n)"""
"""Columns, types and widths of TPC-H's lineitem; the values are our own."""
MYSQL_TYPES = {
    "BIGINT": "BIGINT NOT NULL",
    "INTEGER": "INT NOT NULL",
    "DATE": "DATE NOT NULL",
    "VARCHAR": "VARCHAR(44) NOT NULL",
    "DECIMAL(15,2)": "DECIMAL(15,2) NOT NULL",
}
PASSWORD = "measured"


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("stores")
    with (
        running() as site,
        _hive(site.folder) as hive,
        _spark(site.folder) as spark,
        _mariadb(site.folder) as mariadb,
    ):
        stores = {"hive": hive, "spark": spark, "mariadb": mariadb}
        gateway = site.gateway(further={name: _lines(source) for name, source in stores.items()})
        ours, peers, bare = gateway.person(), site.peer(), site.side("dev", {"PYTHONPATH": "tests"})
        port, address = int(hive["servers"][0].rpartition(":")[2]), _address(mariadb)
        rows = {"call": "mysql_rows", "address": address, "statement": f"SELECT * FROM {STORE}.{TABLE}"}
        figures = _measure(
            gateway,
            {"swap": ours, "connector": bare, "impyla": peers, "PyHive": peers},
            {
                "swap": {"call": "swap_arrow", "statement": f"SELECT * FROM hive.{STORE}.{TABLE}"},
                "connector": _bare("hive", hive),
                "impyla": {"call": "impyla_columns", "port": port, "statement": f"SELECT * FROM {STORE}.{TABLE}"},
                "PyHive": {"call": "pyhive_rows", "port": port, "statement": f"SELECT * FROM {STORE}.{TABLE}"},
            },
            HIVE_ROWS,
            {"impyla": 1.0, "connector": 1.15},
        )
        figures += _measure(
            gateway,
            {"swap": ours, "connector": bare, "PyMySQL": peers, "mysqlclient": peers, "connectorx": peers},
            {
                "swap": {"call": "swap_arrow", "statement": f"SELECT * FROM mariadb.{STORE}.{TABLE}"},
                "connector": _bare("mysql", mariadb),
                "PyMySQL": {"module": "pymysql", **rows},
                "mysqlclient": {"module": "MySQLdb", **rows},
                "connectorx": {
                    "call": "connectorx_arrow",
                    "uri": "mysql://{user}:{password}@{host}:{port}/".format_map(address) + STORE,
                    "statement": f"SELECT * FROM {STORE}.{TABLE}",
                },
            },
            MYSQL_ROWS,
            {"PyMySQL": 0.5, "connector": 1.15},
        )
        figures.append(_memory(gateway, ours, "spark", HIVE_ROWS))
    finish("stores", figures)


def _measure(
    gateway: Gateway,
    sides: Mapping[str, Side],
    asked: Mapping[str, Mapping[str, Any]],
    rows: int,
    targets: Mapping[str, float],
) -> list[Figure]:
    seconds: dict[str, list[float]] = defaultdict(list)
    used: dict[str, list[float]] = defaultdict(list)
    store = "hive" if "PyHive" in asked else "mariadb"
    for number in range(ROUNDS + 1):
        answers = {}
        for name, given in asked.items():
            before = cost.settled(gateway.pid)
            answers[name] = answer = sides[name].ask("measured", **given)
            if number:  # the first round fills caches, warms Java, and is not counted
                seconds[name] += answer["seconds"]
                used[name].append(answer["cpu"] + cost.settled(gateway.pid) - before)
        same(answers)
        assert {answer["rows"] for answer in answers.values()} == {rows}
    for name in asked:
        took, cpu = statistics.median(seconds[name]), statistics.median(used[name])
        beside = ratio(seconds["swap"], seconds[name])
        print(f"  {store}, {name}: {took:.2f} s, CPU {cpu:.2f} s; swap takes {beside:.2f} times as long", flush=True)
    return [
        _memory(gateway, sides["swap"], store, rows),
        *(
            Figure(f"{store}: swap / {name}", ratio(seconds["swap"], seconds[name]), target)
            for name, target in targets.items()
        ),
    ]


def _memory(gateway: Gateway, person: Side, store: str, rows: int) -> Figure:
    """Return how many times the memory of the smaller table the larger one takes on its way."""
    peaks = []
    for table, count in ((TABLE, rows), (LARGE, MOST_ROWS)):
        with cost.Peak([gateway.pid]) as peak:
            statement = f"SELECT * FROM {store}.{STORE}.{table}"
            answer = person.ask("measured", call="swap_arrow", statement=statement)
        assert answer["rows"] == count
        print(f"  {store}, {count:,} rows, swap: peak of the gateway's processes {peak}", flush=True)
        peaks.append(peak.most.total())
    few, most = peaks
    return Figure(f"{store}: peak memory, {MOST_ROWS:,} rows / {rows:,}", most / few, FLAT)


# ── Servers ─────────────────────────────────────────────────────────────────────────────────────
class _Hive(services.RunningHive):
    """One whose Java compiles as well as it can."""

    java_options = ()


@contextmanager
def _hive(folder: Path) -> Iterator[dict[str, Any]]:
    """Run a Hive with the tables, and yield the settings of a source."""
    # Large tables too are read as they are asked for: not written down by a job first, which takes minutes on one
    # machine and is the same for everybody, nor gathered in the server's memory.
    reads = {"hive.fetch.task.conversion.threshold": "-1", "hive.fetch.task.caching": "false"}
    with _thrift(_Hive(reads), folder / "hive") as source:
        yield source


@contextmanager
def _spark(folder: Path) -> Iterator[dict[str, Any]]:
    """Run a Spark Thrift Server with the same tables, and yield the settings of a source."""
    # Otherwise it has the whole answer in its own memory before it sends a row.
    sends = {"spark.sql.thriftServer.incrementalCollect": "true"}
    with _thrift(services.RunningSpark(), folder / "spark") as source:
        yield source | {"product": "spark", "session": sends}


@contextmanager
def _thrift(server: services.JavaServer, folder: Path) -> Iterator[dict[str, Any]]:
    try:
        tables = []
        for name, rows in ((TABLE, HIVE_ROWS), (LARGE, MOST_ROWS)):
            files = folder / name
            files.mkdir(parents=True)
            made = duckdb.sql(MADE.format(rows=rows)).to_arrow_table()
            pq.write_table(made, files / "0.parquet")
            columns = ", ".join(f"{identifier(field.name)} {hive_type(field.type)}" for field in made.schema)
            tables.append(
                f"CREATE EXTERNAL TABLE {STORE}.{name} ({columns}) STORED AS PARQUET LOCATION 'file://{files}'"
            )
        with hive_lake.session(server.port, "bench", PASSWORD) as session:
            for statement in (f"CREATE DATABASE {STORE}", *tables):
                session.run(statement, 120)
        yield {"servers": [f"127.0.0.1:{server.port}"], "user": "bench", "tls": "disable", "impersonate": False}
    finally:
        server.close()


@contextmanager
def _mariadb(folder: Path) -> Iterator[dict[str, Any]]:
    """Run a MariaDB with the table, and yield the settings of a source."""
    server = services.MariaDB()
    try:
        password = folder / "password"
        password.write_text(PASSWORD)
        server.run(f"CREATE DATABASE {STORE} CHARACTER SET utf8mb4")
        for name, rows in ((TABLE, MYSQL_ROWS), (LARGE, MOST_ROWS)):
            written = server.state / f"{name}.csv"
            made = duckdb.sql(MADE.format(rows=rows))
            kinds = zip(made.columns, made.types, strict=True)
            columns = ", ".join(f"{column} {MYSQL_TYPES[str(kind)]}" for column, kind in kinds)
            made.write_csv(str(written), header=False, sep="\t")
            server.run(
                f"CREATE TABLE {STORE}.{name} ({columns})",
                f"LOAD DATA INFILE '{written}' INTO TABLE {STORE}.{name}",
                f"ANALYZE TABLE {STORE}.{name}",
            )
            written.unlink()
        server.run(
            f"CREATE USER bench@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT SELECT ON {STORE}.* TO bench@'127.0.0.1'",
        )
        yield {"host": "127.0.0.1", "port": server.port, "user": "bench", "password": str(password), "tls": "disable"}
    finally:
        server.close()


def _lines(source: Mapping[str, Any]) -> str:
    """Return a source's settings as lines of TOML."""
    kind = "hive" if "servers" in source else "mysql"
    said = {name: _toml(value) for name, value in source.items()}
    if "password" in said:
        said["password"] = f"{{ file = {said['password']} }}"
    return "\n".join([f'kind = "{kind}"', *(f"{name} = {value}" for name, value in said.items())])


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(key)} = {_toml(each)}' for key, each in value.items())} }}"
    # JSON's strings, numbers, lists and booleans are TOML's too.
    return json.dumps(value)


def _bare(kind: str, source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "call": "connector_arrow",
        "kind": kind,
        "settings": {"kind": kind, **source},
        "schema": STORE,
        "table": TABLE,
    }


def _address(source: Mapping[str, Any]) -> dict[str, Any]:
    return {"host": source["host"], "port": source["port"], "user": source["user"], "password": PASSWORD}


if __name__ == "__main__":
    main()
