"""The gateway's warden, where people have walls.

It reads settings and runtime once, in a process that ends: they take more memory than watching does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from swap import apart, logs
from swap.walls import cells
from swap.walls.gateway import GatewayWarden, Plan

WARDEN: Final = GatewayWarden


def main() -> None:
    """Run the gateway until its end."""
    logs.install()
    WARDEN(plan(apart.run(read))).run()


def read() -> dict[str, Any]:
    """Return what `plan` makes a plan of, for JSON; the spool is the gateway's then."""
    from swap import runtime, settings  # noqa: PLC0415 — models are loaded where they are needed
    from swap.processes import handed  # noqa: PLC0415

    here = runtime.read()
    return handed.over(settings.load(here.config), here)


def plan(made: dict[str, Any]) -> Plan:
    """Return the plan of what was read."""
    told = made["told"] | {"warden": os.getpid()}
    return Plan(**made | {"told": told, "folder": Path(made["folder"]), "cells": cells.planned(made["cells"])})


if __name__ == "__main__":
    main()
