"""The worker's process where people have walls: it gives every power up, and then is what `worker` runs."""

from __future__ import annotations

import importlib
from typing import Any

from swap.processes import behind
from swap.walls.errands import Errands


def main() -> None:
    """Work until told to stop."""
    behind.walls(lambda known, warden: serve(known, Errands(warden)))


def serve(known: dict[str, Any], errands: Errands) -> None:
    """Be the worker."""
    worker, far, settings, runtime = (
        importlib.import_module(f"swap.{name}") for name in ("processes.worker", "reports.far", "settings", "runtime")
    )
    worker.run(
        settings.Settings.model_validate(known["settings"]),
        runtime.Runtime.model_validate(known["runtime"]),
        known["report_key"],
        far.Far(errands),
    )


if __name__ == "__main__":
    main()
