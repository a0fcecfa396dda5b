"""docs/reference/client.md names everything that is public."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import swap
from swap.client.axes import KINDS
from swap.client.catalog import Description, Table, TableColumn
from swap.client.definitions import Cell
from swap.client.environment import Environment
from swap.client.habits import Column, Habits
from swap.client.installed import Package
from swap.client.notebook import Notebook
from swap.client.result import Page, Result
from swap.client.stored import Stored

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "client.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(swap.__all__))
def test_every_public_name_is_described(name: str) -> None:
    assert re.search(rf"`(swap\.)?{name}\b", PAGE)


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in [*vars(Result), *vars(Habits), "id", "statement", "name"]
        if not name.startswith("_") and name != "run_to_end"
    ),
)
def test_everything_a_result_offers_is_described(name: str) -> None:
    assert re.search(rf"`\.{name}\b", PAGE)


@pytest.mark.parametrize("name", sorted(name for name in vars(Environment) if not name.startswith("_")))
def test_everything_an_environment_offers_is_described(name: str) -> None:
    assert re.search(rf"`\.{name}\b", PAGE)


@pytest.mark.parametrize("name", [name for kind in (Notebook, Stored) for name in vars(kind) if name[0] != "_"])
def test_everything_another_notebook_offers_is_described(name: str) -> None:
    assert re.search(rf"`(\.\w+`, `)*\.{name}\b", PAGE)


@pytest.mark.parametrize("kind", [Cell, Column, Page, Table, TableColumn, Description, Package])
def test_the_fields_of_what_is_listed_are_described(kind: type) -> None:
    for field in inspect.signature(kind).parameters:
        assert re.search(rf"`{field}`", PAGE), field


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_chart_is_described(kind: str) -> None:
    assert f"`{kind}`" in PAGE


@pytest.mark.parametrize("name", ["sql", "tables", "columns", "describe"])
def test_signatures_are_the_real_ones(name: str) -> None:
    parameters = inspect.signature(getattr(swap, name)).parameters
    written = re.search(rf"`swap\.{name}\((.*?)\)`", PAGE)
    assert written is not None
    assert re.findall(r"(\w+)(?==|,|$)", re.sub(r"=\w+", "=", written[1])) == list(parameters)
