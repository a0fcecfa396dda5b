"""The hub's process: JupyterHub, with one file of ours as its configuration."""

from __future__ import annotations

import os
import sys

from jupyterhub.app import JupyterHub

from swap import logs, runtime, settings
from swap.processes import HUB_CONFIGURATION, WARDENS


def main() -> None:
    """Serve until told to stop; where people have walls, become the warden that starts the hub behind its own."""
    logs.install()
    if settings.load(runtime.read().config).launch.isolation != "none":
        os.execv(WARDENS["hub"][0], list(WARDENS["hub"]))  # noqa: S606 — our own program, and no shell
    run(sys.argv[1])


def run(configuration: str = HUB_CONFIGURATION) -> None:
    """Serve until told to stop."""
    JupyterHub.launch_instance(["-f", configuration])


if __name__ == "__main__":
    main()
