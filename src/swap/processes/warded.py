"""A process's warden, where people have walls: `warded gateway`, `warded web`, `warded hub`, `warded worker`.

It reads settings and runtime once, in a process that ends: they take more memory than watching does.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NoReturn

from swap import apart, logs, terminal
from swap.errors import Conflict
from swap.walls.warden import Warden

_WARDENS: Final = {
    "gateway": ("swap.walls.gateway", "GatewayWarden"),
    "web": ("swap.notebooks.warden", "PortalWarden"),
    "hub": ("swap.hub.warden", "HubWarden"),
    "worker": ("swap.reports.warden", "WorkerWarden"),
}
"""Process → the module of its warden, each loaded where it is needed alone."""
_HANDED: Final = {
    "gateway": "swap.processes.handed",
    "web": "swap.processes.handed_web",
    "hub": "swap.processes.handed_hub",
    "worker": "swap.processes.handed_worker",
}
"""Process → the module that says what it is handed."""


def main() -> None:
    """Run the process to its end."""
    logs.install()
    try:
        run(sys.argv[-1])
    except Conflict as told:
        terminal.error(told)
        sys.exit(1)


def run(name: str) -> NoReturn:
    """Run the process to its end.  Raises Conflict for a worker where another one is this state directory's."""
    made = apart.run(lambda: read(name))
    with ExitStack() as stack:
        if name == "worker":
            report = importlib.import_module("swap.launch.report")  # loaded where it is needed
            stack.enter_context(report.alone(Path(made["state"])))
        warden(name, made).run()


def read(name: str) -> dict[str, Any]:
    """Return what a process's warden is to do, for JSON; what is to be the process's own is given to its user."""
    from swap import runtime, settings  # noqa: PLC0415 — models are loaded where they are needed
    from swap.launch import possible  # noqa: PLC0415

    here = runtime.read()
    known = settings.load(here.config)
    possible.require(known)
    made: dict[str, Any] = importlib.import_module(_HANDED[name]).over(known, here)
    return made


def warden(name: str, made: Mapping[str, Any]) -> Warden:
    """Return a process's warden, for what was read."""
    module, kind = _WARDENS[name]
    found = importlib.import_module(module)
    begun: Warden = getattr(found, kind)(found.Plan.read(made))
    return begun


if __name__ == "__main__":
    main()
