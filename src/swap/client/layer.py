"""The layer: where a person's own packages are, and how Python finds them, after everything else.

Also read by `startup/sitecustomize.py`, as a file, in each Python of a terminal: it imports nothing of SWAP's and
little else.  No code of the layer runs before somebody imports it, and nothing in it is a reason not to start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

READ = 5_000
"""Entries of the layer that are looked at for what is left out, and bytes of a .pth file that are read."""


def place() -> str:
    """Return the directory of the person's own packages, for this Python."""
    return os.path.join(os.path.expanduser("~"), ".local", "share", "swap", _python())  # noqa: PTH111, PTH118 — pathlib takes longer to load than all of this


def packages(layer: str) -> str:
    """Return where in a layer the packages are."""
    return os.path.join(layer, "lib", _python(), "site-packages")  # noqa: PTH118


def use() -> tuple[str, ...]:
    """Let Python find what is in the layer, and return a sentence for each thing that is left out.  Idempotent."""
    path = packages(place())
    try:
        names = _names(path)
        linked, left = _linked(path, [name for name in names if name.endswith(".pth")])
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (f"Your own packages are left out: {path} cannot be read ({error.strerror}).",)
    sys.path.extend(each for each in (path, *linked) if each not in sys.path)
    return (*left, *_hidden(path, names))


def _python() -> str:
    return f"python{sys.version_info[0]}.{sys.version_info[1]}"


def _names(path: str) -> list[str]:
    with os.scandir(path) as entries:
        return sorted(entry.name for entry, _ in zip(entries, range(READ), strict=False))


def _linked(path: str, names: list[str]) -> tuple[list[str], list[str]]:
    """Return the directories that .pth files name, such as those of `pip install -e`, and what else is in them."""
    found, left = [], []
    for name in names:
        try:
            with open(os.path.join(path, name), encoding="utf-8", opener=_plain) as file:  # noqa: PTH118
                lines = file.read(READ).splitlines()
        except (OSError, ValueError) as error:
            left.append(f"{name} of your own packages is left out: it cannot be read ({_why(error)}).")
            continue
        if any(line.startswith(("import ", "import\t")) for line in lines):
            left.append(f"{name} of your own packages is left out: it would run code as each kernel starts.")
            continue
        named = (os.path.join(path, line.strip()) for line in lines if line.strip() and not line.startswith("#"))  # noqa: PTH118
        found += [each for each in named if os.path.isdir(each)]  # noqa: PTH112
    return found, left


def _plain(path: str, flags: int) -> int:
    # A pipe would wait for ever for somebody to write into it.
    return os.open(path, flags | os.O_NONBLOCK)


def _why(error: OSError | ValueError) -> str:
    return error.strerror or "" if isinstance(error, OSError) else "it is no text"


def _hidden(path: str, names: list[str]) -> Iterator[str]:
    """Yield a sentence for each module of the layer that Python's own or the site's comes before."""
    before = set(sys.stdlib_module_names)
    for each in sys.path[: sys.path.index(path)]:
        if each.endswith(("site-packages", "dist-packages")):
            try:
                before.update(module for name in os.listdir(each) if (module := _module(each, name)))  # noqa: PTH208
            except OSError:
                continue
    for name in names:
        module = _module(path, name)
        if module in ("sitecustomize", "usercustomize"):
            yield f"{module} of your own packages is left out: it would run code as each kernel starts."
        elif module in before:
            yield f"{module} of your own packages is not used: the one of Python or of this site comes first."


def _module(path: str, name: str) -> str:
    """Return what a file or a directory is imported as, or nothing: several may share one without __init__.py."""
    stem, dot, _ = name.partition(".")
    if dot:
        return stem if name.endswith((".py", ".so")) else ""
    return stem if os.path.exists(os.path.join(path, name, "__init__.py")) else ""  # noqa: PTH110, PTH118
