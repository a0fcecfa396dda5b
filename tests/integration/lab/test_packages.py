"""Packages of one's own in a real server: from an index, in cells and terminals, across restarts, on a broken home."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
import websocket

import package_index
from integration.lab.conftest import KERNEL_ENV, Server, started, unprivileged
from integration.lab.kernels import Kernel
from package_index import Index
from services import NO_TLS

LAYER = Path(".local/share/swap", f"python{sys.version_info[0]}.{sys.version_info[1]}")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with package_index.serving(tmp_path / "index") as made:
        yield made


@pytest.fixture
def kernel_of() -> Iterator[Callable[..., Kernel]]:
    """Start a kernel of a server, or connect to one; its connection is closed with the test."""
    with ExitStack() as stack:

        def opened(server: Server, kernel_id: str = "") -> Kernel:
            kernel = Kernel(server.url, server.hub.token(), kernel_id)
            stack.callback(kernel.socket.shutdown)
            return kernel

        yield opened


def told(index: Index) -> dict[str, str]:
    """Return what a server is told of the index."""
    return {"PIP_INDEX_URL": index.url, "PIP_TRUSTED_HOST": f"localhost:{index.port}"}


def typed(server: Server, line: str) -> str:
    """Type a line into a new terminal, and return what stands there when it has ended."""
    headers = {"Authorization": f"token {server.hub.token()}"}
    name = httpx.post(f"{server.url}/api/terminals", headers=headers, timeout=60, verify=NO_TLS).json()["name"]
    address = f"{server.url}/terminals/websocket/{name}".replace("http://", "ws://")
    said = ""
    with closing(
        websocket.create_connection(address, timeout=60, header=[f"Authorization: {headers['Authorization']}"])
    ) as wire:
        wire.send(json.dumps(["stdin", f"{line}; echo the-${{NOTHING}}end\n"]))
        while "the-end" not in said:
            kind, *text = json.loads(wire.recv())
            said += text[0] if kind == "stdout" else ""
    return said


def model(document: object) -> dict[str, object]:
    return {"type": "notebook", "format": "json", "content": document}


def frozen() -> set[Path]:
    (site,) = KERNEL_ENV.glob("lib/python3*/site-packages")
    return set(site.iterdir())


def test_a_package_is_installed_from_the_sites_index_and_there_after_a_restart(
    launch: Callable[..., Server], short_folder: Path, home: Path, index: Index, kernel_of: Callable[..., Kernel]
) -> None:
    digest = index.add("ownthing")
    before = frozen()
    server = launch(extra=told(index))
    kernel = kernel_of(server)

    assert "Successfully installed ownthing-1.0" in kernel.run("%pip install ownthing", 90, prints=True)

    assert frozen() == before
    assert "/simple/ownthing/" in index.asked
    place = kernel.value("import json, ownthing; print(json.dumps(ownthing.PLACE))")
    assert place.startswith(str(home / LAYER))
    requirements = kernel.value("print(json.dumps(swap.environment().requirements()))")
    assert requirements == f"ownthing==1.0 --hash=sha256:{digest}\n"
    (short_folder / "again").mkdir()
    with started(short_folder / "again", home) as again:
        assert kernel_of(again).value("import json, ownthing; print(json.dumps(ownthing.PLACE))")


@pytest.mark.parametrize("pip", ["pip", "python -m pip"])
def test_so_is_one_in_a_terminal_and_by_a_cells_shell(
    launch: Callable[..., Server], home: Path, index: Index, pip: str, kernel_of: Callable[..., Kernel]
) -> None:
    index.add("termthing", files={"termthing.py": "PLACE = __file__\ndef main(): print('it', 'says')\n"})
    index.add("cellthing")
    before = frozen()
    server = launch(extra=told(index))

    said = typed(
        server, f"{pip} install termthing && python -c 'import termthing; print(termthing.PLACE)' && termthing-says"
    )

    assert f"{home / LAYER}" in said.rpartition("Successfully installed termthing-1.0")[2]
    assert "it says" in said
    kernel = kernel_of(server)
    kernel.run("import termthing")
    kernel.run(f"!{pip} install cellthing", 90, prints=True)
    kernel.run("import importlib; importlib.invalidate_caches(); import cellthing")
    assert "pip uninstall takes no" not in typed(server, f"{pip} uninstall -y termthing")
    assert "numpy is no package of your own" in typed(server, f"{pip} uninstall -y numpy")
    assert kernel.value("import json; print(json.dumps([each.name for each in swap.environment().own]))") == [
        "cellthing"
    ]
    assert frozen() == before


def test_an_environment_somebody_makes_has_a_pip_of_its_own(
    launch: Callable[..., Server], home: Path, index: Index
) -> None:
    index.add("ownthing")
    said = typed(launch(extra=told(index)), "python -m venv mine && mine/bin/pip install ownthing")

    assert "Successfully installed ownthing-1.0" in said
    assert list(home.glob("mine/lib/python3*/site-packages/ownthing.py"))
    assert not (home / LAYER).exists()


def test_a_lock_is_installed_elsewhere_and_another_file_is_refused(
    launch: Callable[..., Server], home: Path, index: Index, kernel_of: Callable[..., Kernel]
) -> None:
    index.add("ownthing", "needed")
    index.add("needed")
    server = launch(extra=told(index))
    kernel = kernel_of(server)
    kernel.run("%pip install ownthing", 90, prints=True)
    kernel.run("open('lock.txt', 'w').write(swap.environment().requirements())\nswap.environment().reset()")
    assert not (home / LAYER).exists()

    assert "Successfully installed needed-1.0 ownthing-1.0" in kernel.run("%pip install -r lock.txt", 90, prints=True)

    kernel.run("swap.environment().reset()")
    index.add("needed", files={"needed.py": "changed = True\n"})
    said = kernel.run("%pip install --no-cache-dir -r lock.txt", 90, prints=True)
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in said
    assert kernel.value("import json; print(json.dumps(len(swap.environment().own)))") == 0


def test_a_colleague_is_told_what_a_notebook_needs_and_installs_it_in_one_line(
    launch: Callable[..., Server], home: Path, index: Index, kernel_of: Callable[..., Kernel]
) -> None:
    index.add("ownthing")
    server = launch(extra=told(index))
    headers = {"Authorization": f"token {server.hub.token()}"}
    first = kernel_of(server)
    first.run("%pip install ownthing", 90, prints=True)
    bundle, metadata = first.value(
        "import json; print(json.dumps(get_ipython().display_formatter.format(swap.environment().lock())))"
    )
    first.run("swap.environment().reset()")
    output = {"output_type": "execute_result", "execution_count": 1, "data": bundle, "metadata": metadata}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "", "execution_count": 1, "outputs": [output]}
    (home / "with").mkdir()
    document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    place = f"{server.url}/api/contents/with/theirs.ipynb"
    assert httpx.put(place, headers=headers, json=model(document), timeout=60, verify=NO_TLS).is_success
    # Opened again, and saved with its outputs cleared.
    saved = httpx.get(place, headers=headers, timeout=60, verify=NO_TLS).json()["content"] | {"cells": []}
    assert httpx.put(place, headers=headers, json=model(saved), timeout=60, verify=NO_TLS).is_success
    session = {"path": "with/theirs.ipynb", "name": "theirs.ipynb", "type": "notebook", "kernel": {"name": "swap"}}
    opened = httpx.post(f"{server.url}/api/sessions", headers=headers, json=session, timeout=60, verify=NO_TLS).json()
    kernel = kernel_of(server, opened["kernel"]["id"])

    assert "This notebook needs ownthing 1.0" in kernel.run("1", prints=True)

    kernel.run("swap.environment().install()", 90)
    assert kernel.value("import json, ownthing; print(json.dumps(ownthing.PLACE))").startswith(str(home / LAYER))
    kernel.run("swap.environment().install()")
    assert kernel.run("print('no word of it')", prints=True) == "no word of it\n"


def locked(home: Path) -> None:
    (home / LAYER / "lib").mkdir(parents=True)
    (home / LAYER).chmod(0)


def all_locked(home: Path) -> None:
    (home / ".local").mkdir()
    (home / ".local").chmod(0)


def elsewhere(home: Path) -> None:
    (home / LAYER).parent.mkdir(parents=True)
    (home / LAYER).symlink_to("/etc")


@pytest.mark.parametrize(
    ("broken", "said"),
    [(locked, "Permission denied"), (all_locked, "Permission denied"), (elsewhere, "ready")],
)
def test_a_server_and_a_kernel_start_on_a_layer_that_cannot_be_read(
    launch: Callable[..., Server],
    home: Path,
    broken: Callable[[Path], None],
    said: str,
    kernel_of: Callable[..., Kernel],
) -> None:
    broken(home)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "-h", "nobody", str(home)], check=True)
    server = launch(user=unprivileged())
    kernel = kernel_of(server)

    assert said in kernel.run("1; print('ready')", prints=True)
    assert kernel.value("import json, pandas; print(json.dumps(len(swap.environment()) > 50))") is True


ALONE = "from ipykernel.kernelapp import IPKernelApp; IPKernelApp().initialize([])"
"""What a kernel begins with."""


def fill(path: Path) -> None:
    """Write a file until the disk has no byte left."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(path).free == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_first_kernel_starts_on_a_full_disk(
    launch: Callable[..., Server], home: Path, kernel_of: Callable[..., Kernel]
) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(home)], check=True)
    try:
        fill(home / "full")
        control = subprocess.run(
            [str(KERNEL_ENV / "bin" / "python"), "-E", "-s", "-c", ALONE],
            env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "No space left on device" in control.stderr, "the control"
        server = launch()
        kernel = kernel_of(server)

        assert kernel.value("import json, os; print(json.dumps('IPYTHONDIR' in os.environ))") is True
        assert kernel.value("import json; print(json.dumps(swap.environment().own))") == []
        server.process.terminate()
        server.process.wait(30)
    finally:
        subprocess.run(["umount", "--lazy", str(home)], check=True)
