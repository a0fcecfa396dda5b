"""People's servers on this machine, each by its person's id: start, watch, end.  For any number of threads.

Where people have walls it is root's, and whoever asks has no power: all that is asked for is a person's id, and of a
start the port, the server's id and what the system calls the person.  It takes nothing else from anybody.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from swap import child, homes
from swap.errors import Invalid, Problem
from swap.launch import running
from swap.launch import server as launches
from swap.launch.launcher import Launcher, launcher
from swap.launch.model import Refusals, Rules, Running, Seat
from swap.launch.process import Process

TAIL_BYTES: Final = 4000
_COLLECT_SECONDS: Final = 5.0
_SERVER_ID: Final = re.compile(r"s[0-9a-f]{16}")
_PORTS: Final = range(1024, 2**16)


class Keeper:
    """Everybody's server; of each person there is one at most."""

    def __init__(
        self, rules: Rules, uid: Callable[[str], int | None] = lambda _: None, starts: Launcher | None = None
    ) -> None:
        """Begin with what an earlier keeper wrote down; `uid` says whose uid is whose, None for all that are ours."""
        self._rules = rules
        self._uid = uid
        self._launcher = launcher(rules) if starts is None else starts
        self._processes: dict[str, Process] = {}
        """Person → their server, where we started it: its end is ours to collect."""
        self._asked_to_end: set[str] = set()
        self._busy: set[str] = set()
        self._changed = threading.Condition()

    def prepare(self) -> None:
        """Begin, beside everything else, what makes starts fast."""
        self._launcher.prepare()

    def open_home(self, person_id: str) -> int:
        """Make a person's home and what else a new server needs; return how many bytes are free there.

        Raises Forbidden, Unavailable, OSError, as all others may.
        """
        with self._alone(person_id):
            free = os.statvfs(self._launcher.open_home(Seat(person_id, uid=self._uid(person_id))))
        return free.f_bavail * free.f_frsize

    def start(self, person_id: str, port: int, server_id: str, name: str, told: int) -> Running:
        """Start a person's server, and end the one of before; what it is told comes on the open socket `told`."""
        if port not in _PORTS or not _SERVER_ID.fullmatch(server_id):
            raise Invalid(Problem("There is no such server."))
        with self._alone(person_id):
            seat = Seat(person_id, name, self._uid(person_id))
            self._end(person_id)
            launch = launches.server(self._rules, person_id, self._launcher.places(person_id), port)
            process = self._processes[person_id] = self._launcher.start(launch, seat, told)
            self._asked_to_end.discard(person_id)
            seen = child.look(process.pid)
            started = Running(person_id, server_id, process.pid, -1 if seen is None else seen.started)
            running.note(self._rules.state, started)
            return started

    def find(self, person_id: str) -> Running | None:
        """Return a person's server if it runs."""
        return running.find(self._rules.state, self._known(person_id))

    def poll(self, person_id: str) -> int | None:
        """Return None while a person's server runs, else how it ended (0 when nobody knows)."""
        process = self._processes.get(self._known(person_id))
        if process is None:
            return None if self.find(person_id) is not None else 0
        was_known = process.returncode is not None
        if (code := process.poll()) is not None and not was_known:
            _collect(process.pid)
        return code

    def end(self, person_id: str) -> bool:
        """End a person's server: ask, wait, kill; tell whether none runs any more."""
        with self._alone(person_id):
            return self._end(person_id)

    def _end(self, person_id: str) -> bool:
        server = self.find(person_id)
        if server is None:
            return True
        self._asked_to_end.add(person_id)
        has_ended = running.end(server)
        if has_ended and (process := self._processes.get(person_id)) is not None:
            # Its first thread has ended; how it ended is known when the last one has.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_COLLECT_SECONDS)
        self.poll(person_id)
        return has_ended

    def finish(self, person_id: str) -> None:
        """Take away what an ended server leaves outside the home, and write down which limit ended it, if one did."""
        with self._alone(person_id):
            if self.find(person_id) is not None:  # it did not end; whoever starts the next one ends it
                return
            killed = self.poll(person_id) == -signal.SIGKILL and person_id not in self._asked_to_end
            self._processes.pop(person_id, None)
            running.forget(self._rules.state, person_id)
            if killed and (why := self.limits_met(person_id).get("memory")):
                running.note_end(self._rules.state, person_id, why)
            self._launcher.clean(person_id)

    def limits_met(self, person_id: str) -> dict[str, str]:
        """Return limit → a sentence, for each that a person's processes met."""
        return self._launcher.limits_met(self._known(person_id))

    def refusals(self, person_id: str) -> Refusals:
        """Return how often a running server's programs asked for what they cannot reach."""
        server = self.find(person_id)
        return Refusals() if server is None else self._launcher.refusals(server)

    def said(self, person_id: str) -> str:
        """Return the end of what a person's server said."""
        return tail(launches.log(self._rules.state, self._known(person_id)))

    def collect(self) -> None:
        """Collect those that have ended, and what they left to us."""
        for person_id in tuple(self._processes):
            self.poll(person_id)

    @contextmanager
    def _alone(self, person_id: str) -> Iterator[None]:
        """Let one at a time start or end a person's server."""
        self._known(person_id)
        with self._changed:
            self._changed.wait_for(lambda: person_id not in self._busy)
            self._busy.add(person_id)
        try:
            yield
        finally:
            with self._changed:
                self._busy.discard(person_id)
                self._changed.notify_all()

    def _known(self, person_id: str) -> str:
        """Return the id.  Raises Forbidden for what is none."""
        homes.place(self._rules.homes, person_id)
        return person_id


def _collect(group: int) -> None:
    """Collect what a server that was killed left to us: the first process of its namespace is of the same group."""
    with suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass


def tail(path: Path, size_bytes: int = TAIL_BYTES) -> str:
    """Return the end of a log, from the beginning of a line."""
    try:
        with path.open("rb") as log:
            length = log.seek(0, os.SEEK_END)
            log.seek(max(0, length - size_bytes))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return (text if length <= size_bytes else text.partition("\n")[2]).strip()
