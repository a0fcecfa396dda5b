"""A source's reader that is killed between two batches: Arrow takes that for the end of all, and nobody else does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from swap.connectors.base import Column, Fragment
from swap.connectors.files.connector import FilesConnector
from swap.errors import SwapError
from swap.forking import shared
from swap.identity import Principal, Via
from swap.policy.model import Resource
from swap.query.execution.execute import Execution
from swap.query.execution.pool import Pool
from swap.query.model import Input, Plan, Statement
from swap.query.results.spool import ResultFile
from swap.query.run.habits import Usual
from swap.query.run.run import Run
from swap.settings import FilesSource, Limits

LIMITS = Limits(memory_bytes=200_000_000)
COLUMN = Column("n", pa.int64())
BATCHES = 3
KEPT = Plan(
    "SELECT n FROM i0 ORDER BY n DESC",
    (Input("i0", "lake", Fragment("big", "numbers", (COLUMN,)), "", (COLUMN,)),),
    reads=(Resource("lake", "big", "numbers", "n"),),
    streamed=False,
)
PLANS = {
    "kept": KEPT,
    "streamed": replace(KEPT, sql="SELECT n + 1 AS n FROM i0", streamed=True),
    "passed on": replace(KEPT, passed=("n",)),
    "enough early": replace(KEPT, sql="SELECT n FROM i0 LIMIT 10", streamed=True),
}
ANN = Principal("pann", "ann", frozenset({"analysts"}), Via.KERNEL)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilesConnector]:
    root = tmp_path_factory.mktemp("lake")
    (root / "big/numbers").mkdir(parents=True)
    pq.write_table(
        pa.table({"n": pa.array(range(BATCHES * 20_000), pa.int64())}),
        root / "big/numbers/part.parquet",
        row_group_size=20_000,
    )
    made = FilesConnector("lake", FilesSource(kind="files", root=root))
    yield made
    made.close()


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    made = Pool(LIMITS, tmp_path_factory.mktemp("spill"))
    yield made
    made.close()


def execute(plan: Plan, lake: FilesConnector, pool: Pool, directory: Path) -> ResultFile:
    run = Run("q1", ANN, Statement(plan.sql), plan, Usual().of(ANN.id, Statement(plan.sql)))
    result = ResultFile(directory / "q1.arrow", LIMITS)
    try:
        with closing(Execution(run, plan, {"lake": lake}, pool, LIMITS, lambda _: 0)) as execution:
            execution(result)
    finally:
        result.end(complete=False)
    return result


def dies(lake: FilesConnector, directory: Path, when: str) -> None:
    """Have the source's next reader kill itself at a moment."""
    program = directory / "reader.py"
    program.write_text(
        "import os, signal\n"
        "from swap import arrow_stream, fork_server\n"
        "from swap.connectors.files import reader\n"
        "Writer = arrow_stream.StreamWriter\n"
        "write, end, batches = Writer.write, Writer.end, []\n"
        "def die(): os.kill(os.getpid(), signal.SIGKILL)\n"
        f"{when}\n"
        "fork_server.run(reader.main)\n"
    )
    lake._readers.close()
    lake._readers._server.close()
    lake._readers = type(lake._readers)("lake", shared((sys.executable, "-P", str(program))), 0)


AFTER = """
def dying(writer, batch):
    write(writer, batch)
    batches.append(batch)
    if len(batches) == {}:
        die()
Writer.write = dying
"""
MOMENTS = {
    "before the first batch": "Writer.write = lambda *_: die()",
    **{f"after batch {number}": AFTER.format(number) for number in (1, 2, 3, 4)},
    "before the end mark": "Writer.end = lambda _: die()",
    "after the end mark": "Writer.end = lambda writer: (end(writer), die())",
}


@pytest.mark.parametrize("plan", ["kept", "streamed", "passed on"])
@pytest.mark.parametrize("when", MOMENTS)
def test_a_reader_that_is_killed_leaves_no_complete_result(
    lake: FilesConnector, pool: Pool, tmp_path: Path, plan: str, when: str
) -> None:
    dies(lake, tmp_path, MOMENTS[when])

    with pytest.raises(SwapError, match="stopped answering"):
        execute(PLANS[plan], lake, pool, tmp_path)


@pytest.mark.parametrize("plan", PLANS)
def test_the_same_reader_alive_gives_all_rows(lake: FilesConnector, pool: Pool, tmp_path: Path, plan: str) -> None:
    dies(lake, tmp_path, "")

    result = execute(PLANS[plan], lake, pool, tmp_path)

    assert result.written is not None
    assert result.written.complete
    assert result.written.rows[-1] == (10 if plan == "enough early" else BATCHES * 20_000)


@pytest.mark.parametrize("plan", ["kept", "streamed", "passed on"])
@pytest.mark.parametrize("more", [1, -1])
def test_a_reader_that_tells_other_rows_than_it_wrote_gives_no_complete_result(
    lake: FilesConnector, pool: Pool, tmp_path: Path, plan: str, more: int
) -> None:
    dies(lake, tmp_path, f"Writer.end = lambda writer: end(writer) + {more}")

    with pytest.raises(SwapError, match="not complete"):
        execute(PLANS[plan], lake, pool, tmp_path)
