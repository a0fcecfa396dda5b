"""Keeps Hive's classes as Java has them in memory: to read them out of 315 jars is most of what a start costs.

scripts/setup runs it once: swap.demo.hive_archive <checkout>
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from swap import ports
from swap.demo import hive_lake
from swap.demo.hive_server import ARCHIVE, OWNER, QUICKLY, HiveServer, guarded, installed

_SECONDS = 120


def make(checkout: Path) -> None:
    """Note which classes a server loads that starts and answers, and write them down.

    Raises NotFound when Hive is not installed, RuntimeError when it does not start.
    """
    java, jars = installed(checkout)
    with tempfile.TemporaryDirectory(prefix="swap-hive-") as made:
        state = Path(made)
        named, draft = state / "classes", checkout / ARCHIVE.with_suffix(".new")
        _run(checkout, state, named)
        subprocess.run(  # noqa: S603 — our own
            [
                *(str(java), *QUICKLY, "-Xshare:dump", "-Xlog:disable", "-Xlog:all=error"),
                *(f"-XX:SharedClassListFile={named}", f"-XX:SharedArchiveFile={draft}", "-cp", ":".join(jars)),
            ],
            check=True,
        )
    draft.replace(checkout / ARCHIVE)


def _run(checkout: Path, state: Path, named: Path) -> None:
    """Run a server that answers a little of everything and writes the names of the classes it loads."""
    (port,) = ports.free(1)
    password = "nobody's"  # noqa: S105 — of a server of seconds
    server = HiveServer(
        state, port, settings=guarded({OWNER: password}), java_options=(*QUICKLY, f"-XX:DumpLoadedClassList={named}")
    )
    with (state / "log").open("wb") as log:
        command = server.command(checkout)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=state)  # noqa: S603 — our own
    try:
        ends = time.monotonic() + _SECONDS
        while not ports.answers(port):
            if process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError((state / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)
        (state / "rows").mkdir()
        pq.write_table(pa.table({"id": [1, 2], "said": ["one", "two"]}), state / "rows" / "part-0.parquet")
        with hive_lake.session(port, OWNER, password) as session:
            for statement in _statements(state / "rows"):
                session.run(statement, _SECONDS)
            list(session.table("SELECT said, n FROM db.grouped", _SECONDS))
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _statements(rows: Path) -> list[str]:
    return [
        "CREATE DATABASE db",
        f"CREATE EXTERNAL TABLE db.few (id bigint, said string) STORED AS PARQUET LOCATION 'file://{rows}'",
        "ANALYZE TABLE db.few COMPUTE STATISTICS",
        "CREATE TABLE db.parted (said string) PARTITIONED BY (day int) STORED AS PARQUET",
        "INSERT INTO db.parted PARTITION (day=1) SELECT said FROM db.few",
        "CREATE VIEW db.grouped AS SELECT said, count(*) AS n FROM db.few GROUP BY said ORDER BY said",
        "EXPLAIN DEPENDENCY SELECT * FROM db.grouped",
        "SHOW TABLES IN db",
        "DESCRIBE FORMATTED db.parted",
        "SHOW PARTITIONS db.parted",
    ]


if __name__ == "__main__":
    make(Path(sys.argv[1]))
