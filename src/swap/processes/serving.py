"""The gateway's process where people have walls: it gives every power up, and then is what `gateway` runs."""

from __future__ import annotations

import importlib
from typing import Any

from swap.processes import behind
from swap.walls.errands import Errands


def main() -> None:
    """Serve until told to stop."""
    behind.walls(lambda known, warden: serve(known, Errands(warden)))


def serve(known: dict[str, Any], errands: Errands) -> None:
    """Be the gateway."""
    gateway, settings, runtime = (
        importlib.import_module(f"swap.{name}") for name in ("processes.gateway", "settings", "runtime")
    )
    gateway.run(
        settings.Settings.model_validate(known["settings"]), runtime.Runtime.model_validate(known["runtime"]), errands
    )


if __name__ == "__main__":
    main()
