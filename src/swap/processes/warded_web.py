"""The portal's warden, where people have walls.

It reads settings and runtime once, in a process that ends: they take more memory than watching does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from swap import apart, logs
from swap.notebooks.warden import Plan, PortalWarden
from swap.walls import cells

WARDEN: Final = PortalWarden


def main() -> None:
    """Run the portal until its end."""
    logs.install()
    WARDEN(plan(apart.run(read))).run()


def read() -> dict[str, Any]:
    """Return what `plan` makes a plan of, for JSON."""
    from swap import runtime, settings  # noqa: PLC0415 — models are loaded where they are needed
    from swap.launch import possible  # noqa: PLC0415
    from swap.processes import handed_web  # noqa: PLC0415

    here = runtime.read()
    known = settings.load(here.config)
    possible.require(known)
    return handed_web.over(known, here)


def plan(made: dict[str, Any]) -> Plan:
    """Return the plan of what was read."""
    told = made["told"] | {"warden": os.getpid()}
    places = {name: Path(made[name]) for name in ("folder", "state", "homes")}
    return Plan(**made | {"told": told, "cells": cells.planned(made["cells"])} | places)


if __name__ == "__main__":
    main()
