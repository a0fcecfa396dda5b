"""Outputs that whoever saves does not see: they stay where they are, and nothing tells how large they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swap import content
from swap.content import Cell, Manifest
from swap.errors import LimitExceeded
from swap.notebooks import history, keeping

HIDDEN, IMAGE = "b" * 64, "c" * 64


class Sources:
    """Sources of cells by their names."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}

    def cell(self, text: Any, name: str | None = None, outputs: str | None = None, **more: Any) -> Cell:
        made = {"cell_type": "code", "metadata": {}, "source": text} | ({"id": name} if name else {}) | more
        part = json.dumps(made).encode()
        self.parts[content.digest(part)] = part
        return Cell(content.digest(part), outputs, (IMAGE,) if outputs else ())


@pytest.fixture
def sources() -> Sources:
    return Sources()


def kept(sources: Sources, before: list[Cell], sent: list[Cell]) -> list[str | None]:
    manifests = [Manifest({}, 5, tuple(cells)) for cells in (before, sent)]
    made = keeping.keep(manifests[0], manifests[1], {HIDDEN}, sources.parts.__getitem__).cells
    assert all(cell.images == ((IMAGE,) if cell.outputs == HIDDEN else ()) for cell in made)
    assert [cell.source for cell in made] == [cell.source for cell in sent]
    return [cell.outputs for cell in made]


def test_they_stay_with_the_cell_as_it_is_wherever_it_stands(sources: Sources) -> None:
    was, other = sources.cell("x", "one", HIDDEN), sources.cell("y", "two")
    assert kept(sources, [was, other], [other, sources.cell("x", "one")]) == [None, HIDDEN]


@pytest.mark.parametrize(
    ("text", "name", "more", "stays"),
    [
        ("x", "one", {"metadata": {"tags": ["a"]}}, True),
        ("x", "two", {}, False),
        ("x > 1", "one", {}, False),
        ("x", "one", {"cell_type": "markdown"}, False),
        (["x"], "one", {}, False),
    ],
)
def test_another_cell_has_none_of_them(
    sources: Sources, text: Any, name: str, more: dict[str, Any], stays: bool
) -> None:
    was = sources.cell("x", "one", HIDDEN)
    assert kept(sources, [was], [sources.cell(text, name, **more)]) == [HIDDEN if stays else None]


def test_a_cell_that_had_no_id_is_told_again_by_its_text(sources: Sources) -> None:
    was = sources.cell("x", None, HIDDEN)
    assert kept(sources, [was], [sources.cell("x", "given"), sources.cell("x", "pasted")]) == [HIDDEN, None]


def test_what_comes_with_outputs_of_its_own_keeps_those(sources: Sources) -> None:
    was, own = sources.cell("x", "one", HIDDEN), sources.cell("x", "one")
    sent = Cell(own.source, "d" * 64, ())
    assert kept(sources, [was], [sent]) == ["d" * 64]


def test_a_source_that_nobody_can_read_is_the_same_when_all_of_it_is(sources: Sources) -> None:
    name = content.digest(b"[")
    sources.parts[name] = b"["
    was = Cell(name, HIDDEN, (IMAGE,))
    assert kept(sources, [was], [sources.cell("x", "one"), Cell(name, None, ())]) == [None, HIDDEN]


def test_a_hidden_part_is_measured_by_the_megabyte() -> None:
    """What an error says of the size of a save must not tell the size of what is in it and not seen."""
    cell = Cell("a" * 64, HIDDEN, ())
    made = Manifest({}, 5, (cell,))

    def fits(hidden_bytes: int, sent_bytes: int, *hidden: str) -> bool:
        try:
            history.demand_small(made, {cell.source: (sent_bytes, 1), HIDDEN: (hidden_bytes, 1)}, hidden)
        except LimitExceeded:
            return False
        return True

    most = content.WHOLE_BYTES
    assert [fits(size, most - 1_000_000, HIDDEN) for size in (1, 500_000, 1_000_000)] == [True] * 3
    assert [fits(size, most - 999_999, HIDDEN) for size in (1, 500_000, 1_000_000)] == [False] * 3
    assert [fits(size, most - 500_000) for size in (1, 500_000, 500_001)] == [True, True, False], "the control"
