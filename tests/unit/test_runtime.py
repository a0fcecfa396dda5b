from __future__ import annotations

import os
from pathlib import Path

import pytest

from swap import child, runtime


def test_who_holds_a_state_directory_is_known_while_it_is_held(tmp_path: Path) -> None:
    assert runtime.outermost(tmp_path) is None

    with child.claim(tmp_path / "lock", "SWAP"):
        assert runtime.outermost(tmp_path) == os.getpid()


@pytest.mark.parametrize("left", ["", "no number", "4194304"])
def test_a_lock_that_names_nobody_who_lives_is_nobodys(tmp_path: Path, left: str) -> None:
    (tmp_path / "lock").write_text(left, encoding="ascii")

    assert runtime.outermost(tmp_path) is None
