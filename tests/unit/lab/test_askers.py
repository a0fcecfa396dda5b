"""Which kernel a process belongs to, on a made-up /proc."""

from __future__ import annotations

from pathlib import Path

import pytest

from swap.lab.askers import kernel_of

KERNELS = {100: "kernel-a", 200: "kernel-b"}


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    def process(pid: int, parent: int, session: int, name: str = "python") -> None:
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} ({name}) S {parent} {pid} {session} 0 -1")

    process(50, 1, 50, "jupyter")
    process(100, 50, 100)
    process(101, 100, 100)
    process(102, 101, 102, "a) S 1 (b")
    process(103, 1, 100)
    process(104, 1, 104)
    process(300, 50, 300, "bash")
    return tmp_path


@pytest.mark.parametrize(
    ("pid", "claimed", "expected", "who"),
    [
        (100, "", "kernel-a", "the kernel itself"),
        (101, "", "kernel-a", "its subprocess"),
        (102, "", "kernel-a", "a grandchild with brackets in its name"),
        (103, "", "kernel-a", "an orphan in the kernel's session"),
        (104, "", "", "an orphan in a session of its own"),
        (104, "kernel-b", "kernel-b", "the same, which says whose it is"),
        (104, "kernel-z", "", "the same, which names a kernel that does not run"),
        (101, "kernel-b", "kernel-a", "a subprocess that claims another kernel"),
        (300, "", "", "a terminal"),
        (999, "", "", "a process that is gone"),
    ],
)
def test_the_asker_is_found_by_parents_then_session_then_claim(
    proc: Path,
    pid: int,
    claimed: str,
    expected: str,
    who: str,
) -> None:
    assert kernel_of(pid, claimed, KERNELS, proc) == expected, who
