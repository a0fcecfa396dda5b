"""Reports taken over from reportupdater run with real kernels, and their rows come into the files that were there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

import notebooks
from integration.reports import bureau
from integration.reports.bureau import Bureau
from services import Database
from swap.db.report_tables import report_run
from swap.reports import backfill, edition_store, owners, period_store, released, service
from swap.reports.files import Binding, Files
from swap.reports.model import Report, Run, RunState, State
from swap.reports.tsv import Unit, back, begins
from swap.settings import load
from swap.taking_in.updater.__main__ import Folder, Taking

CONFIG = """
databases: {lake: {db: wmf}}
defaults: {db: lake, granularity: months, starts: 2026-01-01}
reports:
  views_by_country: {explode_by: {country: "DE, FR"}}
  views: {max_data_points: 2}
"""
SETTINGS = """
state = "."
people.file = "people.toml"
reports.files = "files"
sources.lake = { kind = "files", root = "lake" }
"""
BY_COUNTRY = """
SELECT CAST('{from_date}' AS DATE) AS date, city, SUM(view_count) AS views -- {country}
FROM pageview_hourly
WHERE country_code = '{country}'
GROUP BY city ORDER BY city
"""
VIEWS = "SELECT CAST('{from_date}' AS DATE) AS date, SUM(view_count) AS views, '{{' AS brace FROM pageview_hourly"


@pytest.fixture(scope="module")
def it(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    with bureau.running(module_database, tmp_path_factory.mktemp("bureau")) as made:
        yield made


def taken_over(it: Bureau, folder: Path, config: str = CONFIG, into: str = "metrics") -> str:
    """Take over the folder's reports for ann; return what is said."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(config)
    (folder / "views_by_country.sql").write_text(BY_COUNTRY)
    (folder / "views.sql").write_text(VIEWS)
    settings = it.directory / "import.toml"
    settings.write_text(SETTINGS)
    said: list[str] = []
    taking, opened = Taking(load(settings), it.gateway.runtime, said.append), Folder(folder)
    try:
        assert taking.all_of(opened, "ann", into, {"lake": "lake"}) == 0
    finally:
        opened.close()
        taking.close()
    return "\n".join(said)


def reports(it: Bureau) -> dict[str, Report]:
    """Return ann's reports by their notebook, resumed."""
    now = datetime.now(UTC)
    with it.database.engine("web").begin() as conn:
        rows = service.listed(conn, it.who, now)
        for row in rows:
            if row.report.state is State.PAUSED:
                service.become(conn, it.who, row.report.id, State.ACTIVE, now)
    return {row.notebook.name: row.report for row in rows}


def month(run: Run) -> str:
    return f"{run.period.start.astimezone(UTC):%Y-%m-%d}"


def test_a_report_goes_on_in_the_files_of_before(it: Bureau, tmp_path: Path) -> None:
    at = it.directory / "files/metrics"
    at.mkdir(parents=True)
    (at / "views.tsv").write_text("date\tviews\tgone\r\n2024-01-01\t1\t2\r\n2026-01-01\t3\t4\r\n")
    said = taken_over(it, tmp_path / "mine")
    assert "metrics: 2 reports taken over for ann" in said, said
    found = reports(it)
    run = it.ended(it.ask(found["views"]))
    assert (run.state, run.said) == (RunState.DONE, None)
    lines = (at / "views.tsv").read_bytes().decode().split("\r\n")
    assert lines[0] == "date\tviews\tbrace\tgone"
    assert lines[-2] == f"{month(run)}\t210\t{{\t"
    assert not [line for line in lines if line.startswith("2024")], "of the last two months rows are kept"
    run = it.ended(it.ask(found["views_by_country"]))
    assert (run.state, run.said) == (RunState.DONE, None)
    country = at / "views_by_country"
    assert (country / "DE.tsv").read_text().splitlines() == ["date\tcity\tviews", f"{month(run)}\tBerlin\t10", f"{month(run)}\tKöln\t20"]  # fmt: skip
    assert (country / "FR.tsv").read_text().splitlines()[1:] == [f"{month(run)}\tLyon\t40", f"{month(run)}\tParis\t30"]
    assert sorted(each.name for each in country.iterdir()) == ["DE.tsv", "FR.tsv"]


def test_weakness_7_a_corrected_value_has_a_history(it: Bureau) -> None:
    """A value that was computed anew left no trace; here each edition of its period stays, with what it showed."""
    rows = "pa.table({'date': [str(swap.period.start.date())], 'n': [1]})"
    report = it.schedule(f"import pyarrow as pa, swap\nswap.data_file({rows})")
    Files(it.directory / "files").bind(report.id, Binding("metrics", "counted", Unit.MONTHS, None, "", {}))
    runs = [it.ended(it.ask(report)) for _ in range(2)]
    assert [(run.state, run.edition) for run in runs] == [(RunState.DONE, 1), (RunState.DONE, 2)]
    assert {run.version for run in runs} == {1}
    assert len((it.directory / "files/metrics/counted.tsv").read_text().splitlines()) == 2
    with it.database.engine("web").begin() as conn:
        kept = edition_store.editions(conn, report.id, 0, 9, held=True)
    assert [run.edition for run in kept] == [2, 1]
    assert all(run.digest for run in kept)


def test_earlier_periods_fill_what_a_file_lacks_in_order(it: Bureau, tmp_path: Path) -> None:
    """As the import says: what reportupdater wrote between them stays as it is."""
    this = begins(Unit.MONTHS, datetime.now(UTC).date())
    months = [back(Unit.MONTHS, this, count) for count in (5, 4, 3, 2, 1)]
    file = it.directory / "files/gaps/visits.tsv"
    old = [f"{month}\t7" for month in (months[0], months[2])]
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text("".join(f"{line}\r\n" for line in ("date\tviews", *old)))
    config = f"""
databases: {{lake: {{db: wmf}}}}
reports: {{visits: {{execute: views, db: lake, granularity: months, starts: {months[0]}, lag: 3600}}}}
"""
    folder = tmp_path / "gaps"
    said = taken_over(it, folder, config, "gaps")
    assert "3 months are missing: run them as Earlier periods on its page" in said
    stretches = re.findall(r"from (\S+) to ([\d-]+)", said)
    assert [first for first, _ in stretches] == [str(months[1]), str(months[3])]
    report = reports(it)["visits"]
    made = []
    for first, last in stretches:
        with it.database.engine("web").begin() as conn:
            made += backfill.ask(conn, it.who, report.id, first, last, datetime.now(UTC), bureau.new_id).periods
        bureau.until(lambda: _backfill(it, report) is None)
    with it.database.engine("web").begin() as conn:
        runs, _ = service.history(conn, service.look(conn, it.who, report.id, datetime.now(UTC)), 0)
    asked = sorted((run for run in runs if run.batch), key=lambda run: run.started_at or run.due_at)
    assert [(run.state, month(run)) for run in asked] == [(RunState.DONE, str(months[at])) for at in (1, 3, 4)]
    assert [run.period for run in asked] == made
    assert file.read_bytes().decode().split("\r\n") == [
        "date\tviews\tbrace",
        *(f"{each}\t7\t" if each in (months[0], months[2]) else f"{each}\t210\t{{" for each in months),
        "",
    ]
    assert "gaps/visits: was there; its file is whole" in taken_over(it, folder, config, "gaps")


def _backfill(it: Bureau, report: Report) -> object:
    with it.database.engine("web").begin() as conn:
        return period_store.backfill(conn, report.id)


def test_a_run_whose_rows_cannot_be_written_has_failed_and_says_why(it: Bureau) -> None:
    report = it.schedule("print('no rows')")
    Files(it.directory / "files").bind(report.id, Binding("metrics", "nothing", Unit.MONTHS, None, "", {}))
    run = it.ended(it.ask(report))
    assert (run.state, run.edition) == (RunState.FAILED, None)
    assert run.said is not None
    assert run.said.title == "The report's data file was not written."
    assert "shows no rows" in run.said.why
    assert it.seen(report, run)[0][0]["text"] == "no rows\n"
    assert not (it.directory / "files/metrics/nothing.tsv").exists()


def test_weakness_6_an_error_of_a_statement_ends_the_run_and_writes_nothing(it: Bureau) -> None:
    """Hive's exit status was ignored, and half a result was written."""
    report = it.schedule(
        "import swap\nrows = swap.sql(\"SELECT '2026-01-01' AS date FROM lake.wmf.nowhere\")",
        "swap.data_file(rows)",
    )
    Files(it.directory / "files").bind(report.id, Binding("metrics", "broken", Unit.MONTHS, None, "", {}))
    run = it.ended(it.ask(report))
    assert (run.state, run.cell) == (RunState.FAILED, 1)
    assert run.said is not None
    assert run.said.title == "Cell 1 of 2 failed: UnknownName."
    assert not (it.directory / "files/metrics/broken.tsv").exists()


COUNTED = (
    notebooks.code("n = 1", tags=["parameters"]),
    """
import pyarrow as pa, swap
swap.expect("few", n < 5)
swap.data_file(pa.table({'date': [str(swap.period.start.date())], 'n': [n]}))
""",
)


def release(it: Bureau, report: Report, run: Run) -> None:
    with it.database.engine("web").begin() as conn:
        owners.release(conn, it.who, report.id, run.id, datetime.now(UTC))


def goes_into_files(it: Bureau, run: Run) -> bool:
    """Tell whether a run's rows are still to be written."""
    with it.database.engine("web").begin() as conn:
        return conn.scalar(select(report_run.c.files_at).where(report_run.c.id == run.id)) is not None


def test_rows_of_a_held_edition_come_into_the_file_once_it_is_released(it: Bureau) -> None:
    report = it.schedule(*COUNTED)
    Files(it.directory / "files").bind(report.id, Binding("metrics", "held", Unit.MONTHS, None, "", {}))
    file, zone = it.directory / "files/metrics/held.tsv", report.schedule.zone

    def asked(n: int) -> Run:
        run = it.ended(it.ask(report, n=str(n)))
        assert run.state is RunState.DONE, run.said
        assert run.is_held is (n >= 5)
        return run

    first = asked(8)
    day = first.period.start.astimezone(zone).date()
    assert not file.exists()
    release(it, report, first)
    bureau.until(file.exists)
    assert file.read_text().splitlines() == ["date\tn", f"{day}\t8"]
    older = asked(9)
    assert file.read_text().splitlines()[1:] == [f"{day}\t8"]
    asked(2)
    assert file.read_text().splitlines()[1:] == [f"{day}\t2"]
    # What is released behind a newer edition of its period is not what readers have last.
    release(it, report, older)
    bureau.until(lambda: not goes_into_files(it, older))
    assert file.read_text().splitlines()[1:] == [f"{day}\t2"]


@pytest.mark.long
def test_a_released_edition_whose_rows_cannot_be_written_says_why_and_is_tried_again(it: Bureau) -> None:
    report, files = it.schedule(*COUNTED), Files(it.directory / "files")
    files.bind(report.id, Binding("metrics", "away", Unit.MONTHS, None, "", {}))
    file = it.directory / "files/metrics/away.tsv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("date\tn\nyesterday\t1\n")
    run = it.ended(it.ask(report, n="7"))
    release(it, report, run)
    bureau.until(lambda: it.run(run.id).said)
    said = it.run(run.id).said
    assert said is not None
    assert said.title == "The report's data file was not written."
    assert "metrics/away.tsv is no data file" in said.why
    assert file.read_text() == "date\tn\nyesterday\t1\n"
    assert goes_into_files(it, run)
    file.unlink()
    released.write(it.database.engine("worker"), files, datetime.now(UTC) + released.AGAIN)
    assert file.read_text().splitlines() == [
        "date\tn",
        f"{run.period.start.astimezone(report.schedule.zone).date()}\t7",
    ]
    assert (it.run(run.id).said, goes_into_files(it, run)) == (None, False)
