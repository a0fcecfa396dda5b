"""The portal's process: pages, for browsers."""

from __future__ import annotations

from swap import logs, runtime, settings
from swap.processes.serve import serve
from swap.web import app


def main() -> None:
    """Serve until told to stop."""
    logs.install()
    here = runtime.read()
    serve(app.create(settings.load(here.config), here), here.web_port)


if __name__ == "__main__":
    main()
