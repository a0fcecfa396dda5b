"""A run as its person sees it: what was, what goes on, what is expected; the clock is the test's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from swap.identity import Principal, Via
from swap.query.model import Plan, RunState, Statement
from swap.query.run.habits import Usual
from swap.query.run.run import Run
from swap.query.run.state import Span, StageView
from unit.query.worlds import planned

WHOLE = "SELECT page_len FROM mediawiki.enwiki.page"
ANN = Principal("pann", "ann", frozenset({"analysts"}), Via.KERNEL)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def begun(usual: Usual, clock: Clock, rows: int | None = None) -> Run:
    plan = planned(WHOLE)
    plan = Plan(plan.sql, tuple(replace(item, rows=rows) for item in plan.inputs), plan.reads, plan.streamed)
    run = Run("q1", ANN, Statement(WHOLE), plan, usual.of(ANN.id, Statement(WHOLE)), clock)
    run.finish("rights")
    run.skip("wait:mediawiki")
    run.start()
    run.begin("run:mediawiki")
    return run


def end(run: Run, state: RunState = RunState.DONE) -> None:
    run.end(state, None, timedelta(hours=1), datetime(2026, 11, 23, tzinfo=UTC))


def ran(usual: Usual, clock: Clock, state: RunState = RunState.DONE) -> None:
    """Run it once: 4 s in the source, 2 s of fetching, 1 s of combining."""
    run = begun(usual, clock)
    clock.now += 4
    run.finish("run:mediawiki")
    run.begin("fetch:mediawiki")
    clock.now += 2
    run.finish("fetch:mediawiki")
    run.begin("combine")
    clock.now += 1
    end(run, state)


def stages(run: Run) -> dict[str, StageView]:
    return {stage.key: stage for stage in run.view().stages}


def test_the_first_run_promises_nothing(clock: Clock) -> None:
    run = begun(Usual(), clock)
    clock.now += 2

    assert run.view().expected_end is None
    assert [stage.expected for stage in stages(run).values()] == [None] * 4
    assert stages(run)["combine"].detail == ""


def test_the_second_run_expects_what_the_first_took(clock: Clock) -> None:
    usual = Usual()
    ran(usual, clock)
    run = begun(usual, clock)
    clock.now += 1

    assert run.view().expected_end == 7
    assert stages(run)["run:mediawiki"].expected == Span(0, 4)
    assert stages(run)["fetch:mediawiki"].expected == Span(4, 6)
    assert (stages(run)["fetch:mediawiki"].detail, stages(run)["combine"].detail) == ("about 2 s", "about 1 s")


def test_a_run_that_takes_longer_says_nothing_more(clock: Clock) -> None:
    usual = Usual()
    ran(usual, clock)
    run = begun(usual, clock)
    clock.now += 5

    assert run.view().expected_end is None
    assert stages(run)["run:mediawiki"].expected is None


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED])
def test_a_run_that_did_not_succeed_is_no_measure(clock: Clock, state: RunState) -> None:
    usual = Usual()
    ran(usual, clock, state)

    assert begun(usual, clock).view().expected_end is None


def test_an_ended_run_expects_nothing(clock: Clock) -> None:
    usual = Usual()
    ran(usual, clock)
    run = begun(usual, clock)
    end(run)

    assert run.view().expected_end is None
    assert [stage.expected for stage in stages(run).values()] == [None] * 4


def test_of_a_whole_table_it_says_how_much_is_here_and_when_the_rest_will_be(clock: Clock) -> None:
    run = begun(Usual(), clock, rows=310_482)
    clock.now += 1
    run.finish("run:mediawiki")
    run.begin("fetch:mediawiki")
    clock.now += 2
    run.fetched("mediawiki", 120_000, 41_000_000)

    fetch = stages(run)["fetch:mediawiki"]
    assert fetch.detail == "120,000 of about 310,000 rows, 41.0 MB"
    assert fetch.expected == Span(1, pytest.approx(1 + 2 * 310_482 / 120_000, abs=0.001))
    assert run.view().expected_end is None, "nobody knows how long combining takes"


def test_more_rows_than_the_catalog_counts_are_only_counted(clock: Clock) -> None:
    run = begun(Usual(), clock, rows=100)
    run.begin("fetch:mediawiki")
    clock.now += 2
    run.fetched("mediawiki", 200, 1000)

    assert stages(run)["fetch:mediawiki"].detail == "200 rows, 1.0 kB"
    assert stages(run)["fetch:mediawiki"].expected is None


def test_what_is_here_is_told_without_the_estimate(clock: Clock) -> None:
    run = begun(Usual(), clock, rows=1000)
    run.begin("fetch:mediawiki")
    run.fetched("mediawiki", 900, 1000)
    run.finish("fetch:mediawiki")

    assert stages(run)["fetch:mediawiki"].detail == "900 rows, 1.0 kB"


def test_how_far_a_source_is_stands_beside_its_stage_before_any_row(clock: Clock) -> None:
    run = begun(Usual(), clock)
    before = run.revision

    run.progressed("mediawiki", "40 %")

    assert (stages(run)["run:mediawiki"].detail, run.revision) == ("40 %", before + 1)
    run.progressed("mediawiki", "40 %")
    assert run.revision == before + 1, "who watches is told of changes only"
    run.finish("run:mediawiki", "3 files")
    run.progressed("mediawiki", "60 %")
    assert stages(run)["run:mediawiki"].detail == "3 files"


def test_what_must_be_known_of_an_answer_is_told_once_and_stays(clock: Clock) -> None:
    run = begun(Usual(), clock)
    before = run.revision

    for _ in range(2):
        run.remark("mediawiki is 2 h behind.")
    end(run)

    assert run.view().notices == ("mediawiki is 2 h behind.",)
    assert run.revision == before + 2
