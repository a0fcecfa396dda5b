"""The run behind `swap up`: swap.supervisor.__main__ <swap.toml>, below a guard."""

from __future__ import annotations

import sys
from pathlib import Path

from swap import terminal
from swap.supervisor import up
from swap.supervisor.model import Site


def greet(site: Site) -> None:
    """Say where SWAP is."""
    terminal.line(f"\nSWAP runs: {site.url}   (Ctrl-C stops it)")


def main() -> None:
    """Run until a signal."""
    terminal.leave(lambda: up.run(Path(sys.argv[1]), at_ready=greet))


if __name__ == "__main__":
    main()
