"""How a person's server is started: one launcher for each `launch.isolation`, all alike to the keeper."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from swap.launch.model import Launch, Places, Refusals, Rules, Running, Seat
from swap.launch.process import Process
from swap.launch.unwalled import Unwalled
from swap.launch.walled import Walled


class Launcher(Protocol):
    """Starts servers, each where its person's isolation puts it."""

    def prepare(self) -> None:
        """Begin, beside everything else, what makes starts fast; until it is there they are slower."""

    def open_home(self, seat: Seat) -> Path:
        """Make the person's home and what else a new server needs; return the home.

        Raises Forbidden, Unavailable, OSError.
        """

    def places(self, person_id: str) -> Places:
        """Return where a person's server finds what is its own."""

    def start(self, launch: Launch, seat: Seat, told: int) -> Process:
        """Start the server with `told` as its standard input.

        Its process leads a group, ends as the server ends, and takes all with it.
        """

    def limits_met(self, person_id: str) -> dict[str, str]:
        """Return limit → a sentence, for each that a person's processes met."""

    def refusals(self, server: Running) -> Refusals:
        """Return how often a running server's programs asked for what they cannot reach."""

    def clean(self, person_id: str) -> None:
        """Take away what an ended server leaves outside the home."""


def launcher(rules: Rules) -> Launcher:
    """Return the launcher that the settings ask for."""
    return Walled(rules) if rules.walls else Unwalled(rules)
