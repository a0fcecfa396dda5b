"""The state directory: there, writable, with room, and each private part private."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Final

from swap.errors import Problem, Unavailable

NEEDED_BYTES: Final = 500_000_000
PRIVATE: Final = ("logs", "secrets", "homes", "spool", "tables", "traefik", "work")
_LOG_BYTES: Final = 10_000_000


def ready(state: Path) -> None:
    """Make the state directory; raise Unavailable when it cannot be written or its disk is full.

    As root, others may enter the directory itself, though not list it: PostgreSQL runs as another user below it.
    """
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
        state.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
        _refuse_full_disk(state)
        for name in PRIVATE:
            (state / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            Problem(
                f"SWAP cannot write to its state directory {state}: {error.strerror}.",
                todo="Mend its rights, or let `state` in swap.toml name another directory.",
            )
        ) from error


def shorten_logs(state: Path) -> None:
    """Put long logs aside, one generation of each; only while nobody writes to them."""
    for log in (state / "logs").glob("*.log"):
        if log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))


def forget_sockets(path: Path) -> None:
    """Remove the socket directory of an ended run; only one that is certainly ours."""
    try:
        directory = Path(json.loads(path.read_text(encoding="utf-8"))["socket_directory"])
        seen = directory.lstat()
    except (OSError, ValueError, KeyError, TypeError):
        return
    if stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and directory.name.startswith("swap-"):
        shutil.rmtree(directory, ignore_errors=True)


def _refuse_full_disk(state: Path) -> None:
    free = shutil.disk_usage(state).free
    if free < NEEDED_BYTES:
        raise Unavailable(
            Problem(
                f"The disk that holds {state} is full: {free // 1_000_000} MB are free.",
                why=f"SWAP needs at least {NEEDED_BYTES // 1_000_000} MB there to start.",
                todo="Free some space, or let `state` in swap.toml name a directory on another disk.",
            )
        )
