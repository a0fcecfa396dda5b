"""The values of this feature: what is started for a person, and what runs for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What of settings and runtime servers are started by, in plain values: root's part loads no more."""

    state: Path
    homes: Path
    sockets: Path
    """A short private directory for unix sockets."""
    kernel_env: Path
    """The environment of notebooks."""
    gateway_port: int
    hub_port: int
    environment: Mapping[str, str]
    """What every server is told."""
    walls: bool
    """Whether each server is a system user of its own; what follows counts only then."""
    memory_bytes: int
    cpus: float
    processes: int
    disk_bytes: int | None
    reach: tuple[str, ...]

    @classmethod
    def read(cls, made: Mapping[str, Any]) -> Self:
        """Return what came as JSON."""
        paths = {name: Path(made[name]) for name in ("state", "homes", "sockets", "kernel_env")}
        return cls(**{**made, **paths, "reach": tuple(made["reach"])})


@dataclass(frozen=True, slots=True)
class Launch:
    """A program to start for a person: exactly this environment, nothing inherited."""

    argv: tuple[str, ...]
    cwd: Path
    log: Path
    port: int
    """Where it answers, on loopback."""
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seat:
    """A person as this machine knows them: `uid` is the system user that is theirs alone, None where it is SWAP's."""

    person_id: str
    name: str = ""
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where a person's server finds what is its own, as it sees the machine."""

    home: Path
    token_socket: Path
    """On it a person's kernels ask their server for tokens."""
    group: Path | None = None
    """Where its control group is shown, if it has one."""
    own_disk: bool = False
    """Whether the home is on a disk of its person's own."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often a person's programs asked for what they cannot reach, since their network was made."""

    no_route: int = 0
    """Connections and packets to another machine."""
    refused: int = 0
    """Connections to ports where nobody listens in the person's own network."""

    def since(self, earlier: Refusals) -> Refusals:
        """Return what was added since an earlier count."""
        return Refusals(self.no_route - earlier.no_route, self.refused - earlier.refused)


@dataclass(frozen=True, slots=True)
class Running:
    """A started server.  `started` tells its process from a later one that was given the same number."""

    person_id: str
    server_id: str
    pid: int
    started: int
