from __future__ import annotations

import pytest

from swap.toml_lines import Lines

DOCUMENT = '''\
top = 1
dotted.key = 2
text = """
fake = 3
[fake]
"""
"quoted key" = "a # b [ c"

[table]
list = [
  # comment with [ brackets
  { name = "one" },
  { name = "two", inner = [1, 2] },
]
after = true
[[rows]]
a = 1
[[rows]]
a = 2
[rows.sub]
b = 3
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 1),
        (("dotted", "key"), 2),
        (("text",), 3),
        (("quoted key",), 7),
        (("table",), 9),
        (("table", "list"), 10),
        (("table", "list", 0, "name"), 12),
        (("table", "list", 1, "inner"), 13),
        (("table", "after"), 15),
        (("rows", 0, "a"), 17),
        (("rows", 1), 18),
        (("rows", 1, "a"), 19),
        (("rows", 1, "sub", "b"), 21),
        (("rows", 1, "missing"), 18),
        (("table", "missing"), 9),
        (("missing",), 1),
        (("fake",), 1),
        ((), 1),
    ],
)
def test_a_value_is_found_on_its_line(path: tuple[str | int, ...], line: int) -> None:
    assert Lines(DOCUMENT).of(path) == line
