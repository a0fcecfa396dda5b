"""docs/reference/r.md names everything that is public."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from swap import r

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "r.md").read_text(encoding="utf-8")
CODE = "\n".join(path.read_text(encoding="utf-8") for path in r.FILES.glob("*.R"))
GIVEN = re.findall(r'"(\w+)"', re.findall(r"given <- c\((.*?)\)", (r.FILES / "load.R").read_text(), re.DOTALL)[0])


@pytest.mark.parametrize("name", GIVEN)
def test_each_function_stands_there_as_it_is_written(name: str) -> None:
    (arguments,) = re.findall(rf"^{name} <- function\((.*)\)", CODE, re.MULTILINE)
    assert f"`{name}({arguments.partition(') ')[0].replace('LISTED', '1000')})`" in PAGE


def test_there_are_functions() -> None:
    assert "swap_sql" in GIVEN


def test_the_example_names_only_functions_that_there_are() -> None:
    example = (Path(__file__).parents[3] / "examples" / "welcome-in-r.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\bswap_(?:\w+)(?=\()", example)) <= set(GIVEN)
