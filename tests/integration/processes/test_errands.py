"""What a warden does for whom it starts, and what it refuses, however it is asked."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import wardens
from swap.fork_server import ANSWER, FORK, REQUEST
from swap.forking import Forked, WardedServer
from swap.settings import Launch
from swap.walls.errands import COMBINERS, READERS, Errands
from swap.walls.gateway import MOST_SPILLS

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be a warden")


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A state directory with a source of files that root alone may read."""
    with tempfile.TemporaryDirectory(prefix="swap-state-") as made:
        Path(made).chmod(0o711)
        (Path(made) / "lake").mkdir(mode=0o700)
        (Path(made) / "lake" / "table").touch(mode=0o600)
        (Path(made) / "secret").touch(mode=0o600)
        yield Path(made)


@pytest.fixture(scope="module")
def errands(state: Path) -> Iterator[Errands]:
    with wardens.errands(wardens.planned(state, {"lake": state / "lake"})) as made:
        yield made


def forked(errands: Errands, cell: str) -> Forked:
    return WardedServer(errands, cell).fork()


def uids(pid: int) -> set[int]:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {int(each) for each in status.partition("Uid:\t")[2].partition("\n")[0].split()}


def refused(errands: Errands, request: bytes, *descriptors: int) -> bool:
    """Send what a gateway would never send; tell whether it is refused."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            socket.send_fds(errands._warden, [request], [theirs.fileno(), *descriptors])
        number = int.from_bytes(ours.recv(8)[:4], "big")
    return number == 1


@pytest.mark.parametrize(("cell", "uid"), [(COMBINERS, Launch().combiners_uid), (READERS, Launch().readers_uid)])
def test_a_cells_processes_are_its_users_and_end_when_asked(errands: Errands, cell: str, uid: int) -> None:
    server = WardedServer(errands, cell)
    made = server.fork()
    assert uids(made.pid) == {uid}
    assert not made.wait(0)

    made.kill()

    assert made.wait(10)
    assert server.reap(made) == -signal.SIGKILL
    made.close()
    server.close()


def test_a_cell_that_ended_is_started_again_and_what_it_left_can_still_be_ended(errands: Errands) -> None:
    server = WardedServer(errands, COMBINERS)
    left = server.fork()
    assert server.pid is not None
    former = os.pidfd_open(server.pid)
    os.kill(server.pid, signal.SIGKILL)
    assert select.select([former], [], [], 10)[0]
    os.close(former)

    made = server.fork()
    left.kill()

    assert left.wait(10)
    assert server.reap(left) is None
    assert not made.wait(0)
    for each in (left, made):
        each.kill()
        each.close()
    server.close()


def test_a_sources_root_is_opened_to_be_read_and_leads_nowhere_else(errands: Errands, state: Path) -> None:
    root = errands.root("lake")
    try:
        assert [each.name for each in Path(f"/proc/self/fd/{root}").iterdir()] == ["table"]
        assert os.stat("..", dir_fd=root).st_ino == os.fstat(root).st_ino
        with pytest.raises(OSError, match="Read-only"):
            os.open("new", os.O_CREAT | os.O_WRONLY, dir_fd=root)
    finally:
        os.close(root)


def test_a_directory_to_spill_into_is_a_combiners_alone_until_it_is_cleared(errands: Errands, state: Path) -> None:
    directory = errands.spill()
    seen = os.fstat(directory)
    assert (seen.st_uid, seen.st_mode & 0o777) == (Launch().combiners_uid, 0o700)
    (path,) = (state / "gateway" / "spill").iterdir()
    (path / "spilled").touch()
    with pytest.raises(OSError, match="Bad file descriptor"):
        [each.name for each in os.scandir(directory)]

    errands.clear(directory)

    assert not path.exists()
    assert os.fstat(directory).st_nlink == 0
    with pytest.raises(PermissionError):
        errands.clear(directory)  # it is nobody's any more
    os.close(directory)


@pytest.mark.parametrize(
    "request_",
    [
        b"start",
        b"start /bin/sh",
        b"start combiners /bin/sh",
        b"end gateway",
        b"root",
        b"root /",
        b"root ../lake",
        b"root lake/../..",
        b"kill",
        b"kill 1",
        b"clear",
        b"clear /",
        b"open /etc/shadow",
        b"\0",
        b"\xff" * 100,
        b"root lake" + b" " * 1000,
    ],
)
def test_what_was_not_planned_is_refused(errands: Errands, request_: bytes) -> None:
    assert refused(errands, request_)
    assert not refused(errands, b"root lake"), "the control"


def test_no_process_but_a_cells_is_ended(errands: Errands) -> None:
    somebody = subprocess.Popen(["sleep", "100"], user=Launch().first_uid, group=Launch().first_uid)
    ours = subprocess.Popen(["sleep", "100"], user=Launch().combiners_uid, group=Launch().combiners_uid)
    server = WardedServer(errands, COMBINERS)
    made = server.fork()
    try:
        for pid in (somebody.pid, ours.pid, os.getpid(), 1):
            handle = os.pidfd_open(pid)
            assert refused(errands, b"kill ", handle)
            os.close(handle)
        assert (somebody.poll(), ours.poll()) == (None, None)
        assert not refused(errands, b"kill ", made.handle), "the control"
        assert made.wait(10)
    finally:
        for each in (somebody, ours):
            each.kill()
            each.wait()
        made.close()
        server.close()


def test_no_directory_but_one_that_was_given_is_cleared(errands: Errands, state: Path) -> None:
    given = errands.spill()
    for path in (state, state / "lake", state / "gateway" / "spill"):
        directory = os.open(path, os.O_PATH | os.O_DIRECTORY)
        assert refused(errands, b"clear ", directory)
        os.close(directory)
    assert (state / "lake" / "table").exists()
    assert not refused(errands, b"clear ", given), "the control"
    os.close(given)


@pytest.mark.parametrize("kind", ["file", "event", "directory of a process"])
def test_what_is_no_handle_on_a_process_ends_none(errands: Errands, kind: str) -> None:
    made = {
        "file": lambda: os.open(os.devnull, os.O_RDONLY),
        "event": lambda: os.eventfd(0),
        "directory of a process": lambda: os.open("/proc/self", os.O_RDONLY),
    }[kind]()
    assert refused(errands, b"kill ", made)
    os.close(made)


def test_whoever_asks_without_a_socket_for_the_answer_is_not_answered_and_others_are(errands: Errands) -> None:
    errands._warden.send(b"spill ")
    with Path(os.devnull).open("wb") as nowhere:
        socket.send_fds(errands._warden, [b"root lake"], [nowhere.fileno()])
    os.close(errands.root("lake"))


def test_directories_run_out_before_the_disk_does(state: Path) -> None:
    with wardens.errands(wardens.planned(state / "lake")) as made:
        given = []
        for _ in range(MOST_SPILLS - 1):
            given.append(made.spill())
            if len(given) > 500:
                os.close(given.pop(0))
        last = made.spill()
        with pytest.raises(OSError, match="No space left"):
            made.spill()
        made.clear(last)
        os.close(made.spill())
        for each in (*given, last):
            os.close(each)


def test_a_fork_server_does_as_it_is_told_through_the_warden(errands: Errands) -> None:
    """The channel is the gateway's: the warden hears nothing of what passes on it."""
    started = errands.start(READERS)
    started.channel.settimeout(10)
    started.channel.sendall(REQUEST.pack(FORK, 0))
    answer, handed, _, _ = socket.recv_fds(started.channel, ANSWER.size, 2)
    assert len(handed) == 2
    assert uids(*ANSWER.unpack(answer)) == {Launch().readers_uid}
    errands.kill(handed[1])
    errands.end(READERS)
    assert started.channel.recv(1) == b""
    for each in handed:
        os.close(each)
    started.channel.close()
    started.words.close()


def test_with_the_warden_gone_nothing_is_answered(state: Path) -> None:
    with wardens.errands(wardens.planned(state / "lake")) as made:
        ours = socket.socket(fileno=os.dup(made._warden.fileno()))
        orphaned = Errands(ours)
    with pytest.raises(ConnectionError):
        orphaned.spill()
    ours.close()
