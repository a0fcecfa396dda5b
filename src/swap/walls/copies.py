"""Copies of the site's files that one user may read, and nobody else; they follow the files.

A site keeps its secrets readable by root alone, and replaces them when it likes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 10_000_000
"""Of a file; what is larger is no secret and no certificate."""

NOTEBOOKS: Final = "notebooks"
"""The directory of the copies of notebooks."""
MOST_NOTEBOOKS: Final = 1_000

_Mark = tuple[int, ...] | None
"""What changes with a file; None when there is none."""


class Copies:
    """Name of a copy → the file that it follows, in a directory that root alone may write."""

    def __init__(self, directory: Path, files: Mapping[str, str], gid: int, notebooks: str = "") -> None:
        """Copy nothing yet; the group's one user is who may read.

        Of the directory `notebooks`, if it is named, all notebooks are followed, below `NOTEBOOKS`.
        """
        self._directory = directory
        self._files = files
        self._gid = gid
        self._notebooks = notebooks
        self._marks: dict[str, _Mark] = {}

    def follow(self) -> None:
        """Copy what has changed; of a file that is gone, or cannot be read, there is no copy."""
        wanted = {**self._files, **self._found()}
        for name in self._marks.keys() - wanted.keys():
            self._forget(name)
            del self._marks[name]
        for name, file in wanted.items():
            with contextlib.suppress(OSError):  # no room: it is tried again
                self._follow(name, file)

    def _found(self) -> dict[str, str]:
        if not self._notebooks:
            return {}
        folder = self._directory / NOTEBOOKS
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            os.chown(folder, 0, self._gid)
            folder.chmod(0o750)
        found = (each for each in Path(self._notebooks).glob("*.ipynb") if not each.name.startswith("."))
        return {f"{NOTEBOOKS}/{each.name}": str(each) for each in itertools.islice(found, MOST_NOTEBOOKS)}

    def _follow(self, name: str, file: str) -> None:
        try:
            mark = _mark(os.stat(file))  # noqa: PTH116 — what opens it below is the same
            if name in self._marks and self._marks[name] == mark:
                return
            # Not to wait for whoever writes into a pipe.
            descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self._forget(name)
            return
        with os.fdopen(descriptor, "rb") as source:
            seen = os.fstat(descriptor)
            if not stat.S_ISREG(seen.st_mode) or seen.st_size > MOST_BYTES:
                self._forget(name)
                return
            self._keep(name, source.read(MOST_BYTES))
        self._marks[name] = _mark(seen)

    def _keep(self, name: str, content: bytes) -> None:
        draft = (self._directory / name).with_name(f".{Path(name).name}")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o400)
        with os.fdopen(descriptor, "wb") as copy:
            copy.write(content)
            os.fchown(descriptor, 0, self._gid)
            os.fchmod(descriptor, 0o440)
        draft.replace(self._directory / name)

    def _forget(self, name: str) -> None:
        if self._marks.get(name, ()) is not None:
            (self._directory / name).unlink(missing_ok=True)
            self._marks[name] = None


def _mark(seen: os.stat_result) -> _Mark:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
