"""Names in SQL, and new notebooks."""

from __future__ import annotations

import time

import nbformat
import pytest

from swap.notebooks import model


def test_the_statement_for_a_table_names_it_in_full() -> None:
    assert model.select("lake", "wmf", "page view") == 'SELECT *\nFROM lake.wmf."page view"\nLIMIT 10'


def test_a_new_notebook_is_valid_and_its_first_cell_is_sql() -> None:
    document = model.new("SELECT 1", "a1")
    nbformat.validate(document)
    assert document["cells"][0]["source"] == "%%swap result\nSELECT 1"


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"cells": "x"},
        {"cells": [{"cell_type": "markdown", "source": "no heading"}]},
        {"cells": [{"cell_type": "code", "source": "# comment"}]},
    ],
)
def test_without_a_heading_the_name_is_the_title(document: object) -> None:
    assert model.title(document, "name") == "name"


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("# Readers", "Readers"),
        ("  ## Readers ##  ", "Readers"),
        ("# *Mobile* `readers`", "Mobile readers"),
        ("# C# and `x`", "C# and x"),
        ("#no space", "name"),
        ("# ", "name"),
    ],
)
def test_the_title_is_the_heading_without_its_marks(line: str, title: str) -> None:
    assert model.title({"cells": [{"cell_type": "markdown", "source": line}]}, "name") == title


@pytest.mark.parametrize(
    "line", ["# a" + " " * 20_000 + "x", "# a" + " #" * 20_000 + "x", "# a" + "#" * 20_000 + "x", "#" + " " * 20_000]
)
def test_a_heading_made_to_be_slow_holds_the_portal_up_for_no_moment(line: str) -> None:
    began = time.monotonic()
    model.title({"cells": [{"cell_type": "markdown", "source": line}]}, "name")

    assert time.monotonic() - began < 1
