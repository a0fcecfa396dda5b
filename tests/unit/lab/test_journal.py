"""What waits in a home to be said to SWAP's store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from swap.lab.journal import Entry, Journal
from swap.lab.saving import Saving

FIRST = Entry("1-a", "saved", "a.ipynb", base=3)
OTHER = Entry("2-b", "saved", "b.ipynb")
SECOND = Entry("3-c", "saved", "a.ipynb")
THIRD = Entry("4-d", "saved", "a.ipynb")


def filled(home: Path) -> Journal:
    journal = Journal(home)
    for entry in (FIRST, OTHER, SECOND, THIRD):
        journal.add(entry, b"{}", lasting=False)
    return journal


def test_who_comes_next_knows_what_it_follows_before_the_one_before_is_forgotten(tmp_path: Path) -> None:
    """A server that ends between the two would ask its person about a conflict that there is none of."""
    journal = filled(tmp_path)
    nobody: Any = None
    Saving(tmp_path, nobody)._lead_on(FIRST, 4)
    assert journal.waiting() == [FIRST, OTHER, replace(SECOND, base=4), THIRD]


def test_what_was_left_half_done_is_removed_and_nothing_else(tmp_path: Path) -> None:
    journal = filled(tmp_path)
    folder = tmp_path / ".swap" / "saving"
    for name in ("5-e.ipynb", "6-f.new", "7-g.json"):
        (folder / name).write_bytes(b"half")
    journal.tidy()
    assert journal.waiting() == [FIRST, OTHER, SECOND, THIRD]
    assert len(list(folder.iterdir())) == 8
    Journal(tmp_path / "elsewhere").tidy()
