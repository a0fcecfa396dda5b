"""Wardens of a test's own: of a test that asks for errands itself, and of a gateway that was taken over."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from swap import bare
from swap.channel import receive, send
from swap.notebooks.far import Far
from swap.processes import handed, handed_web
from swap.settings import Launch
from swap.walls.errands import Asker, Errands

NO_VIEW = "cell.mounts.build = lambda plan: None"
NO_USER = "cell.powers.become = cell.powers.bound = lambda *_: None"
ANY_CALL = "cell.powers.refuse_calls = lambda *_: None"
OPEN_TO_ITS_LIKE = """
enclose = cell.enclose
cell.enclose = lambda *told: (enclose(*told), ctypes.CDLL(None).prctl(4, 1, 0, 0, 0))
"""
ALL_PROCESSES = """
build = cell.mounts.build
cell.mounts.build = lambda plan: build({**plan, "proc": ""})
"""

_WARDEN = """
import json, sys
from pathlib import Path
from swap.processes import warded
from swap.walls import warden
WEAKEN
warded.warden("NAMED", json.loads(Path(sys.argv[1]).read_text())).run()
"""
_HANDS_ON = """
import os, socket, sys
to = socket.socket(socket.AF_UNIX)
to.connect(PLACE)
socket.send_fds(to, [b"x"], [int(sys.argv[-1])])
os.close(int(sys.argv[-1]))
to.recv(1)
"""
_TAKEN_OVER = """
import ctypes, errno, json, os, signal, socket, subprocess, sys
from pathlib import Path
from swap import channel, forking
from swap.processes import NAMED as serving
from swap.walls import cell, errands as asked
WEAKEN
def forge(errands, request, *descriptors):
    ours, theirs = socket.socketpair()
    socket.send_fds(errands._warden, [request], [theirs.fileno(), *descriptors])
    theirs.close()
    number, _ = asked.ANSWER.unpack(ours.recv(asked.ANSWER.size))
    return errno.errorcode.get(number)
def kind_of(do):
    try:
        return do()
    except Exception as error:
        return type(error).__name__
# Before the walls stand: without the view, Python's own files may be closed to it.
control = socket.create_connection(("127.0.0.1", PORT))
def serve(known, errands):
    seen = globals() | {"known": known, "errands": errands}
    while True:
        try:
            told, _ = channel.receive(control)
        except EOFError:
            return
        try:
            answer = eval(told["attempt"], seen)
        except OSError as error:
            answer = errno.errorcode[error.errno]
        channel.send(control, {"answer": answer})
serving.serve = serve
serving.main()
"""


def until(true: Callable[[], object], seconds: float) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"


class Running:
    """A warden that runs, as a process of its own."""

    def __init__(self, made: Mapping[str, Any], weaken: str = "", program: str = "gateway") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="swap-warden-"))
        plan = self.folder / "plan.json"
        plan.touch(mode=0o600)
        plan.write_text(json.dumps(dict(made)), encoding="utf-8")
        command = [sys.executable, "-P", "-c", _WARDEN.replace("WEAKEN", weaken).replace("NAMED", program), str(plan)]
        self.process = subprocess.Popen(command, start_new_session=True)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.end()
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()


def planned(state: Path, roots: Mapping[str, Path] | None = None) -> dict[str, Any]:
    """Return the plan of a warden without a gateway, for sources of files."""
    return {
        "argv": (),
        "environment": bare.ENVIRONMENT,
        "told": {},
        "uid": Launch().gateway_uid,
        "folder": str(state / "gateway"),
        "cells": handed.cells(Launch(), state / "gateway"),
        "roots": {name: str(root) for name, root in (roots or {}).items()},
        "files": {},
    }


def portals(state: Path, homes: Path, known: Mapping[str, int], **more: Any) -> dict[str, Any]:
    """Return the plan of the warden of no portal, for people whose uids are known."""
    return {
        "argv": (),
        "environment": bare.ENVIRONMENT,
        "told": {},
        "uid": Launch().portal_uid,
        "folder": str(state / "portal"),
        "files": {},
        "state": str(state),
        "homes": str(homes),
        "known": dict(known),
        "disk_bytes": None,
        "cells": handed_web.cells(Launch(), state / "portal"),
        "seats": ["false"],
        **more,
    }


@contextmanager
def far(made: dict[str, Any]) -> Iterator[Far]:
    """Yield homes by way of a warden, for the block; this process is its portal, though not behind walls."""
    with _hands_on(made, "web") as warden:
        yield Far(Asker(warden))


@contextmanager
def errands(made: dict[str, Any]) -> Iterator[Errands]:
    """Yield a warden's errands, for the block; this process is its gateway, though not behind walls."""
    with _hands_on(made, "gateway") as warden:
        yield Errands(warden)


@contextmanager
def _hands_on(made: dict[str, Any], warded: str) -> Iterator[socket.socket]:
    with tempfile.TemporaryDirectory(prefix="swap-errands-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/place")
        listener.listen()
        hands_on = _HANDS_ON.replace("PLACE", repr(f"{folder}/place"))
        running = Running(made | {"argv": [sys.executable, "-P", "-c", hands_on]}, program=warded)
        connection, _ = listener.accept()
        _, (descriptor,), _, _ = socket.recv_fds(connection, 1, 1)
        with connection, socket.socket(fileno=descriptor) as warden:
            yield warden
        running.process.wait(30)
        running.close()


class TakenOver:
    """A gateway, or another program, behind its walls that does as a test says, and its warden."""

    program, warded = "serving", "gateway"

    def __init__(self, made: Mapping[str, Any], weaken: str = "", weaken_warden: str = "") -> None:
        self.made = made
        with socket.create_server(("127.0.0.1", 0)) as listener:
            program = _TAKEN_OVER.replace("WEAKEN", weaken).replace("PORT", str(listener.getsockname()[1]))
            program = program.replace("NAMED", self.program)
            argv = [sys.executable, "-P", "-c", program]
            self.warden = Running(dict(made) | {"argv": argv}, weaken_warden, self.warded)
            listener.settimeout(60)
            try:
                self._control, _ = listener.accept()
            except TimeoutError:
                self.warden.close()
                raise
        self.pid: int = self.try_("os.getpid()")

    def try_(self, attempt: str) -> Any:
        """Return what an attempt, as Python, gives it: its value, or the name of the system's error."""
        send(self._control, {"attempt": attempt})
        return receive(self._control)[0]["answer"]

    def close(self) -> None:
        self._control.close()
        self.warden.close()


def as_user(uid: int, code: str) -> str:
    """Return what a program of another process of that user says, behind no walls."""
    become = f"import ctypes, os\nos.setgroups([])\nos.setresgid(*[{uid}] * 3)\nos.setresuid(*[{uid}] * 3)\n"
    command = [sys.executable, "-P", "-c", become + code]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return run.stdout.strip() or run.stderr.strip().splitlines()[-1]
