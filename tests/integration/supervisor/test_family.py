from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swap.supervisor import family
from swap.supervisor.family import Process, Record


@pytest.fixture
def sleeper() -> Iterator[Process]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield next(found for found in family.below(os.getpid()) if found.pid == process.pid)
        process.kill()


def test_what_is_below_us_is_found_with_its_own_children() -> None:
    script = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        grandchild = int(parent.stdout.readline())
        pids = [process.pid for process in family.below(os.getpid())]
        assert pids.index(parent.pid) < pids.index(grandchild)
        family.end(
            [process for process in family.below(os.getpid()) if process.pid in {parent.pid, grandchild}],
            5.0,
            keep=[parent.pid],
        )


def test_an_id_that_was_given_to_another_process_is_not_taken_for_the_first(sleeper: Process, tmp_path: Path) -> None:
    record = tmp_path / "processes.json"
    record.write_text(json.dumps({"boot": family.boot_id(), "processes": [[sleeper.pid, sleeper.started - 1]]}))
    assert Record(record).leftovers() == []
    assert family.end([Process(sleeper.pid, sleeper.started - 1)], 1.0, keep=[sleeper.pid]) == 0
    assert family.alive(sleeper)


def test_a_record_of_an_earlier_boot_names_nobody(sleeper: Process, tmp_path: Path) -> None:
    record = tmp_path / "processes.json"
    record.write_text(json.dumps({"boot": "another", "processes": [[sleeper.pid, sleeper.started]]}))
    assert Record(record).leftovers() == []


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"boot": 1, "processes": 2}', "\0\0\0"])
def test_a_broken_record_names_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / "processes.json").write_text(content)
    assert Record(tmp_path / "processes.json").leftovers() == []


def test_a_record_gives_back_who_still_runs(sleeper: Process, tmp_path: Path) -> None:
    Record(tmp_path / "processes.json").write([sleeper, Process(2**22 + 1, 1)])
    assert Record(tmp_path / "processes.json").leftovers() == [sleeper]


def test_who_does_not_obey_is_killed_after_the_grace() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(15, 1); print(1, flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE,
    ) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        process = next(found for found in family.below(os.getpid()) if found.pid == deaf.pid)
        begun = time.monotonic()
        assert family.end([process], 0.3, keep=[deaf.pid]) == 1
        assert time.monotonic() - begun < 5
        assert deaf.wait(10) == -signal.SIGKILL
