"""The combiner's cell: whoever took one over, through DuckDB, finds no network, no secret and nobody else in it."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import wardens
from cells import NO_CELL, NO_USER, NO_VIEW, OPEN_TO_ITS_LIKE, Attackers, answer
from integration.query.execution.test_combiner import LITTLE_MEMORY, SPILLS, run
from swap.channel import receive
from swap.errors import LimitExceeded, SwapError
from swap.forking import ForkServer
from swap.query.execution.pool import Pool
from swap.settings import Launch, Limits
from swap.walls.cell import Cell
from swap.walls.errands import COMBINERS, Errands

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can shut a program in")

UID = Launch().combiners_uid
LIMITS = Limits(memory_bytes=200_000_000, spill_bytes=100_000_000)


@pytest.fixture
def state() -> Iterator[Path]:
    """A directory that others may pass through, as root's SWAP has it."""
    with tempfile.TemporaryDirectory(prefix="swap-cell-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def errands(state: Path) -> Iterator[Errands]:
    with wardens.errands(wardens.planned(state)) as made:
        yield made


@pytest.fixture
def pools(state: Path, errands: Errands) -> Iterator[Callable[[Limits], Pool]]:
    """Pools whose combiners a warden starts."""
    with ExitStack() as stack:

        def one(limits: Limits) -> Pool:
            made = Pool(limits, state / "spill", errands)
            stack.callback(made.close)
            return made

        yield one


@pytest.fixture
def pool(pools: Callable[[Limits], Pool]) -> Pool:
    return pools(LIMITS)


@pytest.fixture(scope="module")
def attackers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attackers]:
    folder = tmp_path_factory.mktemp("attackers")
    made = Attackers(folder, "swap.query.execution.combiner_child", Cell(UID, str(folder / "view")))
    yield made
    made.close()


def test_a_secret_cannot_be_read_and_user_and_view_are_each_enough(state: Path, attackers: Attackers) -> None:
    secret = state / "secret"
    secret.touch(mode=0o600)
    secret.write_text("of a store")
    attempt = f"Path({str(secret)!r}).read_text()"

    assert attackers.try_(attempt) == "ENOENT"
    assert attackers.try_(attempt, NO_USER) == "ENOENT"
    assert attackers.try_(attempt, NO_VIEW) == "EACCES"
    assert attackers.try_(attempt, f"{NO_USER}\n{NO_VIEW}") == "of a store", "the control"


@pytest.mark.parametrize(
    "attempt",
    ["os.listdir(os.open('..', os.O_RDONLY, dir_fd=descriptors[0])) and None"]
    + [f"os.close(os.open('{path}', os.O_PATH, dir_fd=descriptors[0]))" for path in ("../..", "../spill-other")],
)
def test_no_way_leads_out_of_the_directory_it_spills_into(
    state: Path, errands: Errands, attackers: Attackers, attempt: str
) -> None:
    directory = errands.spill()
    (state / "gateway" / "spill" / "spill-other").mkdir(mode=0o755)
    try:
        assert attackers.try_("os.close(os.open('own', os.O_CREAT, dir_fd=descriptors[0]))", "", directory) is None
        assert attackers.try_(attempt, "", directory) == "EACCES"
        assert attackers.try_(attempt, NO_USER, directory) is None, "the control"
    finally:
        os.close(directory)


def test_nobody_on_the_machine_can_be_spoken_to(attackers: Attackers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        attempt = f"socket.create_connection({listener.getsockname()!r}, 5).close()"
        assert attackers.try_(attempt) == "ENETUNREACH"
        assert attackers.try_(attempt, NO_CELL) is None, "the control"


def test_nor_through_a_socket_without_a_file(attackers: Attackers) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0swap-{os.getpid()}")
        listener.listen()
        attempt = f"socket.socket(socket.AF_UNIX).connect({listener.getsockname()!r})"
        assert attackers.try_(attempt) == "ECONNREFUSED"
        assert attackers.try_(attempt, NO_CELL) is None, "the control"


@pytest.mark.parametrize("part", ["environ", "mem", "maps"])
def test_another_combiner_cannot_be_looked_into(attackers: Attackers, part: str) -> None:
    def look(server: ForkServer) -> Any:
        one, other = attackers.one(server), attackers.one(server)
        return answer(one, f"open('/proc/{other.pid}/{part}', 'rb').close()")

    assert look(attackers.server()) == "EACCES"
    assert look(attackers.server(OPEN_TO_ITS_LIKE)) is None, "the control"


@pytest.mark.parametrize(
    "attempt",
    [
        "ctypes.CDLL(None).setuid(0)",
        "ctypes.CDLL(None).umount2(b'/proc', 2)",
        "ctypes.CDLL(None).sethostname(b'evil', 4)",
        "ctypes.CDLL(None).unshare(0x10000000)",
    ],
)
def test_no_power_is_left_and_none_can_be_had(attackers: Attackers, attempt: str) -> None:
    assert attackers.try_(attempt) == -1
    # In a view and with a name of its own, so that the control takes nothing from the machine.
    own = "fork_server.shut_in = lambda told: (cell.call('unshare', cell.CLONE_NEWNS | cell.CLONE_NEWUTS)"
    private = "cell.mounts.call('mount', b'', b'/', None, 0x4000 | 0x40000, b''))"
    assert attackers.try_(attempt, f"{own}, {private}") == 0, "the control"


def test_every_combiner_is_in_its_cell(pool: Pool) -> None:
    combiner = pool.take()
    try:
        receive(combiner._forked.control)  # it is ready
        status = Path(f"/proc/{combiner.pid}/status").read_text(encoding="ascii")
        told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert (set(told["Uid"].split()), told["Groups"].strip()) == ({str(UID)}, "")
        assert [int(told[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0, 0, 0, 0]
        assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")
        for kind in ("net", "mnt", "ipc"):
            assert Path(f"/proc/{combiner.pid}/ns/{kind}").readlink() != Path(f"/proc/self/ns/{kind}").readlink()
    finally:
        combiner.close()


def test_it_answers_from_there(pool: Pool) -> None:
    assert run(pool.take(), "SELECT count(*) AS n FROM i0").to_pylist() == [{"n": 1000}]


def test_it_spills_from_there_and_leaves_nothing(state: Path, pools: Callable[[Limits], Pool]) -> None:
    spilling = pools(LITTLE_MEMORY)
    assert run(spilling.take(), SPILLS).num_rows == 700_000
    spilling.close()
    assert list((state / "gateway" / "spill").glob("spill-*")) == []


def test_its_limits_hold_there(pool: Pool) -> None:
    with pytest.raises(LimitExceeded, match=r"limits\.memory_bytes"):
        run(pool.take(), "SELECT len(range(450000000 + a)) AS n FROM i0 LIMIT 1")


def test_without_a_cell_there_is_no_combiner(state: Path) -> None:
    made = wardens.planned(state)
    (state / "file").write_text("no directory")
    made["cells"][COMBINERS][2]["view"] = str(state / "file")
    with wardens.errands(made) as errands:
        broken = Pool(LIMITS, state / "spill", errands)
        with pytest.raises((OSError, SwapError)):
            run(broken.take(), "SELECT 1 AS one")
        broken.close()
