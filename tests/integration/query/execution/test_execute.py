"""What a run shows while its sources work, and as whom they are asked: real combiners, sources in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from swap.connectors.accounts import Account
from swap.connectors.base import Progress
from swap.connectors.memory import MemoryConnector
from swap.errors import Forbidden, QueryCancelled, SourceFailed
from swap.identity import Principal, Via
from swap.query.execution.execute import Execution
from swap.query.execution.pool import Pool
from swap.query.model import Statement
from swap.query.results.spool import Spool
from swap.query.run.habits import Usual
from swap.query.run.run import Run
from swap.settings import Limits
from unit.query.planning.test_same_answer import planned

LIMITS = Limits(memory_bytes=200_000_000, spill_bytes=100_000_000)
ROWS = pa.table({"a": pa.array([1, 2], pa.int64())})
ANN = Principal("paaaaaaaaa", "ann", frozenset({"analysts"}), Via.KERNEL)
BOB = Principal("pbbbbbbbbb", "bob", frozenset({"analysts"}), Via.KERNEL)
ONE = "SELECT a FROM mem.s.one"
BOTH = "SELECT one.a FROM mem.s.one JOIN mem.s.two ON one.a = two.a"


class Watched(Run):
    """A run that remembers what was said of its sources' progress."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.said: list[str] = []

    def progressed(self, source: str, detail: str) -> None:
        self.said.append(detail)
        super().progressed(source, detail)


@dataclass
class Executor:
    """Runs statements over `mem`."""

    connector: MemoryConnector
    pool: Pool
    spool: Spool
    ids: Iterator[int] = field(default_factory=lambda: iter(range(100)))

    def accept(self, text: str, principal: Principal = ANN, *, scattered: bool = False) -> Watched:
        plan = planned(text, self.connector, self.connector.capabilities)
        inputs = [
            replace(item, fragment=replace(item.fragment, scattered=scattered)) for item in plan.inputs if item.fragment
        ]
        run = Watched(
            f"q{next(self.ids)}",
            principal,
            Statement(text),
            replace(plan, inputs=tuple(inputs)),
            Usual().of(principal.id, Statement(text)),
        )
        run.start()
        return run

    def execute(self, run: Run) -> list[dict[str, Any]]:
        result = self.spool.create(run.id)
        try:
            with closing(
                Execution(run, run.plan, {"mem": self.connector}, self.pool, LIMITS, lambda _: -1)
            ) as execution:
                execution(result)
        finally:
            result.end(complete=False)
        return [row for batch in self.spool.batches(run.id) for row in batch.to_pylist()]


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[Executor]:
    pool = Pool(LIMITS, tmp_path / "spill")
    yield Executor(MemoryConnector("mem", {"s.one": ROWS, "s.two": ROWS}), pool, Spool(tmp_path / "spool", LIMITS))
    pool.close()


def detail(run: Run) -> str:
    return next(str(stage.detail) for stage in run.view().stages if stage.key == "run:mem")


def wait_until(run: Watched, wanted: str) -> None:
    """Wait until this stands beside the source's stage."""
    while True:
        revision = run.revision
        if detail(run) == wanted:
            return
        run.wait_change(revision, 60)
        assert run.revision > revision, f"nothing more was told than {run.said}"


# ── progress ────────────────────────────────────────────────────────────────────────────────────────
def test_how_far_a_source_is_is_seen_before_its_first_row(executor: Executor) -> None:
    behaviour = executor.connector.behaviour
    behaviour.gate = threading.Event()
    behaviour.progress = {"one": [Progress(line="submitted"), Progress(0.4, "Map 1:\n 2/5")]}
    run = executor.accept(ONE)
    thread = threading.Thread(target=executor.execute, args=[run], daemon=True)
    thread.start()

    wait_until(run, "40 %, Map 1: 2/5")
    assert run.view().source_rows == {"mem": 0}

    behaviour.gate.set()
    thread.join(20)
    assert run.view().source_rows == {"mem": 2}
    assert [each for each in run.said if each] == ["submitted", "40 %, Map 1: 2/5"]
    assert detail(run) == ""


def test_a_source_is_as_far_as_the_slowest_of_its_fragments(executor: Executor) -> None:
    executor.connector.behaviour.progress = {"one": [Progress(0.8)], "two": [Progress(0.25)]}
    executor.connector.behaviour.gate = gate = threading.Event()
    run = executor.accept(BOTH)
    thread = threading.Thread(target=executor.execute, args=[run], daemon=True)
    thread.start()
    wait_until(run, "25 %")
    gate.set()
    thread.join(20)

    assert [each for each in run.said if each] in (["80 %", "25 %"], ["25 %", "25 %"])


def test_a_log_line_is_cut_to_what_a_cell_can_show(executor: Executor) -> None:
    executor.connector.behaviour.progress = {"one": [Progress(line="x" * 10_000)]}
    run = executor.accept(ONE)

    executor.execute(run)

    assert run.said[0] == "x" * 200 + "…"


def test_the_progress_of_a_read_whose_partitions_are_secret_is_not_told(executor: Executor) -> None:
    executor.connector.behaviour.progress = {"one": [Progress(0.4, "reading city=Berlin")]}
    open_, secret = executor.accept(ONE), executor.accept(ONE, scattered=True)

    for run in (open_, secret):
        executor.execute(run)

    assert "".join(open_.said) == "40 %, reading city=Berlin"
    assert "".join(secret.said) == ""


# ── for whom ────────────────────────────────────────────────────────────────────────────────────────
def test_a_store_that_knows_people_is_asked_as_the_person_and_refuses_by_itself(executor: Executor) -> None:
    executor.connector.impersonates = True
    executor.connector.tables["s.one"].readers = frozenset({"ann"})

    assert executor.execute(executor.accept(ONE, ANN)) == [{"a": 1}, {"a": 2}]
    with pytest.raises(SourceFailed, match=r"bob may not read s\.one"):
        executor.execute(executor.accept(ONE, BOB))


def test_one_account_reads_all_that_a_statement_asks_of_a_source(executor: Executor) -> None:
    connector = executor.connector
    one, both = frozenset({("s", "one")}), frozenset({("s", "one"), ("s", "two")})
    connector.accounts = [Account("narrow", "analysts", one), Account("wide", "analysts", both)]
    connector.tables["s.one"].readers = frozenset({"wide"})

    assert executor.execute(executor.accept(BOTH)) == [{"a": 1}, {"a": 2}]
    # Asked for alone it is read under the narrow account, which this store does not let read it.
    with pytest.raises(SourceFailed, match=r"narrow may not read s\.one"):
        executor.execute(executor.accept(ONE))


def test_accounts_of_several_groups_never_add_up(executor: Executor) -> None:
    executor.connector.accounts = [
        Account("first", "analysts", frozenset({("s", "one")})),
        Account("second", "analysts", frozenset({("s", "two")})),
    ]

    with pytest.raises(Forbidden, match="no account for a group of yours"):
        executor.execute(executor.accept(BOTH))


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────
def test_a_query_without_memory_says_so_asks_no_source_and_can_be_cancelled(tmp_path: Path) -> None:
    pool = Pool(LIMITS.model_copy(update={"combiners_bytes": 1}), tmp_path / "spill")
    executor = Executor(MemoryConnector("mem", {"s.one": ROWS, "s.two": ROWS}), pool, Spool(tmp_path / "spool", LIMITS))
    other = pool.take(BOB.id)
    run = executor.accept(BOTH)
    raised: list[Exception] = []

    def execute() -> None:
        try:
            executor.execute(run)
        except QueryCancelled as error:
            raised.append(error)

    thread = threading.Thread(target=execute, daemon=True)
    thread.start()
    while not run.note:
        run.wait_change(run.revision, 20)
    assert "memory for putting results together is in use" in run.note
    run.cancel()
    thread.join(20)

    assert len(raised) == 1
    assert executor.connector.fragments == []
    other.close()
    assert executor.execute(executor.accept(BOTH))
    pool.close()
