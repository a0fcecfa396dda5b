"""`scripts/run-tests` on a small tree of tests: what fails runs once more, and what passes only then is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOUND = "def test_sound() -> None: pass\n"
BROKEN = "def test_broken() -> None: assert False\n"
UNSTABLE = """
from pathlib import Path

def test_unstable() -> None:
    seen = Path(__file__ + ".seen")
    again = seen.exists()
    seen.touch()
    assert again
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("scripts", ".swap/env"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "scripts/run-tests", tmp_path / "scripts")
    (tmp_path / ".swap/env/dev").symlink_to(sys.prefix)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = long: takes minutes\n")
    (tmp_path / "lab/tests").mkdir(parents=True)
    extension = tmp_path / "lab/tests/run.sh"
    extension.write_text("#!/bin/sh\n")
    extension.chmod(0o755)
    for kind in ("unit", "conformance", "integration", "acceptance"):
        (tmp_path / "tests" / kind).mkdir(parents=True)
        (tmp_path / "tests" / kind / f"test_{kind}.py").write_text(SOUND)
    return tmp_path


def run(tree: Path) -> tuple[int, str, list[str]]:
    """Return its status, what it printed, and what it wrote down."""
    quickly = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p xdist"}
    ended = subprocess.run(
        [tree / "scripts/run-tests"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], **quickly},
    )
    return ended.returncode, ended.stdout, (tree / ".swap/passed-second.txt").read_text().splitlines()


def test_one_that_passes_only_when_repeated_is_told_and_forgiven(tree: Path) -> None:
    (tree / "tests/integration/test_a.py").write_text(UNSTABLE)

    status, printed, written = run(tree)

    assert (status, written) == (0, ["tests/integration/test_a.py::test_unstable"]), printed
    assert printed.endswith(
        "Passed only when repeated (.swap/passed-second.txt):\ntests/integration/test_a.py::test_unstable\n"
    )


def test_more_than_one_over_the_whole_run_is_a_failure(tree: Path) -> None:
    (tree / "tests/unit/test_a.py").write_text(UNSTABLE)
    (tree / "tests/acceptance/test_b.py").write_text(UNSTABLE)

    status, printed, written = run(tree)

    assert status == 1, printed
    assert written == ["tests/acceptance/test_b.py::test_unstable", "tests/unit/test_a.py::test_unstable"]


@pytest.mark.parametrize("kind", ["acceptance", "conformance"])
def test_what_fails_twice_fails_the_run_though_all_else_passes(tree: Path, kind: str) -> None:
    (tree / f"tests/{kind}/test_b.py").write_text(BROKEN)

    status, printed, _ = run(tree)

    assert status == 1
    assert printed.count("test_broken") >= 2, "its first telling is printed too"


def test_what_fails_twice_has_failed_and_did_not_pass(tree: Path) -> None:
    (tree / "tests/unit/test_a.py").write_text(UNSTABLE + BROKEN)

    status, _, written = run(tree)

    assert (status, written) == (1, ["tests/unit/test_a.py::test_unstable"])


RECORD = """
import os, time
from pathlib import Path

import pytest

AT = Path(__file__).parent
SIGN = Path(os.environ["SWAP_TESTS_WAIT_FOR"])
WORKER = os.environ["PYTEST_XDIST_WORKER"]

def until(there: Path) -> None:
    ends = time.monotonic() + 60
    while not there.exists():
        assert time.monotonic() < ends
        time.sleep(0.01)

@pytest.mark.parametrize("number", range(3))
def test_in_turn(number: int) -> None:
    if WORKER == "gw2":
        (AT / "began").write_text("after" if SIGN.exists() else "before")
    elif number == 0 and WORKER == "gw1":
        SIGN.touch()
    elif (WORKER, number) != ("gw1", 1):
        until(AT / "began")
"""


def test_the_last_process_begins_when_what_ran_beside_is_over(tree: Path) -> None:
    shutil.copy(ROOT / "tests/together.py", tree / "tests")
    (tree / "tests/conftest.py").write_text(
        "from together import Together\n"
        "def pytest_xdist_make_scheduler(config, log):\n    return Together(config, log)\n"
    )
    for number in range(9):
        (tree / f"tests/unit/test_{number}.py").write_text(RECORD)

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder", "tests/unit"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tree,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": "tests",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "-p xdist --import-mode=importlib",
            "SWAP_TESTS_WAIT_FOR": str(tree / "sign"),
        },
    )

    assert ended.returncode == 0, ended.stdout
    assert (tree / "tests/unit/began").read_text() == "after"
