"""Runs that the worker's warden begins and ends, where people have walls; and what the worker asks it for: one thing.

Begin a run of a person's, by the claim that the worker has on it, and answer when it has ended.  What a run is to do
and what it answers go over an open socket, which the warden hands on and reads nothing of.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

from swap import channel
from swap.errors import Problem, Unavailable, from_json
from swap.launch.report import Ended
from swap.walls.errands import Asker

RUN: Final = "run"
"""Begin the run of that person and claim; it ends when whoever asked lets go, and the answer is what it left."""
_SECONDS: Final = 30.0
"""For a run's end; the worker's lease on it lives longer."""
_MOST_BYTES: Final = 200_000


class Far:
    """Whoever begins runs by way of a warden."""

    def __init__(self, warden: Asker) -> None:
        self._warden = warden

    def begin(self, person_id: str, claim: str, told: int) -> FarRun:
        """Have a run begun, with the socket `told` as its standard input.  Raises OSError; what else, `end` does."""
        return FarRun(self._warden.ask(f"{RUN} {person_id} {claim}", told))


class FarRun:
    """A run that the warden was asked for."""

    def __init__(self, to: socket.socket) -> None:
        self._to = to

    def end(self) -> Ended:
        """Have it ended, unless it has ended by itself.  Raises SwapError, OSError: it never ran."""
        with self._to as to:
            with suppress(OSError):  # it has answered, and let go
                to.shutdown(socket.SHUT_WR)
            to.settimeout(_SECONDS)
            try:
                answer, _ = channel.receive(to, _MOST_BYTES)
            except (EOFError, ConnectionError, TimeoutError) as error:
                why = "The part of SWAP that starts runs ended, or took too long."
                raise Unavailable(Problem("The run could not be started.", why=why)) from error
        if "value" in answer:
            return Ended.read(answer["value"])
        if isinstance(answer.get("errno"), int):
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        raise from_json(answer.get("error"))
