"""The disk that keeps results is full: the query says so, nothing half is kept, and the gateway goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration.gateway.gateways import Gateway


@pytest.fixture
def small_spool(tmp_path: Path) -> Iterator[Path]:
    spool = tmp_path / "spool"
    spool.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=300k,mode=700", "tmpfs", str(spool)], check=False, capture_output=True
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
    assert not list(small_spool.glob("*.json"))
    assert swap.audit("query-ended")[0].detail["state"] == "failed"
    assert ann.rows("SELECT count(*) FROM lake.big.numbers") == [(50_000,)]
