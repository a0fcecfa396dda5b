"""A mistake in a cell of SQL is told in SWAP's words, and what is advised mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integration.client.notebooks import Notebook
from swap.client.show import ERROR

Told = Callable[[str], dict[str, Any]]


@pytest.fixture
def notebook(shared_notebook: Notebook) -> Notebook:
    return shared_notebook


@pytest.fixture
def told(notebook: Notebook) -> Told:
    notebook.run("import pandas as pd\nframe = pd.DataFrame({'n': [1, 2]})\nkinds = {'a': [1]}")

    def run(source: str) -> dict[str, Any]:
        error = notebook.one(source, fails=True)[ERROR]["error"]
        return {
            "says": " ".join(part for part in (error["title"], error["why"], error["todo"]) if part),
            "offers": [each["by"] for each in error["suggestions"]],
        }

    return run


@pytest.mark.parametrize(
    "above", ["# how many\n", "\n\n# one\n   # two\n\n", "# not %%swap\n"], ids=["one", "several", "named"]
)
def test_comments_may_stand_above_the_magic(notebook: Notebook, above: str) -> None:
    notebook.run(f"{above}%%swap one\nSELECT 1 AS a")

    assert notebook.value("one.to_arrow().to_pylist()") == [{"a": 1}]


@pytest.mark.parametrize("source", ["%%swap", "%%swap\n", "%%swap x\n\n", "# how many\n%%swap"])
def test_a_cell_without_sql_is_told_where_it_goes(told: Told, source: str) -> None:
    assert told(source)["says"] == "There is no statement. Write the SQL below %%swap, in the same cell."


def test_a_magic_below_python_is_told_where_it_stands(told: Told) -> None:
    assert told("x = 1\n%%swap\nSELECT 1")["says"].startswith("%%swap stands in the first line of its cell.")


def test_a_string_that_holds_the_magic_is_a_string(notebook: Notebook) -> None:
    assert notebook.one('"""\n%%swap\n"""')["text/plain"] == "'\\n%%swap\\n'"


def test_a_typo_of_a_frame_of_mine_gets_the_frame_before_any_source(told: Told) -> None:
    in_cell, in_call = told("%%swap\nSELECT n FROM frmae"), told("swap.sql('SELECT n FROM frmae')")

    assert in_cell["offers"][0] == in_call["offers"][0] == "frame"
    assert 'in swap.sql with tables={"frame": frame}' in in_call["says"]


def test_a_frame_that_was_not_sent_is_told_as_such_and_no_other_table_offered(told: Told) -> None:
    said = told("swap.sql('SELECT n FROM frame')")

    assert said["offers"] == []
    assert said["says"].endswith('frame is a table of this notebook: write swap.sql(…, tables={"frame": frame}).')


def test_what_is_no_table_yet_is_told_how_it_becomes_one(told: Told) -> None:
    assert told("%%swap\nSELECT a FROM kinds")["says"].endswith(
        "kinds is a dict. Make it a table first: pandas.DataFrame(kinds)."
    )


def test_a_table_of_a_source_is_still_offered(told: Told) -> None:
    assert told("%%swap\nSELECT 1 FROM countries")["offers"] == ["lake.canonical.countries"]


def test_what_is_stored_comes_back(notebook: Notebook) -> None:
    notebook.run("r = swap.sql('SELECT 1 AS a')\n%store r\ndel r")

    assert notebook.value("[get_ipython().run_line_magic('store', '-r r'), r.to_arrow().to_pylist()]") == [
        None,
        [{"a": 1}],
    ]
