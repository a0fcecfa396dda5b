"""The cell of what reads files: whoever took it over, through Parquet, has the root's files to read, and nothing else."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wardens
from cells import NO_CELL, OPEN_TO_ITS_LIKE, Attackers, answer
from swap.connectors.base import Column, Deadline, Fragment, OnBehalf
from swap.connectors.files.connector import FilesConnector
from swap.errors import SourceFailed
from swap.forking import ForkServer
from swap.settings import FilesSource, Launch
from swap.walls import mounts
from swap.walls.cell import Cell
from swap.walls.kernel import NUMBERS

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can shut a program in")

UID = Launch().readers_uid
ROWS = pa.table({"a": [1, 2, 3]})
ANY_CALL = "cell.powers.refuse_calls = lambda: None"


@pytest.fixture
def state() -> Iterator[Path]:
    """A directory that others may pass through, with a secret in it."""
    with tempfile.TemporaryDirectory(prefix="swap-cell-") as made:
        Path(made).chmod(0o711)
        (Path(made) / "secret").touch(mode=0o600)
        (Path(made) / "secret").write_text("of a store")
        yield Path(made)


@pytest.fixture
def root(state: Path) -> Path:
    """A source's root that nobody but root may read."""
    table = state / "lake" / "nyc" / "flights"
    table.mkdir(parents=True)
    pq.write_table(ROWS, table / "part.parquet")
    (table / "part.parquet").chmod(0o600)
    (state / "lake").chmod(0o700)
    return state / "lake"


@pytest.fixture
def lake(root: Path, state: Path) -> Iterator[FilesConnector]:
    with wardens.errands(wardens.planned(state, {"lake": root})) as errands:
        made = FilesConnector("lake", FilesSource(kind="files", root=root), errands)
        yield made
        made.close()


@pytest.fixture(scope="module")
def attackers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attackers]:
    folder = tmp_path_factory.mktemp("attackers")
    cell = Cell(UID, str(folder / "view"), reads_whatever_it_is_given=True)
    made = Attackers(folder, "swap.connectors.files.reader", cell)
    yield made
    made.close()


@pytest.fixture
def handle(root: Path) -> Iterator[int]:
    made = mounts.tree(str(root))
    yield made
    os.close(made)


@pytest.fixture
def plain(root: Path) -> Iterator[int]:
    """The root as any program opens it."""
    made = os.open(root, os.O_RDONLY)
    yield made
    os.close(made)


def read(lake: FilesConnector) -> pa.Table:
    fragment = Fragment("nyc", "flights", (Column("a", pa.int64()),))
    reader = lake.read(
        fragment, OnBehalf("pannaaaaaa", "ann", frozenset(), frozenset()), Deadline(time.monotonic() + 30)
    )
    with tempfile.TemporaryFile() as sink:
        try:
            reader.send(sink.fileno(), lambda _: None)
        finally:
            reader.close()
        sink.seek(0)
        return pa.ipc.open_stream(sink).read_all()


def test_it_reads_what_nobody_but_root_may(lake: FilesConnector) -> None:
    assert [[each.name for each in some] for some in lake.harvest()] == [["flights"]]
    assert read(lake) == ROWS


def test_a_root_that_is_another_now_is_read_from_then_on(lake: FilesConnector, root: Path) -> None:
    assert read(lake).num_rows == 3
    root.rename(root.with_name("former"))
    (root / "nyc" / "flights").mkdir(parents=True)
    pq.write_table(ROWS.slice(1), root / "nyc" / "flights" / "part.parquet")

    assert read(lake).num_rows == 2


def test_a_root_that_is_gone_is_told(lake: FilesConnector, root: Path) -> None:
    root.rename(root.with_name("former"))

    with pytest.raises(SourceFailed, match="lake answered with an error") as raised:
        read(lake)

    assert raised.value.problem.why == "The root cannot be read: No such file or directory."


def test_every_reader_is_in_its_cell(lake: FilesConnector) -> None:
    lake.check()
    pid = lake._readers._spares[-1].pid
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (set(told["Uid"].split()), told["Groups"].strip()) == ({str(UID)}, "")
    to_read_all = 4
    assert [int(told[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")] == [to_read_all] * 2 + [0, 0]
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")
    for kind in ("net", "mnt", "ipc"):
        assert Path(f"/proc/{pid}/ns/{kind}").readlink() != Path(f"/proc/self/ns/{kind}").readlink()


def test_no_path_leads_to_a_secret(state: Path, attackers: Attackers) -> None:
    attempt = f"Path({str(state / 'secret')!r}).read_text()"

    assert attackers.try_(attempt) == "ENOENT"
    assert attackers.try_(attempt, NO_CELL) == "of a store", "the control"


def test_of_programs_only_what_is_imported_is_there(attackers: Attackers) -> None:
    """A site may keep settings and secrets anywhere else, such as below /usr/local/etc or beside its Python."""
    attempt = "sorted(each for each in ('/etc', '/usr/local', '/usr/bin', sys.prefix + '/bin') if os.path.exists(each))"

    assert attackers.try_(attempt) == []
    assert len(attackers.try_(attempt, NO_CELL)) == 4, "the control"


def test_no_way_leads_up_from_the_root(attackers: Attackers, handle: int, plain: int) -> None:
    attempt = "os.close(os.open('../secret', os.O_RDONLY, dir_fd=descriptors[0]))"
    inside = "os.close(os.open('nyc/flights/part.parquet', os.O_RDONLY, dir_fd=descriptors[0]))"

    assert attackers.try_(inside, "", handle) is None
    assert attackers.try_(attempt, "", handle) == "ENOENT"
    assert attackers.try_(attempt, "", plain) is None, "the control"


def test_nothing_below_the_root_can_be_changed(attackers: Attackers, handle: int, plain: int) -> None:
    attempt = "os.close(os.open('new', os.O_CREAT | os.O_WRONLY, dir_fd=descriptors[0]))"

    assert attackers.try_(attempt, "", handle) == "EROFS"
    assert attackers.try_(attempt, "", plain) == "EACCES"
    assert attackers.try_(attempt, NO_CELL, plain) is None, "the control"


def test_no_file_can_be_opened_by_its_number(state: Path, attackers: Attackers, handle: int) -> None:
    """The call passes by all directories, for whoever may read everything."""
    number = NUMBERS[platform.machine()]["open_by_handle_at"]
    attempt = (
        f"cell.call('syscall', {number}, os.open('.', os.O_RDONLY, dir_fd=descriptors[0]),"
        f" ctypes.create_string_buffer({file_number(state / 'secret')!r}), os.O_RDONLY) and None"
    )

    assert attackers.try_(attempt, "", handle) == "EPERM"
    assert attackers.try_(attempt, ANY_CALL, handle) is None, "the control"


def file_number(path: Path) -> bytes:
    """Return the kernel's name of a file, that needs no directory."""
    told, mount, here = ctypes.create_string_buffer((128).to_bytes(4, "little"), 136), ctypes.c_int(), -100
    made = ctypes.CDLL(None).name_to_handle_at(here, os.fsencode(path), told, ctypes.byref(mount), 0)
    assert made == 0
    return told.raw


def test_what_it_says_is_in_our_log_which_it_cannot_read(
    state: Path, attackers: Attackers, capfd: pytest.CaptureFixture[str]
) -> None:
    one = attackers.one(attackers.server())
    attempt = "os.close(os.open(f'/proc/self/fd/{descriptors[0] if descriptors else 2}', os.O_RDONLY))"

    assert answer(one, attempt) == "ENXIO"
    log = os.open(state / "log", os.O_WRONLY | os.O_CREAT, 0o600)
    assert answer(one, attempt, log) is None, "the control"
    os.close(log)

    assert answer(one, "os.write(2, b'its last words') and None") is None
    said = ""
    while "its last words" not in said:
        said += capfd.readouterr().err


@pytest.mark.parametrize("part", ["environ", "mem", "root/etc/passwd"])
def test_processes_of_others_cannot_be_looked_into(attackers: Attackers, part: str) -> None:
    attempt = f"open('/proc/{os.getpid()}/{part}', 'rb').close()"

    assert attackers.try_(attempt) in {"EACCES", "EPERM"}
    assert attackers.try_(attempt, NO_CELL) is None, "the control"


@pytest.mark.parametrize("part", ["environ", "mem", "maps"])
def test_another_reader_cannot_be_looked_into(attackers: Attackers, part: str) -> None:
    def look(server: ForkServer) -> Any:
        one, other = attackers.one(server), attackers.one(server)
        return answer(one, f"open('/proc/{other.pid}/{part}', 'rb').close()")

    assert look(attackers.server()) in {"EACCES", "EPERM"}
    assert look(attackers.server(OPEN_TO_ITS_LIKE)) is None, "the control"


def test_nobody_on_the_machine_can_be_spoken_to(attackers: Attackers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        attempt = f"socket.create_connection({listener.getsockname()!r}, 5).close()"
        assert attackers.try_(attempt) == "ENETUNREACH"
        assert attackers.try_(attempt, NO_CELL) is None, "the control"
