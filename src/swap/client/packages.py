"""pip for a person: packages of their own, in a layer that adds to the site's and can never change them.

In a cell it is `%pip`, in a terminal `pip`, which `startup/sitecustomize.py` leads here.
"""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from swap.client import installed, layer
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
_UNINSTALL = re.compile(r"-[qvy]+|--quiet|--verbose|--yes")
_AS_IF_IN = (
    "import runpy, sys; sys.prefix = sys.argv.pop(1); sys.path.append(sys.argv.pop(1));"
    " runpy.run_module('pip', run_name='__main__')"
)
"""pip removes only what it takes for part of its own environment: with the layer for that, nothing of the site's.

The layer is last on pip's path, so that nothing in it stands for a part of pip.
"""

Show = Callable[[list[str]], int]
"""Runs a program, shows what it says, and returns its status."""


def pip(line: str) -> None:
    """Run pip for a cell: `install` and `uninstall` change the layer, and what only reads sees both.

    Raises Invalid for what would change the site's packages, SwapError when pip fails.
    """
    words = _words(line)
    if _command(words) == "uninstall":
        # Nobody can answer pip's question in a cell.
        words.append("--yes")
    _demand_success(_run(words, _in_cell))
    layer.use()
    importlib.invalidate_caches()


def install(requirements: str) -> None:
    """Install what a requirements file says, for a cell.  Raises as `pip` does."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        pip(shlex.join(("install", "-r", file.name)))


def _demand_success(status: int) -> None:
    if status:
        raise SwapError(
            Problem(
                f"pip ended with status {status}.",
                why="What it says stands above.",
                todo="If this machine has no way to a package index, ask whoever runs SWAP for the package.",
            )
        )


def main() -> int:
    """Run pip for a terminal, and return its status."""
    try:
        return _run(sys.argv[1:], subprocess.call)
    except SwapError as error:
        print(error, file=sys.stderr)  # noqa: T201 — the terminal's
        return 2


def _run(words: list[str], show: Show) -> int:
    command = _command(words)
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        if command == "install":
            _demand_layer(words)
            kept = Path(scratch, "constraints.txt")
            kept.write_text(_installed(), encoding="utf-8")
            words = [*words, "--prefix", layer.place(), "--constraint", str(kept), "--no-warn-script-location"]
            if not any(word.startswith("--rep") for word in words):
                words += ["--report", str(report)]
        elif command == "uninstall":
            _demand_own(words)
        elif command not in _READING:
            raise Invalid(
                Problem(
                    f"pip {command} cannot change the packages of this site.",
                    todo="Use pip install, pip uninstall or pip list.",
                )
            )
        status = show(
            # -I: neither the notebook's folder nor a variable has a say in what pip is.
            [
                *(sys.executable, "-I", "-c", _AS_IF_IN, layer.place(), layer.packages(layer.place())),
                *(*words, "--disable-pip-version-check"),
            ]
        )
        if not status:
            installed.keep(report)
    return status


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise Invalid(
            Problem(
                "What stands after pip cannot be read.",
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
                    f"pip cannot tell its command after {word}.",
                    todo=f"Write the command first, as in pip install {word} ….",
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
                    f"pip install takes no {name} here.",
                    why="It adds to the packages of this site, in a place of your own, and changes none of them.",
                    todo=f"Leave {name} out.",
                )
            )


def _demand_own(words: list[str]) -> None:
    """Raise Invalid for what is to be removed and is no package of the person's."""
    own = {installed.normal(package.name) for package in installed.own()}
    for word in words:
        if word == "uninstall" or _UNINSTALL.fullmatch(word) or installed.normal(word) in own:
            continue
        raise Invalid(
            Problem(
                f"pip uninstall takes no {word} here."
                if word.startswith("-")
                else f"{word} is no package of your own.",
                why="Only your own packages can be removed; those of the site stay.",
                todo="swap.environment() lists which are yours.",
            )
        )


def _in_cell(command: list[str]) -> int:
    """Run a program and print what it says as it says it."""
    with subprocess.Popen(  # noqa: S603 — pip, with the words of the person whose kernel this is
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="")  # noqa: T201 — the cell's output
    return running.returncode


def _installed() -> str:
    """Return what the site has installed, so that nothing in the layer needs another version of it."""
    return "\n".join(f"{package.name}=={package.version}" for package in installed.site())
