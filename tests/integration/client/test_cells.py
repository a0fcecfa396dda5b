"""What a cell shows, in a real kernel of the kernel environment, against the real gateway."""

from __future__ import annotations

import re
import threading

import nbformat
import pytest
from sqlalchemy import select

from integration.client.conftest import Server
from integration.client.notebooks import Notebook
from integration.gateway.gateways import Gateway
from integration.gateway.test_notebooks import Home
from swap import content
from swap.db.notebook_tables import notebook_lineage
from swap.db.tables import lineage

RESULT, ERROR, PROGRESS = (f"application/vnd.swap.{name}+json" for name in ("result", "error", "progress"))
JOIN = (
    "SELECT v.page_title, sum(v.view_count) AS views FROM lake.wmf.pageview_hourly v JOIN mediawiki.enwiki.page p USING"
    " (page_id) GROUP BY 1 ORDER BY 2 DESC"
)


@pytest.fixture
def notebook(shared_notebook: Notebook) -> Notebook:
    return shared_notebook


def test_a_cell_of_sql_shows_its_table_and_leaves_it_in_its_name(notebook: Notebook) -> None:
    shown = notebook.one(f"%%swap pages\n{JOIN}")

    assert shown[RESULT]["name"] == "pages"
    assert shown[RESULT]["page"]["rows"] == [["C", "30"], ["B", "20"], ["A", "10"]]
    assert shown[RESULT]["home"] == "http://localhost:8000"
    assert notebook.value("pages.to_pandas().views.tolist()") == [30, 20, 10]


def test_the_last_expression_shows_once(notebook: Notebook) -> None:
    notebook.run("import swap")

    shown = notebook.one(f'swap.sql("{JOIN}")')

    assert shown[RESULT]["rows"] == 3
    assert "C" in shown["text/html"]
    assert shown["text/plain"].splitlines()[0].split() == ["page_title", "views"]


def test_nothing_in_a_statement_is_taken_for_a_variable(notebook: Notebook) -> None:
    """IPython would put values in the place of {…} and $name in a line that is not SQL."""
    notebook.run('n = "\' OR true --"')

    notebook.run("few = %swap SELECT n FROM lake.big.numbers WHERE regexp_full_match(t, 'row [0-9]{1}')")
    notebook.run("none = %swap SELECT n FROM lake.big.numbers WHERE t = '$n'")
    notebook.run(
        "%%swap cell\nSELECT n FROM lake.big.numbers WHERE t IN ('$n', '{n}') OR regexp_full_match(t, 'row .{2}')"
    )

    assert notebook.value("[few.rows, none.rows, cell.rows]") == [10, 0, 90]


def test_swap_is_there_without_an_import_and_is_no_variable_of_the_person(own_notebook: Notebook) -> None:
    own_notebook.run('one = swap.sql("SELECT 1 AS one")')

    assert own_notebook.value("one.rows") == 1
    assert "swap" not in own_notebook.value("get_ipython().run_line_magic('who_ls', '')")


def test_an_assigned_result_leaves_one_line(notebook: Notebook) -> None:
    notebook.run("import swap")

    assert notebook.one(f'pages = swap.sql("{JOIN}", name="pages")').keys() == {"text/plain"}
    assert notebook.document.cells[-1].outputs[0]["data"]["text/plain"].startswith("pages: 3 rows × 2 columns, ")


def test_an_assigned_result_shown_at_the_end_of_its_cell_takes_the_place_of_its_line(notebook: Notebook) -> None:
    notebook.run("import swap")

    assert RESULT in notebook.one(f'pages = swap.sql("{JOIN}")\npages')
    assert RESULT in notebook.one("pages")
    assert len(notebook.run("display(pages)\npages")) == 2


def test_progress_is_shown_while_a_query_runs_and_only_the_result_is_kept(
    notebook: Notebook, swap_gateway: Gateway
) -> None:
    gate = swap_gateway.lake.behaviour.gate = threading.Event()
    seen: list[dict] = []
    progress = threading.Thread(target=lambda: _watch(notebook, seen, gate), daemon=True)
    progress.start()

    shown = notebook.one(f"%%swap\n{JOIN}")
    progress.join(20)

    assert RESULT in shown
    assert seen
    assert seen[0]["state"] == "running"
    assert seen[0]["headline"] in {
        "Running in lake",
        "Fetching rows from lake",
        "Running in mediawiki",
        "Fetching rows from mediawiki",
    }


def _watch(notebook: Notebook, seen: list[dict], gate: threading.Event) -> None:
    """Collect the progress in the cell's output, then open the gate."""
    for _ in range(1000):
        outputs = notebook.document.cells[-1].outputs if notebook.document.cells else []
        if outputs and PROGRESS in outputs[0]["data"]:
            seen.append(outputs[0]["data"][PROGRESS])
            break
        threading.Event().wait(0.02)
    gate.set()


def test_an_interrupt_cancels_at_the_source_and_leaves_one_line_without_a_traceback(
    own_notebook: Notebook, swap_gateway: Gateway
) -> None:
    swap_gateway.lake.behaviour.gate = threading.Event()
    own_notebook.interrupt_when(lambda: swap_gateway.lake.running)

    shown = own_notebook.one("%%swap\nSELECT n FROM lake.big.numbers", fails=True)

    assert swap_gateway.lake.running == 0
    assert shown[ERROR]["error"]["title"] == "Cancelled: by you"
    assert shown[ERROR]["error"]["category"] == "cancelled"
    assert re.fullmatch(r"Cancelled: by you\nStopped (in lake )?after [\d.]+ s\.", shown["text/plain"])
    assert "Traceback" not in str(shown)


def test_an_interrupt_stops_the_rest_of_run_all(own_notebook: Notebook, swap_gateway: Gateway) -> None:
    swap_gateway.lake.behaviour.gate = threading.Event()
    own_notebook.interrupt_when(lambda: swap_gateway.lake.running)

    code = own_notebook.client.kc.execute("%%swap\nSELECT n FROM lake.big.numbers")
    later = own_notebook.client.kc.execute("after = 1")
    replies: dict[str, str] = {}
    while not {code, later} <= replies.keys():
        reply = own_notebook.client.kc.get_shell_msg(timeout=60)
        replies[reply["parent_header"]["msg_id"]] = reply["content"]["status"]

    assert (replies[code], replies[later]) == ("error", "aborted")


def test_a_mistake_shows_the_nearest_names_and_no_traceback(notebook: Notebook) -> None:
    statement = "SELECT page_titel FROM lake.wmf.pageview_hourly"

    shown = notebook.one(f"%%swap\n{statement}", fails=True)

    assert shown[ERROR]["statement"] == statement
    assert shown[ERROR]["error"]["category"] == "unknown-name"
    assert shown[ERROR]["error"]["suggestions"][0]["by"] == "page_title"
    assert "page_title" in shown["text/plain"]
    assert "page_title" in shown["text/html"]


def test_an_error_that_is_caught_shows_nothing(notebook: Notebook) -> None:
    assert (
        notebook.run(
            'import swap\ntry:\n    swap.sql("DROP TABLE x")\nexcept swap.errors.QueryRefused as error:\n    refused ='
            " error"
        )
        == []
    )
    assert "DROP is not a SELECT" in notebook.value("str(refused)")


def test_a_locked_column_names_the_rule_and_whom_to_ask(notebook: Notebook) -> None:
    error = notebook.one("%%swap\nSELECT city FROM lake.wmf.pageview_hourly", fails=True)[ERROR]["error"]

    assert (error["category"], error["rule"], error["ask"]) == ("forbidden", "below-country", "data-privacy")


def test_what_a_star_left_out_is_said_with_the_result(notebook: Notebook) -> None:
    shown = notebook.one("%%swap\nSELECT * FROM lake.wmf.pageview_hourly LIMIT 2")

    assert any("city" in notice for notice in shown[RESULT]["notices"])
    assert "city" in shown["text/plain"]


def test_variables_of_the_notebook_are_parameters_and_tables(notebook: Notebook) -> None:
    notebook.run(
        "import pandas as pd\nkinds = pd.DataFrame({'country_code': ['DE', 'FR'], 'kind': ['a', 'b']})\nyear, wikis ="
        " 2026, ['DE', 'FR']"
    )

    shown = notebook.one("""%%swap
        SELECT kind, sum(view_count) FROM lake.wmf.pageview_hourly JOIN kinds USING (country_code)
        WHERE year = :year AND country_code IN :wikis GROUP BY kind ORDER BY kind""")

    assert shown[RESULT]["page"]["rows"] == [["a", "20"], ["b", "70"]]


def test_a_parameter_without_a_variable_says_what_to_set(notebook: Notebook) -> None:
    error = notebook.one("%%swap\nSELECT 1 FROM lake.canonical.countries WHERE name = :country", fails=True)[ERROR][
        "error"
    ]

    assert error["todo"] == "Set it in a cell above: country = …"


def test_the_line_magic_returns_a_result(notebook: Notebook) -> None:
    notebook.run("countries = %swap SELECT name FROM lake.canonical.countries ORDER BY 1")

    assert notebook.value("countries.to_arrow().column('name').to_pylist()") == ["France", "Germany", "India"]


def test_a_chart_takes_one_line_and_needs_no_outside_address(notebook: Notebook) -> None:
    notebook.run(f"%%swap pages\n{JOIN}")

    chart = notebook.one('pages.chart("bar", x="views", y="page_title", top=2)')

    spec = chart["application/vnd.vegalite.v6+json"]
    assert spec["title"] == {"text": "views by page_title", "subtitle": "top 2 of 3, from pages"}
    assert next(iter(spec["datasets"].values())) == [{"page_title": "C", "views": 30}, {"page_title": "B", "views": 20}]


def test_the_chart_button_writes_what_holds_the_result(notebook: Notebook) -> None:
    chart = {"kind": "bar", "x": "views", "y": "page_title"}

    shown = notebook.one(f"%%swap pages\n{JOIN}")[RESULT]
    assert (shown["variable"], shown["chart"]) == ("pages", chart)
    shown = notebook.one(f'r = swap.sql("{JOIN}", name="of_another_name")\nr')[RESULT]
    assert (shown["variable"], shown["chart"]) == ("r", chart)
    shown = notebook.one(f'swap.sql("{JOIN}")')[RESULT]
    assert notebook.value(f"{shown['variable']}.id") == shown["id"]
    shown = notebook.one(f'swap.sql("{JOIN}").show()')[RESULT]
    assert shown["variable"] is None


def test_columns_of_one_name_and_two_texts_end_in_words_not_in_a_foreign_exception(notebook: Notebook) -> None:
    notebook.run("%%swap twice\nSELECT 1 AS n, 2 AS n, 'a' AS a, 'b' AS b, [1] AS l")

    assert "No column of this result is a quantity" in notebook.one("twice.chart()", fails=True)["text/plain"]
    assert "2 columns of this result are called n" in notebook.one("twice.chart(y='n')", fails=True)["text/plain"]
    assert "Neither a nor b is a number" in notebook.one("twice.chart(x='a', y='b')", fails=True)["text/plain"]
    assert "l is of the type array" in notebook.one("twice.chart(x='l')", fails=True)["text/plain"]


def test_any_altair_chart_shows_through_our_renderer(notebook: Notebook) -> None:
    chart = notebook.one("import altair as alt\nalt.Chart(alt.Data(values=[{'a': 1}])).mark_point().encode(x='a:Q')")

    assert "application/vnd.vegalite.v6+json" in chart
    assert not any("html" in mime for mime in chart)


def test_tables_are_listed_with_their_locks(notebook: Notebook) -> None:
    shown = notebook.one("import swap\nswap.tables('wmf')")

    assert "lake.wmf.pageview_hourly" in shown["text/plain"]
    locked = notebook.one("swap.columns('lake.wmf.pageview_hourly')")["text/plain"]
    assert "🔒 locked; rule below-country; ask data-privacy" in locked
    assert "private" not in notebook.one("swap.tables()")["text/plain"]


def test_consoles_complete_tables_and_columns(notebook: Notebook) -> None:
    def matches(code: str) -> list[str]:
        notebook.client.kc.complete(code, len(code))
        content = notebook.client.kc.get_shell_msg(timeout=60)["content"]
        return [code[: content["cursor_start"]] + match for match in content["matches"]]

    notebook.run("import swap")
    assert "%%swap\nSELECT 1 FROM lake.wmf.pageview_hourly" in matches("%%swap\nSELECT 1 FROM lake.wmf.pag")
    assert 'swap.sql("SELECT country_code FROM lake.wmf.pageview_hourly WHERE ' not in matches('swap.sql("SEL')
    assert 'swap.sql("SELECT 1 FROM mediawiki.enwiki.page' in matches('swap.sql("SELECT 1 FROM mediawiki.enwiki.pa')
    assert "swap.tables" in matches("swap.tab")


def test_a_table_that_is_saved_comes_from_its_query_alone(
    own_notebook: Notebook, swap_gateway: Gateway, server: Server
) -> None:
    """As a real kernel draws it; what is not a result comes from all that the kernel has read."""
    own_notebook.run("few = %swap SELECT n FROM lake.big.numbers LIMIT 3")
    own_notebook.run(f"%%swap pages\n{JOIN}")
    own_notebook.run(f'swap.sql("{JOIN}")')
    own_notebook.run("print(pages.rows)")
    document = nbformat.v4.new_notebook(cells=own_notebook.document.cells[1:])

    Home(swap_gateway, server.person).save(document, kernel_id="k1").raise_for_status()

    with swap_gateway.database.engine("owner").begin() as conn:
        columns = select(notebook_lineage.c.outputs, lineage.c.columns).join(
            lineage, lineage.c.digest == notebook_lineage.c.lineage
        )
        found = {part.hex(): {table for _, _, table, _ in read} for part, read in conn.execute(columns)}
    cells = content.read(content.take_apart(document).manifest).cells
    joined = {"page", "pageview_hourly"}
    assert [found[cell.outputs] for cell in cells if cell.outputs] == [joined, joined, joined | {"numbers"}]
