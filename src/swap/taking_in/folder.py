"""One person's former home, read by a process that has become whoever owns it; no link in it is followed.

What is found is sent as frames: of each notebook what it is, its versions as saves, and its file as it is now.
"""

from __future__ import annotations

import json
import os
import stat
import struct
import warnings
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, Final

import nbformat

from swap import content
from swap.content import Taken
from swap.errors import SwapError
from swap.homes import OPEN_DIRECTORY
from swap.lab.sending import Save, written
from swap.notebooks.workspace import visible
from swap.taking_in import git
from swap.taking_in.git import Commit, NoHistory, Repository

ENDING: Final = ".ipynb"
SKIPPED: Final = frozenset({"node_modules", "__pycache__"})
DEEPEST: Final = 20
MOST_ENTRIES: Final = 200_000
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LENGTH: Final = struct.Struct(">Q")


class Left(Exception):
    """Why a notebook is not taken in."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A notebook's file, in an open folder, and its path in the repository that it is in, if it is in one."""

    folder: int
    name: str
    path: str
    repository: Repository | None
    path_there: str


def prepare() -> None:
    """Load what reads notebooks: whoever owns a folder may not be able to read SWAP's own files."""
    for format_, minor in ((3, 0), *((4, each) for each in range(6))):
        empty = {"nbformat": format_, "nbformat_minor": minor, "metadata": {}}
        cells: tuple[dict[str, Any], ...] = ({"worksheets": [], "cells": []}, {"cells": [{}]})
        for more in cells:
            with suppress(Left):
                _taken(json.dumps(empty | more).encode())


def frames(root: int, there: Collection[str]) -> Iterator[bytes]:
    """Yield all that is to be said of an open folder; of notebooks that are `there` already, that they are."""
    said = _Said()
    for found in _walk(root, "", None, "", said, DEEPEST):
        if found.path in there:
            said.known += 1
            continue
        try:
            yield from _notebook(found)
        except Left as why:
            yield _json({"left": found.path, "why": str(why)})
        except (MemoryError, RecursionError):
            yield _json({"left": found.path, "why": "it is too large"})
        except NoHistory as why:
            yield _json({"left": found.path, "why": str(why)})
    yield _json({"known": said.known, "others": said.others, "links": said.links, "notes": said.notes})


class _Said:
    """What is said at the end."""

    def __init__(self) -> None:
        self.entries = self.known = self.others = self.links = 0
        self.notes: list[str] = []


def _walk(
    folder: int, prefix: str, repository: Repository | None, there: str, said: _Said, depth: int
) -> Iterator[_Found]:
    """Yield the notebooks of an open folder and those below it, by name."""
    with ExitStack() as stack:
        names = sorted(os.listdir(folder))
        if ".git" in names:
            try:
                repository, there = git.opened(folder, stack), ""
            except NoHistory as why:
                repository = None
                said.notes.append(f"{prefix or '.'}: no history, for {why}")
        for name in names:
            said.entries += 1
            if said.entries > MOST_ENTRIES:
                said.notes.append(f"{prefix or '.'}: only the first {MOST_ENTRIES:,} files were looked at")
                return
            if name.startswith(".") or name in SKIPPED:
                continue
            with suppress(FileNotFoundError):
                mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                if stat.S_ISLNK(mode):
                    said.links += 1
                elif stat.S_ISDIR(mode) and depth:
                    yield from _below(folder, name, prefix, repository, there, said, depth)
                elif stat.S_ISREG(mode) and name.endswith(ENDING):
                    yield _Found(folder, name, prefix + name, repository, there + name)
                else:
                    said.others += 1


def _below(
    folder: int, name: str, prefix: str, repository: Repository | None, there: str, said: _Said, depth: int
) -> Iterator[_Found]:
    try:
        below = os.open(name, OPEN_DIRECTORY, dir_fd=folder)
    except OSError as error:
        said.notes.append(f"{prefix}{name}: cannot be read ({error.strerror})")
        return
    try:
        yield from _walk(below, f"{prefix}{name}/", repository, f"{there}{name}/", said, depth - 1)
    finally:
        os.close(below)


def _notebook(found: _Found) -> Iterator[bytes]:
    """Yield a notebook.  Raises Left."""
    try:
        visible(found.path)
    except SwapError:
        raise Left("its name cannot be a notebook's here") from None
    file = _file(found)
    now = _taken(file)
    commits = found.repository.commits(found.path_there) if found.repository else []
    versions = _versions(found, commits, now, file)
    yield _json({"path": found.path, "versions": len(versions), "skipped": len(commits) + 1 - len(versions)})
    before: Taken | None = None
    for commit, blob in versions:
        data = file if blob is None else _blob(found, blob)
        taken = now if blob is None else _taken(data)
        known = frozenset(name for _, names in before.cells for name in names) if before else frozenset()
        save_id = commit.id if commit else content.digest(file)
        save = Save(found.path, None, "found", save_id, content.digest(data), {}, taken, lambda: now)
        told = {"at": datetime.now(UTC).isoformat(), "name": "", "environment": {}}
        if commit is not None:
            told = {
                "at": commit.at.isoformat(),
                "name": f"{commit.subject} ({commit.author})",
                "environment": {"commit": commit.id, "author": commit.author},
            }
        yield _json(told)
        yield written(save, known)
        before = taken
    yield file


def _versions(found: _Found, commits: list[Commit], now: Taken, file: bytes) -> list[tuple[Commit | None, str | None]]:
    """Return what is kept of a notebook, the oldest first: commits that can be read and changed something, and now."""
    kept: list[tuple[Commit | None, str | None]] = []
    last, last_file = "", ""
    for commit in commits:
        try:
            blob = _blob(found, commit.blob)
            digest = _taken(blob).digest
        except Left:
            continue
        if digest != last:
            kept.append((commit, commit.blob))
            last, last_file = digest, content.digest(blob)
    if (last, last_file) != (now.digest, content.digest(file)):
        if last == now.digest:
            # Written another way, with the same in it.
            commit_, _ = kept.pop()
            return [*kept, (commit_, None)]
        kept.append((None, None))
    return kept


def _blob(found: _Found, name: str) -> bytes:
    data = found.repository.blob(name, content.WHOLE_BYTES) if found.repository else None
    if data is None:
        raise Left("it is too large")
    return data


def _file(found: _Found) -> bytes:
    try:
        with os.fdopen(os.open(found.name, _FILE, dir_fd=found.folder), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise Left("it is no plain file")
            if state.st_size > content.WHOLE_BYTES:
                raise Left(f"it has more than {content.WHOLE_BYTES // 1_000_000} MB")
            return file.read(content.WHOLE_BYTES)
    except OSError as error:
        raise Left(f"it cannot be read ({error.strerror})") from error


def _taken(file: bytes) -> Taken:
    """Take a notebook apart, as a person's server does with what it finds."""
    if content.count([file]) > content.WHOLE_PARTS:
        raise Left(f"it has more than {content.WHOLE_PARTS:,} parts")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document: Any = nbformat.reads(file.decode("utf-8", "surrogatepass"), as_version=4)  # type: ignore[no-untyped-call]
        return content.take_apart(document)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # nbformat has errors of its own for each thing that a file can be
        raise Left("it is no notebook that Jupyter reads") from error


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def send(pipe: IO[bytes], frame: bytes) -> None:
    """Write one frame."""
    pipe.write(_LENGTH.pack(len(frame)))
    pipe.write(frame)


def receive(pipe: IO[bytes], most: int) -> bytes | None:
    """Read one frame; None at the end.  Raises Left for one that is larger, or cut off."""
    head = pipe.read(_LENGTH.size)
    if not head:
        return None
    size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else most + 1
    frame = pipe.read(size) if size <= most else b""
    if len(frame) != size:
        raise Left("what was read of it does not hold together")
    return frame
