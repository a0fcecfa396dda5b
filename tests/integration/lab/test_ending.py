"""A server that was asked to end ends, whatever its kernels do at that moment."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from integration.lab.conftest import Server
from integration.lab.kernels import Kernel
from integration.lab.stand_ins import wait_for
from services import NO_TLS
from swap.lab import ending

SLACK_SECONDS = 20.0
"""What a busy machine may take beside the time that an end has."""

STUBBORN = """
import os, pathlib, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, lambda *_: pathlib.Path("asked").touch())
pathlib.Path("pid").write_text(str(os.getpid()))
while True:
    signal.pause()
"""


def written(path: Path) -> int:
    """Return the number in a file, once it is there."""
    return wait_for(path.name, lambda: path.exists() and path.read_text() and int(path.read_text()), 60)


def test_it_ends_while_a_kernel_is_being_started_again(launch: Callable[..., Server], home: Path) -> None:
    server = launch()
    kernel = Kernel(server.url, server.hub.token())
    kernel.send(STUBBORN)
    pid = written(home / "pid")

    def restart() -> None:
        # The server ends before it answers.
        with pytest.raises(httpx.HTTPError):
            httpx.post(
                f"{server.url}/api/kernels/{kernel.id}/restart", headers=kernel.headers, timeout=60, verify=NO_TLS
            )

    asking = threading.Thread(target=restart)
    asking.start()
    wait_for("the kernel's being asked to end", (home / "asked").exists, 60)

    server.process.terminate()
    server.process.wait(ending.END_SECONDS + SLACK_SECONDS)

    asking.join()
    kernel.socket.shutdown()
    assert server.process.returncode == 0, server.log.read_text(errors="replace")[-2000:]
    wait_for("the end of its kernel", lambda: not psutil.pid_exists(pid))


HANGS = """
import signal, subprocess, sys
from swap.lab import ending
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(child.pid, flush=True)
if sys.argv[1] == "bounded":
    ending.at_latest(0.2)
while True:
    signal.pause()
"""


def hanging(how: str) -> tuple[subprocess.Popen[str], int]:
    """Start a program that never ends by itself; return it, and the process it started."""
    program = subprocess.Popen([sys.executable, "-c", HANGS, how], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    with program.stdout:
        return program, int(program.stdout.readline())


def test_one_that_hangs_is_ended_with_what_it_started() -> None:
    program, child = hanging("bounded")
    unbounded, other = hanging("unbounded")
    try:
        assert program.wait(SLACK_SECONDS) == 1
        wait_for("the end of what it started", lambda: not psutil.pid_exists(child))
        assert unbounded.poll() is None, "the control"
        assert psutil.pid_exists(other), "the control"
    finally:
        unbounded.kill()
        unbounded.wait()
        psutil.Process(other).kill()


def test_a_step_that_fails_and_one_that_waits_for_ever_keep_no_other_from_its_turn() -> None:
    done = []

    async def fail() -> None:
        raise RuntimeError

    async def end() -> None:
        await ending.within(5.0, "what fails", fail())
        await ending.within(0.05, "what waits", asyncio.Event().wait())
        done.append("the next")

    asyncio.run(end())
    assert done == ["the next"]
