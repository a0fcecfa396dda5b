"""How a person's server is started: one launcher for each `launch.isolation`, all alike to the hub's spawner."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from swap.launch import possible
from swap.launch.model import Launch, Places, Refusals, Running, Seat
from swap.launch.unwalled import Unwalled
from swap.launch.walled import Walled
from swap.runtime import Runtime
from swap.settings import Settings


class Launcher(Protocol):
    """Starts servers, each where its person's isolation puts it."""

    def seat(self, conn: Connection, person_id: str) -> Seat:
        """Return the person as this machine knows them, in the caller's transaction."""

    def open_home(self, seat: Seat) -> Path:
        """Make the person's home and what else a new server needs; return the home.

        Raises Forbidden, Unavailable, OSError.
        """

    def places(self, person_id: str) -> Places:
        """Return where a person's server finds what is its own."""

    def start(self, launch: Launch, seat: Seat) -> subprocess.Popen[bytes]:
        """Start the server; its process leads a group, ends as the server ends, and takes all with it."""

    def limits_met(self, person_id: str) -> dict[str, str]:
        """Return limit → a sentence, for each that a person's processes met."""

    def refusals(self, server: Running) -> Refusals:
        """Return how often a running server's programs asked for what they cannot reach."""

    def clean(self, person_id: str) -> None:
        """Take away what an ended server leaves outside the home."""


def launcher(settings: Settings, runtime: Runtime) -> Launcher:
    """Return the launcher that the settings ask for.  Raises SettingsError where this process cannot be it."""
    possible.require(settings)
    return Walled(settings, runtime) if settings.launch.isolation == "user" else Unwalled(runtime)
