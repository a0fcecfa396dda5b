"""A person's own files: none of them switches SWAP off or stands in our kernel's place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from integration.lab.conftest import Server
from integration.lab.kernels import Kernel

EVIL_SERVER = (
    "open({mark!r}, 'a').write('server configuration ran\\n')\nc.ServerApp.jpserver_extensions = {{'swap.lab':"
    " False}}\nc.ServerApp.allow_origin = '*'\n"
)


def write(path: Path, content: str | dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def plant(home: Path) -> Path:
    """Put every file at home that Jupyter would read, and return the file their code would write."""
    mark = home / "mark.txt"
    off = {"ServerApp": {"jpserver_extensions": {"swap.lab": False, "jupyterhub": False}}}
    page = {"disabledExtensions": {"@swap/lab": True, "@swap/lab:bar": True}, "lockedExtensions": {"@swap/lab": True}}
    for folder in (home / ".jupyter", home, home / ".local/etc/jupyter"):
        write(folder / "jupyter_server_config.py", EVIL_SERVER.format(mark=str(mark)))
        write(folder / "jupyter_config.py", EVIL_SERVER.format(mark=str(mark)))
        write(folder / "jupyter_jupyterhub_singleuser_config.py", EVIL_SERVER.format(mark=str(mark)))
        write(folder / "jupyter_lab_config.py", EVIL_SERVER.format(mark=str(mark)))
        write(folder / "jupyter_server_config.json", off)
        write(folder / "jupyter_server_config.d/swap.json", off)
        write(folder / "labconfig/page_config.json", page)
    evil = {
        "argv": ["/bin/sh", "-c", f"echo kernel >> {mark}", "{connection_file}"],
        "display_name": "Evil",
        "language": "python",
    }
    for folder in (home / ".local/share/jupyter", home / ".jupyter", home / ".ipython"):
        write(folder / "kernels/swap/kernel.json", evil)
        write(folder / "kernels/python3/kernel.json", evil)
        write(
            folder / "labextensions/@swap/lab/package.json",
            {
                "name": "@swap/lab",
                "version": "9.9.9",
                "jupyterlab": {"_build": {"load": "static/evil.js", "extension": "./extension"}},
            },
        )
        write(folder / "labextensions/@swap/lab/static/evil.js", "evil")
    for module in ("jupyterhub", "tornado", "httpx", "swap", "sitecustomize", "usercustomize"):
        write(home / f"{module}.py", f"open({str(mark)!r}, 'a').write('module {module} ran\\n')")
    write(home / ".jupyter/lab/user-settings/@jupyterlab/mainmenu-extension/plugin.jupyterlab-settings", {"menus": []})
    return mark


def page_of(server: Server) -> dict[str, object]:
    text = server.get("/lab", server.hub.token()).text
    found = text.split('id="jupyter-config-data" type="application/json">')[1].split("</script>")[0]
    page: dict[str, object] = json.loads(found)
    return page


def test_no_file_at_home_switches_swap_off(launch: Callable[..., Server], home: Path) -> None:
    mark = plant(home)
    server = launch()
    page = page_of(server)
    extensions = {item["name"]: item["load"] for item in page["federated_extensions"]}  # type: ignore[attr-defined, index]
    assert "@swap/lab" in extensions
    assert "evil" not in extensions["@swap/lab"]
    assert not [name for name in page["disabledExtensions"] if name.startswith("@swap/lab")]  # type: ignore[attr-defined]
    assert server.get("/swap/access", server.hub.token()).status_code == 200
    assert server.get("/swap/access").status_code == 403
    specs = server.get("/api/kernelspecs", server.hub.token()).json()
    assert specs["kernelspecs"].keys() == {"swap", "swap-r"}
    assert specs["kernelspecs"]["swap"]["spec"]["display_name"] == "Python (SWAP)"
    assert not mark.exists(), mark.read_text()


def test_a_kernel_at_home_of_the_same_name_is_not_started(launch: Callable[..., Server], home: Path) -> None:
    mark = plant(home)
    (home / "swap.py").unlink()  # a kernel may import what lies beside the notebook; that is no attack
    server = launch()
    kernel = Kernel(server.url, server.hub.token())
    assert kernel.run("import sys; print(sys.prefix)").strip().endswith("kernel")
    kernel.socket.shutdown()
    assert "kernel" not in (mark.read_text() if mark.exists() else "")


def test_files_the_kernel_writes_beside_the_server_do_not_switch_us_off(launch: Callable[..., Server]) -> None:
    """The private directory belongs to the same user: what decides is set at each page, above any file."""
    server = launch()
    private = server.socket.with_suffix(".d")
    write(private / "config/labconfig/page_config.json", {"disabledExtensions": {"@swap/lab": True}})
    page = page_of(server)
    assert "@swap/lab" in [item["name"] for item in page["federated_extensions"]]  # type: ignore[attr-defined]
    assert "@swap/lab" not in page["disabledExtensions"]  # type: ignore[operator]


def test_the_page_knows_the_person_and_the_way_home(launch: Callable[..., Server]) -> None:
    page = page_of(launch())
    assert (page["swapName"], page["swapHome"]) == ("Ann Smith", "http://localhost:8000")


def test_the_servers_private_directory_goes_with_it(launch: Callable[..., Server]) -> None:
    server = launch()
    private = server.socket.with_suffix(".d")
    assert private.stat().st_mode & 0o777 == 0o700
    server.process.terminate()
    assert server.process.wait(20) == 0
    assert not private.exists()
    assert not server.socket.exists()
