"""A plan being run, with the combiner that dies, lies or never starts: nothing half is ever called complete."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from swap.connectors.base import Column, Fragment
from swap.connectors.memory import MemoryConnector
from swap.errors import Invalid, QueryCancelled, SwapError
from swap.forking import ForkServer
from swap.identity import Principal, Via
from swap.policy.model import Resource
from swap.query.execution import execute
from swap.query.execution.combiner import Combiner
from swap.query.execution.execute import Execution
from swap.query.execution.pool import Pool
from swap.query.execution.program import ALLOCATORS
from swap.query.execution.uploads import Uploads
from swap.query.model import Input, Plan, Statement
from swap.query.results.spool import ResultFile, Spool
from swap.query.run.habits import Usual
from swap.query.run.run import Run
from swap.settings import Limits

LIMITS = Limits(memory_bytes=200_000_000)
NUMBERS = pa.table({"n": pa.array(range(50_000), pa.int64())})
COLUMN = Column("n", pa.int64())
PLAN = Plan(
    "SELECT n FROM i0 ORDER BY n DESC",
    (Input("i0", "lake", Fragment("big", "numbers", (COLUMN,)), "", (COLUMN,)),),
    reads=(Resource("lake", "big", "numbers", "n"),),
    streamed=False,
)


NEW = "__import__('ctypes').CDLL('libstdc++.so.6')._Znwm"
"""C++'s own `new`: what it throws passes through Python, and ends the process."""
ANN = Principal("pann", "ann", frozenset({"analysts"}), Via.KERNEL)


@dataclass
class Query:
    """One execution, and what is left of it."""

    run: Run
    lake: MemoryConnector
    result: ResultFile
    directory: Path

    def execute(self, pool: Pool) -> None:
        with closing(Execution(self.run, self.run.plan, {"lake": self.lake}, pool, LIMITS, no_upload)) as execution:
            execution(self.result)

    @property
    def complete(self) -> bool:
        return self.result.ended and self.result.written is not None and self.result.written.complete


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def no_upload(upload_id: str) -> int:
    raise AssertionError(upload_id)


@pytest.fixture
def query(tmp_path: Path) -> Iterator[Query]:
    run = Run("q1", ANN, Statement(PLAN.sql), PLAN, Usual().of(ANN.id, Statement(PLAN.sql)))
    made = Query(
        run, MemoryConnector("lake", {"big.numbers": NUMBERS}), ResultFile(tmp_path / "q1.arrow", LIMITS), tmp_path
    )
    yield made
    made.result.end(complete=False)
    assert made.lake.running == 0
    assert list(tmp_path.glob("spill/*")) == []


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    made = Pool(LIMITS, tmp_path / "spill")
    everybodys = made.server
    yield made
    made.close()
    if made.server is not everybodys:
        made.server.close()


@pytest.fixture
def play(tmp_path: Path, pool: Pool) -> Callable[[str], None]:
    """Start, in the combiner's place, the combiner with one part of it replaced."""

    def start_instead(part: str) -> None:
        program = tmp_path / "combiner.py"
        program.write_text(
            "import os, signal\n"
            "from swap import fork_server\n"
            "from swap.query.execution import combiner_child as child\n"
            "begin = child.prepare()\n"
            "run, tell = child.run, child._tell\n"
            "def rows(ended, more): return {**ended, 'done': ended['done'] + more}\n"
            "nothing = {'done': 0, 'read': {}}\n"
            f"{part}\n"
            "fork_server.run(begin)\n",
            encoding="utf-8",
        )
        pool.server = ForkServer((sys.executable, "-P", str(program)), ALLOCATORS)

    return start_instead


def test_a_result_that_came_wholly_is_complete(query: Query, pool: Pool, play: Callable[[str], None]) -> None:
    play("")

    query.execute(pool)

    assert query.complete
    assert query.result.written is not None
    assert query.result.written.rows[-1] == 50_000


@pytest.mark.parametrize(
    ("part", "title"),
    [
        pytest.param("child.run = lambda *order: rows(run(*order), 1)", "The result is not complete.", id="tells more"),
        pytest.param(
            "child.run = lambda *order: rows(run(*order), -1)", "The result is not complete.", id="tells fewer"
        ),
        pytest.param(
            "child.run = lambda *order: nothing", "The result is not complete.", id="tells of none and sends none"
        ),
        pytest.param(
            "child.run = lambda *order: {**run(*order), 'read': {'i0': (49_999, True)}}",
            "The result is not complete.",
            id="has not read all",
        ),
        pytest.param(
            "child.run = lambda *order: {**run(*order), 'read': {}}", "The result is not complete.", id="says not what"
        ),
        pytest.param(
            "child.run = lambda *order: os.kill(os.getpid(), signal.SIGKILL)",
            "The combiner was ended from outside before the result was complete.",
            id="killed before its rows",
        ),
        pytest.param(
            "child.run = lambda *order: (run(*order), os.kill(os.getpid(), signal.SIGKILL))",
            "The combiner was ended from outside before the result was complete.",
            id="killed after its rows",
        ),
        pytest.param(
            "child.run = lambda *order: (run(*order), os._exit(0))",
            "The combiner ended before the result was complete.",
            id="ends after its rows",
        ),
        pytest.param(
            f"child.run = lambda *order: {NEW}(__import__('ctypes').c_size_t(1 << 33))",
            "The query needs more than 200 MB of memory to put its parts together.",
            id="is refused memory where nobody expects it",
        ),
        pytest.param(
            "child.run = lambda *order: os.abort()",
            "The combiner ended before the result was complete.",
            id="gives up for a reason of its own",
        ),
        pytest.param(
            "child._tell = lambda control, said: tell(control, said) if 'at' in said else None",
            "The combiner ended before the result was complete.",
            id="says nothing",
        ),
    ],
)
def test_a_combiner_that_dies_or_lies_gives_no_complete_result(
    query: Query, pool: Pool, play: Callable[[str], None], part: str, title: str
) -> None:
    play(part)

    with pytest.raises(SwapError) as raised:
        query.execute(pool)

    assert raised.value.problem.title == title
    assert not query.complete


def test_a_combiner_that_ends_at_once_is_told_as_that(query: Query, pool: Pool, play: Callable[[str], None]) -> None:
    play("begin = lambda control: os._exit(1)")

    with pytest.raises(SwapError, match="The combiner did not start"):
        query.execute(pool)


def test_a_fork_server_that_ends_as_it_is_asked_costs_no_result(
    query: Query, pool: Pool, play: Callable[[str], None]
) -> None:
    play("os.waitpid = lambda *_: os._exit(0)")

    query.execute(pool)

    assert query.complete


def test_a_system_that_grants_no_large_pipe_costs_no_result(
    query: Query, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does to somebody who has many already."""
    monkeypatch.setattr(execute, "PIPE_BYTES", 1 << 31)

    query.execute(pool)

    assert query.complete


def test_rows_that_break_off_give_no_complete_result(query: Query, pool: Pool, play: Callable[[str], None]) -> None:
    """They end where a batch does, which Arrow takes for the end of all."""
    play(
        "gathered, counted = child._gathered, []\n"
        "def first_only(batches):\n"
        "    for batch in gathered(batches):\n"
        "        if not counted:\n"
        "            yield batch\n"
        "        counted.append(batch.num_rows)\n"
        "child._gathered = first_only\n"
        "child.run = lambda *order: (run(*order), rows(nothing, sum(counted)))[1]"
    )

    with pytest.raises(SwapError, match="not complete"):
        query.execute(pool)

    assert not query.complete


@pytest.mark.parametrize(
    "part", ["child.run = lambda *order: rows(run(*order), 1)", "child.run = lambda *order: nothing"]
)
def test_an_upload_of_which_rows_are_missing_is_not_kept(
    pool: Pool, play: Callable[[str], None], tmp_path: Path, part: str
) -> None:
    play(part)
    spool = Spool(tmp_path / "spool", LIMITS)
    uploads = Uploads(spool, pool, LIMITS, lambda: datetime.now(UTC), lambda: "1")

    with (tmp_path / "body").open("w+b") as body:
        with pa.ipc.new_stream(body, NUMBERS.schema) as writer:
            writer.write_table(NUMBERS)
        body.seek(0)
        with pytest.raises(Invalid, match="Not all of its rows arrived"):
            uploads.add(ANN, body, threading.Event())

    assert list(spool.directory.iterdir()) == []


class CancelledMeanwhile(Pool):
    """A pool that is slow to give out a combiner: the query is cancelled before it has one."""

    query: Query

    def take(self, *asking: Any, **how: Any) -> Combiner:
        made = super().take(*asking, **how)
        self.query.run.cancel()
        return made


def test_a_cancel_while_the_combiner_is_made_asks_no_source(query: Query, tmp_path: Path) -> None:
    pool = CancelledMeanwhile(LIMITS, tmp_path / "spill")
    pool.query = query

    with pytest.raises(QueryCancelled):
        query.execute(pool)

    pool.close()
    assert query.lake.fragments == []
    assert not query.complete


def test_a_cancel_while_the_combiner_starts_ends_it(
    query: Query, pool: Pool, play: Callable[[str], None], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "here")
    play(
        f"here = {str(tmp_path / 'here')!r}\nchild.lock_down = lambda database, settings: (signal.alarm(60), open(here, 'w'), signal.pause())"
    )
    descriptors = open_descriptors()
    raised: list[BaseException] = []

    def execute() -> None:
        try:
            query.execute(pool)
        except SwapError as error:
            raised.append(error)

    thread = threading.Thread(target=execute)
    thread.start()
    with (tmp_path / "here").open():  # waits for the other end
        query.run.cancel()
    thread.join(timeout=60)

    pool.close()
    pool.server.close()
    assert [type(error) for error in raised] == [QueryCancelled]
    assert not query.complete
    assert open_descriptors() <= descriptors, "fewer when something of an earlier test is let go of"


# ── A full disk ─────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory in which not even an empty file can be made."""
    disk = tmp_path / "full"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=2,mode=700", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs the right to mount one")
    (disk / "last").mkdir()
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_too_full_for_a_combiner_is_told_as_that(query: Query, full_disk: Path) -> None:
    pool = Pool(LIMITS, full_disk / "last")

    with pytest.raises(SwapError) as raised:
        query.execute(pool)

    pool.close()
    assert raised.value.problem.title == "The disk that keeps results is full."
