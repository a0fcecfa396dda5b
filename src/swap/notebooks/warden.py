"""The portal's warden: by a person's id, it begins a process in their home, and says what else is known of them.

`far` says what it is asked for.  What is to be done in a home it neither hears nor does: a process that has become the
person does.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from swap import channel, disks, homes
from swap.errors import Invalid
from swap.forking import ForkServer, server_of
from swap.launch import running, warden
from swap.launch.limits import find, used
from swap.launch.warden import ANSWER_SECONDS, HANDED_ON, PeoplesWarden
from swap.notebooks.far import ENDED, HOME, USE
from swap.walls import cells, mounts
from swap.walls.cell import Cell
from swap.walls.cells import Cells, Program
from swap.walls.warden import VIEW

PROGRAM: Final = server_of("swap.notebooks.at_home")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(warden.Plan):
    """All that the portal's warden will ever do."""

    disk_bytes: int | None
    """The size of a person's own disk, where they have one."""
    cells: Mapping[str, Program]
    """Of what reads notebooks."""

    @classmethod
    def read(cls, made: Mapping[str, Any]) -> Self:
        """Return the plan that came as JSON."""
        return super(Plan, cls).read({**made, "cells": cells.planned(made["cells"])})


class PortalWarden(PeoplesWarden):
    """One run of a portal."""

    _plan: Plan

    def __init__(self, plan: Plan) -> None:
        self._cells = Cells(plan.cells)
        super().__init__(plan, self._cells.users)
        cell = Cell(0, str(plan.folder / VIEW), becomes_whom_it_is_told=True)
        self._server = ForkServer(PROGRAM, cell=cell)
        self._groups = find()

    def _attend(self, word: str, name: str, answer: int, given: Sequence[int]) -> None:
        if word in cells.ERRANDS:
            cells.answer(answer, given, lambda: self._cells.do(word, name, given))
        else:
            super()._attend(word, name, answer, given)

    def _do(self, word: str, name: str, to: socket.socket, given: Sequence[int]) -> object:  # noqa: ARG002 — nothing is given
        if word == HOME:
            self._begin(name, to)
            return HANDED_ON
        if word == USE:
            disk = homes.place(self._plan.state / disks.FOLDER, name)
            return used(self._groups, self._plan.state, name, disk if self._plan.disk_bytes else None).as_json()
        if word == ENDED:
            homes.place(self._plan.homes, name)
            return running.ended(self._plan.state, name)
        raise Invalid

    def _begin(self, person_id: str, to: socket.socket) -> None:
        """Let a process become a person, with the socket on which it is asked, and see that it ends."""
        uid, plan = self._uid(person_id), self._plan
        place = disks.home(plan.state, plan.homes, person_id, uid, plan.disk_bytes)
        home = mounts.tree(str(place), to_be_written=True)
        try:
            forked = self._server.fork()
            try:
                channel.send(forked.control, {"uid": uid}, [home, to.fileno()])
                to.close()  # so that its end is noticed
                if not forked.wait(ANSWER_SECONDS):
                    forked.kill()
            finally:
                forked.wait()
                self._server.reap(forked)
                forked.close()
        finally:
            os.close(home)

    def _collect(self, program: subprocess.Popen[bytes]) -> None:  # noqa: ARG002 — it is collected by who serves it
        """Collect cells alone before the end: a portal starts no program, and threads of ours wait for theirs."""
        self._cells.poll()

    def _end_own(self) -> None:
        self._server.close()
        self._cells.end()
