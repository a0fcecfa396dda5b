"""Isolation `none`: a person's server is a process of SWAP's own user.  It keeps nobody apart on the machine."""

from __future__ import annotations

from pathlib import Path

from swap import homes
from swap.launch.forks import Forks
from swap.launch.model import Launch, Places, Refusals, Rules, Running, Seat
from swap.launch.process import Process
from swap.launch.spawn import spawn


class Unwalled:
    """Starts servers as SWAP's own user."""

    def __init__(self, rules: Rules, forks: Forks | None = None) -> None:
        self._rules = rules
        self._forks = Forks(rules.environment) if forks is None else forks

    def open_home(self, seat: Seat) -> Path:
        """Make the person's home, private."""
        return homes.make(self._rules.homes, seat.person_id, seat.uid)

    def places(self, person_id: str) -> Places:
        """Return what is where; a socket's path must be short."""
        return Places(homes.place(self._rules.homes, person_id), self._rules.sockets / f"{person_id}.sock")

    def prepare(self) -> None:
        """Begin to load what servers run."""
        self._forks.prepare()

    def start(self, launch: Launch, seat: Seat, told: int) -> Process:  # noqa: ARG002 — nobody's seat differs
        """Start the server."""
        plan = {"argv": launch.argv, "env": dict(launch.env), "cwd": str(launch.cwd)}
        if (forked := self._forks.fork(launch, plan, told, walls=False)) is not None:
            return forked
        return spawn(launch, launch.argv, told, env=launch.env, cwd=launch.cwd)

    def limits_met(self, person_id: str) -> dict[str, str]:  # noqa: ARG002 — there are none
        """Return nothing: there are no limits."""
        return {}

    def refusals(self, server: Running) -> Refusals:  # noqa: ARG002 — nothing is refused
        """Return none."""
        return Refusals()

    def clean(self, person_id: str) -> None:
        """Leave all as it is."""
