"""What is said of outputs that changed and that somebody may not see."""

from __future__ import annotations

from typing import Any

import pytest

import notebooks
import saves
from swap import content
from swap.notebooks import changes

BERLIN, PARIS = notebooks.printed("Berlin"), notebooks.shown({"image/png": notebooks.png(40, 40)})


@pytest.mark.parametrize(
    ("before", "after", "told", "open_"),
    [
        ([], [BERLIN], "Has outputs now that you may not see.", "Has 1 output now."),
        ([BERLIN], [PARIS], "Outputs changed; you may not see them.", "Outputs changed: 1 output now. Images changed."),
        ([BERLIN], [], "Outputs were cleared.", "Outputs were cleared."),
        ([BERLIN], [BERLIN], "", ""),
    ],
)
def test_of_hidden_outputs_is_said_that_they_changed_and_nothing_of_them_is_read(
    before: list[Any], after: list[Any], told: str, open_: str
) -> None:
    old, new = (content.take_apart(saves.notebook(source, outputs={0: each})) for source, each in (("aaa1", before), ("aaa2", after)))  # fmt: skip
    cells = [content.read(each.manifest).cells for each in (old, new)]
    parts = old.parts | new.parts
    hidden = {cell.outputs for side in cells for cell in side if cell.outputs}
    seen = {name: part for name, part in parts.items() if name not in hidden}
    assert [each.outputs for each in changes.between(*cells, seen.__getitem__, hidden)] == [told]
    assert [each.outputs for each in changes.between(*cells, parts.__getitem__)] == [open_]
