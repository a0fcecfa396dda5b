"""A home directory as the portal touches it: never outside, never through a link, never half a file.

What lies in a home is written by the person's own code and is not to be trusted: links to elsewhere,
pipes that block, files of any size.  Everything is opened from the home's own descriptor, step by step.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from swap import homes
from swap.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from swap.notebooks import model, packages
from swap.notebooks.packages import Own

READ_LIMIT = 4_000_000
"""Bytes of a notebook that are read for its title; larger ones go by their file's name."""
DEPTH_LIMIT = 4
ENTRIES_LIMIT = 5_000
PIECE_BYTES = 65_536
NAMES_LIMIT = 500
"""Numbers that are tried behind a name for one that nobody has taken."""
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Found:
    """A notebook file, before it is read."""

    path: str
    modified_ns: int
    size_bytes: int


class Home(ABC):
    """One person's home directory."""

    @abstractmethod
    def _home(self, *, make: bool = False) -> AbstractContextManager[int]:
        """Open the home, and make it where it is missing if that is asked for.  Raises OSError."""

    def find(self) -> tuple[list[Found], bool]:
        """Return every notebook that is a plain file, and whether the whole home was searched."""
        try:
            with self._home() as home:
                found: list[Found] = []
                complete = _search(home, "", found, [ENTRIES_LIMIT], DEPTH_LIMIT)
                return found, complete
        except OSError:
            return [], True

    def read(self, path: str) -> Any:
        """Return a notebook's JSON.  Raises NotFound for what is not a plain file of this home, or not JSON."""
        with self._missing(path), self._folder(path) as (directory, name):
            content = _read_plain(name, directory)
        if content is None:
            raise _not_there(path)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _not_there(path) from error

    def titles(self, paths: Iterable[str]) -> list[str]:
        """Return the title of each notebook; nothing for one that has none, or cannot be read."""
        return [self._title(path) for path in paths]

    def _title(self, path: str) -> str:
        try:
            return model.title(self.read(path), "")
        except NotFound:
            return ""

    def packages(self) -> Own | None:
        """Return its person's own packages, if there are any."""
        try:
            with self._home() as home:
                return packages.found(home)
        except OSError:
            return None

    def remove_packages(self) -> None:
        """Remove all of them.  Raises Unavailable for what its person could not remove either."""
        with contextlib.suppress(FileNotFoundError), self._home() as home:
            packages.remove(home)

    def open(self, path: str) -> tuple[BinaryIO, int]:
        """Open a notebook to be sent; return it and its size.  Raises NotFound for what is not a visible plain file."""
        with self._missing(path), self._folder(visible(path)) as (directory, name):
            found = _open_plain(name, directory)
        if found is None:
            raise _not_there(path)
        return found

    def rename(self, path: str, name: str) -> None:
        """Give a notebook another name in its folder.  Raises NotFound, Unavailable, Conflict when it is taken."""
        visible(name)
        with self._missing(path), self._folder(visible(path)) as (directory, old):
            if not _is_plain(old, directory):
                raise _not_there(path)
            with explained(), _taken(name):
                # A link and not a rename, which would write over what has the name.
                os.link(old, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
                os.unlink(old, dir_fd=directory)

    def delete(self, path: str) -> None:
        """Delete a notebook.  Raises NotFound for what is not a visible plain file, Unavailable."""
        with self._missing(path), self._folder(visible(path)) as (directory, name):
            if not _is_plain(name, directory):
                raise _not_there(path)
            with explained():
                os.unlink(name, dir_fd=directory)

    def digest(self, path: str) -> bytes:
        """Return the SHA-256 of a notebook's file.  Raises NotFound for what is not a visible plain file."""
        file, _ = self.open(path)
        found = hashlib.sha256()
        with file:
            while piece := file.read(PIECE_BYTES):
                found.update(piece)
        return found.digest()

    def replace(self, path: str, content: Iterable[bytes], draft: str) -> None:
        """Write a notebook in the place of one that is there, whole or not at all.  Raises NotFound, Unavailable."""
        if "/" in draft:
            raise _not_there(path)
        with self._missing(path), self._folder(visible(path)) as (directory, name):
            if not _is_plain(name, directory):
                raise _not_there(path)
            with explained():
                mode = stat.S_IMODE(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
                try:
                    _write_draft(draft, content, directory, mode)
                    os.replace(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
                finally:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(draft, dir_fd=directory)

    def put(self, stem: str, content: Iterable[bytes], draft: str, *, first: int | None) -> str:
        """Write a notebook under a name nobody has taken: `stem`, or `stem-n` from `first` on.  Return the name.

        The file appears whole or not at all: it is written aside under the unused name `draft`, then linked.
        """
        visible(f"{stem}.ipynb")
        if "/" in stem + draft:
            raise _not_there(stem)
        with explained(), self._home(make=True) as home:
            try:
                _write_draft(draft, content, home)
                return _link_unused(home, draft, stem, first)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=home)

    @contextmanager
    def _folder(self, path: str) -> Iterator[tuple[int, str]]:
        """Yield a descriptor of the folder that a path leads to, no step of it a link, and the name in it."""
        *folders, name = parts(path)
        with self._home() as directory, contextlib.ExitStack() as stack:
            for folder in folders:
                directory = os.open(folder, homes.OPEN_DIRECTORY, dir_fd=directory)  # noqa: PLW2901 — one step further
                stack.callback(os.close, directory)
            yield directory, name

    @contextmanager
    def _missing(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _not_there(path) from error


@dataclass(frozen=True, slots=True)
class Workspace(Home):
    """A home below `homes` that is our own user's."""

    homes: Path
    person_id: str

    def __post_init__(self) -> None:
        homes.place(self.homes, self.person_id)

    @contextmanager
    def _home(self, *, make: bool = False) -> Iterator[int]:
        """Yield a descriptor of the home; a link in its place is refused."""
        with homes.entered(self.homes, self.person_id, create=make) as descriptor:
            yield descriptor


def parts(path: str) -> list[str]:
    """Return the steps of a path below a home.  Raises NotFound for one that could lead elsewhere.

    >>> parts("ideas/first.ipynb")
    ['ideas', 'first.ipynb']
    """
    steps = path.split("/")
    if (
        len(path) > 1000
        or any(step in {"", ".", ".."} or any(ord(char) < 32 or ord(char) == 127 for char in step) for step in steps)
        or "\\" in path
        or not path.isprintable()
    ):
        raise _not_there(path)
    if not steps[-1].endswith(".ipynb"):
        raise _not_there(path)
    return steps


def visible(path: str) -> str:
    """Return a path that is shown in lists.  Raises NotFound for one with a hidden step.

    >>> visible("ideas/first.ipynb")
    'ideas/first.ipynb'
    """
    if any(step.startswith(".") for step in parts(path)):
        raise _not_there(path)
    return path


def _write_draft(draft: str, content: Iterable[bytes], directory: int, mode: int = 0o600) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(draft, flags, 0o600, dir_fd=directory), "wb") as file:
        file.writelines(content)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())


def _is_plain(name: str, directory: int) -> bool:
    return stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)


@contextmanager
def _taken(name: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise Conflict(
            Problem(f"There is already something called {name}.", todo="Choose another name; nothing was changed.")
        ) from error


def _not_there(path: str) -> NotFound:
    return NotFound(
        Problem(
            "There is no notebook at this address.",
            why=f"{path[:200]!r} is not a notebook in your home directory.",
            todo="Choose one from your notebooks.",
        )
    )


def _search(directory: int, prefix: str, found: list[Found], budget: list[int], depth: int) -> bool:
    """Collect notebooks below an open directory; False when a limit ended the search."""
    complete = True
    with os.scandir(directory) as entries:
        for entry in entries:
            budget[0] -= 1
            if budget[0] < 0:
                return False
            if entry.name.startswith(".") or not entry.name.isprintable():
                continue
            if entry.is_dir(follow_symlinks=False):
                if depth == 0 or entry.name in {"node_modules", "__pycache__"}:
                    complete = complete and depth > 0
                    continue
                with contextlib.suppress(OSError):
                    below = os.open(entry.name, homes.OPEN_DIRECTORY, dir_fd=directory)
                    try:
                        complete = _search(below, f"{prefix}{entry.name}/", found, budget, depth - 1) and complete
                    finally:
                        os.close(below)
            elif entry.name.endswith(".ipynb") and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    state = entry.stat(follow_symlinks=False)
                    found.append(Found(prefix + entry.name, state.st_mtime_ns, state.st_size))
    return complete


def _open_plain(name: str, directory: int) -> tuple[BinaryIO, int] | None:
    """Open a plain file and return it with its size; nothing of what is none stays open."""
    descriptor = os.open(name, _OPEN_FILE, dir_fd=directory)
    state = os.fstat(descriptor)
    # Before Python makes a file of it: `fdopen` refuses a directory, and leaves it open.
    if stat.S_ISREG(state.st_mode):
        return os.fdopen(descriptor, "rb"), state.st_size
    os.close(descriptor)
    return None


def _read_plain(name: str, directory: int) -> bytes | None:
    found = _open_plain(name, directory)
    if found is None:
        return None
    file, size_bytes = found
    with file:
        return file.read(READ_LIMIT) if size_bytes <= READ_LIMIT else None


def _link_unused(home: int, draft: str, stem: str, first: int | None) -> str:
    start = 2 if first is None else first
    names = [f"{stem}-{number}.ipynb" for number in range(start, start + NAMES_LIMIT)]
    for name in names if first is not None else [f"{stem}.ipynb", *names]:
        with contextlib.suppress(FileExistsError):
            os.link(draft, name, src_dir_fd=home, dst_dir_fd=home, follow_symlinks=False)
            return name
    raise Conflict(
        Problem(
            f"{NAMES_LIMIT} files here are called {stem} and a number.",
            todo="Rename or delete some of them, then try again.",
        )
    )


@contextmanager
def explained() -> Iterator[None]:
    """Turn the file system's refusals into sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise Unavailable(
                Problem(
                    "Your home directory is full.",
                    why="The notebook could not be written; nothing was changed.",
                    todo="Delete files you no longer need in JupyterLab, then try again.",
                )
            ) from error
        if error.errno == errno.ENAMETOOLONG:
            raise Invalid(
                Problem("This name is too long.", todo="Choose a shorter one; nothing was changed.")
            ) from error
        if error.errno == errno.EMLINK:
            raise Conflict(
                Problem(
                    "This file has too many names already.",
                    why="The file system has no room for another; nothing was changed.",
                    todo="Copy the notebook in JupyterLab, and rename the copy.",
                )
            ) from error
        if error.errno in {errno.EACCES, errno.EROFS, errno.ELOOP, errno.ENOTDIR, errno.EPERM}:
            raise Unavailable(
                Problem(
                    "SWAP cannot write in your home directory.",
                    why=f"The system says: {error.strerror}.",
                    todo="Ask the people who run SWAP to look at it.",
                )
            ) from error
        raise
