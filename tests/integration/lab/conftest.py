"""One person's Jupyter server as a process of its own, beside stand-ins for hub and gateway."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from integration.lab.stand_ins import Gateway, Hub, serving, wait_for

ROOT = Path(__file__).parents[3]
KERNEL_ENV = ROOT / ".swap" / "env" / "kernel"
PERSON = "p7k2m9x4qa"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Server:
    """A running Jupyter server and what is around it."""

    process: subprocess.Popen[bytes]
    url: str
    hub: Hub
    gateway: Gateway
    home: Path
    socket: Path
    log: Path

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        """Ask with a hub token in the header."""
        return httpx.get(self.url + path, headers={"Authorization": f"token {token}"} if token else {}, timeout=10)


@contextmanager
def started(folder: Path, home: Path, *, user: str | None = None, extra: dict[str, str] | None = None) -> Iterator[Server]:
    """Run `python -m swap.lab` until the block ends."""
    hub, gateway = Hub(PERSON), Gateway()
    with ExitStack() as stack:
        hub.url = stack.enter_context(serving(hub.handler()))
        gateway.url = stack.enter_context(serving(gateway.handler()))
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        sockets = folder / "s"
        sockets.mkdir(mode=0o700)
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8",
            **hub.environment(port, address),
            "SWAP_GATEWAY": gateway.url, "SWAP_HOME_URL": "http://localhost:8000", "SWAP_PERSON_NAME": "Ann Smith",
            "SWAP_SERVER_CREDENTIAL": gateway.credential, "SWAP_TOKEN_SOCKET": str(sockets / "t"),
            "SWAP_KERNEL_ENV": str(KERNEL_ENV), **(extra or {}),
        }
        command = [sys.executable, "-I", "-m", "swap.lab"]
        if user is not None:
            shutil.chown(sockets, user)
            command = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *command]
        log = folder / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environment, cwd=home, stdout=output, stderr=output)
        server = Server(process, f"{address}/user/{PERSON}", hub, gateway, home, sockets / "t", log)
        try:
            wait_for("the server's first answer", lambda: answers(server), seconds=60)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answers(server: Server) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(server.log.read_text(errors="replace")[-4000:])
    try:
        return httpx.get(f"{server.url}/api", timeout=2).status_code < 500 and server.socket.exists()
    except httpx.HTTPError:
        return False


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="swl-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(short_folder: Path) -> Path:
    folder = short_folder / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def launch(short_folder: Path, home: Path) -> Iterator[Callable[..., Server]]:
    """Start one server; it is stopped with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(started(short_folder, home, **options))


def unprivileged() -> str | None:
    """Return the user to run as when we are root; None when we are nobody special already."""
    return "nobody" if os.geteuid() == 0 else None
