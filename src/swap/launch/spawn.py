"""Start a launch's process: a session of its own, its log begun afresh, what it is told on its standard input."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from swap.launch.model import Launch


@contextmanager
def telling(told: Mapping[str, str]) -> Iterator[int]:
    """Yield a standard input on which exactly this is told, as JSON, to whoever is started with it."""
    # A socket, not a pipe: through /proc nobody else can open it and read in its place.
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(json.dumps(dict(told)).encode())
        yield theirs.fileno()


@contextmanager
def log(launch: Launch) -> Iterator[int]:
    """Yield a descriptor of a launch's log, begun afresh.  Raises OSError."""
    launch.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(launch.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def spawn(
    launch: Launch, argv: Sequence[str], told: int, *, env: Mapping[str, str], cwd: Path, keep: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start `argv` in the name of a launch, with `told` as its standard input; `keep` are descriptors that it inherits.

    Raises OSError.
    """
    with log(launch) as said:
        return subprocess.Popen(  # noqa: S603 - our own program, no shell
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=told,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=True,
            pass_fds=keep,
            umask=0o077,
        )
