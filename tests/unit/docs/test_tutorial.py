from __future__ import annotations

import json
import re
import runpy
import tomllib
from pathlib import Path

import nbformat
import pytest

from swap.demo import configuration, describe, world
from swap.query.language.parse import parse

ROOT = Path(__file__).resolve().parents[3]
TUTORIAL = ROOT / "docs" / "tutorial" / "first-notebook.md"
EXAMPLES = sorted((ROOT / "examples").glob("*.ipynb"))
TABLES = {
    *(f"lake.{name}" for name in describe.LAKE),
    *(f"mediawiki.{wiki}.{name}" for wiki in world.SIZES for name in describe.WIKI_TABLES),
    *(f"mediawiki.nyc.{name}" for name in describe.NYC),
}


def code_cells(path: Path) -> list[str]:
    return [
        "".join(cell["source"])
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]


def test_the_tutorials_code_is_the_welcome_notebooks_in_the_same_order() -> None:
    fenced = re.findall(
        r"^```(?:sql|python)[^\n]*\n(.*?)\n```$", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert fenced == code_cells(ROOT / "examples" / "welcome.ipynb")


def test_every_example_is_what_its_page_says_now() -> None:
    builder = runpy.run_path(str(ROOT / "docs" / "build_notebooks.py"))
    pages = [source.read_text(encoding="utf-8") for source in builder["SOURCES"]]
    made = {name: builder["dump"](document) for page in pages for name, document in builder["notebooks"](page).items()}
    assert made == {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES}, (
        "run: python docs/build_notebooks.py"
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_valid_clean_and_introduces_itself(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(
        cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code"
    )
    assert notebook.metadata.kernelspec.name == ("swap-r" if path.stem.endswith("-in-r") else "swap")
    assert all(notebook.metadata.swap[key] for key in ("title", "summary", "tag"))


def statements(path: Path) -> list[str]:
    found = []
    for source in code_cells(path):
        if source.startswith("%%swap"):
            found.append(source.partition("\n")[2])
        found += re.findall(r'swap\.sql\(\s*"""(.*?)"""', source, re.DOTALL) + re.findall(
            r'swap\.sql\("([^"\n]+)"\)', source
        )
        found += re.findall(r'swap_sql\(\s*"([^"]+)"', source)
    return found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_statement_is_one_that_swap_reads_from_tables_of_the_demo(path: Path) -> None:
    assert statements(path)
    for statement in statements(path):
        params = dict.fromkeys(re.findall(r"(?<![:\w]):([a-z]\w*)", statement), "x")
        parse(statement, params, 65_536)
        named = set(re.findall(r"\b(?:lake|mediawiki)\.\w+\.\w+\b", statement))
        assert named
        assert named <= TABLES


def test_only_the_two_mistakes_may_raise() -> None:
    cells = json.loads((ROOT / "examples" / "welcome.ipynb").read_text(encoding="utf-8"))["cells"]
    raising = ["".join(cell["source"]) for cell in cells if "raises-exception" in cell["metadata"].get("tags", [])]
    assert len(raising) == 2
    assert "page_titel" in raising[0]
    assert "SELECT city" in raising[1]


def test_the_forbidden_cell_is_locked_in_the_demo_and_says_as_whom_to_sign_in() -> None:
    denials = tomllib.loads(configuration.TEMPLATE)["policy"]["denials"]
    assert any(
        "lake.wmf.pageview_hourly.city" in denial["on"] and denial["unless_groups"] == ["data-privacy"]
        for denial in denials
    )
    assert "Sign in as **bertrand** (password `demo-bertrand`)" in TUTORIAL.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_no_line_of_code_is_wider_than_a_cell(path: Path) -> None:
    assert [line for source in code_cells(path) for line in source.splitlines() if len(line) > 95] == []
