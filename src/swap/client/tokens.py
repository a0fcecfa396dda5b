"""The kernel's token: asked for on the Jupyter server's local socket, kept in memory, renewed in time.

No longer-lived secret ever reaches the kernel.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from swap.errors import Problem, Unavailable, from_json

ASK_SECONDS = 10.0
LINE_BYTES = 65_536
MARGIN = 0.2
"""The part of its life at whose beginning a token is renewed."""


class Tokens:
    """Gives a token that is still good for a while."""

    def __init__(
        self,
        path: str,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = path
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._value = ""
        self._good_until = 0.0

    def get(self, *, refused: str = "") -> str:
        """Return a token; a new one when the old one nears its end or is the one the gateway refused."""
        with self._lock:
            if not self._value or self._value == refused or self._clock() >= self._good_until:
                self._value, expires_at = ask(self._path)
                # From here on the monotonic clock counts: setting the machine's clock must not keep a dead token.
                lives = (expires_at - self._now()).total_seconds()
                self._good_until = self._clock() + max(0.0, lives * (1 - MARGIN))
            return self._value


def ask(path: str) -> tuple[str, datetime]:
    """Ask the Jupyter server for a token and the moment it ends.  Raises NotSignedIn, Unavailable."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ASK_SECONDS)
            connection.connect(path)
            connection.sendall(json.dumps({"kernel_id": kernel_id()}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline(LINE_BYTES))
        if "error" not in answer:
            return str(answer["token"]), datetime.fromisoformat(answer["expires_at"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            Problem(
                "Your Jupyter server gives this notebook no access to SWAP.",
                why=f"Its token socket does not answer ({error or type(error).__name__}).",
                todo="Restart your server from SWAP's home page; your notebooks are as you left them.",
            )
        ) from None
    raise from_json(answer["error"])


def kernel_id() -> str:
    """Return this kernel's id, from its connection file's name, or "" outside a kernel."""
    for before, value in zip(sys.argv, sys.argv[1:], strict=False):
        if before == "-f":
            return Path(value).stem.removeprefix("kernel-")
    return ""
