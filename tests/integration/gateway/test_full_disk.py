"""The disk that keeps results is full: the query says so, nothing half is kept, and the gateway goes on."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from integration.gateway.gateways import Gateway


@pytest.fixture
def small_spool(tmp_path: Path) -> Iterator[Path]:
    spool = tmp_path / "spool"
    spool.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=300k,nr_inodes=100,mode=700", "tmpfs", str(spool)],
            check=False,
            capture_output=True,
        ).returncode
    ):
        pytest.skip("a small disk needs the right to mount one")
    yield spool
    subprocess.run(["umount", "-l", str(spool)], check=True)


def test_a_full_disk_ends_the_query_in_words_and_not_the_gateway(
    small_spool: Path, make_gateway: Callable[..., Gateway]
) -> None:
    swap = make_gateway()
    ann = swap.person("ann", "analysts")

    error = ann.fails("SELECT n, t, repeat('x', 100) AS x FROM lake.big.numbers")

    assert error["title"] == "The disk that keeps results is full."
    assert [path for path in small_spool.iterdir() if path.is_file()] == []
    assert swap.audit("query-ended")[0].detail["state"] == "failed"
    assert ann.rows("SELECT count(*) FROM lake.big.numbers") == [(50_000,)]


def test_a_disk_without_room_for_a_new_file_is_told_as_full(
    small_spool: Path, make_gateway: Callable[..., Gateway]
) -> None:
    ann = make_gateway().person("ann", "analysts")
    with contextlib.suppress(OSError):
        for number in range(100):
            (small_spool / f"{number}.full").touch()

    error = ann.fails("SELECT 1 AS n")

    assert error["title"] == "The disk that keeps results is full."


def test_an_upload_that_finds_no_room_says_so_and_leaves_nothing(
    small_spool: Path, make_gateway: Callable[..., Gateway]
) -> None:
    rows = pa.table({"x": [os.urandom(1000).hex() for _ in range(1000)]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)

    with make_gateway().person("ann", "analysts").client() as client:
        response = client.post("/v1/uploads", content=sink.getvalue().to_pybytes())

    assert response.json()["error"]["title"] == "The disk that keeps results is full."
    assert [path for path in small_spool.iterdir() if path.is_file()] == []
