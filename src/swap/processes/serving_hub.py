"""The hub's process where people have walls: it gives every power up, and then is what `hub` runs."""

from __future__ import annotations

import importlib
from typing import Any

from swap.processes import behind
from swap.walls.errands import Errands


def main() -> None:
    """Serve until told to stop."""
    behind.walls(lambda known, warden: serve(known, Errands(warden)))


def serve(known: dict[str, Any], errands: Errands) -> None:
    """Be the hub."""
    context, hub, servers, settings, runtime = (
        importlib.import_module(f"swap.{name}")
        for name in ("hub.context", "processes.hub", "hub.servers", "settings", "runtime")
    )
    context.give(
        settings.Settings.model_validate(known["settings"]),
        runtime.Runtime.model_validate(known["runtime"]),
        servers.Far(errands),
    )
    hub.run()


if __name__ == "__main__":
    main()
