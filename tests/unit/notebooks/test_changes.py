"""What is said of a cell that changed: its text by line, what else is new, and nothing of outputs that are hidden."""

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


def cell(source: str = "aaa = 1", **more: Any) -> dict[str, bytes]:
    taken = content.take_apart(notebooks.notebook(notebooks.code(source) | {"id": "aaa"} | more))
    (found,) = content.read(taken.manifest).cells
    return {found.source: taken.parts[found.source]}


def change(before: dict[str, bytes], after: dict[str, bytes]) -> changes.Change:
    sides = [[content.Cell(name, None, ()) for name in side] for side in (before, after)]
    (found,) = changes.between(*sides, (before | after).__getitem__)
    return found


@pytest.mark.parametrize(
    ("before", "after", "beside"),
    [
        (cell(), cell("aaa = 2"), False),
        (cell(), cell(metadata={"tags": ["hidden"]}), True),
        (cell(), cell("aaa = 2", metadata={"tags": ["hidden"]}), True),
        (cell(), cell("aaa = 2", cell_type="markdown"), True),
        (cell(cell_type="raw"), cell(cell_type="raw", attachments={"a.png": {"image/png": "AAAA"}}), True),
        ({}, cell(), False),
        ({}, cell(metadata={"jupyter": {"source_hidden": True}}), True),
        (cell(metadata={"tags": ["hidden"]}), {}, False),
    ],
)
def test_it_is_said_when_more_than_the_text_is_new(
    before: dict[str, bytes], after: dict[str, bytes], beside: bool
) -> None:
    assert change(before, after).beside is beside


def test_a_line_does_not_look_like_another_one() -> None:
    turned = change(cell(), cell("if who != 'ann\u202e \u2066# only ann\u2069 \u2066': pass"))
    assert [each.text for each in turned.lines if each.mark == "+"] == [
        "if who != 'ann⟨U+202E⟩ ⟨U+2066⟩# only ann⟨U+2069⟩ ⟨U+2066⟩': pass"
    ]


def test_parts_that_are_nested_deeply_are_compared() -> None:
    name, deep = (
        "a" * 64,
        '{"source":"aaa = %d","id":"aaa","cell_type":"code","metadata":' + "[" * 900 + "]" * 900 + "}",
    )
    assert change({name: (deep % 1).encode()}, {"b" * 64: (deep % 2).encode()}).what == "changed"
