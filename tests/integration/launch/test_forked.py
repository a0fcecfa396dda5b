"""What is forked is what would be started, and nothing of another's or of what it was forked from comes with it."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from integration.launch.looks import LOOKS
from swap.launch.forks import Forks
from swap.launch.process import ForkedProcess
from town import ANN, BOB, SECRET, Town, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")

CANARY = "canary-" + "of-ann-7f3a"
WAITS = "import signal, sys; told = sys.stdin.read(); print('lives', flush=True); signal.pause()"


@pytest.fixture
def forked(state: Path, loaded: Forks) -> Iterator[Town]:
    """A town whose programs are all forked."""
    made = Town(state, forks=loaded)
    yield made
    made.close()


def test_what_is_forked_is_what_is_started(state, forked):
    started = Town(state)
    started.ports = forked.ports
    one = started.start(ANN, LOOKS, LANG="C.UTF-8", TZ="Asia/Tokyo", OWN="of ann").told()
    other = forked.start(ANN, LOOKS, LANG="C.UTF-8", TZ="Asia/Tokyo", OWN="of ann")

    assert isinstance(other.process, ForkedProcess)
    told = other.told()
    assert {name: (one[name], told[name]) for name in one if one[name] != told[name]} == {}


def test_what_libraries_drew_from_is_not_alike_in_two(forked):
    draws = """
        import gc, json, random, secrets
        gc.unfreeze()
        found = [each.random() for each in gc.get_objects() if type(each) is random.Random]
        print(json.dumps([*found, random.random(), secrets.token_hex()]))
    """
    one, other = (set(forked.start(seat, draws).told()) for seat in (ANN, BOB))

    assert len(one) > 2, "a library has made a generator of its own"
    assert not one & other


def test_nothing_that_is_loaded_remembers_a_home(forked):
    remembers = """
        import gc, json
        gc.unfreeze()
        texts = [(name, text) for each in gc.get_objects() if isinstance(each, dict) and each is not globals()
                 for name, text in list(each.items()) if isinstance(text, str) and text.startswith("/nonexistent")]
        print(json.dumps(sorted({str(name) for name, _ in texts})))
    """
    # A constant of ours, and what Jupyter would throw things away with, which is switched off.
    assert forked.start(ANN, remembers).told() == ["HOMETRASH", "NOWHERE"]


def test_nothing_of_one_person_is_in_the_memory_of_another_or_of_what_both_are_forked_from(forked, loaded):
    of_ann = forked.start(ANN, WAITS, secrets={"OWN": CANARY + "-told"}, OWN=CANARY)
    of_ann.wait_for("lives")
    of_bob = forked.start(BOB, WAITS, secrets={"OWN": SECRET}, OWN=SECRET)
    of_bob.wait_for("lives")

    assert holds(server_of(of_ann), CANARY), "the control"
    assert holds(server_of(of_ann), CANARY + "-told"), "the control"
    for pid in (loaded.pid, of_bob.process.pid, first_of(of_bob), server_of(of_bob)):
        assert not holds(pid, CANARY)
        assert holds(pid, "swap.lab"), "its memory is read"


def test_what_servers_are_forked_from_holds_nothing_but_its_channel(loaded):
    folder = Path(f"/proc/{loaded.pid}/fd")
    kinds = {int(each.name): stat.S_IFMT(each.stat().st_mode) for each in folder.iterdir()}

    assert [each.readlink() for each in sorted(folder.iterdir())[:2]] == [Path(os.devnull)] * 2
    assert sorted(number for number in kinds if number > 2) == [n for n, kind in kinds.items() if kind == stat.S_IFSOCK]
    assert sum(kind == stat.S_IFSOCK for kind in kinds.values()) == 1
    assert len(list(Path(f"/proc/{loaded.pid}/task").iterdir())) == 1
    assert not Path(f"/proc/{loaded.pid}/environ").read_bytes().count(b"SWAP_")


def test_one_that_is_killed_before_it_has_walls_is_nobodys_server(forked, loaded):
    caught = loaded._server.fork()  # it waits for what it is to be
    os.kill(caught.pid, signal.SIGKILL)
    assert ForkedProcess(caught).wait(60) == -signal.SIGKILL

    with waiting(forked) as (process, log):
        caught = ForkedProcess(loaded._server.fork())
        os.kill(caught.pid, signal.SIGKILL)
        assert caught.wait(60) == -signal.SIGKILL
        assert process.poll() is None
        assert "lives" in log.read_text(encoding="utf-8")


def test_how_it_ended_is_known(forked):
    assert forked.start(ANN, "raise SystemExit(7)").process.wait(60) == 7
    assert forked.start(ANN, "raise SystemExit").process.wait(60) == 0
    assert forked.start(ANN, "import sys; sys.exit('in words')").process.wait(60) == 1
    assert forked.start(ANN, "1 / 0").process.wait(60) == 1
    assert (
        forked.start(ANN, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)").process.wait(60) == -signal.SIGKILL
    )
    said = forked.start(
        ANN,
        "import atexit, threading\natexit.register(print, 'at its end')\nthreading.Thread(target=print, args=('beside',)).start()",
    )
    assert said.process.wait(60) == 0
    assert {"at its end", "beside"} <= set(said.lines)


@pytest.fixture
def orphans_are_ours() -> Iterator[None]:
    """Be to people's servers what a warden is: what was forked comes to us when what it was forked from has died."""
    adopt = ctypes.CDLL(None).prctl
    before = set(psutil.Process().children())
    adopt(36, 1, 0, 0, 0)
    yield
    adopt(36, 0, 0, 0, 0)
    assert set(psutil.Process().children()) <= before, "all of them are collected"


@pytest.mark.usefixtures("orphans_are_ours")
def test_when_what_servers_are_forked_from_dies_they_go_on_and_others_are_started(state):
    forks = Forks({})
    forks.load()
    town = Town(state, forks=forks)
    try:
        with waiting(town) as (process, _):
            os.kill(forks.pid, signal.SIGKILL)
            until(lambda: b"Z" in Path(f"/proc/{forks._server.pid}/stat").read_bytes().rpartition(b") ")[2][:1])
            other = town.start(BOB, "print('lives')")

            assert not isinstance(other.process, ForkedProcess)
            assert other.process.wait(60) == 0
            assert forks.pid is None
            assert process.poll() is None

            forks.load()
            again = town.start(BOB, "print('lives')").process
            assert isinstance(again, ForkedProcess)
            assert again.wait(60) == 0
        assert process.wait(60) == -signal.SIGKILL
        with suppress(ChildProcessError):  # the first of its namespace came to us too
            while os.waitpid(-process.pid, 0):
                pass
    finally:
        town.close()
        forks.close()


def test_it_is_there_again_when_it_has_died():
    forks = Forks({})
    forks.prepare(after_seconds=0.1)
    until(lambda: forks.pid)
    first = forks.pid
    os.kill(first, signal.SIGKILL)

    until(lambda: forks.pid not in {None, first})
    forks.close()


@contextmanager
def waiting(town: Town) -> Iterator[tuple[ForkedProcess, Path]]:
    """Run a program of ann's that waits, and kill it at the end."""
    program = town.start(ANN, WAITS)
    assert isinstance(program.process, ForkedProcess)
    program.wait_for("lives")
    try:
        yield program.process, program.log
    finally:
        os.killpg(program.process.pid, signal.SIGKILL)


def first_of(program) -> int:
    return int(Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text())


def server_of(program) -> int:
    first = first_of(program)
    return int(Path(f"/proc/{first}/task/{first}/children").read_text())


def holds(pid: int, text: str) -> bool:
    """Tell whether a text is anywhere in what a process has of its own in memory."""
    with Path(f"/proc/{pid}/maps").open(encoding="utf-8") as maps, Path(f"/proc/{pid}/mem").open("rb") as memory:
        for line in maps:
            place, may, *_, name = (*line.split(), "")
            if "w" not in may or name == "[vvar]":
                continue
            begin, end = (int(each, 16) for each in place.split("-"))
            memory.seek(begin)
            if text.encode() in memory.read(end - begin):
                return True
    return False
