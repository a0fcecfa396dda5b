"""Who can write the directory of data files: where people have walls it is given to the worker, and doctors look."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from swap import apart
from swap.errors import SwapError
from swap.homes import OPEN_DIRECTORY
from swap.reports.files import Files, explained
from swap.settings import Settings

_ALL: Final = os.R_OK | os.W_OK | os.X_OK


def hand_over(root: Path, uid: int) -> None:
    """Give the directory to the user who is to write it, with what in it is ours; who is in its groups goes on reading.

    That user is in no group: a new file gets its folder's.  Left are files of others, those with a second name, and
    links.  Raises OSError.
    """
    root.mkdir(parents=True, exist_ok=True)
    top = os.open(root, OPEN_DIRECTORY)
    try:
        for _, _, files, folder in os.fwalk(".", dir_fd=top, follow_symlinks=False):
            there = os.fstat(folder)
            if there.st_uid not in {os.geteuid(), uid}:
                continue
            gid = uid if there.st_gid == os.getegid() else there.st_gid
            os.fchown(folder, uid, gid)
            os.fchmod(folder, stat.S_IMODE(there.st_mode) | 0o700 | stat.S_ISGID)
            for name in files:
                file = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(file.st_mode) and file.st_nlink == 1 and file.st_uid == os.geteuid():
                    own = gid if file.st_gid == os.getegid() else -1
                    os.chown(name, uid, own, dir_fd=folder, follow_symlinks=False)
    finally:
        os.close(top)


def told(settings: Settings) -> list[tuple[str, str]]:
    """Return whether a worker can write the directory of data files, and what to do if not; nothing without one."""
    directory = settings.reports.files
    if directory is None:
        return []
    uid = settings.launch.worker_uid if settings.launch.isolation == "user" else os.geteuid()
    try:
        why = why_not(directory, uid)
    except SwapError as error:
        why = f"{error.problem.title} {error.problem.why}"
    if not why:
        return [(f"reports can write {directory}", "")]
    todo = f"Give it, with the files that reports keep, to the system user {uid}, and restart SWAP."
    return [(f"{directory}: {why}", todo)]


def why_not(root: Path, uid: int) -> str:
    """Return why a user who runs reports could not write the files of some report, or nothing.  Raises SwapError."""

    def closed() -> str:
        os.chdir(root)
        if uid != os.geteuid():
            # As behind its walls: on the way there nothing is closed to it, and it is in no group.
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        return _closed(Files(Path()))

    return str(apart.run(closed)) if root.is_dir() else "it is not there"


def _closed(files: Files) -> str:
    """Return why this process could not write the files of some report, or nothing.  Raises NotWritten."""
    with explained():
        if not _is_open(files, []):
            return "it cannot be written"
    for binding in files.bindings().values():
        for names in binding.folders:
            for depth in range(1, len(names) + 1):
                with explained():
                    if not _is_open(files, names[:depth]):
                        return f"{'/'.join(names[:depth])} cannot be written"
        for path in sorted(binding.paths):
            *names, name = path.split("/")
            with explained(), files.found(names) as folder:
                if folder is not None and (why := _foreign(folder, name)):
                    return f"{path} {why}"
    return ""


def _is_open(files: Files, names: list[str]) -> bool:
    """Tell whether files can be made in a folder, or it is not there.  Raises OSError."""
    try:
        with files.found(names) as folder:
            return folder is None or _may(".", folder, _ALL)
    except PermissionError:
        return False


def _may(name: str, folder: int, what: int) -> bool:
    return os.access(name, what, dir_fd=folder, effective_ids=True)


def _foreign(folder: int, name: str) -> str:
    """Return why a file's place cannot be taken by one that the same people may read, or nothing."""
    try:
        file = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return ""
    if not _may(name, folder, os.R_OK):
        return "cannot be read"
    there = os.fstat(folder)
    new = there.st_gid if there.st_mode & stat.S_ISGID else os.getegid()
    if os.geteuid() and file.st_gid not in {new, os.getegid(), *os.getgroups()}:
        return "is a group's that its writer is not in, and neither is its folder"
    return ""
