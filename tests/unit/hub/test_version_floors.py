"""Nothing is installed, locked or allowed below the version that mended a known hole (security cases §1.2)."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[3]

FLOORS = {
    "jupyterhub": "5.5.1",  # GHSA-c4gm-pwx9-9w8j, GHSA-69wv-m5fw-2fhp, CVE-2026-54338, CVE-2026-40864, CVE-2026-33709
    "jupyterlab": "4.6.4",  # CVE-2026-102831, CVE-2026-73415, -73416, -73417, -73627
    "jupyter-server": "2.20.0",  # CVE-2026-44727, -35397, -5422, -40110, -40934
    "nbconvert": "7.17.2",  # CVE-2026-39377, -39378, -6658
    "python-ldap": "3.4.5",  # CVE-2025-61911, -61912
}
NOT_AT_ALL = (
    "nbviewer",
    "jupyter-server-proxy",
    "ldap3",
    "jupyterhub-ldapauthenticator",
    "oauthenticator",
    "jupyter-collaboration",
)
"""Packages whose known holes have no mended version, or that SWAP decided to do without."""


def locked(path: Path) -> dict[str, Version]:
    return {
        name: Version(number)
        for name, number in re.findall(
            r"^([a-z0-9.-]+)(?:\[[^]]*\])?==([^\s\\;]+)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }


def locks() -> list[Path]:
    return sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("name", FLOORS)
def test_what_is_installed_is_not_below_its_floor(name):
    assert Version(version(name)) >= Version(FLOORS[name])


@pytest.mark.parametrize("path", locks(), ids=lambda path: path.name)
def test_what_is_locked_is_not_below_its_floor(path):
    for name, number in locked(path).items():
        assert name not in FLOORS or number >= Version(FLOORS[name]), f"{path.name}: {name} {number}"


def test_the_server_and_what_asks_a_directory_are_locked_with_each_of_them():
    server, ldap = (locked(ROOT / "requirements" / f"{part}.txt") for part in ("server", "ldap"))

    assert set(FLOORS) <= set(server) | set(ldap)
    assert "python-ldap" not in server, "the demo needs no compiler"


@pytest.mark.parametrize("name", FLOORS)
def test_what_the_package_allows_is_not_below_its_floor(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parts = project["optional-dependencies"]
    allowed = {each.name: each for each in map(Requirement, [*parts["server"], *parts["ldap"]])}
    floor = Version(FLOORS[name])

    before = [
        f"{floor.major}.{floor.minor}.{floor.micro - 1}" if floor.micro else f"{floor.major}.{floor.minor - 1}.99",
        f"{floor.major - 1}.0.0",
    ]
    assert not [number for number in before if allowed[name].specifier.contains(number)]


@pytest.mark.parametrize("name", NOT_AT_ALL)
def test_what_swap_does_without_is_neither_locked_nor_installed(name):
    assert not [path.name for path in locks() if name in locked(path)]
    with pytest.raises(PackageNotFoundError):
        version(name)


def test_the_environment_of_notebooks_is_not_below_the_floors_either():
    python = Path(sys.prefix).parent / "kernel" / "bin" / "python"
    if not python.exists():
        pytest.skip("there is no kernel environment beside this one")
    listed = subprocess.run(
        [
            python,
            "-c",
            "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()), sep='\\n')",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    installed = {
        line.partition("==")[0].lower().replace("_", "-"): Version(line.partition("==")[2]) for line in listed.split()
    }

    assert installed
    assert not [name for name, floor in FLOORS.items() if name in installed and installed[name] < Version(floor)]


def test_jupyterhub_6_1_1_came_after_the_two_advisories_of_august_2026():
    # 6.1.1's changelog lists both GHSAs; a version 6 before it is newer by number, but may be older by date.
    assert not (Version("6") <= Version(version("jupyterhub")) < Version("6.1.1"))
