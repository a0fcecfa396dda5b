"""The Welcome notebook in R, from Home to its last cell, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import RESULT, open_example, outputs
from stage import Demo, Person

pytestmark = pytest.mark.acceptance


def test_the_welcome_notebook_in_r_runs_from_top_to_bottom(ann: Person, demo: Demo, homes: Path) -> None:
    notebook = open_example(ann.page, demo.url, homes, "Welcome to SWAP, in R")
    notebook.run_all()

    saved = notebook.saved()
    code = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
    assert saved["metadata"]["kernelspec"]["name"] == "swap-r"
    assert [cell for cell in code for each in cell["outputs"] if each["output_type"] == "error"] == []
    tables = [table for cell in code for table in outputs(cell, RESULT)]
    assert [table["rows"] for table in tables[:1]] == [10]
    assert {"manufacturer", "minutes_late"} <= {column["name"] for column in tables[1]["columns"]}
    assert sum(bool(outputs(cell, "image/png")) for cell in code) == 2
    streams = [each for cell in code for each in cell["outputs"] if each["output_type"] == "stream"]
    printed = "".join(line for stream in streams for line in stream["text"])
    assert "of 29425 flights in July" in printed
    assert "page_title" in printed
    assert "below-country" in printed or "data-privacy" in printed
