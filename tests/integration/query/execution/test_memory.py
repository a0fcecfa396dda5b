"""A combiner's memory: what amplifies ends at the limit, and is told as that limit."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pyarrow as pa
import pytest

from swap.channel import receive
from swap.errors import LimitExceeded, SwapError
from swap.query.execution import death
from swap.query.execution.combiner import Combiner, Order
from swap.query.execution.pool import Pool
from swap.settings import Limits

LIMITS = Limits(memory_bytes=100_000_000, spill_bytes=1_000_000_000)
BOUND = 100_000_000 + 25_000_000 + 150_000_000
"""The setting, a quarter, and 150 MB."""
ROWS = pa.table({"a": list(range(1000)), "b": ["x", "y"] * 500})
AMPLIFIERS = {
    "repeat": "SELECT max(length(repeat('abcdefgh', 30000000 + a))) FROM i0",
    "lpad": "SELECT max(length(lpad(b, 400000000 + a::INT, 'xy'))) FROM i0",
    "hex": "SELECT max(length(hex(hex(hex(hex(repeat('x', 1000000 + a::BIGINT))))))) FROM i0",
    "damerau_levenshtein": (
        "SELECT max(damerau_levenshtein(repeat('ab', 20000 + a::BIGINT), repeat('ba', 20000 + a::BIGINT))) FROM i0"
    ),
    "range": "SELECT sum(len(range(100000 + a))) FROM i0",
    "one range": "SELECT len(range(450000000 + a)) FROM i0 LIMIT 1",
    "list": "SELECT list(x.a || y.b || z.b) FROM i0 x, i0 y, i0 z",
    "string_agg": "SELECT length(string_agg(x.b || y.b, ',')) FROM i0 x, i0 y, i0 z",
    "a long value handed on": "SELECT repeat('x', 70000000) AS x FROM i0 LIMIT 1",
    "a long row": "SELECT list_transform(range(1000), lambda n: repeat('x', 1000000)) FROM i0",
}


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    made = Pool(LIMITS, tmp_path / "spill")
    yield made
    made.close()


class Peak:
    """The most memory that a process had for itself, looked at all the time that it runs."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._rollup = Path(f"/proc/{pid}/smaps_rollup")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.002):
            try:
                lines = self._rollup.read_text(encoding="ascii").splitlines()
            except OSError:
                return
            self.bytes = max(
                self.bytes, sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))
            )


def start(combiner: Combiner, sql: str, inputs: int = 1) -> None:
    """Give it a statement and inputs of 1,000 rows, and do not wait."""
    descriptors = []
    for _ in range(inputs):
        with tempfile.TemporaryFile() as file:
            with pa.ipc.new_stream(file, ROWS.schema) as writer:
                writer.write_table(ROWS)
            file.seek(0)
            descriptors.append(os.dup(file.fileno()))
    with tempfile.TemporaryFile() as result:
        combiner.start(Order(sql, [f"i{number}" for number in range(inputs)], descriptors, result.fileno(), False))
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.mark.parametrize("sql", AMPLIFIERS.values(), ids=AMPLIFIERS)
def test_what_amplifies_ends_at_the_limit_and_is_told_as_that(pool: Pool, sql: str) -> None:
    combiner = pool.take()
    try:
        with Peak(combiner.pid) as peak:
            start(combiner, sql)
            with pytest.raises(LimitExceeded, match=r"limits\.memory_bytes"):
                list(combiner.written())
    finally:
        combiner.close()

    assert peak.bytes < BOUND


@pytest.mark.parametrize("how", [signal.SIGABRT, signal.SIGKILL])
def test_a_combiner_that_somebody_ends_is_not_told_as_the_limit(pool: Pool, how: signal.Signals) -> None:
    with pytest.raises(SwapError) as raised:
        ended(pool, how)

    assert not isinstance(raised.value, LimitExceeded)


def test_a_combiner_that_the_system_ends_for_its_memory_is_told_as_the_machines(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own count of such ends stands in a file, which this test writes in its place."""
    group = tmp_path / "ours"
    group.mkdir()
    (tmp_path / "cgroup").write_text("0::/ours\n")
    (group / "memory.events").write_text("oom 0\noom_kill 3\n")
    monkeypatch.setattr(death, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(death, "MOUNT", tmp_path)

    with pytest.raises(SwapError, match="machine has no memory left"):
        ended(pool, signal.SIGKILL, lambda: (group / "memory.events").write_text("oom 1\noom_kill 4\n"))


def ended(pool: Pool, how: signal.Signals, meanwhile: Callable[[], object] = lambda: None) -> None:
    """End a combiner while it works, and follow what it has written."""
    combiner = pool.take()
    try:
        start(combiner, "SELECT count(*) FROM i0 x, i0 y, i0 z, i0 w WHERE hash(x.a + y.a + z.a + w.a) = 1")
        meanwhile()
        os.kill(combiner.pid, how)
        list(combiner.written())
    finally:
        combiner.close()


def test_many_inputs_take_no_memory_for_being_many(pool: Pool) -> None:
    combiner = pool.take()
    try:
        start(combiner, " UNION ALL ".join(f"SELECT a FROM i{number}" for number in range(64)), inputs=64)
        list(combiner.written())
    finally:
        combiner.close()

    assert combiner.rows == 64_000


def test_work_that_spills_goes_on_within_the_limit(pool: Pool) -> None:
    """Beside it a limit that is too strict would show: DuckDB alone sorts this with as much memory."""
    combiner = pool.take()
    try:
        with Peak(combiner.pid) as peak:
            start(
                combiner,
                "SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY h) AS n FROM"
                " (SELECT hash(x.a * 1000 + y.a + range) AS h FROM i0 x, i0 y, range(5))) WHERE n % 2 = 0",
            )
            list(combiner.written())
    finally:
        combiner.close()

    assert combiner.rows == 1
    assert peak.bytes < BOUND


def test_combiners_go_first_when_the_machine_runs_out_of_memory(pool: Pool) -> None:
    combiner = pool.take()
    try:
        receive(combiner._forked.control)  # it is ready
        assert Path(f"/proc/{combiner.pid}/oom_score_adj").read_text(encoding="ascii").strip() == "1000"
    finally:
        combiner.close()
