from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Put together here, so that this file does not hold what it looks for.
HOSTS = [
    "registry" + ".npmjs",
    "registry" + ".yarnpkg",
    "python" + "hosted.org",
    "pypi" + ".org",
    "proxy" + ".golang",
    "repo1" + ".maven",
]
MACHINES = re.compile(r"(?<![\w.])/(?:work/" + r"(?:main|shared)|root/\w|home/" + r"[a-z]\w*/)")
LOCKS = ["requirements/*.txt", "**/package-lock.json", "**/yarn.lock"]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def readable(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_file_names_a_machines_path_or_a_package_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()[:100]}"
        for path in tracked()
        for line in readable(path).splitlines()
        if MACHINES.search(line) or any(host in line for host in HOSTS)
    ]
    assert found == []


@pytest.mark.parametrize("pattern", LOCKS)
def test_lock_files_hold_no_addresses(pattern: str) -> None:
    files = [path for path in tracked() if path.relative_to(ROOT).match(pattern)]
    assert all("://" not in readable(path) for path in files), [str(path) for path in files if "://" in readable(path)]


def test_every_lock_file_of_python_is_hashed() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = readable(path)
        pins = re.findall(r"^[\w.-]+==", text, re.MULTILINE)
        assert not pins or text.count("--hash=sha256:") >= len(pins)


def test_the_readmes_first_screen_says_what_it_is_and_how_to_start() -> None:
    screen = "\n".join(readable(ROOT / "README.md").splitlines()[:24])
    for part in ("![", "make demo", "make test", "python3-venv", "docs/tutorial/first-notebook.md"):
        assert part in screen


def test_generated_files_are_not_committed() -> None:
    names = {str(path.relative_to(ROOT)) for path in tracked()}
    assert not [
        name
        for name in names
        if name.startswith(("src/swap/look/static/build/", "src/swap/lab/labextension/", ".swap/"))
        or "node_modules/" in name
    ]
