"""Which kernel a process belongs to, on processes of every kind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from swap.lab.askers import kernel_of

KERNEL = """
sleep 60 & echo "subprocess $!"
sh -c 'cp "$(command -v sleep)" "$0/a) S 1 (b"; "$0/a) S 1 (b" 60 & echo "grandchild $!"; wait' "$1" &
(sleep 60 & echo "orphan $!")
(setsid sh -c 'echo "stranger $$"; exec sleep 60' &)
wait
"""


@pytest.fixture(scope="module")
def pids(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """What runs below and beside a kernel, by name."""
    argv = ["sh", "-c", KERNEL, "sh", str(tmp_path_factory.mktemp("programs"))]
    with (
        subprocess.Popen(argv, start_new_session=True, stdout=subprocess.PIPE, text=True) as kernel,
        subprocess.Popen(["sleep", "60"], start_new_session=True) as terminal,
        subprocess.Popen(["true"]) as gone,
    ):
        assert kernel.stdout is not None
        told = dict(kernel.stdout.readline().split() for _ in range(4))
        gone.wait()
        found = {name: int(pid) for name, pid in told.items()}
        found |= {"kernel": kernel.pid, "terminal": terminal.pid, "gone": gone.pid}
        yield found
        for pid in found.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("who", "claimed", "expected"),
    [
        ("kernel", "", "kernel-a"),
        ("subprocess", "", "kernel-a"),
        ("grandchild", "", "kernel-a"),
        ("orphan", "", "kernel-a"),
        ("stranger", "", ""),
        ("stranger", "kernel-b", "kernel-b"),
        ("stranger", "kernel-z", ""),
        ("subprocess", "kernel-b", "kernel-a"),
        ("terminal", "", ""),
        ("gone", "", ""),
    ],
)
def test_the_asker_is_found_by_parents_then_session_then_claim(
    pids: dict[str, int], who: str, claimed: str, expected: str
) -> None:
    kernels = {pids["kernel"]: "kernel-a", 2**22 + 1: "kernel-b"}

    assert kernel_of(pids[who], claimed, kernels) == expected
