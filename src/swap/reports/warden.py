"""The worker's warden: by a person's id and the worker's claim it begins a run behind that person's walls.

`far` says what it is asked for.  What a run is to do, and what it answers, it neither hears nor reads; program, paths,
user, limits and network of a run follow from the plan, and its person's uid from the database.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from swap.errors import Invalid
from swap.launch import warden
from swap.launch.model import Rules
from swap.launch.process import Process
from swap.launch.report import Runs
from swap.launch.warden import PeoplesWarden
from swap.reports.far import RUN

_SPARE: Final = 20
"""Errands beside the runs that may go on: those that are just ending."""
_END_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(warden.Plan):
    """All that the worker's warden will ever do."""

    rules: Rules
    at_once: int

    @classmethod
    def read(cls, made: Mapping[str, Any]) -> Self:
        """Return the plan that came as JSON."""
        return super(Plan, cls).read({**made, "rules": Rules.read(made["rules"])})


class WorkerWarden(PeoplesWarden):
    """One run of a worker.  Runs of reports end with it."""

    _plan: Plan

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._room = threading.Semaphore(plan.at_once + _SPARE)
        self._runs = Runs(plan.rules, self._uid)
        self._runs.clear()
        self._is_over = os.eventfd(0)
        """Can be read when all is to end."""

    def _do(self, word: str, name: str, to: socket.socket, given: Sequence[int]) -> object:
        if word != RUN or len(given) != 1 or not stat.S_ISSOCK(os.fstat(given[0]).st_mode):
            raise Invalid
        person_id, _, claim = name.partition(" ")
        # The run ends with this thread, however that ends.
        begun = self._runs.begin(person_id, claim, given[0])
        try:
            self._wait(begun.process, to)
        finally:
            ended = begun.end()
        return asdict(ended)

    def _wait(self, process: Process, to: socket.socket) -> None:
        """Wait until a process has ended, or is to: whoever asked for it has let go, or all ends."""
        poll, ends = select.poll(), os.pidfd_open(process.pid)
        try:
            for each in (ends, to.fileno(), self._is_over):
                poll.register(each, select.POLLIN | select.POLLRDHUP)
            poll.poll()
        finally:
            os.close(ends)

    def _collect(self, program: subprocess.Popen[bytes]) -> None:
        """Collect nothing before the end: a worker starts no program, and threads of ours wait for runs."""

    def _end_own(self) -> None:
        """End all runs."""
        os.eventfd_write(self._is_over, 1)
        self._runs.wait(_END_SECONDS)
