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
    env: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Running:
    """A started server.  `started` tells its process from a later one that was given the same number."""

    person_id: str
    server_id: str
    pid: int
    started: int
