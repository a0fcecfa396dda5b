"""People's servers that are forked, not started: from a program that has loaded what they run.

That program is started when everything else has, and again when it has died.  Nobody waits for it: while it is not
there, or cannot fork, a server is started as any program is.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from swap import channel
from swap.forking import Forked, ForkServer
from swap.launch.model import Launch
from swap.launch.process import ForkedProcess
from swap.launch.spawn import log

_AFTER_SECONDS: Final = 15.0
"""What else is starting at that time is done by then, and as long is waited before another one."""
_LOADING_SECONDS: Final = 120.0
"""What loading may take on a machine that is busy."""
_FORKING_SECONDS: Final = 10.0
"""One that takes longer to fork is ended, and the server that was asked for is started."""
_NOBODY: Final = "/nonexistent"
_PYTHON: Final = (sys.executable, "-I")
"""How a server is started, and what it is forked from: both are told nothing by Python's own variables."""


class Forks:
    """One program to fork from, of one keeper.  For any number of threads."""

    def __init__(self, environment: Mapping[str, str], module: str = "swap.launch.loaded") -> None:
        """Plan it: `environment` is what all servers are told."""
        # A home that there is not, so that nothing of anybody's is read.
        told = {**environment, "HOME": _NOBODY}
        self._server = _Loaded((*_PYTHON, "-m", module), told)
        self._is_over = threading.Event()

    @property
    def pid(self) -> int | None:
        """The program's process id, once it is ready."""
        return self._server.pid if self._server.is_ready else None

    def prepare(self, after_seconds: float = _AFTER_SECONDS) -> None:
        """Begin to have the program there, now and whenever it has died."""
        threading.Thread(target=self._keep, args=(after_seconds,), name="loaded", daemon=True).start()

    def load(self) -> None:
        """Have the program there, and see that it can fork.  Raises OSError."""
        self._server.load()

    def fork(self, launch: Launch, plan: Mapping[str, Any], told: int, *, walls: bool) -> ForkedProcess | None:
        """Fork a server, with `told` as its standard input; None when it has to be started.

        `plan` has program, environment and directory, and with `walls` what they are.
        """
        if not self._server.is_ready or not _can_be(launch.argv):
            return None
        with log(launch) as said:
            try:
                forked = self._server.fork()
            except OSError:
                return None
            with forked.control, suppress(OSError):  # it has been killed already, and its end says so
                channel.send(forked.control, {"plan": plan, "walls": walls}, [told, said])
            return ForkedProcess(forked)

    def close(self) -> None:
        """End the program; what was forked from it goes on."""
        self._is_over.set()
        self._server.close()

    def _keep(self, after_seconds: float) -> None:
        while not self._is_over.wait(after_seconds):
            with suppress(OSError):  # its last words are in our log
                self.load()
                self._server.wait()


def _can_be(argv: Sequence[str]) -> bool:
    """Tell whether a fork can be what this would start."""
    return tuple(argv[:2]) == _PYTHON and argv[2] in {"-m", "-c"}


class _Loaded(ForkServer):
    """A fork server that is asked only when it has loaded, and never started by who asks."""

    answer_seconds = _LOADING_SECONDS
    is_ready = False

    def load(self) -> None:
        """Start it, and wait until it forks.  Raises OSError."""
        with self._lock:
            self._end()
            try:
                first = self._fork(0)
            except OSError:
                self._end()
                raise
            first.channel.settimeout(_FORKING_SECONDS)
            self.is_ready = True
        ended = ForkedProcess(first)
        first.control.close()  # it has nothing to do
        ended.wait()

    def fork(self, place: int = 0) -> Forked:
        """Return a new process.  Raises OSError when it is not there, or cannot fork."""
        with self._lock:
            if not self.is_ready:
                raise ConnectionError
            try:
                return self._fork(place)
            except (ConnectionError, TimeoutError):
                self._end()
                raise

    def wait(self) -> None:
        """Wait for its end."""
        if (process := self._process) is not None:
            process.wait()
        self.close()

    def _end(self) -> None:
        self.is_ready = False
        super()._end()
