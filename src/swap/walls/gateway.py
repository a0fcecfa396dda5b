"""The gateway's warden: six errands, and each gives what was planned before the gateway started, and nothing else.

`errands` says what they are.  Nothing but the standard library.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from swap.walls import cells, errands, mounts, warden
from swap.walls.cells import Cells, Done, Program, RefusedError
from swap.walls.warden import Warden

MOST_SPILLS: Final = 1_000
"""Directories that combiners have at a time: far more than there is memory for combiners."""
SPILL_PREFIX: Final = "spill-"
_MOST_OPENING: Final = 100
"""Roots that are waited for at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(warden.Plan):
    """All that the gateway's warden will ever do."""

    cells: Mapping[str, Program]
    roots: Mapping[str, str]
    """Source → the directory that holds its files."""

    @classmethod
    def read(cls, made: Mapping[str, Any]) -> Self:
        """Return the plan that came as JSON."""
        return super(Plan, cls).read({**made, "cells": cells.planned(made["cells"])})

    @property
    def spills(self) -> Path:
        """Where combiners' directories are."""
        return self.folder / "spill"


class GatewayWarden(Warden):
    """One run of a gateway.  Errands are done one after the other, but for the opening of roots."""

    _plan: Plan

    def __init__(self, plan: Plan) -> None:
        self._cells = Cells(plan.cells)
        super().__init__(plan, self._cells.users)
        self._spilled: dict[tuple[int, int], Path] = {}
        """Device and number of each directory that was given → where it is."""
        self._opening = threading.Semaphore(_MOST_OPENING)

    def _make_room(self) -> None:
        super()._make_room()
        shutil.rmtree(self._plan.spills, ignore_errors=True)
        self._plan.spills.mkdir(mode=0o700)

    def _attend(self, word: str, name: str, answer: int, given: Sequence[int]) -> None:
        if word == errands.ROOT and self._opening.acquire(blocking=False):
            # What lies on another machine may be away, and is waited for apart.
            threading.Thread(target=self._open, args=(name, answer, given), daemon=True).start()
        else:
            cells.answer(answer, given, lambda: self._do(word, name, given))

    def _open(self, name: str, answer: int, given: Sequence[int]) -> None:
        try:
            cells.answer(answer, given, lambda: self._do(errands.ROOT, name, given))
        finally:
            self._opening.release()

    def _do(self, word: str, name: str, given: Sequence[int]) -> Done:
        if word in cells.ERRANDS:
            return self._cells.do(word, name, given)
        if word == errands.ROOT and name in self._plan.roots:
            return 0, (mounts.tree(self._plan.roots[name]),)
        if word == errands.SPILL:
            return 0, (self._spill(),)
        if word == errands.CLEAR and given:
            self._clear(given[0])
            return 0, ()
        raise RefusedError

    def _spill(self) -> int:
        if len(self._spilled) >= MOST_SPILLS:
            raise OSError(errno.ENOSPC, "too many directories")
        path = Path(tempfile.mkdtemp(prefix=SPILL_PREFIX, dir=self._plan.spills))
        uid = self._plan.cells[errands.COMBINERS].cell.uid
        os.chown(path, uid, uid)
        # Whoever holds it can pass it on, and not look into it.
        directory = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._spilled[_identity(directory)] = path
        return directory

    def _clear(self, directory: int) -> None:
        path = self._spilled.pop(_identity(directory), None)
        if path is None:
            raise RefusedError
        shutil.rmtree(path, ignore_errors=True)

    def _collect(self, program: subprocess.Popen[bytes]) -> None:
        """Collect what has ended of what was left to us."""
        self._cells.poll()
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_pid == program.pid:
                return
            os.waitpid(ended.si_pid, 0)

    def _end_own(self) -> None:
        self._cells.end()

    def _end_all(self, program: subprocess.Popen[bytes]) -> None:
        super()._end_all(program)
        shutil.rmtree(self._plan.spills, ignore_errors=True)


def _identity(descriptor: int) -> tuple[int, int]:
    seen = os.fstat(descriptor)
    return seen.st_dev, seen.st_ino
