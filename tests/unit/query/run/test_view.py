"""What is seen of a run: words about its steps, and what is left of it when only its row, or not even its result, is."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pyarrow as pa
import pytest

from swap.errors import Forbidden, Problem, QueryCancelled, QueryTimedOut, SwapError, to_json
from swap.query.model import RunState
from swap.query.results.spool import Written
from swap.query.run import view
from swap.query.run.stages import Stage
from swap.query.run.state import ResultColumn, RunView, StageView

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WRITTEN = Written(pa.schema([("views", pa.int64())]), [100, 124], [0, 3], complete=True, ended=True)


def row(state: str, error: SwapError | None = None) -> SimpleNamespace:
    return SimpleNamespace(
        id="q1",
        state=state,
        error=to_json(error) if error else None,
        row_count=3 if state == "done" else None,
        created_at=NOON.replace(minute=0),
        ended_at=NOON.replace(minute=1),
        expires_at=NOON.replace(hour=13),
    )


def test_the_summary_says_where_the_time_went_step_by_step() -> None:
    steps = [
        Stage("rights", "", "done", 0, 0.1),
        Stage("wait:lake", "", "done", 0.1, 2.1),
        Stage("run:lake", "", "done", 2.1, 5.0),
        Stage("fetch:lake", "", "done", 4.0, 6.1),
        Stage("wait:wiki", "", "done", 0.1, 3.1),
        Stage("run:wiki", "", "active", 3.1, None),
        Stage("fetch:wiki"),
        Stage("combine", "", "active", 6.0, None),
    ]

    assert view.summary(steps, 7.0) == "waited 3.0 s · lake 4.0 s · wiki 3.9 s · combined 1.0 s"


@pytest.mark.parametrize(
    ("active", "said"),
    [
        ({}, "Starting"),
        ({"run:lake": ""}, "Running in lake"),
        ({"run:lake": "", "combine": ""}, "Combining"),
        ({"run:lake": "", "wait:wiki": "position 2, 1 query before yours"}, "Waiting, position 2"),
    ],
)
def test_the_headline_is_about_what_holds_it_up(active: dict[str, str], said: str) -> None:
    assert view.headline(RunState.RUNNING, [Stage(key, detail, "active") for key, detail in active.items()]) == said


@pytest.mark.parametrize("state", [state for state in RunState if state.ended])
def test_an_end_is_its_own_headline(state: RunState) -> None:
    assert view.headline(state, [Stage("combine", "", "active")]) == state.value.capitalize()


def test_a_run_that_ended_before_a_restart_is_remembered_with_its_result() -> None:
    seen = view.remembered(row("done"), WRITTEN)

    assert seen == RunView(
        id="q1",
        revision=1,
        state=RunState.DONE,
        headline="Done",
        elapsed=60.0,
        rows=3,
        bytes=24,
        columns=(ResultColumn("views", "bigint"),),
        expires_at=NOON.replace(hour=13),
    )


def test_a_remembered_failure_is_the_error_that_was_recorded() -> None:
    error = QueryTimedOut(Problem("Too long.", why="60 s.", line=3, source="lake", extra={"setting": "limits.seconds"}))

    seen = view.remembered(row("failed", error), None)

    assert seen.error is not None
    assert to_json(seen.error) == to_json(error)
    assert seen.columns is None


@pytest.mark.parametrize("state", [state for state in RunState if state.ended])
def test_of_a_closed_result_nothing_is_told_but_that_it_ended(state: RunState) -> None:
    own = Forbidden("The value 10.0.0.1 could not be cast.") if state is RunState.FAILED else None
    own = QueryCancelled() if state is RunState.CANCELLED else own
    full = replace(
        view.remembered(row(state.value), WRITTEN),
        expected_end=2.0,
        stages=(StageView("combine", "Combined", "3 rows", "done", 1.0, 2.0, None),),
        rows=3,
        source_rows={"lake": 3},
        source_bytes={"lake": 3},
        summary="lake 1.0 s",
        notices=("SELECT * left out city.",),
        note="lake runs 8 queries at a time.",
        error=own,
    )
    why = Forbidden("You may no longer read lake.wmf.pageview_hourly.")

    closed = full.closed(why)

    kept = {field.name for field in fields(RunView) if getattr(closed, field.name) == getattr(full, field.name)}
    assert kept - {"error"} == {"id", "revision", "state", "headline", "elapsed", "expires_at"}
    assert closed.error is (why if state is RunState.FAILED else own)
