"""Directories that combiners spill into: one for each, private, empty at first, and gone with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from swap.walls.errands import Errands

PREFIX = "spill-"
"""How the directory of a combiner's own begins."""


class Spill:
    """One directory, as an open descriptor."""

    def __init__(self, descriptor: int, remove: Callable[[int], None]) -> None:
        self.descriptor = descriptor
        self._remove = remove

    @property
    def is_there(self) -> bool:
        """Whether nobody who tidies up has taken it away."""
        return os.fstat(self.descriptor).st_nlink > 0

    def clear(self) -> None:
        """Remove it with all that is in it; call it once."""
        try:
            self._remove(self.descriptor)
        finally:
            os.close(self.descriptor)


class Spills(Protocol):
    """Where directories to spill into come from."""

    def make(self) -> Spill:
        """Return a new one.  Raises OSError."""


class Directories:
    """Directories that we make in one of our own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def forget_former(self) -> None:
        """Remove those of a gateway that was killed."""
        for left in self._directory.glob(f"{PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)

    def make(self) -> Spill:
        """Return a new one.  Raises OSError."""
        # Whoever tidies up may have taken the directory away.
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._directory))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            path.rmdir()
            raise
        return Spill(descriptor, partial(_remove, path))


class Given:
    """Directories that our warden makes, for the combiners' user."""

    def __init__(self, errands: Errands) -> None:
        self._errands = errands

    def make(self) -> Spill:
        """Return a new one.  Raises OSError."""
        return Spill(self._errands.spill(), self._clear)

    def _clear(self, directory: int) -> None:
        with contextlib.suppress(ConnectionError):  # a warden that is gone leaves it to the next one
            self._errands.clear(directory)


def _remove(path: Path, _: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
