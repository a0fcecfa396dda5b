"""Which cells another notebook takes: those that only define things."""

from __future__ import annotations

import pytest

from swap.client.definitions import read


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import pandas as pd, os.path\nfrom re import sub as replace", ("pd", "os", "replace")),
        ("from __future__ import annotations\n\ndef f(x: int = 3) -> int:\n    return x", ("annotations", "f")),
        ("@property\ndef f(): ...\nasync def g(): ...", ("f", "g")),
        ("class Page(dict):\n    size = len('x')", ("Page",)),
        ("LIMIT = 10\nA = B = -1.5\nNAMES: tuple[str, ...] = ('a', 'b')", ("LIMIT", "A", "B", "NAMES")),
        ("RATES = {'de': 1 + 2, 'fr': [3, {4}]}\ncount: int", ("RATES", "count")),
        ("'''What these are for.'''\npass", ()),
        ("", ()),
    ],
)
def test_imports_functions_classes_and_constants_are_taken(source: str, names: tuple[str, ...]) -> None:
    cell = read(1, source)

    assert (cell.names, cell.left_out) == (names, "")


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("print(1)", 1),
        ("import os\n\nos.remove('x')", 3),
        ("x = f()", 1),
        ("x = [f()]", 1),
        ("x = {**other}", 1),
        ("x = f'{y}'", 1),
        ("x = y", 1),
        ("a, b = 1, 2", 1),
        ("x.y = 1", 1),
        ("x: int = f()", 1),
        ("if True:\n    import os", 1),
        ("for x in ():\n    pass", 1),
        ("x += 1", 1),
        ("def f(): ...\nf", 2),
    ],
)
def test_a_cell_that_does_something_is_left_out_as_a_whole(source: str, line: int) -> None:
    assert read(1, source).left_out == f"line {line} runs something"


@pytest.mark.parametrize("source", ["%%swap pages\nSELECT 1", "!ls", "x = %swap SELECT 1", "a\0b", "(" * 5_000])
def test_what_is_not_python_alone_is_left_out(source: str) -> None:
    assert read(1, source).left_out == "it is not Python alone"


def test_names_that_were_left_out_are_known() -> None:
    assert read(4, "def clean(x): ...\nclean(3)").names == ("clean",)
