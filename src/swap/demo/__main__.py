"""The run behind `swap demo`: swap.demo.__main__ <state> <port> <kernel environment>, below a guard."""

from __future__ import annotations

import getpass
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from swap import apart, terminal
from swap.db.embedded import EmbeddedPostgres
from swap.demo.people import PEOPLE
from swap.supervisor import up
from swap.supervisor.model import Site

if TYPE_CHECKING:
    from swap.demo.lake import Progress


def run(state: Path, port: int, kernel_env: Path) -> int:
    """Make what is missing, start SWAP, and run until a signal; return the exit status."""
    new = not (state / "swap.toml").exists()
    terminal.line(
        "SWAP starts with demo data."
        + (
            " The first start makes the data, which takes up to a minute; later ones take about ten seconds."
            if new
            else ""
        )
    )
    up.clear_the_way(state, "127.0.0.1", port)
    apart.run(lambda: _prepare(state, port, kernel_env))
    return up.run(state / "swap.toml", after_database=_load, at_ready=introduce)


def _prepare(state: Path, port: int, kernel_env: Path) -> None:
    from swap.demo import setup  # noqa: PLC0415 — what makes data is loaded where it is made

    setup.prepare(state, port=port, kernel_env=kernel_env, progress=_progress())


def _load(server: EmbeddedPostgres) -> None:
    from swap.demo import setup  # noqa: PLC0415 — as above

    setup.load(server, _progress())


def _progress() -> Progress:
    """Return what prints each step of making the demo's data when it is done."""
    begun = time.monotonic()

    def show(step: str, *, done: bool, size_bytes: int) -> None:
        nonlocal begun
        if done:
            terminal.line(
                f"  {'data':<10} {f'{step} · {size_bytes / 1e6:.1f} MB':<52} {time.monotonic() - begun:5.1f} s"
            )
        begun = time.monotonic()

    return show


def introduce(site: Site) -> None:
    """Print where the demo is, who may sign in, what each may see, and the way from another computer."""
    port = site.port
    terminal.line(f"\nOpen  {site.url}  and sign in as one of these people:\n")
    for person in PEOPLE:
        terminal.line(f"  {person.name:<9} password {person.password:<14} {person.title}")
        terminal.line(f"            {person.reads}.")
        terminal.line(f"            {person.locked}.\n")
    terminal.line("From another computer, first:")
    terminal.line(f"  ssh -N -L {port}:localhost:{port} {getpass.getuser()}@{socket.gethostname()}")
    terminal.line("\nCtrl-C stops everything; notebooks and data are kept.")


def main() -> None:
    """Run until a signal."""
    terminal.leave(lambda: run(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))


if __name__ == "__main__":
    main()
