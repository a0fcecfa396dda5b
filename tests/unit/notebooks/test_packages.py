"""One's own packages as the portal sees them: within limits, through no link, and gone at a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from swap.notebooks import packages
from swap.notebooks.packages import Own
from swap.notebooks.workspace import Workspace

PERSON = "paaaaaaaaa"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "homes" / PERSON
    made.mkdir(parents=True)
    return made


@pytest.fixture
def workspace(home: Path) -> Workspace:
    return Workspace(home.parent, PERSON)


def layer(home: Path, *names: str, python: str = "python3.11") -> Path:
    place = home / ".local/share/swap" / python / "lib" / python / "site-packages"
    place.mkdir(parents=True)
    for name in names:
        (place / f"{name}-1.0.dist-info").mkdir()
        (place / f"{name}.py").touch()
    return place


def test_without_a_layer_there_is_none(workspace: Workspace, home: Path) -> None:
    assert workspace.packages() is None
    (home / ".local/share/swap").mkdir(parents=True)
    assert workspace.packages() is None
    workspace.remove_packages()


def test_packages_of_every_python_are_counted_and_some_named(workspace: Workspace, home: Path) -> None:
    layer(home, "b", "a", "c", "d")
    layer(home, "e", "f", "a", python="python3.12")

    assert workspace.packages() == Own(("a", "b", "c", "d", "e"), 6, True)


def test_a_layer_without_end_is_looked_into_to_a_limit(
    workspace: Workspace, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "ENTRIES", 10)
    monkeypatch.setattr(packages, "LAYERS", 2)
    for python in ("python3.11", "python3.12", "python3.13"):
        layer(home, *(f"p{python[-1]}{number}" for number in range(20)), python=python)

    found = workspace.packages()

    assert found is not None
    assert not found.complete
    assert found.count <= 20


def test_no_link_leads_to_packages(workspace: Workspace, home: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    layer(tmp_path / "other", "theirs")
    theirs = tmp_path / "other/.local/share/swap/python3.11"
    (home / ".local/share/swap").mkdir(parents=True)
    (home / ".local/share/swap/python3.11").symlink_to(theirs)

    assert workspace.packages() == Own((), 0, True)

    workspace.remove_packages()
    assert workspace.packages() is None
    assert (theirs / "lib/python3.11/site-packages/theirs.py").exists()


def test_nor_does_a_link_above_the_layer(workspace: Workspace, home: Path, tmp_path: Path) -> None:
    layer(tmp_path / "other", "theirs")
    (home / ".local").symlink_to(tmp_path / "other" / ".local")

    assert workspace.packages() is None
    with pytest.raises(Exception, match="could not be removed"):
        workspace.remove_packages()
    assert list((tmp_path / "other").rglob("theirs.py"))


def test_names_are_short_and_printable(workspace: Workspace, home: Path) -> None:
    layer(home, "x" * 200, "a\x1b[2J\n")

    assert workspace.packages() == Own(("a�[2J�", "x" * 59 + "…"), 2, True)
