"""One person's Jupyter server as a process of its own, beside stand-ins for hub and gateway."""

from __future__ import annotations

import json
import os
import pwd
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
from playwright.sync_api import Browser, BrowserContext

import browsers
from integration.lab.stand_ins import Gateway, Hub, serving, wait_for
from services import NO_TLS
from swap import ports

ROOT = Path(__file__).parents[3]
KERNEL_ENV = ROOT / ".swap" / "env" / "kernel"
PERSON = "p7k2m9x4qa"


def readable_by(user: str, folder: Path) -> tuple[Path, Path]:
    """Return Pythons for server and kernel that another user may start.

    The environments themselves when they lie open; else, with an interpreter below a closed home, two thin
    ones around the system's Python that use the same packages.
    """
    server = Path(sys.executable)
    if subprocess.run([*as_user(user), str(server), "-c", "0"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        return server, KERNEL_ENV
    return thin(folder / "server-env", server.parents[1]) / "bin" / "python", thin(folder / "kernel-env", KERNEL_ENV)


def as_user(user: str) -> list[str]:
    """Return what starts a program as another user.  Without env, setpriv itself would find it with root's rights."""
    entry = pwd.getpwnam(user)
    return ["setpriv", "--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--clear-groups", "/usr/bin/env"]


def thin(made: Path, like: Path) -> Path:
    system = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert system == f"{sys.version_info[0]}.{sys.version_info[1]}", "no Python that another user may start"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", str(made)], check=True)
    packages = next((made / "lib").iterdir()) / "site-packages"
    source = next((like / "lib").iterdir()) / "site-packages"
    (packages / "same.pth").write_text(f"{source}\nimport site; site.addsitedir({str(source)!r})\n")
    if (like / "share").exists():
        (made / "share").symlink_to(like / "share")
    return made


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
        return httpx.get(
            self.url + path, headers={"Authorization": f"token {token}"} if token else {}, timeout=60, verify=NO_TLS
        )


@contextmanager
def started(
    folder: Path,
    home: Path,
    *,
    user: str | None = None,
    extra: dict[str, str] | None = None,
    credential: str | None = None,
) -> Iterator[Server]:
    """Run `python -m swap.lab` until the block ends."""
    hub, gateway = Hub(PERSON), Gateway()
    with ExitStack() as stack:
        hub.url = stack.enter_context(serving(hub.handler()))
        gateway.url = stack.enter_context(serving(gateway.handler()))
        port = ports.free(1)[0]
        address = f"http://127.0.0.1:{port}"
        sockets = folder / "s"
        sockets.mkdir(mode=0o700)
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            **hub.environment(port, address),
            "SWAP_GATEWAY": gateway.url,
            "SWAP_HOME_URL": "http://localhost:8000",
            "SWAP_PERSON_NAME": "Ann Smith",
            "SWAP_TOKEN_SOCKET": str(sockets / "t"),
            "SWAP_KERNEL_ENV": str(KERNEL_ENV),
            **(extra or {}),
        }
        command = [sys.executable, "-I", "-m", "swap.lab"]
        if user is not None:
            python, kernel_env = readable_by(user, folder)
            for path in (folder, home, sockets):
                shutil.chown(path, user)
            environment["SWAP_KERNEL_ENV"] = str(kernel_env)
            command = [*as_user(user), str(python), "-I", "-m", "swap.lab"]
        log = folder / "server.log"
        secrets = {name: environment.pop(name) for name in ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")}
        ours, theirs = socket.socketpair()
        with log.open("wb") as output, ours, theirs:
            ours.sendall(json.dumps({**secrets, "SWAP_SERVER_CREDENTIAL": credential or gateway.credential}).encode())
            process = subprocess.Popen(command, env=environment, cwd=home, stdin=theirs, stdout=output, stderr=output)
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
        # Only our own server knows this path; on a busy machine another may have taken the port meanwhile.
        return "version" in httpx.get(f"{server.url}/api", timeout=2, verify=NO_TLS).json() and server.socket.exists()
    except (httpx.HTTPError, ValueError):
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsers.running() as made:
        yield made


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    yield made
    made.close()
