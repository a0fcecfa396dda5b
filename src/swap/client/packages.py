"""`%pip`: packages of a person's own, in a layer above the site's, which it can add to and never change.

The layer is a directory at home, last on `sys.path`: what the site has installed always wins.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from swap.errors import Invalid, Problem, SwapError

_READING = frozenset({"check", "config", "debug", "freeze", "help", "inspect", "list", "show"})
_ALONE = re.compile(r"-[qv]+|--quiet|--verbose|--[\w-]+=.*", re.DOTALL)
"""Options that surely do not take the word after them for their value."""
_NOT_INTO_LAYER = (
    "--force-reinstall",
    "--ignore-installed",
    "--prefix",
    "--python",
    "--root",
    "--target",
    "--user",
)
_NOT_INTO_LAYER_SHORT = re.compile(r"-[hqvVU]*[It]")
_AS_IF_IN = "import runpy, sys; sys.prefix = sys.argv.pop(1); runpy.run_module('pip', run_name='__main__')"
"""pip removes only what it takes for part of its own environment: with the layer for that, nothing of the site's."""


def layer(home: Path | None = None) -> Path:
    """Return the directory of the person's own packages, for this Python."""
    return (home or Path.home()) / ".local" / "share" / "swap" / f"python{sysconfig.get_python_version()}"


def add_layer() -> None:
    """Let Python find what is in the layer.  Idempotent."""
    path = _packages(layer())
    if path.is_dir() and str(path) not in sys.path:
        sys.path.append(str(path))
        importlib.invalidate_caches()


def pip(line: str) -> None:
    """Run pip for the person: `install` writes into the layer, and what only reads sees both.

    Raises Invalid for what would change the site's packages, SwapError when pip fails.
    """
    words = _words(line)
    command = _command(words)
    if command != "install" and command not in _READING:
        raise Invalid(
            Problem(
                f"%pip {command} cannot change the packages of this site.",
                todo=f"For a package of your own delete its files below {layer()}; then restart the kernel.",
            )
        )
    with tempfile.TemporaryDirectory() as scratch:
        if command == "install":
            _demand_layer(words)
            kept = Path(scratch, "constraints.txt")
            kept.write_text(_installed(), encoding="utf-8")
            words = [*words, "--prefix", str(layer()), "--constraint", str(kept), "--no-warn-script-location"]
        status = _run([sys.executable, "-c", _AS_IF_IN, str(layer()), *words, "--disable-pip-version-check"])
    if status:
        raise SwapError(
            Problem(
                f"pip ended with status {status}.",
                why="What it says stands above.",
                todo="If this machine has no way to a package index, ask whoever runs SWAP for the package.",
            )
        )
    add_layer()


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise Invalid(
            Problem(
                "What stands after %pip cannot be read.",
                why="A quote in it is not closed, or a backslash is its end.",
                todo="Close the quote, or take the backslash away.",
            )
        ) from error


def _command(words: list[str]) -> str:
    """Return what pip is to do; without a word for it, it shows its help or its version."""
    at = next((place for place, word in enumerate(words) if not word.startswith("-")), None)
    if at is None:
        return "help"
    for word in words[:at]:
        if not _ALONE.fullmatch(word):
            raise Invalid(
                Problem(
                    f"%pip cannot tell its command after {word}.",
                    todo=f"Write the command first, as in %pip install {word} ….",
                )
            )
    return words[at]


def _demand_layer(words: list[str]) -> None:
    """Raise Invalid for an option that leads past the layer, or to copies of the site's packages in it."""
    for word in words:
        name = word.partition("=")[0]
        # pip takes what its options begin with for the whole; --pre is one of its own.
        whole = len(name) > 2 and name != "--pre" and any(option.startswith(name) for option in _NOT_INTO_LAYER)
        if whole or _NOT_INTO_LAYER_SHORT.match(word):
            raise Invalid(
                Problem(
                    f"%pip install takes no {name}.",
                    why="It adds to the packages of this site, in a place of your own, and changes none of them.",
                    todo=f"Leave {name} out.",
                )
            )


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
