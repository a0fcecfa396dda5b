"""Throw a person's layers away: out of the way at once, then file by file.

What is in them may be anything: links, which are not followed, a million files, folders in folders without end, modes
that forbid to look.  Needs no more rights than its person has.
"""

from __future__ import annotations

import os
import secrets
import stat
import time

ASIDE = ".removed-"
"""What the name of a layer begins with that is out of the way and not yet gone."""
LISTED = 5_000
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def opened(name: str, directory: int) -> int:
    """Open a directory in another, no link followed, also where its mode forbids it."""
    try:
        return os.open(name, _OPEN, dir_fd=directory)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=directory)
        return os.open(name, _OPEN, dir_fd=directory)


def throw_away(directory: int, seconds: float) -> None:
    """Remove each layer in an open directory.

    What is not gone after `seconds` is out of use all the same, and goes the next time.  Raises OSError.
    """
    ends = time.monotonic() + seconds
    os.fchmod(directory, 0o700)
    with os.scandir(directory) as entries:
        found = [entry.name for entry, _ in zip(entries, range(LISTED), strict=False)]
    aside = [name for name in found if name.startswith(ASIDE)]
    for name in found:
        if name.startswith("python"):
            aside.append(f"{ASIDE}{secrets.token_hex(8)}")
            os.rename(name, aside[-1], src_dir_fd=directory, dst_dir_fd=directory)
    for name in aside:
        _remove(name, directory, ends)


def _remove(name: str, directory: int, ends: float) -> None:
    if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=directory)
        return
    top = opened(name, directory)
    try:
        # A folder's folders come up to the top before it goes: however deep they are, two are open at a time.
        while time.monotonic() < ends and (folders := _empty(top, top, ends)):
            for folder in folders:
                below = opened(folder, top)
                try:
                    _empty(below, top, ends)
                finally:
                    os.close(below)
                if time.monotonic() < ends:
                    os.rmdir(folder, dir_fd=top)
    finally:
        os.close(top)
    if time.monotonic() < ends:
        os.rmdir(name, dir_fd=directory)


def _empty(directory: int, top: int, ends: float) -> list[str]:
    """Remove the files of a directory; its folders are moved to the top, and returned if they are there already."""
    os.fchmod(directory, 0o700)
    folders = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if time.monotonic() > ends:
                break
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.name, dir_fd=directory)
            elif directory == top:
                folders.append(entry.name)
            else:
                # A folder that moves is written to: it says what is above it.
                os.chmod(entry.name, 0o700, dir_fd=directory)
                os.rename(entry.name, secrets.token_hex(8), src_dir_fd=directory, dst_dir_fd=top)
    return folders
