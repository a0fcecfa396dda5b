"""Packages of one's own behind walls: from the mirror that the site names, into the home, and nothing of the site's changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import package_index
import wardens
from package_index import Index
from swap.lab.config import STARTUP
from swap.notebooks.workspace import Workspace
from town import ANN, BOB, Town

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")

INSTALL = """
    import json, os, subprocess
    python = os.environ["SWAP_KERNEL_ENV"] + "/bin/python"
    install = [os.environ["SWAP_KERNEL_ENV"] + "/bin/pip", "install", "--retries", "0", "ownthing"]
    done = subprocess.run(install, capture_output=True, text=True)
    place = subprocess.run([python, "-c", "import ownthing; print(ownthing.PLACE)"], capture_output=True, text=True)
    print(json.dumps([done.returncode, place.stdout.strip(), done.stdout + done.stderr]))
"""
CHANGE = """
    import json, os
    try:
        open(os.environ["SWAP_KERNEL_ENV"] + "/changed", "w").close()
        print(json.dumps("changed"))
    except OSError as error:
        print(json.dumps(error.strerror))
"""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with package_index.serving(tmp_path / "index") as made:
        made.add("ownthing")
        yield made


@pytest.fixture
def reaching(state: Path, index: Index) -> Iterator[Town]:
    made = Town(state, {"reach": [f"mirror.test:{index.port}"]})
    yield made
    made.close()


def mirrored(town: Town, index: Index) -> dict[str, str]:
    """Return what a server would be told, and its terminals."""
    return {
        "PIP_INDEX_URL": f"http://mirror.test:{index.port}/simple",
        "PIP_TRUSTED_HOST": f"mirror.test:{index.port}",
        "SWAP_KERNEL_ENV": str(town.runtime.kernel_env),
        "PYTHONPATH": str(STARTUP),
    }


def to_loopback(plan):
    """The mirror's name is the test's own: for the machine it stands for its loopback."""
    doors = tuple((*door[:2], "127.0.0.1", door[3]) if door[2] == "mirror.test" else door for door in plan.doors_out)
    return replace(plan, doors_out=doors)


def test_a_package_comes_by_the_door_of_the_mirror_and_is_the_persons_own(reaching, index):
    code, place, said = reaching.start(ANN, INSTALL, to_loopback, **mirrored(reaching, index)).told()

    assert (code, place.partition("/python3")[0]) == (0, f"/home/{ANN.person_id}/.local/share/swap"), said
    assert reaching.start(BOB, INSTALL, **mirrored(reaching, index)).told()[:2] == [1, ""], "a door that leads nowhere"
    assert reaching.start(ANN, CHANGE, **mirrored(reaching, index)).told() == "Read-only file system"
    (file,) = reaching.home(ANN).rglob("ownthing.py")
    assert file.stat().st_uid == ANN.uid


def test_without_the_mirror_in_reach_there_is_none(town, index):
    code, _, said = town.start(ANN, INSTALL, to_loopback, **mirrored(town, index)).told()

    assert code == 1
    assert "ownthing" in said
    assert index.asked == []


def test_the_portal_lists_and_removes_it_with_the_rights_of_its_person(reaching, index, tmp_path):
    reaching.start(ANN, INSTALL, to_loopback, **mirrored(reaching, index)).told()
    root = reaching.runtime.homes
    made = wardens.portals(reaching.state, root, {ANN.person_id: ANN.uid})

    layers = reaching.home(ANN) / ".local" / "share" / "swap"
    (layer,) = layers.iterdir()
    # What only root may touch, as a person's link may lead to: its person's rights end there.
    kept = layer / "roots"
    kept.mkdir(mode=0o700)
    (kept / "file").touch()
    with wardens.far(made) as far:
        workspace = far.home(ANN.person_id)
        assert workspace.packages().names == ("ownthing",)
        with pytest.raises(Exception, match="could not be removed"):
            workspace.remove_packages()
        assert [path.name for path in layers.rglob("file")] == ["file"]
        assert workspace.packages() is None, "it is out of use all the same"
    Workspace(root, ANN.person_id).remove_packages()
    assert list(layers.iterdir()) == [], "the control"
