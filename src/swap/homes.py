"""People's home directories: whose each is.

With a uid, a home belongs to that uid alone.  Without, all homes are SWAP's own user's.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swap.errors import Forbidden, Problem
from swap.identity import PERSON_ID

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def place(root: Path, person_id: str) -> Path:
    """Return where a person's home is.  Raises Forbidden for what is no person id."""
    if not PERSON_ID.fullmatch(person_id):
        raise Forbidden(Problem("There is no such home directory."))
    return root / person_id


def make(root: Path, person_id: str, uid: int | None) -> Path:
    """Make a person's home where it is missing, private and theirs; return it.

    A home of a time without uids is handed over to its person.  Raises Forbidden for one that is somebody else's.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return make_directory(place(root, person_id), uid)


def make_directory(path: Path, uid: int | None) -> Path:
    """Make a directory, mode 0700, for a uid, in a directory that only SWAP can change; return it."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    descriptor = os.open(path, OPEN_DIRECTORY)
    try:
        owner = os.fstat(descriptor).st_uid
        if uid is not None and owner != uid:
            if owner not in {os.geteuid(), path.parent.stat().st_uid}:
                raise _not_theirs(path, owner, uid)
            hand_over(descriptor, owner, uid)
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)
    return path


def hand_over(directory: int, former: int, uid: int) -> int:
    """Give everything in an open directory, and then itself, to a uid; return how many files were left as they are.

    Left are files of others than the former owner, and those with a name outside: SWAP's own user may have been led to
    link a file that is not the person's.
    """
    names: Counter[tuple[int, int]] = Counter()
    for seen, _, _ in _everything(directory):
        names[seen.st_dev, seen.st_ino] += 1
    left = 0
    for seen, name, parent in _everything(directory):
        whole = stat.S_ISDIR(seen.st_mode) or names[seen.st_dev, seen.st_ino] == seen.st_nlink
        if seen.st_uid == former and whole:
            os.chown(name, uid, uid, dir_fd=parent, follow_symlinks=False)
        elif seen.st_uid != uid:
            left += 1
    os.fchown(directory, uid, uid)
    return left


def _everything(directory: int) -> Iterator[tuple[os.stat_result, str, int]]:
    """Yield what is below an open directory, no link followed: its state, its name, a descriptor of its directory."""
    for _, folders, files, parent in os.fwalk(".", dir_fd=directory, follow_symlinks=False):
        for name in (*folders, *files):
            yield os.stat(name, dir_fd=parent, follow_symlinks=False), name, parent


def empty(path: Path, uid: int | None) -> Path:
    """Make a directory as `make_directory` does, and empty it; no link in it is followed."""
    remove(path)
    return make_directory(path, uid)


def remove(path: Path) -> None:
    """Remove a directory with all that is in it, however deep; no link in it is followed.  What does not go stays."""
    with contextlib.suppress(OSError):
        top = os.open(path, OPEN_DIRECTORY)
        try:
            while _remove_level(top):
                pass
        finally:
            os.close(top)
        path.rmdir()


def _remove_level(top: int) -> bool:
    """Remove what is in a directory, and move what lies deeper into it; tell whether something went."""
    # One level at a time: a tree may be deeper than a program can call itself, or a path be long.
    went = False
    with os.scandir(top) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    _flatten(entry.name, top)
                else:
                    os.unlink(entry.name, dir_fd=top)
                went = True
    return went


def _flatten(name: str, top: int) -> None:
    """Remove a directory of another, into which what directories it has are moved.  Raises OSError."""
    directory = os.open(name, OPEN_DIRECTORY, dir_fd=top)
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    os.rename(entry.name, secrets.token_hex(16), src_dir_fd=directory, dst_dir_fd=top)
                else:
                    os.unlink(entry.name, dir_fd=directory)
    finally:
        os.close(directory)
    os.rmdir(name, dir_fd=top)


@contextmanager
def entered(root: Path, person_id: str, *, create: bool = False) -> Iterator[int]:
    """Yield a descriptor of the home of a person whose system user is ours.

    A link in the home's place is refused.  Raises OSError.
    """
    path = make(root, person_id, None) if create else place(root, person_id)
    descriptor = os.open(path, OPEN_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _not_theirs(path: Path, owner: int, uid: int) -> Forbidden:
    return Forbidden(
        Problem(
            "This home directory belongs to somebody else.",
            why=f"{path} belongs to the system user {owner}; its person's is {uid}.",
            todo="Ask the people who run SWAP to look at it. Nothing was changed.",
        )
    )
