"""A layer that is broken, or made to break: kernels and terminals start, and say what they left out.

Each attack has its control: where a layer is an ordinary part of Python's path, it ends the Python that starts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.client.notebooks import KERNEL, Notebook
from swap.client import layer
from swap.lab.config import STARTUP

PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
LAYER = Path(".local", "share", "swap", PYTHON)
END = "import os; os._exit(3)\n"
NAIVE = "import site, sys; site.addsitedir(sys.argv[1]); import json, ipykernel.kernelapp"


@dataclass(frozen=True)
class Attack:
    """What stands in the layer, what is said of it, and the Python that it ends where nothing is done against it."""

    plant: Callable[[Path], object]
    said: str
    python: tuple[str, ...] = (str(KERNEL), "-c", NAIVE)


def package(place: Path, name: str) -> None:
    (place / name).mkdir()
    (place / name / "__init__.py").write_text(END)


BASE = subprocess.run(
    [str(KERNEL), "-c", "import sys; print(sys._base_executable)"], capture_output=True, text=True, check=True
).stdout.strip()

ATTACKS = {
    "json": Attack(lambda place: (place / "json.py").write_text(END), "json of your own packages is not used"),
    "ipykernel": Attack(lambda place: package(place, "ipykernel"), "ipykernel of your own packages is not used"),
    "sitecustomize": Attack(
        lambda place: (place / "sitecustomize.py").write_text(END), "sitecustomize of your own packages is left out"
    ),
    "usercustomize": Attack(
        lambda place: (place / "usercustomize.py").write_text(END),
        "usercustomize of your own packages is left out",
        (BASE, "-c", ""),
    ),
    "a .pth that ends": Attack(lambda place: (place / "a.pth").write_text(END), "a.pth of your own packages is left"),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "home" / LAYER / "lib" / PYTHON / "site-packages"
    made.mkdir(parents=True)
    (made / "ownthing.py").write_text("PLACE = __file__\n")
    return made


def kernel(tmp_path: Path) -> Notebook:
    (tmp_path / "home").rename(tmp_path / "planted")
    made = Notebook(tmp_path, {"SWAP_TOKEN_SOCKET": str(tmp_path / "none.sock")})
    Path(made.environment["HOME"]).rmdir()
    (tmp_path / "planted").rename(tmp_path / "home")
    return made


def terminal(home: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run the notebooks' Python as a terminal does."""
    return subprocess.run(
        [str(KERNEL), "-c", program],
        env={
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(STARTUP),
            "SWAP_KERNEL_ENV": str(KERNEL.parents[1]),
        },
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_what_would_run_as_python_starts_is_left_out_and_named(tmp_path: Path, place: Path, name: str) -> None:
    attack = ATTACKS[name]
    attack.plant(place)

    with kernel(tmp_path) as notebook:
        first = "".join(output.get("text", "") for output in notebook.run("import json, ownthing\nownthing.PLACE"))
        again = notebook.run("1")
        left_out = notebook.value("list(swap.environment().left_out)")
    assert attack.said in first
    assert [output["output_type"] for output in again] == ["execute_result"], "it is said once"
    assert [each for each in left_out if attack.said in each]
    in_terminal = terminal(tmp_path / "home", "import json, ipykernel.kernelapp, ownthing; print(ownthing.PLACE)")
    assert in_terminal.stdout == f"{place}/ownthing.py\n", in_terminal.stderr
    control = subprocess.run(
        [*attack.python, str(place)],
        env={"HOME": str(tmp_path), "PYTHONPATH": str(place)},
        timeout=60,
        check=False,
    )
    assert control.returncode == 3, "the control"


def no_text(place: Path) -> None:
    (place / "a.pth").write_bytes(b"\xff\xfe\x00")


def pipe(place: Path) -> None:
    os.mkfifo(place / "a.pth")


def a_file(place: Path) -> None:
    place.rename(place.with_name("aside"))
    place.write_text("no directory")


def a_loop(place: Path) -> None:
    place.rename(place.with_name("aside"))
    place.symlink_to(place)


def many(place: Path) -> None:
    for number in range(layer.READ + 10):
        (place / f"m{number}.pth").touch()


def deep(place: Path) -> None:
    (place / "a.pth").write_text("/nowhere\n../../../../../../../..\n\0\n" + "x" * 100_000)


def unknown_packages(place: Path) -> None:
    (place / "none-1.dist-info").mkdir()
    (place / "half-1.dist-info").mkdir()
    (place / "half-1.dist-info" / "METADATA").write_bytes(b"\xff\x00Name half\nVersion:\n")
    (place.parents[2] / "hashes.json").write_text("[" * 100_000)


@pytest.mark.parametrize("plant", [no_text, pipe, a_file, a_loop, many, deep, unknown_packages])
def test_whatever_the_layer_is_a_kernel_starts_and_lists_what_there_is(
    tmp_path: Path, place: Path, plant: Callable[[Path], None]
) -> None:
    plant(place)

    with kernel(tmp_path) as notebook:
        notebook.run("1")  # what is left out is said with it
        assert notebook.value("'pandas' in {package.name for package in swap.environment()}") is True
        assert notebook.value("bool(repr(swap.environment()) and swap.environment()._repr_html_())") is True
        notebook.run("swap.environment().reset()")
        assert not (tmp_path / "home" / LAYER).exists()
    assert terminal(tmp_path / "home", "import json").returncode == 0


def test_a_package_that_is_worked_on_is_found_where_it_is(tmp_path: Path, place: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "worked.py").touch()
    (place / "_worked.pth").write_text(f"{tmp_path / 'work'}\n")

    with kernel(tmp_path) as notebook:
        assert notebook.run("import worked") == []
    assert terminal(tmp_path / "home", "import worked").returncode == 0


def test_another_python_finds_nothing_of_the_layer(tmp_path: Path, place: Path) -> None:
    found = subprocess.run(
        [BASE, "-c", "import ownthing"],
        env={"HOME": str(tmp_path / "home"), "PYTHONPATH": str(STARTUP), "SWAP_KERNEL_ENV": str(KERNEL.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named 'ownthing'" in found.stderr
    assert terminal(tmp_path / "home", "import ownthing").returncode == 0, "the control"


def test_names_of_packages_are_text_and_nothing_else(tmp_path: Path, place: Path) -> None:
    (place / "bad-1.dist-info").mkdir()
    (place / "bad-1.dist-info" / "METADATA").write_text("Name: <img src=x>\x1b[2J\nVersion: <b>\n")

    with kernel(tmp_path) as notebook:
        shown = notebook.one("swap.environment()")
    assert "&lt;img src=x&gt;" in shown["text/html"]
    assert "<img" not in shown["text/html"]
    assert "\x1b" not in shown["text/plain"]
