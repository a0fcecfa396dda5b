"""The command `swap`.  Commands only read arguments and print; what they do is below."""

from __future__ import annotations

import getpass
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from swap import doctor as doctor_module
from swap import settings as settings_module
from swap.db import engine, migrate
from swap.db.embedded import EmbeddedPostgres
from swap.demo import setup
from swap.demo.lake import Progress
from swap.demo.people import PEOPLE
from swap.errors import SwapError
from swap.processes import COMMANDS
from swap.runtime import ENVIRONMENT
from swap.settings import Settings
from swap.supervisor import guard, prepare, say, up

CONFIG = click.option("--config", type=click.Path(dir_okay=False, path_type=Path), default=Path("swap.toml"), envvar="SWAP_CONFIG",
                      show_default=True, help="The settings file.")


class Explained(click.Group):
    """Commands whose SwapErrors are printed as sentences, not as tracebacks."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; 1 is the exit status of every explained error."""
        try:
            return super().invoke(ctx)
        except SwapError as error:
            problem = error.problem
            click.echo("\n".join(part for part in (problem.title, problem.why, problem.todo) if part), err=True)
            ctx.exit(1)


@click.group(cls=Explained, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """SWAP: notebooks on private analytics data."""


@main.command(name="up")
@CONFIG
def up_command(config: Path) -> None:
    """Start SWAP and keep it running until Ctrl-C."""
    settings = settings_module.load(config)
    sys.exit(guard.guarded(settings.state, lambda: up.run(config, at_ready=_greet)))


@main.command()
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), default=Path(".swap/demo"), show_default=True,
              help="The directory that holds everything of the demo.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, envvar="SWAP_PORT", show_default=True, help="The port SWAP listens on.")
@click.option("--kernel-env", type=click.Path(file_okay=False, path_type=Path), default=Path(sys.prefix).parent / "kernel", help="The environment of notebooks.")
def demo(state: Path, port: int, kernel_env: Path) -> None:
    """Make demo settings, people and data where they are missing, then start SWAP."""
    state = state.absolute()
    sys.exit(guard.guarded(state, lambda: _run_demo(state, port, kernel_env)))


@main.command(name="migrate")
@CONFIG
def migrate_command(config: Path) -> None:
    """Bring the database to this version's schema; `swap up` does so by itself."""
    settings = settings_module.load(config)
    prepare.state_directory(settings.state)
    if settings.database.url is not None:
        _migrate(prepare.external_urls(settings)["owner"])
    else:
        with EmbeddedPostgres(settings.state, port=settings.database.port) as postgres:
            _migrate(postgres.urls()["owner"])


@main.group()
def config() -> None:
    """Look at the settings."""


@config.command()
@CONFIG
def check(config: Path) -> None:
    """Read the settings and explain every problem, with file and line."""
    settings = settings_module.load(config)
    click.echo(f"{config} is fine: {len(settings.sources)} sources, {len(settings.policy.grants)} grants,"
               f" {len(settings.policy.denials)} denials; the portal is {settings.site.url}.")


@main.command()
@CONFIG
def doctor(config: Path) -> None:
    """Test database, sources, proxy and origins, and say what to do."""
    sys.exit(doctor_module.report(settings_module.load(config), click.echo))


def _process(name: str, help_text: str) -> Callable[[], None]:
    @main.command(name=name, help=help_text)
    def command() -> None:
        if ENVIRONMENT not in os.environ:
            raise click.UsageError(f"`swap up` starts this process and tells it where the others are, through {ENVIRONMENT}.")
        os.execv(COMMANDS[name][0], COMMANDS[name])  # noqa: S606 — the point is to become that process
    return command


_process("gateway", "Run the gateway alone; `swap up` does so by itself.")
_process("web", "Run the portal alone; `swap up` does so by itself.")
_process("hub", "Run JupyterHub alone; `swap up` does so by itself.")


def _migrate(url: str) -> None:
    owner = engine.create(url)
    before = migrate.version(owner)
    migrate.upgrade(owner)
    click.echo(f"schema: {before or 'none'} → {migrate.version(owner)}")


def _greet(settings: Settings) -> None:
    say.line(f"\nSWAP runs: {settings.site.url}   (Ctrl-C stops it)")


def _run_demo(state: Path, port: int, kernel_env: Path) -> int:
    new = not (state / "swap.toml").exists()
    say.line("SWAP starts with demo data." + (" The first start makes the data, which takes about a minute; later ones take a few seconds." if new else ""))
    up.clear_the_way(state, "127.0.0.1", port)
    path = setup.prepare(state, port=port, kernel_env=kernel_env.absolute(), progress=_progress())
    return up.run(path, after_database=lambda server: setup.load(server, _progress()), at_ready=_introduce)


def _progress() -> Progress:
    """Return what prints each step of making the demo's data when it is done."""
    begun = time.monotonic()

    def show(step: str, *, done: bool, size_bytes: int) -> None:
        nonlocal begun
        if done:
            say.line(f"  {'data':<10} {f'{step} · {size_bytes / 1e6:.1f} MB':<52} {time.monotonic() - begun:5.1f} s")
        begun = time.monotonic()

    return show


def _introduce(settings: Settings) -> None:
    """Print where the demo is, who may sign in, what each may see, and the way from another computer."""
    port = settings.site.port
    say.line(f"\nOpen  {settings.site.url}  and sign in as one of these people:\n")
    for person in PEOPLE:
        say.line(f"  {person.name:<9} password {person.password:<14} {person.title}")
        say.line(f"            {person.reads}.")
        say.line(f"            {person.locked}.\n")
    say.line("From another computer, first:")
    say.line(f"  ssh -N -L {port}:localhost:{port} {getpass.getuser()}@{socket.gethostname()}")
    say.line("\nCtrl-C stops everything; notebooks and data are kept.")


if __name__ == "__main__":
    main()
