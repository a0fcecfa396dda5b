"""What people see of a notebook is what nbconvert would show of it."""

from __future__ import annotations

import json
import warnings

import nbformat
import pytest

import notebooks
import visible
from swap.reading import render


@pytest.mark.parametrize("seed", range(3))
def test_the_same_words_are_seen_as_of_nbconvert(seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbconvert.exporters import HTMLExporter  # noqa: PLC0415 — it warns when it is imported

        content = json.dumps(notebooks.typical(30, 100_000, seed))
        theirs, _ = HTMLExporter().from_notebook_node(nbformat.reads(content, as_version=4))
    ours = render.render(content.encode(), render.cache()).html
    words = visible.text(ours)
    assert words == visible.text(theirs)
    assert len(words) > 1000
    assert "data:" not in ours
