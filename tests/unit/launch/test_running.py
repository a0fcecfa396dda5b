from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from swap import child
from swap.launch import running
from swap.launch.model import Running


@pytest.fixture
def process():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as started:
        yield started
        started.kill()


def server(process, person_id: str = "pabcdefghi") -> Running:
    seen = child.look(process.pid)
    assert seen is not None
    return Running(person_id, "s1", process.pid, seen.started)


def test_a_server_that_was_written_down_is_found(tmp_path, process):
    running.note(tmp_path, server(process))

    assert running.find(tmp_path, "pabcdefghi") == server(process)


def test_a_server_that_ended_is_not_found(tmp_path, process):
    running.note(tmp_path, server(process))
    process.kill()
    process.wait()

    assert running.find(tmp_path, "pabcdefghi") is None


def test_why_a_server_ended_is_known_until_the_next_one_is_started(tmp_path, process):
    running.note(tmp_path, server(process))
    running.note_end(tmp_path, "pabcdefghi", "It met a limit.")
    assert running.ended(tmp_path, "pabcdefghi") == "It met a limit."
    assert running.ended(tmp_path, "pbcdefghij") == ""

    running.note(tmp_path, server(process))
    assert running.ended(tmp_path, "pabcdefghi") == ""


def test_a_zombie_does_not_run(process):
    kept = server(process)
    os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 5
    while running.is_alive(kept) and time.monotonic() < end:
        time.sleep(0.01)

    assert process.returncode is None  # nobody has waited for it yet
    assert not running.is_alive(kept)


def test_another_process_with_the_same_number_is_left_alone(tmp_path, process):
    stranger = replace(server(process), started=server(process).started - 1)
    running.note(tmp_path, stranger)

    assert running.find(tmp_path, "pabcdefghi") is None
    running.send(stranger, signal.SIGKILL)
    assert process.poll() is None


def test_a_signal_reaches_the_servers_whole_group(process):
    running.send(server(process), signal.SIGTERM)

    assert process.wait(5) == -signal.SIGTERM


def test_a_forgotten_server_is_not_found(tmp_path, process):
    running.note(tmp_path, server(process))
    running.forget(tmp_path, "pabcdefghi")
    running.forget(tmp_path, "pabcdefghi")

    assert running.find(tmp_path, "pabcdefghi") is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"pid": 1}', '{"person_id": "p", "server_id": "s", "pid": "x", "started": 1}']
)
def test_a_half_written_file_is_no_server(tmp_path, content):
    running.folder(tmp_path).mkdir()
    (running.folder(tmp_path) / "pabcdefghi.json").write_text(content, encoding="utf-8")

    assert running.find(tmp_path, "pabcdefghi") is None


def test_nothing_runs_where_nothing_was_started(tmp_path):
    assert running.find(tmp_path, "pabcdefghi") is None


def test_a_server_that_listens_is_asked_to_end(process):
    assert running.end(server(process))
    assert process.wait(5) == -signal.SIGTERM


def test_a_server_that_does_not_listen_is_killed_after_a_while(monkeypatch, process):
    monkeypatch.setattr(running, "STOP_SECONDS", 0.1)
    os.killpg(process.pid, signal.SIGSTOP)
    stopped = os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    assert stopped.si_status == signal.SIGSTOP

    assert running.end(server(process))
    assert process.wait(5) == -signal.SIGKILL
