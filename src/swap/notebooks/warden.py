"""The portal's warden: by a person's id, it begins a process in their home, and says what else is known of them.

`far` says what it is asked for.  What is to be done in a home it neither hears nor does: a process that has become the
person does.  Which uid a person has, the database says.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from swap import channel, disks, homes
from swap.errors import Forbidden, Invalid, Problem, SwapError, Unavailable, from_json, to_json
from swap.forking import ForkServer, server_of
from swap.launch import running
from swap.launch.limits import find, used
from swap.notebooks.far import ENDED, HOME, USE
from swap.walls import cells, mounts, warden
from swap.walls.cell import Cell
from swap.walls.cells import Cells, Program
from swap.walls.warden import VIEW, Warden

PROGRAM: Final = server_of("swap.notebooks.at_home")
_MOST: Final = 100
"""Errands at a time; the portal has fewer threads."""
_HOME_SECONDS: Final = 60.0
_SEAT_SECONDS: Final = 60.0
_FIRST_UID: Final = 1_000
"""Below it are the machine's own users, whatever the database says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(warden.Plan):
    """All that the portal's warden will ever do."""

    state: Path
    homes: Path
    known: Mapping[str, int]
    """Person → their uid, which is theirs for ever."""
    disk_bytes: int | None
    """The size of a person's own disk, where they have one."""
    cells: Mapping[str, Program]
    """Of what reads notebooks."""
    seats: Sequence[str]
    """The program that asks the database for the uids of those who came later."""


class PortalWarden(Warden):
    """One run of a portal.  Each errand is done in a thread of its own: a disk may take long."""

    # Disks are mounted for the machine, so this one has no mounts of its own.
    in_memory = False

    _plan: Plan

    def __init__(self, plan: Plan) -> None:
        self._cells = Cells(plan.cells)
        super().__init__(plan, self._cells.users)
        cell = Cell(0, str(plan.folder / VIEW), becomes_whom_it_is_told=True)
        self._server = ForkServer(PROGRAM, cell=cell)
        self._groups = find()
        self._uids = dict(plan.known)
        self._wanted: set[str] = set()
        """Whose uids are waited for."""
        self._asking = threading.Lock()
        self._room = threading.Semaphore(_MOST)

    def _attend(self, word: str, name: str, answer: int, given: Sequence[int]) -> None:
        if word in cells.ERRANDS:
            cells.answer(answer, given, lambda: self._cells.do(word, name, given))
            return
        for each in given:
            os.close(each)
        to = socket.socket(fileno=answer)
        if self._room.acquire(blocking=False):
            threading.Thread(target=self._answer, args=(word, name, to), daemon=True).start()
        else:
            to.close()

    def _answer(self, word: str, name: str, to: socket.socket) -> None:
        answer: Mapping[str, Any]
        try:
            with to, suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
                try:
                    if word == HOME:
                        self._begin(name, to)
                        return
                    answer = {"value": self._say(word, name)}
                except SwapError as error:
                    answer = {"error": to_json(error)}
                except OSError as error:
                    answer = {"errno": error.errno}
                # Whoever does not listen is not waited for.  For who is given the socket that would hold, too.
                to.settimeout(_HOME_SECONDS)
                channel.send(to, answer)
        finally:
            self._room.release()

    def _say(self, word: str, person_id: str) -> object:
        if word == USE:
            disk = homes.place(self._plan.state / disks.FOLDER, person_id)
            use = used(self._groups, self._plan.state, person_id, disk if self._plan.disk_bytes else None)
            return use.as_json()
        if word == ENDED:
            homes.place(self._plan.homes, person_id)
            return running.ended(self._plan.state, person_id)
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
                if not forked.wait(_HOME_SECONDS):
                    forked.kill()
            finally:
                forked.wait()
                self._server.reap(forked)
                forked.close()
        finally:
            os.close(home)

    def _uid(self, person_id: str) -> int:
        """Return a person's uid.  Raises SwapError for nobody's id."""
        homes.place(self._plan.homes, person_id)
        if person_id not in self._uids:
            self._learn(person_id)
        if (uid := self._uids[person_id]) < _FIRST_UID:
            raise Forbidden(Problem("This system user is nobody's home."))
        return uid

    def _learn(self, person_id: str) -> None:
        """Ask for a person's uid, and for those of all who have come meanwhile.  Raises SwapError for nobody's id.

        Many come at once on a site's first morning, and a program for each would keep them all waiting.
        """
        self._wanted.add(person_id)
        with self._asking:
            if person_id in self._uids:
                return
            wanted = {person_id, *self._wanted}
            self._wanted -= wanted
            said = self._ask(wanted)
            self._uids |= {each: int(told["uid"]) for each, told in said.items() if "uid" in told}
        if person_id not in self._uids:
            raise from_json(said[person_id]["error"])

    def _ask(self, wanted: Iterable[str]) -> dict[str, dict[str, Any]]:
        run = subprocess.run(  # noqa: S603 — the plan's own program, with what are person ids
            [*self._plan.seats, *wanted], stdout=subprocess.PIPE, timeout=_SEAT_SECONDS, check=False
        )
        try:
            return dict(json.loads(run.stdout))
        except ValueError:  # its last words are in our log
            raise Unavailable from None

    def _collect(self, program: subprocess.Popen[bytes]) -> None:  # noqa: ARG002 — it is collected by who serves it
        """Collect cells alone before the end: a portal starts no program, and threads of ours wait for theirs."""
        self._cells.poll()

    def _end_own(self) -> None:
        self._server.close()
        self._cells.end()
