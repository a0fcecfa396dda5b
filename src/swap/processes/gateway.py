"""The gateway's process: queries, for kernels, Jupyter servers and the portal."""

from __future__ import annotations

import os
import sys

from swap import logs, runtime, settings
from swap.gateway import app
from swap.processes import WARDENS
from swap.processes.serve import serve
from swap.runtime import Runtime
from swap.settings import Settings
from swap.walls.errands import Errands

SWITCH_SECONDS = 0.0005
"""How long a thread that computes keeps those waiting that only have a word to pass on.

A query is many short turns of several threads; beside a harvest each of them would wait Python's own 5 ms.
"""


def main() -> None:
    """Serve until told to stop; where people have walls, become the warden that starts the gateway behind its own."""
    logs.install()
    here = runtime.read()
    known = settings.load(here.config)
    if known.launch.isolation != "none":
        os.execv(WARDENS["gateway"][0], list(WARDENS["gateway"]))  # noqa: S606 — our own program, and no shell
    run(known, here)


def run(known: Settings, here: Runtime, errands: Errands | None = None) -> None:
    """Serve until told to stop, with a warden to do errands if there is one."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gateway = app.create(known, here, errands=errands)
    serve(gateway, here.gateway_port, gateway.state.parts.lines.end)


if __name__ == "__main__":
    main()
