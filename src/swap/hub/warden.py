"""The hub's warden: it starts, watches and ends people's servers, each by its person's id.

`servers` says what it is asked for.  What a server is told it passes on unread; program, paths, user, limits and
network of a server follow from the plan, and its person's uid from the database.
"""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NoReturn, Self

from swap.errors import Invalid, Problem
from swap.hub import words
from swap.launch import warden
from swap.launch.keeper import Keeper
from swap.launch.model import Rules, Running
from swap.launch.view import unix_name
from swap.launch.warden import PeoplesWarden

_PARTS: Final = 4
"""Of what is asked for with a start: whose server, port, server's id, name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(warden.Plan):
    """All that the hub's warden will ever do."""

    rules: Rules

    @classmethod
    def read(cls, made: Mapping[str, Any]) -> Self:
        """Return the plan that came as JSON."""
        return super(Plan, cls).read({**made, "rules": Rules.read(made["rules"])})


class HubWarden(PeoplesWarden):
    """One run of a hub.  People's servers outlive it."""

    _plan: Plan

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._keeper = Keeper(plan.rules, self._uid)
        self._does: Mapping[str, Callable[[str], object]] = {
            words.OPEN: self._keeper.open_home,
            words.FIND: lambda person_id: _told(self._keeper.find(person_id)),
            words.POLL: self._keeper.poll,
            words.END: self._keeper.end,
            words.FINISH: self._keeper.finish,
            words.MET: self._keeper.limits_met,
            words.REFUSED: lambda person_id: asdict(self._keeper.refusals(person_id)),
            words.SAID: self._keeper.said,
        }

    def run(self) -> NoReturn:
        """Run a hub to its end; what starts servers is made ready beside it."""
        self._keeper.prepare()
        super().run()

    def _do(self, word: str, name: str, to: socket.socket, given: Sequence[int]) -> object:  # noqa: ARG002 — it is answered as all are
        if word == words.START and len(given) == 1 and stat.S_ISSOCK(os.fstat(given[0]).st_mode):
            return self._begin(name, given[0])
        if word in self._does and not given:
            return self._does[word](name)
        raise Invalid

    def _begin(self, asked: str, told: int) -> object:
        parts = asked.split(" ")
        if len(parts) != _PARTS or not parts[1].isdecimal():
            raise Invalid(Problem("There is no such server."))
        person_id, port, server_id, name = parts
        # A label that its person alone sees, in letters of the system's.
        return _told(self._keeper.start(person_id, int(port), server_id, unix_name(person_id, name), told))

    def _collect(self, program: subprocess.Popen[bytes]) -> None:  # noqa: ARG002 — it is collected by who serves it
        """Collect servers alone before the end: a hub starts no program, and threads of ours wait for theirs."""
        self._keeper.collect()

    def _end_own(self) -> None:
        """End nothing: a hub that is started again finds the servers."""


def _told(server: Running | None) -> Mapping[str, Any] | None:
    return None if server is None else asdict(server)
