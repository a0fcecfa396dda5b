"""The values of this feature: what is started for a person, and what runs for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Launch:
    """A program to start for a person: exactly this environment, nothing inherited.

    `secrets` it is told on its standard input, as JSON: an environment can be read from outside for as long as a
    process lives, by its own user and by root.
    """

    argv: tuple[str, ...]
    cwd: Path
    log: Path
    port: int
    """Where it answers, on loopback."""
    env: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)


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
