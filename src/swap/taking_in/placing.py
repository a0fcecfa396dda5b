"""Write a notebook's file into a home, where nothing is yet; no step of its path is a link.

Done by a process that has become the home's person, or by SWAP's own user where all homes are its own.
"""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack, suppress

from swap.homes import OPEN_DIRECTORY
from swap.notebooks.workspace import explained, visible

_PIECE_BYTES = 1 << 20


def place(home: int, path: str, content: bytes) -> bool:
    """Write a file at a path of an open home; False where another is.  Raises Unavailable, NotFound."""
    *folders, name = visible(path).split("/")
    with explained(), ExitStack() as stack:
        folder = home
        for each in folders:
            with suppress(FileExistsError):
                os.mkdir(each, 0o700, dir_fd=folder)
            folder = os.open(each, OPEN_DIRECTORY, dir_fd=folder)
            stack.callback(os.close, folder)
        return _write(folder, name, content)


def _write(folder: int, name: str, content: bytes) -> bool:
    draft = f".swap-import-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(draft, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link and not a rename, which would write over what is there.
            os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            return _is_same(folder, name, content)
        return True
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)


def _is_same(folder: int, name: str, content: bytes) -> bool:
    """Tell whether what is there is this, as when the home was copied before."""
    try:
        with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as file:
            if os.fstat(file.fileno()).st_size != len(content):
                return False
            return all(
                file.read(_PIECE_BYTES) == content[at : at + _PIECE_BYTES]
                for at in range(0, len(content) or 1, _PIECE_BYTES)
            )
    except OSError:
        return False
