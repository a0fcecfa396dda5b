"""What a cell of R shows and holds, in a real kernel of R, against the real gateway."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from pathlib import Path

import pytest

from conformance.proxy import Proxy
from integration.client.conftest import Server
from integration.client.notebooks import Notebook
from integration.gateway.gateways import Gateway, Person
from integration.r.conftest import opened
from swap import r

RESULT, PROGRESS = (f"application/vnd.swap.{name}+json" for name in ("result", "progress"))
JOIN = (
    "SELECT v.page_title, sum(v.view_count) AS views FROM lake.wmf.pageview_hourly v JOIN mediawiki.enwiki.page p USING"
    " (page_id) GROUP BY 1 ORDER BY 2 DESC"
)
BIG = "SELECT n, t FROM lake.big.numbers"


def value(notebook: Notebook, expression: str) -> object:
    """Return the value of an expression of R, as JSON has it."""
    outputs = notebook.run(f"cat(jsonlite::toJSON({expression}, auto_unbox = TRUE, digits = NA))")
    return json.loads("".join(output["text"] for output in outputs if output["output_type"] == "stream"))


def failure(notebook: Notebook, source: str) -> str:
    """Run a cell that fails, and return what it says."""
    outputs = notebook.run(source, fails=True)
    (error,) = [each for each in outputs if each["output_type"] == "error"]
    return str(error["evalue"])


def test_a_cell_shows_its_table_in_one_output(notebook: Notebook) -> None:
    shown = notebook.one(f'swap_sql("{JOIN}", name = "pages")')

    assert shown[RESULT]["name"] == "pages"
    assert shown[RESULT]["page"]["rows"] == [["C", "30"], ["B", "20"], ["A", "10"]]
    assert shown[RESULT]["home"] == "http://localhost:8000"
    assert shown[RESULT]["chart"] is None
    assert "C" in shown["text/html"]
    assert shown["text/plain"].splitlines()[0].split() == ["page_title", "views"]
    assert re.fullmatch(r"pages: 3 rows × 2 columns, [\d.]+ s", shown["text/plain"].splitlines()[-1])


def test_an_assigned_result_leaves_one_line_and_its_table_when_it_is_shown(notebook: Notebook) -> None:
    assert notebook.one(f'pages <- swap_sql("{JOIN}")').keys() == {"text/plain"}
    assert RESULT in notebook.one("pages")
    assert RESULT in notebook.one(f'pages <- swap_sql("{JOIN}")\npages')


def test_a_result_is_what_a_data_frame_is(notebook: Notebook) -> None:
    notebook.run(f'pages <- swap_sql("{JOIN}")')

    assert value(notebook, "pages$views") == [30, 20, 10]
    assert value(notebook, 'pages[["page_title"]]') == ["C", "B", "A"]
    assert value(notebook, "pages[pages$views > 15, ]$page_title") == ["C", "B"]
    assert value(notebook, "list(dim(pages), nrow(pages), names(pages), length(pages))") == [
        [3, 2],
        3,
        ["page_title", "views"],
        2,
    ]
    assert value(notebook, "head(pages, 1)$page_title") == "C"
    assert value(notebook, "sapply(pages, class)") == ["character", "numeric"]
    assert value(notebook, "with(pages, sum(views))") == 60
    assert value(notebook, "merge(pages, data.frame(page_title = 'A'))$views") == 10
    assert value(notebook, "unname(coef(lm(views ~ 1, data = pages)))") == 20
    assert value(notebook, "nrow(as.data.frame(pages))") == 3
    assert "A result does not change" in failure(notebook, "pages$more <- 1")


def test_progress_is_shown_while_a_query_runs_and_only_the_result_is_kept(
    notebook: Notebook, swap_gateway: Gateway
) -> None:
    gate = swap_gateway.lake.behaviour.gate = threading.Event()
    seen: list[dict] = []

    def watch() -> None:
        for _ in range(1000):
            outputs = notebook.document.cells[-1].outputs if notebook.document.cells else []
            if outputs and PROGRESS in outputs[0].get("data", {}):
                seen.append(dict(outputs[0]["data"]))
                break
            threading.Event().wait(0.02)
        gate.set()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    shown = notebook.one(f'swap_sql("{JOIN}")')
    watching.join(20)

    assert RESULT in shown
    assert seen[0][PROGRESS]["state"] == "running"
    assert seen[0][PROGRESS]["stages"]
    assert seen[0]["text/plain"].startswith(seen[0][PROGRESS]["headline"])


def test_an_interrupt_cancels_at_the_source(notebook: Notebook, swap_gateway: Gateway) -> None:
    swap_gateway.lake.behaviour.gate = threading.Event()
    notebook.interrupt_when(lambda: swap_gateway.lake.running)

    said = failure(notebook, f'swap_sql("{BIG}")')

    assert swap_gateway.lake.running == 0
    assert re.search(r"Cancelled: by you\nStopped (in lake )?after [\d.]+ s\.", said)


def test_a_mistake_shows_the_nearest_names_and_nothing_of_our_code(notebook: Notebook) -> None:
    outputs = notebook.run('swap_sql("SELECT page_titel FROM lake.wmf.pageview_hourly")', fails=True)

    (error,) = outputs
    assert "page_titel" in error["evalue"]
    assert "  page_title" in error["evalue"]
    assert "curl" not in str(error["traceback"])


def test_an_error_is_caught_by_its_kind_and_has_its_parts(notebook: Notebook) -> None:
    notebook.run(
        "locked <- tryCatch(swap_sql('SELECT city FROM lake.wmf.pageview_hourly'), swap_forbidden = identity)\n"
        "no_select <- tryCatch(swap_sql('DROP TABLE x'), swap_error = conditionMessage)"
    )

    assert value(notebook, "locked$problem[c('rule', 'ask')]") == {"rule": "below-country", "ask": "data-privacy"}
    assert "DROP is not a SELECT" in str(value(notebook, "no_select"))


PARAMS = [
    ('"O\'Hara ö \\\\ \\""', "text", "O'Hara ö \\ \""),
    ("42L", "integer", "42"),
    ("5", "integer", "5"),
    ("0.1 + 0.2", "double", "0.30000000000000004"),
    ("TRUE", "boolean", "true"),
    ('as.Date("2026-11-22")', "date", "2026-11-22"),
    ('as.POSIXct("2026-11-22 10:00:00.25", tz = "UTC")', "timestamp", "2026-11-22 10:00:00.250000"),
    ('as.POSIXct("2026-11-22 10:00:00", tz = "America/New_York")', "timestamp", "2026-11-22 15:00:00"),
    ('bit64::as.integer64("9007199254740993")', "bigint", "9007199254740993"),
    ("NULL", None, None),
    ("Inf", "double", "Infinity"),
]


def test_parameters_keep_their_types(notebook: Notebook) -> None:
    for written, type_, shown in PARAMS:
        table = notebook.one(f'swap_sql("SELECT :x AS x", list(x = {written}))')[RESULT]
        assert table["page"]["rows"] == [[shown]], written
        assert type_ is None or table["columns"][0]["type"] == type_, written


def test_several_values_are_a_list(notebook: Notebook) -> None:
    asked = 'swap_sql("SELECT page_id FROM lake.wmf.pageview_hourly WHERE country_code IN :c ORDER BY 1", list(c = {}))$page_id'
    assert value(notebook, asked.format('c("DE", "IN")')) == [1, 2, 5]
    assert value(notebook, asked.format('list("IN")')) == 5
    assert value(notebook, asked.format('factor(c("FR", "FR"))')) == [3, 4]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("list(x = NA)", "has no value"),
        ("list(x = c(1, NA))", "has no value"),
        ("list(x = data.frame(a = 1))", "is a data.frame, which a statement cannot take"),
        ("list(x = sum)", "is a function, which a statement cannot take"),
        ("list(1)", "Parameters have names"),
        ('list("a b" = 1)', "cannot be the name of a parameter"),
    ],
)
def test_what_no_statement_can_take_is_refused_before_anything_is_asked(
    notebook: Notebook, swap_gateway: Gateway, given: str, said: str
) -> None:
    assert said in failure(notebook, f'swap_sql("SELECT :x", {given})')


def test_what_there_is_to_ask_are_data_frames(notebook: Notebook) -> None:
    assert value(notebook, "swap_sources()$name") == ["lake", "mediawiki"]
    assert "lake.wmf.pageview_hourly" in value(notebook, 'swap_tables("lake.wmf.*")$name')  # type: ignore[operator]
    assert value(notebook, 'nrow(swap_tables("private"))') == 0
    city = value(notebook, 'subset(swap_columns("lake.wmf.pageview_hourly"), name == "city")[c("readable", "ask")]')
    assert city == [{"readable": False, "ask": "data-privacy"}]
    assert value(notebook, "swap_describe('lake.\"wmf\".pageview_hourly')$comment") == "Views by hour"
    assert "This is not the name of a table" in failure(notebook, 'swap_describe("lake")')


def test_only_swaps_functions_are_on_the_search_path(notebook: Notebook) -> None:
    assert value(notebook, 'ls("package:swap")') == [
        "swap_columns",
        "swap_describe",
        "swap_help",
        "swap_sources",
        "swap_sql",
        "swap_tables",
    ]
    assert value(notebook, "exists('arrow_reader')") is False
    notebook.run("set.seed(1); first <- runif(1); set.seed(1)")
    notebook.run('invisible(swap_sql("SELECT 1 AS one"))')
    assert value(notebook, "first == runif(1)") is True


def test_a_token_that_is_refused_is_renewed(notebook: Notebook, server: Server) -> None:
    server.value = "not-a-token"
    asked = len(server.asked)
    notebook.run("assign('good_until', 0, envir = environment(swap_sql)$kept)")
    assert value(notebook, 'swap_sql("SELECT 1 AS one")$one') == 1
    assert len(server.asked) == asked + 2


def test_a_token_is_kept_while_it_is_good(notebook: Notebook, server: Server) -> None:
    assert value(notebook, 'swap_sql("SELECT 1 AS one")$one') == 1
    asked = len(server.asked)
    for _ in range(3):
        assert value(notebook, 'swap_sql("SELECT 1 AS one")$one') == 1
    assert len(server.asked) == asked


def test_rows_are_asked_for_anew_when_access_has_changed(
    notebook: Notebook, swap_gateway: Gateway, ann: Person
) -> None:
    notebook.run('pages <- swap_sql("SELECT page_id FROM lake.wmf.pageview_hourly"); first <- head(pages, 1)')
    swap_gateway.set_groups(ann, "readers")
    try:
        assert "lake.wmf.pageview_hourly" in failure(notebook, "pages$page_id")
    finally:
        swap_gateway.set_groups(ann, "analysts")


def test_a_cut_connection_neither_loses_nor_repeats_rows(
    swap_gateway: Gateway, server: Server, proxy: Proxy, tmp_path: Path
) -> None:
    gate = swap_gateway.lake.behaviour.gate = threading.Event()

    def cut_then_open() -> None:
        while not swap_gateway.lake.running or proxy.connections < 2:  # the statement, and the line that tells of it
            threading.Event().wait(0.01)
        proxy.cut()
        gate.set()

    with opened(tmp_path, f"http://127.0.0.1:{proxy.port}", server.path) as notebook:
        cutting = threading.Thread(target=cut_then_open)
        cutting.start()
        notebook.run(f'big <- swap_sql("{BIG}")')
        cutting.join()
        before = proxy.from_server
        reading = threading.Thread(target=lambda: _cut_when(lambda: proxy.from_server > before + 20_000, proxy))
        reading.start()
        assert value(notebook, "list(nrow(big), sum(big$n), length(unique(big$t)))") == [50_000, 1_249_975_000, 50_000]
        reading.join()


def _cut_when(ready: object, proxy: Proxy) -> None:
    for _ in range(2000):
        if ready():  # type: ignore[operator]
            proxy.cut()
            return
        threading.Event().wait(0.001)


def test_a_gateway_that_is_not_there_says_so(server: Server, tmp_path: Path) -> None:
    with opened(tmp_path, "http://127.0.0.1:9", server.path) as notebook:
        assert "SWAP does not answer.\nYour notebook cannot reach its gateway" in failure(
            notebook, 'swap_sql("SELECT 1")'
        )


def test_without_a_server_it_says_what_to_do(swap_gateway: Gateway, tmp_path: Path) -> None:
    with opened(tmp_path, swap_gateway.url, tmp_path / "none.sock") as notebook:
        assert "Restart your server from SWAP's home page" in failure(notebook, 'swap_sql("SELECT 1")')


def test_a_persons_own_library_comes_after_what_the_kernel_needs(
    swap_gateway: Gateway, server: Server, tmp_path: Path
) -> None:
    """A package called jsonlite that breaks: with it in front no kernel starts, which R's own variable shows."""
    made = opened(tmp_path, swap_gateway.url, server.path)
    home = Path(made.environment["HOME"])
    program = str(r.program())
    version = _said(program, "cat(paste(R.version$major, sub('[.].*', '', R.version$minor), sep = '.'))")
    own = home / ".local" / "share" / "swap" / f"R{version}"
    (own / "jsonlite").mkdir(parents=True)
    (own / "jsonlite" / "DESCRIPTION").write_text("Package: jsonlite\nVersion: 99.0\n")
    (home / ".Rprofile").write_text("stop('broken')")

    with made as notebook:
        assert value(notebook, 'swap_sql("SELECT 1 AS one")$one') == 1
        assert value(notebook, ".libPaths()[[1]]") == str(own)

    assert "does not have a namespace" in _said(program, "jsonlite::toJSON(1)", R_LIBS=str(own)), "the control"


def _said(program: str, code: str, **environment: str) -> str:
    done = subprocess.run(
        [program, "--no-echo", "--no-save", "--no-init-file", "-e", code],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_data_frame_of_ones_own_stands_in_from(notebook: Notebook) -> None:
    notebook.run(
        "kinds <- data.frame(country_code = factor(c('DE', 'FR', NA)), kind = c('ä', 'b', 'c'), n = c(1.5, NA, 2), i = 1:3)\n"
        "shown <- swap_sql('SELECT kind, i, n, sum(view_count) AS views FROM lake.wmf.pageview_hourly"
        " JOIN kinds USING (country_code) GROUP BY 1, 2, 3 ORDER BY 2', tables = list(kinds = kinds))"
    )

    assert value(notebook, "as.list(shown)") == {"kind": ["ä", "b"], "i": [1, 2], "n": [1.5, "NA"], "views": [30, 70]}
    notebook.run("again <- swap_sql('SELECT count(*) AS n FROM mine WHERE views > 50', tables = list(mine = shown))")
    assert value(notebook, "again$n") == 1


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("1:3", "is a integer, not a table"),
        ("data.frame(a = 1, A = 2)", "two columns called A"),
        ("data.frame(a = I(list(1)))", "The column a of your table mine cannot be sent"),
        ("data.frame(a = 1i)", "The column a of your table mine cannot be sent"),
        ("data.frame(a = as.Date(Inf))", "moments without end"),
    ],
)
def test_a_table_that_no_statement_takes_is_refused(notebook: Notebook, table: str, said: str) -> None:
    assert said in failure(notebook, f"swap_sql('SELECT * FROM mine', tables = list(mine = {table}))")
