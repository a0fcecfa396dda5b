from __future__ import annotations

import json
from typing import Any

import pytest

import notebooks
from swap.errors import Invalid, LimitExceeded
from swap.reading import document


def load(value: Any) -> dict[str, Any]:
    return document.load(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a notebook"),
        (b"\x00\xff", "not a notebook"),
        (b"[]", "not a notebook"),
        (b"{}", "not a notebook"),
        (b'{"nbformat": 4}', "not a notebook"),
        (b'{"nbformat": 4, "cells": {}}', "not a notebook"),
        (b'{"nbformat": "4", "cells": []}', "not a notebook"),
        (b'{"nbformat": 3, "worksheets": []}', "format 3"),
        (b'{"nbformat": 5, "cells": []}', "format 5"),
        (b'{"nbformat": ' + b"9" * 3000 + b', "cells": []}', "nobody knows"),
        (b"[" * 1_000_000, "not a notebook"),
        (b'{"nbformat": 4, "cells": ' + b'[{"a":' * 500_000, "not a notebook"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_what_is_no_notebook_in_format_4_is_told_so(content: bytes, says: str) -> None:
    with pytest.raises(Invalid) as told:
        document.load(content)
    assert says in told.value.problem.title
    assert told.value.problem.todo


def test_a_file_that_is_too_large_is_told_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    content = notebooks.content(notebooks.markdown("a" * 2_000_000))
    assert document.load(content)
    monkeypatch.setattr(document, "FILE_BYTES", 1_000_000)
    with pytest.raises(LimitExceeded) as told:
        document.load(content)
    assert "2 MB" in told.value.problem.why


ANYTHING: tuple[Any, ...] = (None, True, 7, -1.5, "text", [], ["a", 1, None, ["b"]], {}, {"a": [1]}, "\ud800")


@pytest.mark.parametrize("value", ANYTHING, ids=repr)
@pytest.mark.parametrize(
    "place",
    ["cell_type", "source", "metadata", "outputs", "attachments", "output", "text", "data", "image/png", "text/html", "traceback", "ename",
     "output metadata", "width", "tags", "jupyter", "application/vnd.swap.result+json", "application/vnd.swap.error+json"],
)  # fmt: skip
def test_every_part_may_be_of_any_type(place: str, value: Any) -> None:
    output: Any = {"output_type": "display_data", "data": {"text/plain": "a"}, "metadata": {}}
    cell: dict[str, Any] = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [output]}
    if place in {"cell_type", "source", "metadata", "outputs", "attachments"}:
        cell[place] = value
    elif place == "output":
        cell["outputs"] = [value]
    elif place == "data":
        output["data"] = value
    elif place in {"text", "traceback", "ename"}:
        cell["outputs"] = [{"output_type": "stream", "text": value}, {"output_type": "error", place: value}]
    elif place in {"output metadata", "width"}:
        output["metadata"] = value if place == "output metadata" else {"width": value, "height": value}
    elif place in {"tags", "jupyter"}:
        cell["metadata"] = {place: value}
    else:
        output["data"] = {place: value}
    for each in document.cells(load(notebooks.notebook(cell))):
        made = document.cell(each)
        assert all(isinstance(one, document.Stream | document.Failure | document.Data) for one in made.outputs)


def test_half_a_pair_is_replaced_so_that_a_browser_can_be_sent_the_rest() -> None:
    (cell,) = document.cells(load(notebooks.notebook(notebooks.markdown("a\ud800b"))))
    assert document.cell(cell).source == "a?b"


def test_what_is_too_much_is_cut_and_says_so() -> None:
    outputs = [notebooks.shown({"text/plain": str(number)}) for number in range(300)]
    (cell,) = document.cells(load(notebooks.notebook(notebooks.code("x" * 300_000, *outputs))))
    made = document.cell(cell)
    assert len(made.outputs) == document.OUTPUTS
    assert made.left_out == 300 - document.OUTPUTS
    assert made.source.endswith("the rest is left out here")
    assert len(made.source) < document.SOURCE_LENGTH + 100


def test_only_what_is_listed_is_kept() -> None:
    output = notebooks.shown({"text/plain": "a", "application/javascript": "go()", "x/y<img>": "b"}, {"trusted": True})
    (cell,) = document.cells(load(notebooks.notebook(notebooks.code("1", output, trusted=True, tags=["hide-input"]))))
    made = document.cell(cell)
    assert made.hides_source
    assert made.outputs == (document.Data({"text/plain": "a"}, {}, {}, ("application/javascript",)),)
    assert "go()" not in repr(made)


def test_what_was_printed_in_pieces_is_one_text_and_errors_stay_apart() -> None:
    pieces = [notebooks.printed("a"), notebooks.printed("b"), notebooks.printed("c", "stderr"), notebooks.printed("d")]
    (cell,) = document.cells(load(notebooks.notebook(notebooks.code("1", *pieces))))
    assert [
        (each.text, each.is_error) for each in document.cell(cell).outputs if isinstance(each, document.Stream)
    ] == [
        ("ab", False),
        ("c", True),
        ("d", False),
    ]
