"""The gateway's process: queries, for kernels, Jupyter servers and the portal."""

from __future__ import annotations

import sys

from swap import logs, runtime, settings
from swap.gateway import app
from swap.processes.serve import serve

SWITCH_SECONDS = 0.0005
"""How long a thread that computes keeps those waiting that only have a word to pass on.

A query is many short turns of several threads; beside a harvest each of them would wait Python's own 5 ms.
"""


def main() -> None:
    """Serve until told to stop."""
    logs.install()
    sys.setswitchinterval(SWITCH_SECONDS)
    here = runtime.read()
    gateway = app.create(settings.load(here.config), here)
    serve(gateway, here.gateway_port, gateway.state.parts.lines.end)


if __name__ == "__main__":
    main()
