"""Portal, hub and worker, taken over: what none can do to others of the machine, and what keeps them from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wardens import ALL_PROCESSES, ANY_CALL, NO_USER, OPEN_TO_ITS_LIKE, TakenOver, as_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be a warden")

Ones = Callable[..., TakenOver]


@pytest.fixture(scope="module", params=["portals", "hubs", "presses"])
def ones(request: pytest.FixtureRequest) -> Ones:
    """Portals, hubs, or workers, each with some of its walls down."""
    made: Ones = request.getfixturevalue(request.param)
    return made


@pytest.mark.parametrize("part", ["environ", "mem", "cmdline", "root/etc/shadow"])
def test_processes_of_others_cannot_be_looked_into(ones: Ones, victim: int, part: str) -> None:
    attempt = f"open('/proc/{victim}/{part}', 'rb').close()"

    assert ones().try_(attempt) == "ENOENT"
    if part != "cmdline":
        assert ones(ALL_PROCESSES).try_(attempt) == "EACCES", "its user is enough"
    assert ones(NO_USER, ALL_PROCESSES).try_(attempt) is None, "the control"


def test_processes_of_others_cannot_be_traced(ones: Ones, victim: int) -> None:
    attempt = f"ctypes.CDLL(None).ptrace(16, {victim}, 0, 0)"

    assert ones().try_(attempt) == -1
    assert ones(ANY_CALL).try_(attempt) == -1, "its user is enough"
    # Attached, and let go again.
    let_go = f"({attempt}, os.waitpid({victim}, 0x40000000), ctypes.CDLL(None).ptrace(17, {victim}, 0, 0))[0]"
    assert ones(NO_USER, ANY_CALL).try_(let_go) == 0, "the control"


def test_processes_of_others_cannot_be_ended(ones: Ones, victim: int) -> None:
    attempt = f"os.kill({victim}, 0)"

    assert ones().try_(attempt) == "EPERM"
    assert ones().try_("os.kill(os.getppid(), 0)") == "EPERM"
    assert ones(NO_USER).try_(attempt) is None, "the control"


@pytest.mark.parametrize(
    "attempt",
    [
        "ctypes.CDLL(None).setuid(0)",
        "ctypes.CDLL(None).setuid(1000)",
        "ctypes.CDLL(None).umount2(b'/proc', 2)",
        "ctypes.CDLL(None).unshare(0x10000000)",
        "ctypes.CDLL(None).unshare(0x20000)",
        "ctypes.CDLL(None).chroot(b'/')",
    ],
)
def test_no_power_is_left_and_none_can_be_had(ones: Ones, attempt: str) -> None:
    assert ones().try_(attempt) == -1
    one = ones()
    with_all = type(one)(one.made, f"{NO_USER}\n{ANY_CALL}")  # one of its own: it is another one afterwards
    try:
        assert with_all.try_(attempt) == 0, "the control"
    finally:
        with_all.close()


def test_it_is_a_user_without_a_power(ones: Ones) -> None:
    status = Path(f"/proc/{ones().pid}/status").read_text(encoding="ascii")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (set(told["Uid"].split()), told["Groups"].strip()) == ({str(ones().try_("known['uid']"))}, "")
    powers = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    assert [int(told[name], 16) for name in powers] == [0] * 5
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize("part", ["environ", "mem", "maps", "root/run/swap"])
def test_nobody_of_its_own_user_can_look_into_it(ones: Ones, part: str) -> None:
    def look(one: TakenOver) -> str:
        path = f"/proc/{one.pid}/{part}"
        code = f"import os\ntry:\n    os.close(os.open({path!r}, os.O_RDONLY)); print('seen')\nexcept OSError as error:\n    print(error.strerror)"
        return as_user(one.try_("known['uid']"), code)

    assert look(ones()) == "Permission denied"
    assert look(ones(OPEN_TO_ITS_LIKE)) == "seen", "the control"
