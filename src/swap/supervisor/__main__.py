"""The run behind `swap up`: python -m swap.supervisor <swap.toml>, below a guard."""

from __future__ import annotations

import sys
from pathlib import Path

from swap import terminal
from swap.settings import Settings
from swap.supervisor import up


def greet(settings: Settings) -> None:
    """Say where SWAP is."""
    terminal.line(f"\nSWAP runs: {settings.site.url}   (Ctrl-C stops it)")


if __name__ == "__main__":
    terminal.leave(lambda: up.run(Path(sys.argv[1]), at_ready=greet))
