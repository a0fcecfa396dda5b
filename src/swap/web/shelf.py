"""Where the help's files are: beside this module in an installed program, at the root of a checkout."""

from __future__ import annotations

from pathlib import Path

NEWS = "CHANGELOG.md"
_INSTALLED = Path(__file__).parent / "docs"


def docs() -> Path:
    """Return the directory of the documentation."""
    return _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[3] / "docs"


def news() -> Path:
    """Return the file that says what is new."""
    return docs() / NEWS if _INSTALLED.is_dir() else docs().parent / NEWS
