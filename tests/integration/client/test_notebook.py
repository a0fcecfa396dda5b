"""A colleague's functions and result tables in a notebook, by way of the real gateway."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

import notebooks
import swap
from integration.client.notebooks import Notebook
from integration.gateway.gateways import Gateway, Person
from integration.gateway.test_notebooks import Home
from swap.errors import Forbidden, Invalid, NotFound

PAGES = "SELECT page_id, price FROM lake.wmf.pageview_hourly ORDER BY page_id"
SQL = f"%%swap pages\n{PAGES}"
HELPERS = '''from __future__ import annotations

import dataclasses
import re

LIMIT = 5

@dataclasses.dataclass
class Page:
    title: str
    size: int | None = None

def clean(title: str) -> Page:
    """Return a page."""
    return Page(re.sub("_", " ", title)[:LIMIT])
'''
EVERYONE = text(
    "INSERT INTO swap.notebook_share (notebook_id, kind, whom, role, shared_by, at)"
    " SELECT id, 'everyone', '', 'view', person_id, :at FROM swap.notebook WHERE id = :id"
)


class Colleague:
    """Somebody who shares all notebooks with everyone."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self.gateway, self.name = gateway, name
        self.person = gateway.person(name, "analysts")
        self.home = Home(gateway, self.person)

    def saves(self, path: str, *cells: dict[str, Any], **more: Any) -> int:
        for at, cell in enumerate(cells):
            cell["id"] = f"cell{at + 1}"
        answer = self.home.save(notebooks.notebook(*cells), path=f"{path}.ipynb", **more).json()
        if answer["version"] == 1:
            with self.gateway.database.engine("owner").begin() as conn:
                conn.execute(EVERYONE, {"id": answer["notebook"], "at": datetime.now(UTC)})
        return int(answer["version"])


@pytest.fixture
def bob(swap_gateway: Gateway, request: pytest.FixtureRequest) -> Colleague:
    return Colleague(swap_gateway, f"bob {request.node.name}")


def shown(statement: str, name: str) -> dict[str, Any]:
    """Return the output of a cell that runs a statement, as a notebook has it."""
    data = swap.sql(statement, name=name)._bundle()
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}


@pytest.mark.usefixtures("notebook_side")
def test_functions_are_those_of_the_version(bob: Colleague) -> None:
    text_, runs = notebooks.markdown("# Helpers"), notebooks.code("import os\nos.environ['RAN'] = '1'\ndef late(): ...")
    version = bob.saves("helpers", text_, notebooks.code(HELPERS), notebooks.code(SQL), runs)
    bob.saves("helpers", notebooks.code("LIMIT = 1"), base=version)

    helpers = swap.notebook(f"{bob.name}/helpers@1")
    page = helpers.clean("Main_Page_of_it")
    assert (page.title, helpers.LIMIT, page) == ("Main ", 5, helpers.Page("Main "))
    assert helpers.module.__name__.startswith("swap_notebook_")
    assert {"clean", "Page", "LIMIT", "result"} <= set(dir(helpers))
    assert repr(helpers).splitlines() == [
        f"{bob.name}/helpers@1; the newest is 2",
        "  cell 2: annotations, dataclasses, re, LIMIT, Page, clean",
        "  cell 3 is left out: it is not Python alone",
        "  cell 4 is left out: line 2 runs something",
    ]
    with pytest.raises(AttributeError, match="cell 4, which defines it, was left out, for line 2 runs something"):
        helpers.late()
    with pytest.raises(AttributeError, match="gives no nothing"):
        _ = helpers.nothing
    with pytest.raises(TypeError) as failed:
        helpers.clean(3)
    assert "re.sub(" in "".join(traceback.format_exception(failed.value)), "its lines are shown"
    assert swap.notebook(f"{bob.name}/helpers@2").LIMIT == 1
    with pytest.raises(Invalid, match=f'Write "{bob.name}/helpers@2": 2 is the newest'):
        swap.notebook(f"{bob.name}/helpers")
    with pytest.raises(NotFound, match="no version 3"):
        swap.notebook(f"{bob.name}/helpers@3")
    with pytest.raises(Invalid, match="Name a notebook"):
        swap.notebook("")


@pytest.mark.usefixtures("notebook_side")
def test_a_cell_that_does_not_run_here_is_named(bob: Colleague) -> None:
    bob.saves("needs", notebooks.code("import no_such_package"))
    with pytest.raises(Invalid, match=r"Cell 1 of .*needs@1 does not run here") as failed:
        swap.notebook(f"{bob.name}/needs@1")
    assert "%pip install no_such_package" in str(failed.value)


@pytest.mark.usefixtures("notebook_side")
def test_result_tables_are_taken_with_the_rights_of_this_moment(
    bob: Colleague, ann: Person, swap_gateway: Gateway
) -> None:
    few, many = shown(PAGES, "pages"), shown("SELECT n, t FROM lake.big.numbers", "many")
    plain = notebooks.code("len('pages')", notebooks.printed("5"))
    cells = notebooks.code(SQL, few), notebooks.code("many", many), plain
    with bob.person.client() as client:
        asked = {"statement": PAGES, "wait": 10}
        assert client.post("/v1/queries", json=asked).json()["state"]["state"] == "done"
    bob.saves("results", *cells, kernel_id="k1")

    results = swap.notebook(f"{bob.name}/results@1")
    pages = results.result("pages")
    assert pages.to_arrow() == swap.sql(PAGES).to_arrow()
    assert (pages.statement, pages.whole, pages.rows) == (PAGES, True, 6)
    assert pages == results.result("cell1") == results.result(1)
    assert pages.to_pandas().page_id.sum() == swap.sql(PAGES).to_pandas().page_id.sum()
    with pytest.raises(Invalid, match="10 of 50,000 rows"):
        results.result("many").to_pandas()
    assert results.result("many").to_arrow(part=True).num_rows == 10
    for nothing in ("others", "cell3", 3, 9, "not a name"):
        with pytest.raises(NotFound, match="shows no result table"):
            results.result(nothing)

    swap_gateway.set_groups(ann, "readers")
    with pytest.raises(Forbidden, match="You may not see what cell 1 of results shows"):
        results.result("pages")
    assert "3 cells with outputs that you may not see" in repr(swap.notebook(f"{bob.name}/results@1"))


def test_in_a_kernel_it_is_one_line(bob: Colleague, shared_notebook: Notebook) -> None:
    bob.saves("helpers", notebooks.code(HELPERS))

    (output,) = shared_notebook.run(f"helpers = swap.notebook('{bob.name}/helpers@1')\nprint(helpers.clean('a_b'))")
    assert output["text"] == "Page(title='a b', size=None)\n"
    (output,) = shared_notebook.run("import inspect; print(inspect.getsource(helpers.clean))")
    assert 'return Page(re.sub("_", " ", title)[:LIMIT])' in output["text"]
