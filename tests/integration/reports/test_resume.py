"""Runs with real kernels that are cut short, and what a run takes over from one that failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select, text

from integration.reports import bureau
from integration.reports.bureau import Bureau, until
from integration.reports.test_worker import FOREVER, _kernel, printed
from services import Database
from swap.db.tables import query_run
from swap.reports import running
from swap.reports.model import Run, RunState

VIEWS = "import swap\nfrom swap.errors import Unavailable\nimport pathlib"
ASK = "print(len(swap.sql('SELECT page_id FROM lake.wmf.pageview_hourly WHERE view_count > :n', {{'n': {}}}).df()))"
FAILS = "if not pathlib.Path({!r}).exists():\n    raise Unavailable('lake does not answer')"


@pytest.fixture(scope="module")
def it(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    with bureau.running(module_database, tmp_path_factory.mktemp("bureau")) as made:
        yield made


def again(it: Bureau, run_id: str) -> Run:
    """Let a run that waits for its next try be tried at once, and return it when it is over."""
    with it.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.report_run SET start_at = now() WHERE id = :id"), {"id": run_id})
        conn.execute(text("NOTIFY swap_reports"))
    return it.ended(run_id)


def taken(it: Bureau, run_id: str) -> int:
    """Return how many queries of a run took another's result."""
    with it.database.engine("owner").connect() as conn:
        of_run = select(func.count(query_run.c.taken_from)).where(query_run.c.run_id == run_id)
        return int(conn.scalar(of_run) or 0)


def test_a_try_takes_what_the_one_before_it_had_asked_and_a_run_from_the_start_does_not(
    it: Bureau, tmp_path: Path
) -> None:
    back = tmp_path / "back"
    report = it.schedule(VIEWS, ASK.format(10), FAILS.format(str(back)), ASK.format(20))
    run_id = it.ask(report)
    until(lambda: it.run(run_id).failures)
    assert it.run(run_id).taken == 0
    back.touch()
    run = again(it, run_id)
    assert (run.state, run.taken, taken(it, run_id)) == (RunState.DONE, 1, 1)
    assert (run.memory_bytes or 0) > 10_000_000
    _, first, _, second = it.seen(report, run)
    assert (printed(first), printed(second)) == ("5", "4")
    fresh = it.ended(it.ask(report))
    assert (fresh.state, fresh.taken) == (RunState.DONE, 0)
    assert fresh.row_count == 9


def test_a_run_that_resumes_another_takes_its_results_for_the_same_question_alone(it: Bureau, tmp_path: Path) -> None:
    back = tmp_path / "back"
    fails = FAILS.format(str(back)).replace("Unavailable(", "ValueError(")
    report = it.schedule(VIEWS, ASK.format(10), fails, ASK.format(30))
    failed = it.ended(it.ask(report))
    assert (failed.state, failed.cell) == (RunState.FAILED, 3)
    back.touch()
    with it.database.engine("web").begin() as conn:
        resumed = running.go_on(conn, it.who, report.id, failed.id, datetime.now(UTC), bureau.new_id)
    run = it.ended(resumed.id)
    assert (run.state, run.taken, run.period) == (RunState.DONE, 1, failed.period)
    with it.database.engine("owner").connect() as conn:
        of_run = select(query_run.c.statement).where(query_run.c.taken_from.is_not(None), query_run.c.run_id == run.id)
        assert len(list(conn.scalars(of_run))) == 1


def test_a_cell_that_takes_longer_than_its_person_lets_it_ends_the_run(it: Bureau) -> None:
    report = it.schedule(FOREVER)
    with it.database.engine("web").begin() as conn:
        running.limit(conn, it.who, report.id, None, 1.0, datetime.now(UTC))
    run = it.ended(it.ask(report))
    assert run.said is not None
    assert (run.state, run.cell, run.said.title) == (RunState.FAILED, 1, "Cell 1 of 1 took longer than a cell may.")


def test_a_run_that_is_cancelled_ends_at_once_with_its_kernel(it: Bureau) -> None:
    report = it.schedule(FOREVER)
    run_id = it.ask(report)
    kernel = _kernel(it, run_id)
    with it.database.engine("web").begin() as conn:
        running.cancel(conn, it.who, report.id, run_id, datetime.now(UTC))
    until(lambda: not psutil.pid_exists(kernel) or psutil.Process(kernel).status() == psutil.STATUS_ZOMBIE)
    assert it.run(run_id).state is RunState.CANCELLED
    until(lambda: not list((it.directory / "runs").glob("*")))
