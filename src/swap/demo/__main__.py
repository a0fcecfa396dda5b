"""The run behind `swap demo`: swap.demo.__main__ <state> <port> <kernel environment> <stores>, below a guard."""

from __future__ import annotations

import getpass
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swap import apart, terminal
from swap.db.embedded import EmbeddedPostgres
from swap.demo.people import PEOPLE
from swap.supervisor import up
from swap.supervisor.model import Answer, Service, Site

if TYPE_CHECKING:
    from swap.demo.lake import Progress


def run(state: Path, port: int, kernel_env: Path, *, real: bool) -> int:
    """Make what is missing, start SWAP, and run until a signal; return the exit status."""
    new = not (state / "swap.toml").exists()
    first = "three minutes" if real else "a minute"
    terminal.line(
        "SWAP starts with demo data."
        + (
            f" The first start makes the data, which takes up to {first}; later ones take about"
            f" {'twenty' if real else 'ten'} seconds."
            if new
            else ""
        )
    )
    up.clear_the_way(state, "127.0.0.1", port)
    made = apart.run(lambda: _prepare(state, port, kernel_env, real=real))
    if not real:
        return up.run(state / "swap.toml", after_database=_load, at_ready=introduce)
    services = [
        Service(**each | {"answers": [Answer(**answer) for answer in each["answers"]]}) for each in made["services"]
    ]
    stores = up.Stores(services, lambda: apart.run(lambda: _fill(state, made["ports"])))
    return up.run(state / "swap.toml", stores=stores, at_ready=introduce)


def _prepare(state: Path, port: int, kernel_env: Path, *, real: bool) -> dict[str, Any]:
    from swap.demo import configuration, setup  # noqa: PLC0415 — what makes data is loaded where it is made

    ports = configuration.store_ports(state / "swap.toml") if real else None
    setup.prepare(state, port=port, kernel_env=kernel_env, progress=_progress(), stores=ports)
    if ports is None:
        return {}
    from swap.demo import real as stores  # noqa: PLC0415 — as above

    return {
        "services": [asdict(each) for each in stores.services(state, ports, setup.CHECKOUT)],
        "ports": asdict(ports),
    }


def _fill(state: Path, ports: dict[str, int]) -> None:
    from swap.demo import configuration, real  # noqa: PLC0415 — as above

    real.fill(state, configuration.StorePorts(**ports), _progress())


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
    state, port, kernel_env, stores = sys.argv[1:]
    terminal.leave(lambda: run(Path(state), int(port), Path(kernel_env), real=stores == "real"))


if __name__ == "__main__":
    main()
