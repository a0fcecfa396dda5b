"""Whether there is memory for what can wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from swap.launch.room import has_memory


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:    101 kB\nHugePages_Total:       0\n", True),
        ("MemTotal:       1000 kB\nMemFree:  900 kB\nMemAvailable:    100 kB\n", False),
        ("MemTotal:       1000 kB\n", True),
        ("", True),
    ],
)
def test_a_tenth_is_kept_free_as_the_kernel_counts_it(tmp_path: Path, text: str, has: bool) -> None:
    told = tmp_path / "meminfo"
    told.write_text(text, encoding="ascii")
    assert has_memory(told) is has


def test_where_the_kernel_does_not_say_there_is(tmp_path: Path) -> None:
    assert has_memory(tmp_path / "nothing")
