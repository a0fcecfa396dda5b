"""A server that is stopped, killed or cut off in the middle of its answer; and an answer of five million rows."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from conformance.subjects import SCHEMA, SOMEBODY, Files, Mysql
from conformance.test_connector import eventually
from reading import batches as batches_of
from swap.connectors.base import Deadline, Reader
from swap.errors import QueryTimedOut, SourceUnavailable


@pytest.fixture(scope="module")
def mysql() -> Iterator[Mysql]:
    """Return a server with a view that takes long to read and no time to make."""
    made = Mysql()
    for name, rows in (("endless", 2_000_000_000), ("five_million", 5_000_000)):
        made.server.run(
            f"CREATE VIEW {SCHEMA}.{name} AS SELECT seq AS id, seq / 3 AS third, CONCAT('row ', seq) AS note,"
            f" FROM_UNIXTIME(seq) AS at FROM {SCHEMA}.seq_1_to_{rows}"
        )
    made.server.run(f"CREATE TABLE {SCHEMA}.small (id INT)", f"INSERT INTO {SCHEMA}.small VALUES (1)")
    yield made
    made.close()


def begun(mysql: Mysql, query_id: str, seconds: float) -> tuple[Reader, Iterator[pa.RecordBatch]]:
    """Begin to read the endless view, and wait for its first rows."""
    fragment = mysql.fragment("endless", query_id=query_id)
    reader = mysql.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + seconds))
    batches = batches_of(reader)
    assert next(batches).num_rows
    assert mysql.works(query_id, reader)
    return reader, batches


def drained(batches: Iterator[pa.RecordBatch]) -> None:
    for _ in batches:
        pass


def test_a_server_that_is_stopped_in_its_answer_ends_the_query_in_time_and_disturbs_no_other(
    mysql: Mysql, files: Files
) -> None:
    files.publish("other", pa.table({"id": pa.array([1], pa.int32())}))
    files.columns("other")
    mysql.columns("small")
    reader, batches = begun(mysql, "stopped", 2)
    os.kill(mysql.server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(QueryTimedOut):
            drained(batches)
        assert files.read(files.fragment("other"))[0].num_rows == 1
    finally:
        os.kill(mysql.server.pid, signal.SIGCONT)

    assert eventually(lambda: not mysql.works("stopped", reader), 10)
    assert mysql.read(mysql.fragment("small"))[0].num_rows == 1


def test_a_server_that_is_killed_in_its_answer_is_said_so_and_read_again_when_it_is_back(mysql: Mysql) -> None:
    mysql.columns("small")
    _, batches = begun(mysql, "killed", 30)
    mysql.server.kill()
    try:
        with pytest.raises(SourceUnavailable, match="The connection was lost while the query ran"):
            drained(batches)
    finally:
        mysql.server.start()

    assert mysql.read(mysql.fragment("small"))[0].num_rows == 1


def test_a_network_that_stalls_in_an_answer_leaves_nothing_running_at_the_server(mysql: Mysql) -> None:
    reader, batches = begun(mysql, "stalled", 3)
    mysql.proxy.stall()
    try:
        with pytest.raises(QueryTimedOut):
            drained(batches)
        # Nobody reads, and nobody can tell the server so: it gives up by itself.
        assert eventually(lambda: not mysql.works("stalled", reader), 10)
    finally:
        mysql.proxy.heal()

    assert mysql.read(mysql.fragment("small"))[0].num_rows == 1


@pytest.mark.long
def test_five_million_rows_come_with_flat_memory(mysql: Mysql) -> None:
    reader = mysql.connector.read(mysql.fragment("five_million"), SOMEBODY, Deadline(time.monotonic() + 300))
    began, rows, used = time.monotonic(), 0, {}
    for batch in batches_of(reader):
        rows += batch.num_rows
        if reader.pid is not None:
            used[rows] = _resident_mb(reader.pid)

    early = max(value for at, value in used.items() if at <= 1_000_000)
    print(  # noqa: T201 — figures for whoever asks
        f"{rows:,} rows in {time.monotonic() - began:.1f} s; the reader took {early} MB in the first million rows,"
        f" {max(used.values())} MB at most"
    )
    assert rows == 5_000_000
    assert max(used.values()) < early + 20


def _resident_mb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) // 1024
