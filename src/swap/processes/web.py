"""The portal's process: pages, for browsers."""

from __future__ import annotations

import os

from swap import logs, runtime, settings
from swap.forking import ForkServer
from swap.notebooks.place import Places
from swap.processes import WARDENS
from swap.processes.serve import serve
from swap.runtime import Runtime
from swap.settings import Settings
from swap.web import app


def main() -> None:
    """Serve until told to stop; where people have walls, become the warden that starts the portal behind its own."""
    logs.install()
    here = runtime.read()
    known = settings.load(here.config)
    if known.launch.isolation != "none":
        os.execv(WARDENS["web"][0], list(WARDENS["web"]))  # noqa: S606 — our own program, and no shell
    run(known, here)


def run(known: Settings, here: Runtime, places: Places | None = None, readers: ForkServer | None = None) -> None:
    """Serve until told to stop, with homes and readers of notebooks of its own, or those that are given."""
    serve(app.create(known, here, places=places, readers=readers), here.web_port)


if __name__ == "__main__":
    main()
