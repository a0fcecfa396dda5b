"""The process of a person's server: what the keeper needs to know of it, whether it was started or forked."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import Protocol

from swap.forking import Forked


class Process(Protocol):
    """One that was begun here, and whose end is ours to collect."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def returncode(self) -> int | None:
        """How it ended, once that was asked for."""

    def poll(self) -> int | None:
        """Return None while it runs, else how it ended: its status, or less than 0 by a signal."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return how it ended.  Raises TimeoutExpired."""


class ForkedProcess:
    """One that was forked elsewhere: whoever it was forked from collects it, or we do when that is gone."""

    def __init__(self, forked: Forked) -> None:
        self.pid = forked.pid
        self.returncode: int | None = None
        self._forked = forked
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return None while it runs, else how it ended; 0 when nobody knows."""
        with self._lock:
            if self.returncode is None and self._forked.wait(0):
                code = self._forked.server.reap(self._forked)
                self.returncode = self._collected() if code is None else code
                self._forked.close()
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return how it ended.  Raises TimeoutExpired."""
        if self.returncode is None and not self._forked.wait(timeout):
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def _collected(self) -> int:
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:  # somebody above us collected it
            return 0
