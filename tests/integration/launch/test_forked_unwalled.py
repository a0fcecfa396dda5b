"""Without walls a server is forked too, by the hub itself, and is what would be started."""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from integration.launch.looks import LOOKS
from swap.launch.forks import Forks
from swap.launch.keeper import Keeper
from swap.launch.model import Launch, Rules, Seat
from swap.launch.process import ForkedProcess, Process
from swap.launch.spawn import telling
from swap.launch.unwalled import Unwalled
from town import until

ANN = Seat("pannaaaaaa")


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    """What servers of nobody in particular are started by."""
    return Rules(
        state=tmp_path,
        homes=tmp_path / "homes",
        sockets=tmp_path,
        kernel_env=Path(sys.prefix).parent / "kernel",
        gateway_port=1,
        hub_port=2,
        environment={"LANG": "C.UTF-8"},
        walls=False,
        memory_bytes=0,
        cpus=0,
        processes=0,
        disk_bytes=None,
        reach=(),
    )


def begin(rules: Rules, forks: Forks, program: str) -> tuple[Process, Path]:
    """Start a program in the place of a server; return its process and its log."""
    launcher = Unwalled(rules, forks)
    home = launcher.open_home(ANN)
    log = rules.state / "logs" / "server.log"
    argv = (sys.executable, "-I", "-c", textwrap.dedent(program))
    env = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": str(home), "TZ": "Asia/Tokyo", "OWN": "of ann"}
    with telling({"told": "to ann"}) as told:
        return launcher.start(Launch(argv, home, log, 1, env), ANN, told), log


def tells(rules: Rules, forks: Forks, program: str) -> dict[str, object]:
    process, log = begin(rules, forks, program)
    assert isinstance(process, ForkedProcess) == (forks.pid is not None)
    assert process.wait(60) == 0, log.read_text(encoding="utf-8")
    return dict(json.loads(log.read_text(encoding="utf-8").splitlines()[-1]))


def test_what_is_forked_is_what_is_started(rules, loaded):
    # The first of this process namespace is the machine's own, and a number of a process is new each time.
    program = LOOKS.replace('"first": status(1,', '"first": status("self",').replace(", os.getpid()]", "]")
    one, told = tells(rules, Forks({}), program), tells(rules, loaded, program)

    assert {name: (one[name], told[name]) for name in one if one[name] != told[name]} == {}


def test_it_is_told_on_its_standard_input_and_leads_a_session(rules, loaded):
    program = (
        "import json, os, sys; print(json.dumps({'told': json.load(sys.stdin), 'leads': os.getsid(0) == os.getpid()}))"
    )

    assert tells(rules, loaded, program) == {"told": {"told": "to ann"}, "leads": True}


def test_what_is_forked_is_closed_to_others_of_its_user(rules, loaded):
    """With a server that was started, its own user could look into it until it closed itself."""
    closed = "import ctypes, json; print(json.dumps({'closed': ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0}))"

    assert tells(rules, loaded, closed) == {"closed": True}
    assert tells(rules, Forks({}), closed) == {"closed": False}, "the control"


def test_a_keeper_knows_how_one_that_was_forked_ended(rules, loaded, monkeypatch):
    waits = (sys.executable, "-I", "-c", "import signal; print('lives', flush=True); signal.pause()")
    monkeypatch.setattr(
        "swap.launch.keeper.launches.server",
        lambda rules, _, places, port: Launch(waits, places.home, rules.state / "logs" / "ann.log", port, {}),
    )
    keeper = Keeper(rules, starts=Unwalled(rules, loaded))
    keeper.open_home(ANN.person_id)

    def start() -> int:
        with telling({}) as told:
            pid = keeper.start(ANN.person_id, 1024, "s" + "0" * 16, "", told).pid
        until(lambda: "lives" in (rules.state / "logs" / "ann.log").read_text(encoding="utf-8"))
        assert keeper.poll(ANN.person_id) is None
        return pid

    os.kill(start(), signal.SIGKILL)
    until(lambda: keeper.poll(ANN.person_id) is not None)
    assert keeper.poll(ANN.person_id) == -signal.SIGKILL
    keeper.finish(ANN.person_id)

    start()
    assert keeper.end(ANN.person_id)
    assert keeper.poll(ANN.person_id) == -signal.SIGTERM
