"""`swap` for R, beside this file, and whether this machine has the R that it needs.

R and its packages are the system's; nothing of them is started to find out, for each server asks.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

FILES = Path(__file__).parent
"""Where R's files are; `kernel.R` starts a kernel."""
KERNEL = "swap-r"
"""The kernel's name, in notebooks too."""
NEEDED = ("IRkernel", "IRdisplay", "repr", "curl", "jsonlite")
"""Packages without which there is no kernel.  With bit64, whole numbers of 64 bits stay exact beyond 2^53."""

_PATH = "/usr/local/bin:/usr/bin:/bin"
LIBRARIES = tuple(
    Path(prefix) / library
    for prefix in ("/usr/local/lib", "/usr/local/lib64", "/usr/lib", "/usr/lib64", "/usr/share")
    for library in ("R/site-library", "R/library")
)
"""Where R looks for packages, on Debian and elsewhere."""


def program() -> str | None:
    """Return the path of the system's R, or None."""
    return shutil.which("R", os.X_OK, _PATH)


def missing(libraries: Sequence[Path] = LIBRARIES) -> tuple[str, ...]:
    """Return the needed packages that are in none of R's libraries."""
    return tuple(name for name in NEEDED if package(name, libraries) is None)


def package(name: str, libraries: Sequence[Path] = LIBRARIES) -> Path | None:
    """Return the directory of an installed package, or None."""
    found = (library / name for library in libraries)
    return next((each for each in found if (each / "DESCRIPTION").is_file()), None)


def is_there() -> bool:
    """Tell whether notebooks can be in R here."""
    return program() is not None and not missing()
