"""Attacks by code in a kernel on what its server holds.  Each scan first finds a control it must find.

As root nothing of one process can be hidden from another of root's, so the server runs as nobody then.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import websocket

from integration.lab.conftest import Server, started, unprivileged
from integration.lab.kernels import Kernel

SCAN = """
import json, os, re
def parents():
    pid = os.getpid()
    while pid > 1:
        pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
        yield pid
def environ(pid):
    try: return open(f"/proc/{pid}/environ", "rb").read()
    except OSError as error: return type(error).__name__.encode()
def memory(pid, needles):
    try: maps = open(f"/proc/{pid}/maps").read(); mem = open(f"/proc/{pid}/mem", "rb", 0)
    except OSError as error: return type(error).__name__
    found = set()
    for line in maps.splitlines():
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
        if not m: continue
        low, high = (int(x, 16) for x in m.groups())
        if high - low > 200_000_000: continue
        try: mem.seek(low); data = mem.read(high - low)
        except OSError: continue
        found |= {n for n in needles if n.encode() in data}
    return sorted(found)
server = next(parents())
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="swl-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    home = place / "home"
    home.mkdir(mode=0o700)
    with ExitStack() as stack:
        yield stack.enter_context(started(place, home, user=unprivileged()))


@pytest.fixture(scope="module")
def kernel(server: Server) -> Iterator[Kernel]:
    made = Kernel(server.url, server.hub.token())
    yield made
    made.socket.shutdown()


def secrets_of(server: Server) -> list[str]:
    return [server.gateway.credential, server.hub.server_token]


def test_a_kernels_environment_names_no_secret_and_no_hub(server: Server, kernel: Kernel) -> None:
    environment: dict[str, str] = kernel.value("import json, os; print(json.dumps(dict(os.environ)))")
    assert environment["SWAP_TOKEN_SOCKET"] == str(server.socket)
    assert not [name for name in environment if name.startswith(("JUPYTERHUB", "JPY_API", "SWAP_SERVER"))]
    assert not [value for value in environment.values() if value in secrets_of(server)]


def test_a_kernel_cannot_read_its_servers_environment(server: Server, kernel: Kernel) -> None:
    del server
    kernel.run(SCAN)
    assert kernel.run("print(environ(os.getpid())[:4])").startswith("b'"), "the control: its own can be read"
    assert "PermissionError" in kernel.run("print(environ(server))")


def test_a_kernel_cannot_read_its_servers_memory(server: Server, kernel: Kernel) -> None:
    kernel.run(SCAN)
    kernel.run("planted = 'control-' + 'secret-of-mine'")
    assert kernel.value("print(json.dumps(memory(os.getpid(), [planted])))") == ["control-secret-of-mine"]
    needles = json.dumps(secrets_of(server))
    assert kernel.run(f"print(memory(server, {needles}))").strip() == "PermissionError"


def test_an_unsealed_process_of_the_same_user_can_be_read(kernel: Kernel) -> None:
    """The control of the two above: what fails on the server succeeds on a process that is not sealed."""
    kernel.run(SCAN)
    kernel.run(
        "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'],"
        " env={'PLANTED': 'control'})"
    )
    kernel.run("import time; time.sleep(0.5)")
    assert "PLANTED=control" in kernel.run("print(environ(child.pid))")
    kernel.run("child.kill(); child.wait()")


def test_no_file_a_kernel_can_read_holds_a_secret(server: Server, kernel: Kernel) -> None:
    needles = [*secrets_of(server), "control-planted-in-a-file"]
    kernel.run(
        "import pathlib; pathlib.Path.home().joinpath('planted.txt').write_text('control-' + 'planted-in-a-file')"
    )
    found = kernel.value(f"""
import json, os
needles = {json.dumps(needles)}
found = set()
for top in ({str(server.home)!r}, {str(server.socket.parent)!r}, {str(server.log.parent)!r}):
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not name.endswith("-env")]
        for name in files:
            try: data = open(os.path.join(folder, name), "rb").read()
            except OSError: continue
            found |= {{needle for needle in needles if needle.encode() in data}}
print(json.dumps(sorted(found)))
""")
    assert found == ["control-planted-in-a-file"]


def test_the_token_socket_gives_a_kernel_a_token_of_its_own(server: Server, kernel: Kernel) -> None:
    ask = """
import json, os, socket
def ask(line):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10); s.connect(os.environ["SWAP_TOKEN_SOCKET"]); s.sendall(line); return s.makefile().readline()
print(ask(b'{"kernel_id": ""}\\n'))
"""
    first = kernel.value(ask)
    assert first["token"].startswith(f"kernel-token-{kernel.id}-")
    assert first["token"] in server.gateway.minted
    assert kernel.value(ask) == first, "at once again: the same, whatever a loop may ask"
    kernel.run("import time; time.sleep(2.2)")
    assert kernel.value(ask)["token"] != first["token"], "a kernel whose token was refused gets another"


def test_rubbish_on_the_token_socket_is_answered_like_a_question(kernel: Kernel) -> None:
    for line in ("b'nonsense\\n'", "b'[]\\n'", "b'{\"kernel_id\": 7}\\n'", "b'\\n'"):
        assert "token" in kernel.value(f"print(ask({line}))")
    assert kernel.run("print(ask(b'x' * 100000))").strip() == ""


def test_a_kernels_token_does_not_open_the_server(server: Server, kernel: Kernel) -> None:
    token = kernel.value("print(ask(b'{}\\n'))")["token"]
    assert server.get("/api/kernels", token).status_code == 403


def test_the_kernel_finds_no_server_package(kernel: Kernel) -> None:
    names = ["jupyterlab", "jupyter_server", "jupyterhub", "sqlalchemy", "psycopg", "adbc_driver_postgresql"]
    code = f"import importlib.util, json; print(json.dumps([n for n in {names} if importlib.util.find_spec(n)]))"
    assert kernel.value(code) == []


def test_what_a_cell_prints_or_raises_is_not_in_the_servers_log(server: Server, kernel: Kernel) -> None:
    """What reaches the log is not the kernel's to fill: the person sees it in the cell."""
    for code in (
        "print('canary-' + 'printed'); import sys; print('canary-' + 'error', file=sys.stderr)",
        "import os; os.write(2, b'canary-' + b'descriptor')",
        "import subprocess; subprocess.run('echo canary-$((1))-child >&2', shell=True)",
        "import logging; logging.getLogger().error('canary-' + 'logged')",
        "import threading; t = threading.Thread(target=lambda: 1 / len('canary-'[9:])); t.start(); t.join()",
        "import warnings; warnings.warn('canary-' + 'warned')",
    ):
        kernel.run(code)
    with pytest.raises(AssertionError, match="canary-raised"):  # as the person sees it
        kernel.run("raise ValueError('canary-' + 'raised')")
    assert "Kernel started" in server.log.read_text(), "the control: it is the log of this server"
    assert "canary-" not in server.log.read_text()


def test_a_kernel_is_reached_over_private_sockets_not_ports(kernel: Kernel) -> None:
    found = kernel.value("""
import json, os
from ipykernel.connect import get_connection_info
info = json.loads(get_connection_info())
folder = os.path.dirname(info["ip"])
print(json.dumps([info["transport"], oct(os.stat(folder).st_mode & 0o777)]))
""")
    assert found == ["ipc", "0o700"]


def test_a_terminal_has_the_kernels_python_and_no_secret(server: Server) -> None:
    token = server.hub.token()
    name = httpx.post(f"{server.url}/api/terminals", headers={"Authorization": f"token {token}"}, timeout=60).json()[
        "name"
    ]
    address = server.url.replace("http", "ws") + f"/terminals/websocket/{name}"
    said = ""
    with closing(websocket.create_connection(address, header=[f"Authorization: token {token}"], timeout=60)) as line:
        line.send(
            json.dumps(
                ["stdin", "env; python -c 'import sys; print(\"prefix\", sys.prefix)'; echo the-${NOTHING}end\n"]
            )
        )
        while "the-end" not in said:
            kind, *text = json.loads(line.recv())
            said += text[0] if kind == "stdout" else ""
    assert "kernel" in said.rsplit("prefix", 1)[1]
    assert "SWAP_TOKEN_SOCKET=" in said
    assert "JUPYTERHUB" not in said
    assert not [secret for secret in secrets_of(server) if secret in said]


@pytest.mark.parametrize(("asked", "folder"), [({}, ""), ({"cwd": ""}, ""), ({"cwd": "run"}, "run")])
def test_a_terminal_opens_in_the_persons_home(server: Server, asked: dict[str, str], folder: str) -> None:
    """JupyterLab names no folder, an empty one, or one that the person chose."""
    (server.home / "run").mkdir(exist_ok=True)
    headers = {"Authorization": f"token {server.hub.token()}"}
    name = httpx.post(f"{server.url}/api/terminals", json=asked, headers=headers, timeout=60).json()["name"]
    address = server.url.replace("http", "ws") + f"/terminals/websocket/{name}"
    said = ""
    with closing(websocket.create_connection(address, header=[f"{k}: {v}" for k, v in headers.items()])) as line:
        line.settimeout(20)
        line.send(json.dumps(["stdin", "echo in=$PWD=; echo the-${NOTHING}end\n"]))
        while "the-end" not in said:
            kind, *text = json.loads(line.recv())
            said += text[0] if kind == "stdout" else ""
    assert f"in={server.home / folder}=" in said


@pytest.mark.parametrize(
    "path",
    [
        "/api/shutdown",
        "/lab/api/news",
        "/lab/api/update",
        "/lab/api/extensions",
        "/lab/api/plugins",
        "/lab/api/plugins/x",
        "/lab/api/build",
    ],
)
def test_what_is_switched_off_has_no_endpoint_either(server: Server, path: str) -> None:
    assert server.get(path, server.hub.token()).status_code == 404


def test_the_servers_pages_load_from_nowhere_else(server: Server) -> None:
    policy: Any = server.get("/lab", server.hub.token()).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "://" not in policy


def test_no_environment_ever_held_a_secret(server: Server, kernel: Kernel) -> None:
    """What /proc shows is what a process was started with: the server's holds no secret, whoever may read it."""
    control = f"SWAP_TOKEN_SOCKET={server.socket}".encode()
    for pid in (server.process.pid, int(kernel.run("import os; print(os.getpid())"))):
        try:
            held = Path(f"/proc/{pid}/environ").read_bytes()
        except PermissionError:
            assert pid == server.process.pid, "the server is sealed against its own user"
            continue
        assert control in held, "the control: it is this process"
        assert not [secret for secret in secrets_of(server) if secret.encode() in held]


def test_nobody_can_read_the_secrets_in_the_servers_place(server: Server, kernel: Kernel) -> None:
    """They are sent on a socket, which /proc opens for nobody; and nothing is left on it."""
    del server
    kernel.run("""
import os, socket, subprocess, sys
ours, theirs = socket.socketpair()
ours.sendall(b"sent")
child = subprocess.Popen([sys.executable, "-c", "import sys; input(); sys.stdin.read()"], stdin=theirs)
pipe = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"], stdin=subprocess.PIPE)
pipe.stdin.write(b"sent"); pipe.stdin.flush()
def steal(pid):
    try: return os.read(os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK), 100)
    except OSError as error: return error.strerror
""")
    assert "No such device" in kernel.run("print(steal(child.pid))")
    assert "b'sent'" in kernel.run("print(steal(pipe.pid))"), "the control: from a pipe they could"
    kernel.run("child.kill(); pipe.kill(); child.wait(); pipe.wait(); ours.close(); theirs.close()")
