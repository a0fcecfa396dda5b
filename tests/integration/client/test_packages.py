"""What is installed in a kernel, and packages of one's own: a layer that adds to the site's and never changes it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.client.notebooks import KERNEL, Notebook
from package_index import wheel
from swap.client.show import ERROR

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "kernel.in"
MODULES = {"scikit-learn": "sklearn"}
FIGURES = {
    "matplotlib": "import matplotlib.pyplot as plt\nplt.plot([1, 2])",
    "seaborn": "import seaborn as sns\nsns.lineplot(x=[1, 2], y=[1, 2])",
    "pandas": "swap.sql('SELECT 1 AS a, 2 AS b').plot(x='a', y='b')",
}


@pytest.fixture
def shelf(tmp_path: Path) -> str:
    """Return what makes pip look into a directory only."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    wheel(folder, "ownthing", "numpy")
    wheel(folder, "oldthing", "numpy<1")
    return f"--no-index --find-links {folder}"


def layer(notebook: Notebook) -> Path:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return Path(notebook.environment["HOME"], ".local/share/swap", version, "lib", version, "site-packages")


def text(outputs: list[dict[str, str]]) -> str:
    return "".join(output.get("text", "") for output in outputs)


def test_everything_the_kernel_environment_promises_can_be_imported(notebook: Notebook) -> None:
    names = re.findall(r"^[\w-]+", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    modules = [MODULES.get(name, name) for name in names]

    notebook.run("".join(f"import {module}\n" for module in modules))


@pytest.mark.parametrize("library", FIGURES)
def test_a_figure_has_a_ground_of_its_own_so_that_it_is_read_in_light_and_dark(
    notebook: Notebook, library: str
) -> None:
    picture = next(output for output in notebook.run(FIGURES[library]) if "image/png" in output.get("data", {}))
    notebook.run(
        f"import base64, io, PIL.Image\npixels = PIL.Image.open(io.BytesIO(base64.b64decode({picture['data']['image/png']!r})))"
    )

    assert notebook.value("pixels.convert('RGBA').getpixel((0, 0))") == [255, 255, 255, 255]


def test_a_package_of_mine_is_there_at_once_and_after_a_restart(notebook: Notebook, shelf: str) -> None:
    said = text(notebook.run(f"%pip install {shelf} ownthing"))

    assert "Successfully installed ownthing-1.0" in said
    assert "numpy" not in said.rpartition("Successfully installed")[2]
    home = notebook.environment["HOME"]
    assert notebook.value("__import__('ownthing').PLACE").startswith(f"{home}/.local/share/swap/python3.")
    listed = text(notebook.run("%pip list"))
    assert "ownthing" in listed
    assert "pandas" in listed


def test_a_package_that_needs_another_version_of_the_sites_is_refused(notebook: Notebook, shelf: str) -> None:
    outputs = notebook.run(f"%pip install {shelf} oldthing", fails=True)

    assert "numpy" in text(outputs)
    assert outputs[-1]["data"][ERROR]["error"]["title"] == "pip ended with status 1."
    assert notebook.value("__import__('importlib.util').util.find_spec('oldthing') is None") is True


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("%pip uninstall -y numpy", "numpy is no package of your own."),
        ("%pip download numpy", "pip download cannot change the packages of this site."),
        ("%pip cache purge", "pip cache cannot change the packages of this site."),
    ],
)
def test_the_sites_packages_are_not_changed(notebook: Notebook, written: str, title: str) -> None:
    assert notebook.one(written, fails=True)[ERROR]["error"]["title"] == title


def test_a_package_of_mine_is_removed(notebook: Notebook, shelf: str) -> None:
    notebook.run(f"%pip install {shelf} ownthing")

    assert "Successfully uninstalled ownthing-1.0" in text(notebook.run("%pip uninstall OwnThing"))
    assert notebook.value("[package.name for package in swap.environment().own]") == []


@dataclass(frozen=True)
class Site:
    """An environment of a test's own that has `sitething` beside all that the kernels have."""

    home: Path
    packages: Path
    shelf: Path

    def pip(self, line: str, **variables: str) -> str:
        """Run %pip there and return what it says."""
        done = subprocess.run(
            [str(self.packages.parents[2] / "bin" / "python"), "-s", "-c", f"from swap.client import packages; packages.pip({line!r})"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.home), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.shelf), **variables},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )  # fmt: skip
        return done.stdout


@pytest.fixture
def site(tmp_path: Path) -> Site:
    home, shelf, made = tmp_path / "home", tmp_path / "shelf", tmp_path / "site"
    home.mkdir()
    shelf.mkdir()
    subprocess.run([str(KERNEL), "-m", "venv", "--without-pip", str(made)], check=True)
    (packages,) = made.glob("lib/*/site-packages")
    (kernels,) = KERNEL.parents[1].glob("lib/*/site-packages")
    (packages / "kernels.pth").write_text(f"import site; site.addsitedir({str(kernels)!r})\n")
    wheel(shelf, "sitething")
    wheel(shelf, "ownthing")
    with zipfile.ZipFile(shelf / "sitething-1.0-py3-none-any.whl") as file:
        file.extractall(packages)
    files = ("sitething.py", "METADATA", "WHEEL", "RECORD", "INSTALLER")
    about = packages / "sitething-1.0.dist-info"
    (about / "INSTALLER").write_text("pip\n")
    (about / "RECORD").write_text(
        "".join(f"{name if name.endswith('.py') else f'{about.name}/{name}'},,\n" for name in files)
    )
    return Site(home, packages, shelf)


def project(folder: Path, made: Path) -> None:
    """Write a project that is built without any other: what comes out is a wheel that is there."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "made"\nbackend-path = ["."]\n'
    )
    (folder / "made.py").write_text(
        "import shutil\n\n"
        "def build_wheel(directory, *_):\n"
        f"    shutil.copy({str(made)!r}, directory)\n"
        f"    return {made.name!r}\n"
    )


def test_what_pip_would_install_anew_leaves_the_sites_packages_where_they_are(site: Site) -> None:
    project(site.home / "clone", site.shelf / "sitething-1.0-py3-none-any.whl")
    before = {path: path.read_bytes() for path in site.packages.rglob("*") if path.is_file()}

    for said in (
        site.pip("install ./clone"),
        site.pip("install sitething", PIP_FORCE_REINSTALL="1"),
        site.pip("install -U sitething"),
    ):
        assert "sitething" in said

    assert {path: path.read_bytes() for path in before if path.exists()} == before


def test_a_package_of_mine_can_be_replaced_by_a_newer_one(site: Site) -> None:
    site.pip("install ownthing")
    wheel(site.shelf, "ownthing", version="1.1")

    assert "Successfully installed ownthing-1.1" in site.pip("install -U ownthing")
    assert [path.name for path in site.home.rglob("ownthing-*.dist-info")] == ["ownthing-1.1.dist-info"]


def test_elsewhere_pip_is_ipythons(tmp_path: Path) -> None:
    with Notebook(tmp_path, {}) as notebook:
        assert notebook.value("get_ipython().find_line_magic('pip').__module__") == "IPython.core.magics.packaging"


def test_the_sites_packages_win_over_mine(notebook: Notebook) -> None:
    place = layer(notebook)
    place.mkdir(parents=True)
    (place / "pandas.py").write_text("raise SystemExit('mine')", encoding="utf-8")

    notebook.run("%pip list\nimport pandas")

    assert notebook.value("pandas.__version__[0]") == "3"
