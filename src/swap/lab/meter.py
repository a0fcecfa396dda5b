"""What this server's person uses, for JupyterLab's status bar, and which limit was met, for its cells and dialogs.

With a control group it is what all programs of the person use, and their limits.  Without one it is what the server,
its kernels and its terminals use themselves: nobody counts what those start.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from swap import usage
from swap.errors import LimitExceeded, Problem, to_json
from swap.lab import ends
from swap.lab.ends import Ends
from swap.usage import Part, Use

LEAST_SECONDS = 1.0
"""How long processors are watched, at least, before it is said how many work."""


class Meter:
    """Reads what is used."""

    def __init__(
        self,
        group: Path | None,
        own_disk: Path | None,
        pids: Callable[[], Collection[int]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`group` is where a control group is shown, `own_disk` a place on a disk of the person's own.

        `pids` gives the processes that are counted where there is no group.
        """
        self._group = None if group is None else usage.group_at(group)
        self._own_disk = own_disk
        self._pids = pids
        self._now = now
        self._before = now(), self._seconds()
        self._processors: float | None = None

    def use(self) -> Use:
        """Return what is used now; of processors, how many worked since it was last asked."""
        if self._group is None:
            use = Use(memory=Part(usage.memory_of(self._pids())), processors=Part(None))
        else:
            use = self._group.use
        if use.processors is not None:
            use = replace(use, processors=replace(use.processors, used=self._rate()))
        if self._own_disk is not None:
            disk, files = usage.disk_at(self._own_disk)
            use = replace(use, disk=disk, files=files)
        return use

    def met(self) -> Mapping[str, int]:
        """Return limit → how often it was met."""
        return {} if self._group is None else self._group.met

    def _seconds(self) -> float | None:
        if self._group is None:
            return usage.processor_seconds_of(self._pids())
        return self._group.processor_seconds

    def _rate(self) -> float | None:
        now, seconds = self._now(), self._seconds()
        before, worked = self._before
        if now - before >= LEAST_SECONDS:
            # Without a group, what a process that ended had done is missing.
            self._processors = (
                None if seconds is None or worked is None else max(0.0, seconds - worked) / (now - before)
            )
            self._before = now, seconds
        return self._processors


class UseNow(APIHandler):
    """GET swap/use."""

    def initialize(self, meter: Meter, ends: Ends) -> None:
        """Take what reads and what remembers."""
        self.meter = meter
        self.ends = ends

    @web.authenticated
    async def get(self) -> None:
        """Return what is used of what may be, and how many programs beside kernels were ended for want of memory."""
        self.set_header("Cache-Control", "no-store")
        self.finish({"use": self.meter.use().as_json(), "programs_ended": self.ends.programs()})


class Met(UseNow):
    """GET swap/limit/memory/{kernel id}, swap/limit/processes and swap/limit/disk."""

    @web.authenticated
    async def get(self, limit: str, kernel_id: str | None = None) -> None:
        """Return as an error of SWAP's that this limit was met, just now or by this kernel; null when it was not."""
        problem = self._problem(limit, kernel_id or "")
        self.set_header("Cache-Control", "no-store")
        self.finish({"error": None if problem is None else to_json(LimitExceeded(problem))})

    def _problem(self, limit: str, kernel_id: str) -> Problem | None:
        use = self.meter.use()
        if limit == "memory":
            return ends.memory_problem(use) if self.ends.by_memory(kernel_id) else None
        if limit == "processes":
            return ends.processes_problem(use) if self.ends.refused() else None
        return ends.disk_problem(use)


def routes(base_url: str, meter: Meter, ended: Ends) -> list[tuple[Any, ...]]:
    """Return our handlers."""
    base, parts = re.escape(base_url), {"meter": meter, "ends": ended}
    return [
        (url_path_join(base, "swap", "use"), UseNow, parts),
        (url_path_join(base, "swap", r"limit/(memory)/([0-9a-f-]{36})"), Met, parts),
        (url_path_join(base, "swap", r"limit/(processes|disk)"), Met, parts),
    ]
