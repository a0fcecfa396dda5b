"""A combiner that uses the processor for long gives way to others."""

from __future__ import annotations

import os
import time
from pathlib import Path

from swap.query.execution.combiner import Order
from swap.query.execution.pool import Pool
from swap.settings import Limits


def nice_of_threads(pid: int) -> set[int]:
    """The nice of each thread."""
    return {
        int((task / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[16])
        for task in Path(f"/proc/{pid}/task").iterdir()
    }


def test_every_thread_of_a_long_statement_gives_way_in_the_end(tmp_path: Path) -> None:
    pool = Pool(Limits(memory_bytes=200_000_000), tmp_path / "spill")
    combiner = pool.take()
    try:
        before = nice_of_threads(combiner.pid)
        with Path(os.devnull).open("wb") as sink:
            sql = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE hash(a.range + b.range) = 1"
            combiner.start(Order(sql, [], [], sink.fileno(), False))
        until = time.monotonic() + 60
        while nice_of_threads(combiner.pid) != {19}:
            assert time.monotonic() < until, nice_of_threads(combiner.pid)
            time.sleep(0.05)
    finally:
        combiner.close()
        pool.close()

    assert before == {os.getpriority(os.PRIO_PROCESS, 0)}
