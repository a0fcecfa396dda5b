"""Why a run failed: in the person's own words, with what SWAP knows beside it, and nothing of ours."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from swap.catalog.service import Health
from swap.errors import Problem, QueryRefused, SourceFailed, SourceUnavailable, SwapError
from swap.identity import Principal, Via
from swap.query.model import Statement
from swap.query.run.failures import Failures, source_down
from swap.query.run.habits import Usual
from swap.query.run.run import Run
from swap.settings import FilesSource, Settings
from unit.query.worlds import planned

ASKED = "SELECT\n  page_len\nFROM mediawiki.enwiki.page"
ANN = Principal("pann", "ann", frozenset({"analysts"}), Via.KERNEL)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def run() -> Run:
    return Run("q1", ANN, Statement(ASKED), planned(ASKED), Usual().of(ANN.id, Statement(ASKED)))


@pytest.fixture
def failures(tmp_path: Path) -> Failures:
    return Failures(create_engine("sqlite://"), Settings(state=tmp_path), lambda: NOON, lambda _source: None)


def test_the_combiners_error_names_the_persons_table_and_the_line_of_the_name(failures: Failures, run: Run) -> None:
    ours = run.plan.inputs[0].name
    assert ours.startswith("swap_")

    told = failures.explain(QueryRefused(f'Column "page_len" of {ours} cannot be summed.'), run)

    assert told.problem.title == 'Column "page_len" of mediawiki.enwiki.page cannot be summed.'
    assert (told.problem.line, told.problem.column) == (2, 3)
    assert type(told) is QueryRefused


def test_what_went_wrong_in_our_code_is_logged_and_not_told(
    failures: Failures, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        told = failures.explain(ValueError("hunter2"), run)

    assert told.category == "internal"
    assert "hunter2" not in str(told)
    assert "q1" in str(told)
    assert "hunter2" in caplog.text, "whoever runs SWAP finds the reason"


def test_what_a_source_says_is_told_as_it_is(failures: Failures, run: Run) -> None:
    error: SwapError = SourceFailed("mediawiki cannot read this.")

    assert failures.explain(error, run) is error


def test_one_server_of_several_that_is_away_does_not_make_its_source_one_that_is_down(
    failures: Failures, run: Run
) -> None:
    # There is no database here: whoever marks the source fails.
    problem = Problem("mediawiki (s2) does not answer.", source="mediawiki", extra={"server": "mediawiki (s2)"})
    error = SourceUnavailable(problem)

    assert failures.explain(error, run) is error


def test_a_source_that_is_down_is_told_with_its_time_the_others_and_its_owner(tmp_path: Path) -> None:
    lake = FilesSource(kind="files", root=tmp_path, owner="data-platform", connect_timeout_seconds=2)
    health = {
        name: Health(source=name, up=name != "lake", problem="", since=NOON, harvested_at=None)
        for name in ("lake", "logs", "mediawiki")
    }

    told = source_down("lake", lake, health).problem

    assert told.title == "lake does not answer; logs and mediawiki do."
    assert told.why.startswith("lake has not answered since 12:00 UTC; SWAP gives up after 2 s.")
    assert (told.ask, told.source) == ("data-platform", "lake")
