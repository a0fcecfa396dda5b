"""The story of the first notebook, on real parts, in a real browser, without a network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pyarrow.dataset as ds
import pytest
from lab import CHART, ERROR, PROGRESS, RESULT, Notebook, open_new, outputs, until
from playwright.sync_api import Locator, expect
from stage import Demo, Person

pytestmark = pytest.mark.acceptance

MISTAKES = {"page_titel", "city"}
TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-notebook.md"


@contextmanager
def administrator(demo: Demo, database: str = "mediawiki") -> Iterator[psycopg.Connection]:
    """The embedded server's own administrator: what the test sees and does behind SWAP's back."""
    runtime = json.loads((demo.state / "runtime.json").read_text())
    port = re.search(r":(\d+)/", runtime["database_urls"]["owner"])
    assert port
    password = (demo.state / "secrets" / "postgres-swap_admin").read_text().strip()
    with psycopg.connect(
        host="127.0.0.1", port=int(port[1]), user="swap_admin", password=password, dbname=database, autocommit=True
    ) as conn:
        yield conn


def processes_of(demo: Demo) -> dict[int, str]:
    """Return the commands of all processes that this demo started, by their ids."""
    listing = subprocess.run(
        ["ps", "-ww", "-eo", "pid,ppid,args", "--no-headers"], capture_output=True, text=True, check=True
    ).stdout
    rows = [
        (int(pid), int(parent), args) for pid, parent, args in (line.split(None, 2) for line in listing.splitlines())
    ]
    ours = {demo.process.pid}
    while more := {pid for pid, parent, _ in rows if parent in ours} - ours:
        ours |= more
    return {pid: args for pid, _, args in rows if pid in ours}


def busy_with_queries(demo: Demo) -> list[int]:
    """Return the readers of files and the combiners that use the processor, as seen for a second; those that wait use none of it."""

    def ticks() -> dict[int, int]:
        found = {}
        for pid, args in processes_of(demo).items():
            if "files.reader" in args or "fork_server" in args:
                with suppress(OSError):  # it has ended
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    found[pid] = int(fields[11]) + int(fields[12])
        return found

    before = ticks()
    time.sleep(1)
    return [pid for pid, now in ticks().items() if now > before.get(pid, now)]


def running_in_mediawiki(demo: Demo) -> list[tuple[str, str]]:
    """Ask the source itself what SWAP runs there: (application name, wait event type)."""
    with administrator(demo) as conn:
        return conn.execute(
            "SELECT application_name, coalesce(wait_event_type, '') FROM pg_stat_activity"
            " WHERE usename = 'mediawiki_reader' AND state = 'active' AND application_name LIKE 'swap:%'",
        ).fetchall()


def test_the_start_says_where_and_who(demo: Demo) -> None:
    said = demo.output()
    assert f"http://localhost:{demo.port}" in said
    assert all(f"demo-{name}" in said for name in ("ann", "bertrand", "chidi"))
    assert f"ssh -N -L {demo.port}:localhost:{demo.port}" in said


def test_home_teaches_a_first_visitor(chidi: Person) -> None:
    expect(chidi.page.locator("main")).to_contain_text("You have no notebooks yet")
    expect(chidi.page.locator("main")).to_contain_text("SELECT")


def test_the_tutorials_words_are_on_the_screens_of_ann_and_of_chidi(ann: Person, chidi: Person) -> None:
    tutorial = TUTORIAL.read_text(encoding="utf-8")
    for words in ("*Examples to copy*", "**Copy** at *Welcome to SWAP*", "marked *Not for you*"):
        assert words in tutorial
    for person, marked in ((ann, False), (chidi, True)):
        person.page.goto(person.demo.url)
        expect(person.page.get_by_role("heading", name="Examples to copy")).to_be_visible()
        rows = person.page.locator("section", has_text="Examples to copy").get_by_role("listitem")
        copies = person.page.get_by_role("button", name="Copy the example Welcome to SWAP", exact=True)
        expect(copies).to_have_text("Copy")
        welcome = rows.filter(has=copies)
        expect(welcome.get_by_text("Not for you")).to_have_count(int(marked))
        if marked:
            expect(rows.last).to_contain_text("Not for you")
            expect(rows.first).to_contain_text("flights")
            expect(rows.first).not_to_contain_text("Not for you")


def test_chidi_is_helped_within_swap(chidi: Person) -> None:
    chidi.page.get_by_role("link", name="Help").click()
    chidi.page.get_by_role("link", name="Your first notebook").first.click()
    expect(chidi.page.get_by_role("heading", level=1)).to_have_text("Your first notebook")
    chidi.page.goto(f"{chidi.demo.url}/data?q=carrier")
    expect(chidi.page.get_by_role("link", name="flights", exact=True)).to_be_visible()
    link = chidi.page.get_by_role("link", name="pageview_hourly", exact=True)
    locked = chidi.page.get_by_role("row").filter(has=link)
    expect(locked).to_contain_text("Locked by the rule analysts-only. Ask data-platform.")


def test_a_new_notebook_runs_its_first_cell(ann: Person, demo: Demo, homes: Path) -> None:
    notebook = open_new(ann.page, demo.url, homes)
    expect(notebook.tab).to_have_count(1)
    expect(notebook.tab).not_to_have_class(re.compile("jp-mod-dirty"))
    cell = notebook.run_first()
    expect(cell.locator(".jp-OutputArea")).to_contain_text("rows ×")
    assert "result" in "".join(notebook.saved()["cells"][0]["source"]).splitlines()[0]


def test_welcome_runs_top_to_bottom(welcome: Notebook) -> None:
    assert welcome.unfinished() == []
    failed = [cell for cell in welcome.saved()["cells"] if outputs(cell, ERROR)]
    assert not [
        cell
        for cell in welcome.saved()["cells"]
        for output in cell.get("outputs", ())
        if "Traceback" in json.dumps(output)
    ]
    assert len(failed) == len(MISTAKES)
    for cell in failed:
        assert any(word in "".join(cell["source"]) for word in MISTAKES)


def test_only_results_stay_in_the_saved_notebook(welcome: Notebook) -> None:
    cells = welcome.saved()["cells"]
    assert not any(outputs(cell, PROGRESS) for cell in cells if cell["cell_type"] == "code")
    results = [content for cell in cells if cell["cell_type"] == "code" for content in outputs(cell, RESULT)]
    assert len(results) >= 3
    assert all(len(content["page"]["rows"]) <= 10 for content in results)
    assert any(outputs(cell, CHART) for cell in cells if cell["cell_type"] == "code")


def test_one_statement_joins_two_sources_and_the_answer_is_true(welcome: Notebook, demo: Demo) -> None:
    cell = next(
        cell
        for cell in welcome.saved()["cells"]
        if "late_makers" in "".join(cell["source"])[:30] and outputs(cell, RESULT)
    )
    [content] = outputs(cell, RESULT)
    columns = [column["name"] for column in content["columns"]]
    told = {row[columns.index("manufacturer")]: int(row[columns.index("flights")]) for row in content["page"]["rows"]}
    flights = (
        ds.dataset(demo.state / "lake/nyc/flights", format="parquet", partitioning="hive", exclude_invalid_files=True)
        .to_table(columns=["tailnum", "arr_delay"])
        .to_pylist()
    )
    with administrator(demo) as conn:
        makers = dict(conn.execute("SELECT tailnum, manufacturer FROM nyc.planes").fetchall())
    counted: dict[str, int] = {}
    for flight in flights:
        if flight["arr_delay"] is not None and flight["tailnum"] in makers:
            counted[makers[flight["tailnum"]]] = counted.get(makers[flight["tailnum"]], 0) + 1
    assert told
    assert told == {maker: counted[maker] for maker in told}


def test_a_changed_row_in_the_source_changes_the_answer(welcome: Notebook, demo: Demo) -> None:
    statement = "swap.sql('SELECT name FROM mediawiki.nyc.airlines WHERE carrier = :c', params={'c': 'UA'})"
    expect(welcome.run(statement).locator(".jp-OutputArea")).to_contain_text("United Air Lines Inc.")
    with administrator(demo) as conn:
        conn.execute("UPDATE nyc.airlines SET name = 'Renamed Air' WHERE carrier = 'UA'")
    try:
        expect(welcome.run(statement).locator(".jp-OutputArea")).to_contain_text("Renamed Air")
    finally:
        with administrator(demo) as conn:
            conn.execute("UPDATE nyc.airlines SET name = 'United Air Lines Inc.' WHERE carrier = 'UA'")


def test_the_stage_named_is_the_stage_that_waits_and_an_interrupt_ends_it_there(welcome: Notebook, demo: Demo) -> None:
    with administrator(demo) as conn, conn.transaction():
        conn.execute("LOCK TABLE enwiki.page IN ACCESS EXCLUSIVE MODE")
        cell = welcome.run(
            "%%swap locked\nSELECT count(*) AS n, max(c.name) AS c FROM mediawiki.enwiki.page, (SELECT max(name) AS"
            " name FROM lake.canonical_data.countries) c"
        )
        assert until(lambda: [waits_for for _, waits_for in running_in_mediawiki(demo)] == ["Lock"]), (
            "the statement waits in the source"
        )
        expect(cell.locator(".jp-OutputArea")).to_contain_text(re.compile("Running in mediawiki"))
        expect(cell.locator(".jp-OutputArea")).not_to_contain_text("Combining")
        welcome.interrupt()
        expect(cell.locator(".jp-OutputArea")).to_contain_text(re.compile("cancelled", re.IGNORECASE))
        assert until(lambda: not running_in_mediawiki(demo)), "nothing runs in the source any more"
    saved = next(cell for cell in welcome.saved()["cells"] if "%%swap locked" in "".join(cell["source"]))
    assert not outputs(saved, PROGRESS)


def test_cancel_ends_what_works_for_a_query(welcome: Notebook, demo: Demo) -> None:
    cell = welcome.run(
        "%%swap many\nSELECT count(*) FROM lake.nyc.flights a JOIN lake.nyc.flights b ON a.distance > b.distance"
        " JOIN lake.nyc.flights c ON c.distance > b.distance",
    )
    button = cell.locator(".jp-OutputArea").get_by_role("button", name="Cancel")
    expect(button).to_be_visible()
    assert until(lambda: busy_with_queries(demo))
    button.click()
    expect(cell.locator(".jp-OutputArea")).to_contain_text(re.compile("cancelled", re.IGNORECASE))
    assert until(lambda: not busy_with_queries(demo))


def test_a_second_run_shows_what_is_expected(welcome: Notebook) -> None:
    source = next(
        text for cell in welcome.saved()["cells"] if (text := "".join(cell["source"])).startswith("%%swap duels")
    )
    output = welcome.run(source).locator(".jp-OutputArea")
    expect(output.locator(".sq-h")).to_contain_text(re.compile(r"about \d+ (s|min) left"))
    expect(output.locator(".wf .est").last).to_be_visible()
    expect(output.get_by_role("row").filter(has_text=re.compile("^Combin"))).to_contain_text(
        re.compile(r"about \d+ (s|min)")
    )
    output.get_by_role("button", name="Cancel").click()
    expect(output).to_contain_text(re.compile("cancelled", re.IGNORECASE))


def test_mistakes_teach(welcome: Notebook) -> None:
    cells = welcome.saved()["cells"]
    unknown = next(cell for cell in cells if "page_titel" in "".join(cell["source"]) and cell["cell_type"] == "code")
    [content] = outputs(unknown, ERROR)
    assert content["error"]["category"] == "unknown-name"
    assert "page_title" in [suggestion["by"] for suggestion in content["error"]["suggestions"]]
    locked = next(cell for cell in cells if cell["cell_type"] == "code" and "SELECT city" in "".join(cell["source"]))
    [content] = outputs(locked, ERROR)
    assert (content["error"]["rule"], content["error"]["ask"]) == ("below-country", "data-privacy")
    expect(welcome.run("%%swap\nDELETE FROM mediawiki.enwiki.page").locator(".jp-OutputArea")).to_contain_text("SELECT")


def test_select_star_says_what_it_left_out(welcome: Notebook) -> None:
    output = welcome.run("%%swap\nSELECT * FROM lake.wmf.pageview_hourly LIMIT 3").locator(".jp-OutputArea")
    expect(output).to_contain_text("left out")
    expect(output).to_contain_text("below-country")


def test_a_source_that_is_down_says_so_and_the_other_goes_on(welcome: Notebook, demo: Demo) -> None:
    with administrator(demo, "postgres") as conn:
        conn.execute("ALTER DATABASE mediawiki ALLOW_CONNECTIONS false")
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'mediawiki'")
        try:
            expect(
                welcome.run("%%swap\nSELECT count(*) FROM mediawiki.nyc.planes").locator(".jp-OutputArea")
            ).to_contain_text("mediawiki does not answer")
            saved = next(
                c
                for c in welcome.saved()["cells"]
                if "".join(c["source"]).endswith("FROM mediawiki.nyc.planes") and "count(*)" in "".join(c["source"])
            )
            assert outputs(saved, ERROR)[0]["error"]["category"] == "source-down"
            expect(
                welcome.run("%%swap\nSELECT count(*) AS n FROM lake.nyc.weather").locator(".jp-OutputArea")
            ).to_contain_text("26,115")
        finally:
            conn.execute("ALTER DATABASE mediawiki ALLOW_CONNECTIONS true")


def test_tab_completes_in_sql_cells_and_in_calls(welcome: Notebook) -> None:
    page = welcome.page
    for text, wanted in (
        ("%%swap\nSELECT * FROM lake.wmf.pagev", "pageview_hourly"),
        ('swap.sql("SELECT * FROM mediawiki.nyc.airl', "airlines"),
    ):
        content = welcome.write(text).locator(".cm-content")
        item = page.locator(".jp-Completer-item").filter(has_text=wanted)

        def offered(content: Locator = content, item: Locator = item, wanted: str = wanted) -> bool:
            # JupyterLab waits for an answer for one second, and then shows nothing: a person presses again.
            page.keyboard.press("Tab")
            return until(lambda: wanted in content.inner_text() or item.count() > 0, seconds=5)

        assert until(offered)
        if wanted not in content.inner_text():
            page.keyboard.press("Enter")
        expect(content).to_contain_text(wanted)


def test_the_saved_notebook_is_readable_without_a_kernel(welcome: Notebook) -> None:
    welcome.saved()
    text = subprocess.run(
        [sys.executable, "-m", "jupyter", "nbconvert", "--to", "markdown", "--stdout", str(welcome.path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "manufacturer" in text
    assert "rows ×" in text


def test_other_people_see_other_columns(bertrand: Person, demo: Demo, homes: Path) -> None:
    notebook = open_new(bertrand.page, demo.url, homes)
    output = notebook.run(
        "%%swap\nSELECT city, count(*) AS n FROM lake.wmf.pageview_hourly GROUP BY city ORDER BY n DESC LIMIT 3"
    ).locator(".jp-OutputArea")
    expect(output).to_contain_text("3 rows × 2 columns")


def test_the_name_the_way_back_and_sign_out_are_in_sight(welcome: Notebook, demo: Demo) -> None:
    page = welcome.page
    expect(page.get_by_text("ann", exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name="Sign out")).to_be_visible()
    assert page.locator(f'a[href^="{demo.url}"]').count() >= 1
