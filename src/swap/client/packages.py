"""`%pip`: packages of a person's own, in a layer above the site's, which it can add to and never change.

The layer is a directory at home, last on `sys.path`: what the site has installed always wins.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from swap.errors import Invalid, Problem, SwapError

_READING = frozenset({"check", "config", "debug", "freeze", "help", "inspect", "list", "show"})


def layer(home: Path | None = None) -> Path:
    """Return the directory of the person's own packages, for this Python."""
    return (home or Path.home()) / ".local" / "share" / "swap" / f"python{sysconfig.get_python_version()}"


def add_layer() -> None:
    """Let Python find what is in the layer.  Idempotent."""
    path = _packages(layer())
    if path.is_dir() and str(path) not in sys.path:
        sys.path.append(str(path))
        importlib.invalidate_caches()


def pip(words: list[str]) -> None:
    """Run pip for the person: `install` writes into the layer, and what only reads sees both.

    Raises Invalid for what would change the site's packages, SwapError when pip fails.
    """
    command = next((word for word in words if not word.startswith("-")), "help")
    if command != "install" and command not in _READING:
        raise Invalid(
            Problem(
                f"%pip {command} cannot change the packages of this site.",
                todo=f"For a package of your own delete its files below {layer()}; then restart the kernel.",
            )
        )
    with tempfile.TemporaryDirectory() as scratch:
        if command == "install":
            kept = Path(scratch, "constraints.txt")
            kept.write_text(_installed(), encoding="utf-8")
            words = [*words, "--prefix", str(layer()), "--constraint", str(kept), "--no-warn-script-location"]
        status = _run([sys.executable, "-m", "pip", *words, "--disable-pip-version-check"])
    if status:
        raise SwapError(
            Problem(
                f"pip ended with status {status}.",
                why="What it says stands above.",
                todo="If this machine has no way to a package index, ask whoever runs SWAP for the package.",
            )
        )
    add_layer()


def _run(command: list[str]) -> int:
    """Run a program and show what it says as it says it."""
    found = os.pathsep.join(part for part in (str(_packages(layer())), os.environ.get("PYTHONPATH", "")) if part)
    with subprocess.Popen(  # noqa: S603 — pip, with the words of the person whose kernel this is
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": found},
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="")  # noqa: T201 — the cell's output
    return running.returncode


def _installed() -> str:
    """Return what the site has installed, so that nothing in the layer needs another version of it."""
    own = str(_packages(layer()))
    return "\n".join(
        f"{each.name}=={each.version}"
        for each in importlib.metadata.distributions(path=[part for part in sys.path if part != own])
    )


def _packages(prefix: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(prefix), "platbase": str(prefix)}))
