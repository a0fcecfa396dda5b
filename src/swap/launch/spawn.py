"""Start a launch's process: a session of its own, its log begun afresh, its secrets told on its standard input."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from swap.launch.model import Launch


def spawn(
    launch: Launch, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, keep: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start `argv` in the name of a launch; `keep` are descriptors that it inherits.  Raises OSError."""
    launch.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(launch.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    # A socket, not a pipe: through /proc nobody else can open it and read in its place.
    ours, theirs = socket.socketpair()
    with os.fdopen(descriptor, "wb") as log, ours, theirs:
        ours.sendall(json.dumps(dict(launch.secrets)).encode())
        return subprocess.Popen(  # noqa: S603 - our own program, no shell
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=theirs.fileno(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=True,
            pass_fds=keep,
            umask=0o077,
        )
