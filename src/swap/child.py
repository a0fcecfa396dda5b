"""Child processes that cannot outlive us, which process is which, and the lock that keeps two of us apart.

Every child leads a process group of its own, so that Ctrl-C reaches only its parent, and the kernel
signals it when that parent dies, however it dies (`setpriv` of util-linux sets this; unlike a
function run between fork and exec it is safe with threads).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from swap.errors import Conflict, Problem, Unavailable


@dataclass(frozen=True, slots=True)
class Account:
    """The system user a child runs as, when it is not ours."""

    name: str
    uid: int
    gid: int


def account(name: str) -> Account:
    """Return a system user by name.  Raises KeyError."""
    entry = pwd.getpwnam(name)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True, slots=True)
class Seen:
    """A process that lives: its parent, and when it started, in the kernel's clock ticks since boot."""

    parent: int
    started: int


def look(pid: int) -> Seen | None:
    """Return what there is to know a process again by, though its id may be given to another; None when it has ended.

    psutil's moments are the wall clock's, which jumps; ticks since boot do not.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 — read for every process every other second
            # The name, in brackets, may hold brackets of its own: the fields begin after the last one.
            fields = file.read().rpartition(b") ")[2].split()
    except OSError:
        return None
    return None if fields[0] in {b"Z", b"X"} else Seen(int(fields[1]), int(fields[19]))


def start(
    argv: Sequence[str | Path],
    *,
    log: IO[bytes] | int,
    env: Mapping[str, str],
    cwd: Path,
    at_our_death: signal.Signals = signal.SIGTERM,
    user: Account | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in its own process group, writing to `log`, with exactly this environment."""
    setpriv = shutil.which("setpriv") or "/usr/bin/setpriv"
    command = [setpriv, "--pdeathsig", at_our_death.name, "--", *map(str, argv)]
    try:
        return subprocess.Popen(  # noqa: S603 — programs and arguments are ours, and no shell reads them
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            process_group=0,
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else [],
        )
    except FileNotFoundError as error:
        raise Unavailable(
            Problem(
                f"{error.filename} is not on this machine, so no program can be started.",
                todo="Install Debian's util-linux.",
            )
        ) from error


def stop(child: subprocess.Popen[bytes], first: signal.Signals, grace_seconds: float) -> bool:
    """End a child and its process group: ask with `first`, kill after the grace.  Tell whether it obeyed."""
    obeyed = True
    if child.poll() is None:
        child.send_signal(first)
        try:
            child.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            obeyed = False
    end_group(child)
    child.wait()
    return obeyed


def end_group(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a child's process group: its own helpers, when it could not end them itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


@contextlib.contextmanager
def claim(path: Path, what: str) -> Iterator[None]:
    """Hold `path` as a lock while the block runs; the kernel frees it however we end.

    Raises Conflict that names the process that holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise Conflict(
                Problem(
                    f"{what} is already running, as process {holder}.",
                    todo=f"Use it, or stop it first: kill {holder}",
                    extra={"pid": holder},
                )
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
