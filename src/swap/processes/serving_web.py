"""The portal's process where people have walls: it gives every power up, and then is what `web` runs."""

from __future__ import annotations

import importlib
from typing import Any

from swap.processes import behind
from swap.walls.errands import Errands


def main() -> None:
    """Serve until told to stop."""
    behind.walls(lambda known, warden: serve(known, Errands(warden)))


def serve(known: dict[str, Any], errands: Errands) -> None:
    """Be the portal."""
    web, far, forking, program, settings, runtime = (
        importlib.import_module(f"swap.{name}")
        for name in ("processes.web", "notebooks.far", "forking", "reading.program", "settings", "runtime")
    )
    web.run(
        settings.Settings.model_validate(known["settings"]),
        runtime.Runtime.model_validate(known["runtime"]),
        far.Far(errands),
        forking.warded(errands, program.READING),
    )


if __name__ == "__main__":
    main()
