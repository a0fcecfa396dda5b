"""What the wardens of portal and hub have in common: errands by a person's id, and whose system user is whose.

Which uid a person has, the database says, and not whoever asks.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from swap import channel, homes
from swap.errors import Forbidden, Problem, SwapError, Unavailable, from_json, to_json
from swap.walls import warden
from swap.walls.warden import Warden

ANSWER_SECONDS: Final = 60.0
_MOST: Final = 100
"""Errands at a time; who asks has fewer threads, or waits for its turn."""
_SEAT_SECONDS: Final = 60.0
_FIRST_UID: Final = 1_000
"""Below it are the machine's own users, whatever the database says."""
HANDED_ON: Final = object()
"""Came of an errand that somebody else answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(warden.Plan):
    """What such a warden knows of people."""

    paths: ClassVar[tuple[str, ...]] = ("folder", "state", "homes")

    state: Path
    homes: Path
    known: Mapping[str, int]
    """Person → their uid, which is theirs for ever."""
    seats: Sequence[str]
    """The program that asks the database for the uids of those who came later."""


class PeoplesWarden(Warden):
    """One run of a program that asks for people.  Each errand is done in a thread of its own: a disk may take long."""

    # Disks are mounted for the machine, so this one has no mounts of its own.
    in_memory = False

    _plan: Plan

    def __init__(self, plan: Plan, users: Collection[int] = ()) -> None:
        super().__init__(plan, users)
        self._uids = dict(plan.known)
        self._wanted: set[str] = set()
        """Whose uids are waited for."""
        self._asking = threading.Lock()
        self._room = threading.Semaphore(_MOST)

    @abstractmethod
    def _do(self, word: str, name: str, to: socket.socket, given: Sequence[int]) -> object:
        """Do an errand; return what came of it, for JSON, or HANDED_ON."""

    def _attend(self, word: str, name: str, answer: int, given: Sequence[int]) -> None:
        to = socket.socket(fileno=answer)
        if self._room.acquire(blocking=False):
            threading.Thread(target=self._answer, args=(word, name, to, given), daemon=True).start()
        else:
            _close(to, given)

    def _answer(self, word: str, name: str, to: socket.socket, given: Sequence[int]) -> None:
        answer: Mapping[str, Any]
        try:
            with suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
                try:
                    if (value := self._do(word, name, to, given)) is HANDED_ON:
                        return
                    answer = {"value": value}
                except SwapError as error:
                    answer = {"error": to_json(error)}
                except OSError as error:
                    answer = {"errno": error.errno}
                # Whoever does not listen is not waited for.  For who is given the socket that would hold, too.
                to.settimeout(ANSWER_SECONDS)
                channel.send(to, answer)
        finally:
            _close(to, given)
            self._room.release()

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


def _close(to: socket.socket, given: Sequence[int]) -> None:
    to.close()
    for each in given:
        os.close(each)
