"""The gateway's process: queries, for kernels, Jupyter servers and the portal."""

from __future__ import annotations

from swap import logs, runtime, settings
from swap.gateway import app
from swap.processes.serve import serve


def main() -> None:
    """Serve until told to stop."""
    logs.install()
    here = runtime.read()
    gateway = app.create(settings.load(here.config), here)
    serve(gateway, here.gateway_port, gateway.state.parts.lines.end)


if __name__ == "__main__":
    main()
