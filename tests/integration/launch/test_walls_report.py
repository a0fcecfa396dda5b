"""S01, S03, S06, S07: a run of a report is behind its person's walls, with less: no home, and the gateway alone."""

from __future__ import annotations

import json
import os
import socket
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integration.launch.test_walls_network import listening
from swap import disks
from swap.launch import report
from swap.launch.limits import find
from swap.launch.report import Begun, Runs
from swap.launch.rules import rules
from swap.launch.spawn import telling
from town import ANN, BOB, SECRET, Town, Weaken, as_planned, both, shows, unlimited, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")

READ = """
    import json
    try:
        print(json.dumps(open({!r}).read()))
    except OSError as error:
        print(json.dumps(type(error).__name__))
"""
CONNECT = """
    import json, socket
    try:
        with socket.create_connection(("127.0.0.1", {}), 5) as speaker:
            speaker.sendall(b"who is there?")
            speaker.shutdown(socket.SHUT_WR)
            print(json.dumps(speaker.recv(100).decode()))
    except OSError as error:
        print(json.dumps(error.strerror))
"""
TELLS = """
    import json, os
    home = os.path.expanduser("~")
    print(json.dumps([os.getuid(), home, os.listdir(home), os.listdir("/home"), os.listdir("/tmp")]))
"""
WAITS = "import time; print('waits', flush=True); time.sleep(1000)"


class Press:
    """What begins runs in a town, each with a program of a test's in the place of its own."""

    def __init__(self, state: Path, monkeypatch: pytest.MonkeyPatch, **limits: Any) -> None:
        self.town = Town(state, limits=limits)
        self.town.launcher.open_home(ANN)
        self.town.launcher.open_home(BOB)
        self.runs = Runs(rules(self.town.settings, self.town.runtime), {s.person_id: s.uid for s in (ANN, BOB)}.get)
        self._as_planned = self.runs.plan
        self._set = monkeypatch.setattr
        self._count = 0

    def begin(self, program: str, weaken: Weaken = as_planned) -> Begun:
        self._count += 1
        self._set(report, "ARGV", (sys.executable, "-I", "-c", textwrap.dedent(program)))
        self._set(self.runs, "plan", lambda *about: weaken(self._as_planned(*about)))
        with telling({}) as told:
            return self.runs.begin(ANN.person_id, f"{self._count:x}-1", told)

    def told(self, program: str, weaken: Weaken = as_planned) -> Any:
        """Return what a run told in its last line."""
        begun = self.begin(program, weaken)
        begun.process.wait(60)
        said = begun.end().said
        assert said, "it told nothing"
        return json.loads(said.splitlines()[-1])


@pytest.fixture
def press(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Press]:
    made = Press(state, monkeypatch)
    yield made
    made.town.close()


def test_a_run_is_its_person_in_an_empty_home(press: Press) -> None:
    (press.town.home(ANN) / "notes").write_text(SECRET, encoding="utf-8")
    home = f"/home/{ANN.person_id}"
    assert press.told(TELLS) == [ANN.uid, home, [], [ANN.person_id], []]


def test_the_live_home_is_not_there(press: Press) -> None:
    notes = press.town.home(ANN) / "notes"
    notes.write_text(SECRET, encoding="utf-8")
    os.chown(notes, ANN.uid or 0, ANN.uid or 0)
    seen = f"/home/{ANN.person_id}/notes"

    def mounted(plan: Any) -> Any:
        return replace(plan, view=replace(plan.view, home=((str(press.town.home(ANN)), f"/home/{ANN.person_id}"),)))

    assert press.told(READ.format(seen)) == "FileNotFoundError"
    assert press.told(READ.format(str(notes))) == "FileNotFoundError"
    assert press.told(READ.format(seen), mounted) == SECRET, "the control"


@pytest.mark.parametrize("name", ["homes/pbobaaaaaa/notes", "runtime.json", "runs/other-1/home/notes"])
def test_homes_of_others_other_runs_and_the_state_of_swap_are_not_there(press: Press, name: str) -> None:
    path = press.town.state / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SECRET, encoding="utf-8")
    path.chmod(0o600)
    os.chown(path, BOB.uid or 0, BOB.uid or 0)

    def as_bob(plan: Any) -> Any:
        scratch = ((str(press.town.state / "tmp" / BOB.person_id), "/tmp"),)
        return replace(plan, uid=BOB.uid, cwd="/", view=replace(plan.view, scratch=scratch))

    assert press.told(READ.format(str(path))) == "FileNotFoundError"
    assert press.told(READ.format(str(path)), shows(path.parent)) == "PermissionError"
    assert press.told(READ.format(str(path)), as_bob) == "FileNotFoundError"
    assert press.told(READ.format(str(path)), both(shows(path.parent), as_bob)) == SECRET, "the control"


def test_the_network_reaches_the_gateway_alone(press: Press) -> None:
    """Not the hub, nor what a person's own server may reach; these are the control."""
    runtime = press.town.runtime

    def on_the_machines_network(plan: Any) -> Any:
        return replace(plan, own_network=False, doors_out=())

    with ExitStack() as both_listen:
        for port, says in ((runtime.gateway_port, b"gateway"), (runtime.hub_port, b"hub")):
            both_listen.enter_context(listening(("127.0.0.1", port), says=says))
        assert press.told(CONNECT.format(runtime.gateway_port)) == "gateway"
        assert press.told(CONNECT.format(runtime.hub_port)) == "Connection refused"
        assert press.told(CONNECT.format(runtime.hub_port), on_the_machines_network) == "hub", "the control"


@pytest.mark.skipif("memory" in find().missing, reason="this machine does not limit memory")
def test_its_limits_are_its_persons_and_the_one_it_met_is_told(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    press = Press(state, monkeypatch, memory_bytes=300_000_000)
    greedy = "b = bytearray(400_000_000); print('true')"
    begun = press.begin(greedy)
    begun.process.wait(60)
    assert begun.end().met == "It met its limit of 0.3 GB of memory."
    assert press.told(greedy, unlimited) is True, "the control"


FILL = """
    import json
    try:
        for place in ("file", "/tmp/file"):
            with open(place, "wb") as file:
                for _ in range(60):
                    file.write(bytes(1_000_000))
        print(json.dumps("no end"))
    except OSError as error:
        print(json.dumps(error.strerror))
"""


def test_what_it_fills_is_its_persons_own_disk_which_has_its_room_again(
    press: Press, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o711)
    own = Press(tmp_path, monkeypatch, disk_bytes=60_000_000)
    (own.town.home(ANN) / "mine").write_bytes(bytes(1_000_000))
    assert own.told(FILL) == "No space left on device"
    (own.town.home(ANN) / "more").write_bytes(bytes(20_000_000))
    assert list((tmp_path / "runs").iterdir()) == []
    own.town.close()
    disks.close_all(own.town.state, own.town.runtime.homes)
    assert press.told(FILL) == "no end", "the control"


LEAVES = """
    import os
    os.symlink({!r}, "link")
    for _ in range(1200):  # deeper than whoever takes it away can call itself
        os.mkdir("d")
        os.chdir("d")
    print("[]")
"""


def test_a_run_leaves_nothing_and_no_link_of_it_is_followed(press: Press) -> None:
    kept = press.town.state / "kept"
    kept.mkdir(mode=0o777)
    (kept / "file").write_text(SECRET, encoding="utf-8")
    assert press.told(LEAVES.format(str(kept))) == []
    assert list((press.town.state / "runs").iterdir()) == []
    assert (kept / "file").read_text() == SECRET
    groups = find().group(press.runs.group("1-1")).places.values()
    assert not any(place.exists() for place in groups)


def test_a_run_ends_with_whoever_began_it(press: Press) -> None:
    """Nobody is left to end it when that one is killed.  The control outlives the thread that began it, as servers do."""

    def begun_by_a_thread(weaken: Weaken) -> Begun:
        begun: list[Begun] = []

        def begin() -> None:
            begun.append(press.begin(WAITS, weaken))
            log = press.town.state / "runs" / begun[0].claim / "log"
            until(lambda: "waits" in log.read_text())

        thread = threading.Thread(target=begin)
        thread.start()
        thread.join()
        return begun[0]

    run = begun_by_a_thread(as_planned)
    until(lambda: run.process.poll() is not None)
    run.end()
    other = begun_by_a_thread(lambda plan: replace(plan, ends_with=0))
    assert other.process.poll() is None
    other.end()
    assert other.process.poll() is not None


def test_a_claim_is_begun_once_and_is_no_path(press: Press) -> None:
    begun = press.begin(WAITS)
    begin: Callable[[str], object] = lambda claim: press.runs.begin(ANN.person_id, claim, 0)  # noqa: E731
    for wrong in (begun.claim, "..", "../1-1", "1", "1-1/..", "1-1\n", "g-1"):
        with pytest.raises(Exception, match="run"):
            begin(wrong)
    begun.end()


def test_what_it_answers_comes_over_its_standard_input(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = "import socket; s = socket.socket(fileno=0); s.sendall(s.makefile('rb').read()[::-1])"
    monkeypatch.setattr(report, "ARGV", (sys.executable, "-I", "-c", answers))
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            begun = press.runs.begin(ANN.person_id, "ff-1", theirs.fileno())
        ours.sendall(b"abc")
        ours.shutdown(socket.SHUT_WR)
        assert ours.makefile("rb").read() == b"cba"
    begun.end()
