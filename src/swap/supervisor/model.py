"""What the supervisor keeps of the settings and of its programs: values that need no library of ours to be read."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swap import ports


@dataclass(frozen=True, slots=True)
class Site:
    """What a run must know of its settings."""

    state: Path
    bind: str
    port: int
    url: str
    embedded: bool
    """Whether the database is ours."""
    database_port: int | None
    certificate: tuple[str, str] | None
    """The files of the public address's certificate and key."""
    public_bind: str
    public_ports: tuple[int, ...]
    """What else SWAP listens on: for the public address, and for plain HTTP."""
    mail: bool
    """Whether people are told by mail, or webhooks of runs of reports."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a program shows that it is ready: by accepting connections, and on a path, if there is one."""

    port: int
    path: str = ""

    def comes(self) -> bool:
        """Tell whether it answers at all; a refusal is an answer, a failure is none."""
        if not self.path:
            return ports.answers(self.port)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2.0)
        try:
            connection.request("GET", self.path)
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Service:
    """One program we keep running."""

    name: str
    argv: Sequence[str]
    answers: Sequence[Answer]
    at: str
    """Where it answers, as the start tells it."""
    grace_seconds: float
    """How long it may take to stop before it is killed."""

    def ready(self) -> bool:
        """Tell whether it answers everywhere."""
        return all(answer.comes() for answer in self.answers)
