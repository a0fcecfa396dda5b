"""A person's own packages as the portal sees them: what is there, within limits, and that it is thrown away.

What is in a home is its person's and not to be trusted: every step to the layers is opened without following a link.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from swap import homes
from swap.client import removing
from swap.errors import Problem, Unavailable

FOLDERS = (".local", "share", "swap")
"""The steps from a home to the layers: one for each Python there has been."""
LAYERS = 10
ENTRIES = 5_000
"""Layers that are looked into, and entries of each that are."""
NAMED = 5
NAME_LENGTH = 60
REMOVE_SECONDS = 20.0
"""For which the portal deletes files; what is left of a larger layer is out of use, and goes the next time."""
_ABOUT = ".dist-info"


@dataclass(frozen=True, slots=True)
class Own:
    """One's own packages: the first of their names, and how many there are; `complete` unless a limit ended it."""

    names: tuple[str, ...]
    count: int
    complete: bool


def found(home: int) -> Own | None:
    """Return the packages of the layers in an open home, or None where there is no layer.

    A layer that is broken counts as one without packages: it too can be removed.
    """
    try:
        with _folder(home, FOLDERS) as directory:
            layers, complete = _listed(directory, ENTRIES, "python")
            complete = complete and len(layers) <= LAYERS
            names: set[str] = set()
            for layer in layers[:LAYERS]:
                inside, whole = _packages(directory, layer)
                names.update(inside)
                complete = complete and whole
    except OSError:
        return None
    return Own(tuple(sorted(names)[:NAMED]), len(names), complete) if layers else None


def remove(home: int) -> None:
    """Remove the layers in an open home.  Raises Unavailable for what its person could not remove either."""
    try:
        with _folder(home, FOLDERS) as directory:
            removing.throw_away(directory, REMOVE_SECONDS)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Unavailable(
            Problem(
                "Your own packages could not be removed.",
                why=f"The system says: {error.strerror}.",
                todo="Remove ~/.local/share/swap in a terminal.",
            )
        ) from error


@contextmanager
def _folder(directory: int, steps: tuple[str, ...]) -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        for step in steps:
            directory = os.open(step, homes.OPEN_DIRECTORY, dir_fd=directory)
            stack.callback(os.close, directory)
        yield directory


def _packages(directory: int, layer: str) -> tuple[list[str], bool]:
    """Return what packages a layer has, and whether it was looked through."""
    try:
        with _folder(directory, (layer, "lib", layer, "site-packages")) as inside:
            names, complete = _listed(inside, ENTRIES, "", _ABOUT)
    except OSError:
        return [], True
    return [_shown(name.removesuffix(_ABOUT).rpartition("-")[0] or name) for name in names], complete


def _listed(directory: int, limit: int, begins: str, ends: str = "") -> tuple[list[str], bool]:
    """Return the names with a beginning and an end among the first entries, and whether these were all."""
    with os.scandir(directory) as entries:
        seen = [entry.name for entry in itertools.islice(entries, limit + 1)]
    return [name for name in seen[:limit] if name.startswith(begins) and name.endswith(ends)], len(seen) <= limit


def _shown(name: str) -> str:
    shown = "".join(char if char.isprintable() else "�" for char in name)
    return shown if len(shown) <= NAME_LENGTH else f"{shown[: NAME_LENGTH - 1]}…"
