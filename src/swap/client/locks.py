"""What packages of its author's own a notebook needs: kept in it by a cell that shows them, told to whoever opens it.

What a notebook says is anybody's word: only what is a name, a version and a hash is taken, and nothing is installed
before somebody says so.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from swap.client import installed
from swap.client.installed import HASH, Package

KEY = "swap_packages"
"""What a lock is called in the metadata of the output that shows it, and of the notebook."""
READ_BYTES = 10_000_000
"""A larger notebook is not looked into."""
LOCKED = 200
NAMED = 5
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]{0,98}")


@dataclass(frozen=True, slots=True)
class Lock:
    """Packages with their versions.  Shown, it is a requirements file, and the notebook keeps it."""

    packages: tuple[Package, ...]

    def requirements(self) -> str:
        """Return the text of a requirements file, with hashes where all have one."""
        known = all(package.sha256 for package in self.packages)
        return "".join(
            f"{package.name}=={package.version}{f' --hash=sha256:{package.sha256}' if known else ''}\n"
            for package in self.packages
        )

    def __repr__(self) -> str:
        return self.requirements().rstrip() or "No package of your own: this notebook needs none."

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/plain": repr(self)}, {KEY: [_as_json(package) for package in self.packages]}


def keep(document: Any) -> None:
    """Write the last lock that a notebook shows into the notebook's metadata, where it stays when outputs go."""
    if isinstance(document, dict) and (shown := list(_shown(document))):
        metadata = document.setdefault("metadata", {})
        if isinstance(metadata, dict):
            metadata[KEY] = [_as_json(package) for package in shown[-1]]


def missing() -> tuple[Package, ...]:
    """Return what the notebook of this kernel needs, as it was saved, and is not here in that version."""
    needed = _of_notebook()
    if not needed:
        return ()
    here = {
        (installed.normal(each.name), each.version) for found in (installed.own(), installed.site()) for each in found
    }
    return tuple(each for each in needed if (installed.normal(each.name), each.version) not in here)


def told() -> tuple[str, ...]:
    """Return a sentence for whoever opens a notebook whose packages are not here."""
    lacking = missing()
    if not lacking:
        return ()
    names = ", ".join(f"{package.name} {package.version}" for package in lacking[:NAMED])
    more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
    return (f"This notebook needs {names}{more}. To install what is missing, run: swap.environment().install()",)


def _of_notebook() -> tuple[Package, ...]:
    """Return the last lock that the notebook of this kernel shows, or else keeps."""
    name = os.path.basename(os.environ.get("JPY_SESSION_NAME", ""))  # noqa: PTH119 — a name that is not there is none
    if not name.endswith(".ipynb"):
        return ()
    try:
        # A kernel starts in its notebook's folder.
        with open(name, "rb", opener=_plain) as file:
            content = file.read(READ_BYTES + 1)
        if len(content) > READ_BYTES or KEY.encode() not in content:
            return ()
        document = json.loads(content)
    except (OSError, ValueError, RecursionError):
        return ()
    shown = list(_shown(document))
    return shown[-1] if shown else _packages(document.get("metadata") if isinstance(document, dict) else None)


def _plain(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def kept(metadata: Any) -> tuple[Package, ...]:
    """Return what a notebook says in its metadata that it needs."""
    return _packages(metadata)


def _shown(document: Any) -> Iterator[tuple[Package, ...]]:
    for cell in _listed(document, "cells"):
        for output in _listed(cell, "outputs"):
            metadata = output.get("metadata")
            if isinstance(metadata, dict) and KEY in metadata:
                yield _packages(metadata)


def _packages(metadata: Any) -> tuple[Package, ...]:
    return tuple(package for each in _listed(metadata, KEY)[:LOCKED] if (package := _package(each)))


def _as_json(package: Package) -> dict[str, str]:
    return {"name": package.name, "version": package.version, "sha256": package.sha256}


def _listed(value: Any, name: str) -> list[dict[str, Any]]:
    found = value.get(name) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _package(said: dict[str, Any]) -> Package | None:
    name, version, sha256 = (
        said.get(key) if isinstance(said.get(key), str) else "" for key in ("name", "version", "sha256")
    )
    package = Package(str(name), str(version), own=True, sha256=sha256 if sha256 and HASH.fullmatch(sha256) else "")
    return package if is_sound(package) else None


def is_sound(package: Package) -> bool:
    """Tell whether a package's name and version are no more than that to pip."""
    return bool(_NAME.fullmatch(package.name) and _VERSION.fullmatch(package.version))
