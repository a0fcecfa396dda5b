"""The command `swap`: reads arguments, then becomes the process that does the work.

So it loads nothing that the work needs; `swap up` is quick, and its guard stays small.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

import click

from swap import bare, terminal
from swap import settings as settings_module
from swap.launch import possible
from swap.processes import COMMANDS
from swap.runtime import ENVIRONMENT
from swap.settings import Settings
from swap.supervisor import guard

PYTHON: Final = (sys.executable, "-P", "-m")
CONFIG = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("swap.toml"),
    envvar="SWAP_CONFIG",
    show_default=True,
    help="The settings file.",
)


class Explained(click.Group):
    """Commands whose errors are printed as sentences, not as tracebacks."""

    def invoke(self, ctx: click.Context) -> NoReturn:
        """Run the command; 1 is the exit status of every explained error."""
        terminal.leave(lambda: super(Explained, self).invoke(ctx) or 0)


@click.group(cls=Explained, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """SWAP: notebooks on private analytics data."""


@main.command(name="up")
@CONFIG
def up_command(config: Path) -> None:
    """Start SWAP and keep it running until Ctrl-C."""
    guard.become(_loaded(config).state, bare.service("swap.supervisor.__main__", str(config)))


@main.command()
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".swap/demo"),
    show_default=True,
    help="The directory that holds everything of the demo.",
)
@click.option(
    "--stores",
    type=click.Choice(["embedded", "real"]),
    default="embedded",
    show_default=True,
    help="What holds the data: files and SWAP's own PostgreSQL, or an Apache Hive and a MariaDB.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8000,
    envvar="SWAP_PORT",
    show_default=True,
    help="The port SWAP listens on.",
)
@click.option(
    "--kernel-env",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(sys.prefix).parent / "kernel",
    help="The environment of notebooks.",
)
def demo(state: Path, stores: str, port: int, kernel_env: Path) -> None:
    """Make demo settings, people and data where they are missing, then start SWAP."""
    # The demo's data is made with NumPy and with what pyarrow does with it.
    arguments = (str(state.absolute()), str(port), str(kernel_env.absolute()), stores)
    guard.become(state, bare.service("swap.demo.__main__", *arguments, needs=("numpy", "pandas")))


@main.command(name="migrate")
@CONFIG
def migrate_command(config: Path) -> None:
    """Bring the database to this version's schema; `swap up` does so by itself."""
    _become([*PYTHON, "swap.supervisor.migrate", str(config)])


@main.command(name="purge")
@CONFIG
def purge_command(config: Path) -> None:
    """Delete from the database what is older than [keep] says; `swap up` does so by itself."""
    _become(bare.service("swap.supervisor.purge", str(config)))


@main.group(name="notebooks")
def notebooks_group() -> None:
    """People's notebooks."""


@notebooks_group.command(name="import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@CONFIG
def import_command(folder: Path, config: Path) -> None:
    """Take in former home directories, one folder for each person by name, with the history that git has."""
    _become([*PYTHON, "swap.taking_in", str(config), str(folder)])


@main.group(name="reports")
def reports_group() -> None:
    """Notebooks that run by themselves."""


@reports_group.command(name="list")
@CONFIG
def reports_list(config: Path) -> None:
    """List the reports that have not ended, with their ids, the next due first."""
    _become([*PYTHON, "swap.scheduled", str(config), "list"])


@reports_group.command(name="history")
@click.argument("report_id")
@CONFIG
def reports_history(report_id: str, config: Path) -> None:
    """List the last runs of a report, and why each ended as it did."""
    _become([*PYTHON, "swap.scheduled", str(config), "history", report_id])


@reports_group.command(name="pause")
@click.argument("report_id")
@CONFIG
def reports_pause(report_id: str, config: Path) -> None:
    """Let nothing of a report be due until its person resumes it."""
    _become([*PYTHON, "swap.scheduled", str(config), "pause", report_id])


@reports_group.command(name="export")
@CONFIG
def reports_export(config: Path) -> None:
    """Print all reports as TOML: what runs when, as whom, and by which rules."""
    _become([*PYTHON, "swap.scheduled", str(config), "export"])


@reports_group.command(name="import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--person", required=True, help="Whom the reports run as, by name; they let each run.")
@click.option("--into", help="The folder of their files below reports.files; by default called as FOLDER.")
@click.option(
    "--source", "sources", multiple=True, help="Which source a database of the configuration is: dbstore=mediawiki."
)
@CONFIG
def reports_import_command(folder: Path, person: str, into: str | None, sources: tuple[str, ...], config: Path) -> None:
    """Take over the reports of a folder of reportupdater's: its config.yaml, and the queries beside it."""
    _become([*PYTHON, "swap.taking_in.updater", str(config), str(folder), person, into or "", *sources])


@main.group(name="config")
def config_group() -> None:
    """Look at the settings."""


@config_group.command()
@CONFIG
def check(config: Path) -> None:
    """Read the settings and explain every problem, with file and line."""
    settings = _loaded(config)
    settings.origins.judge_certificate()
    where = " and ".join(address.url for address in settings.addresses)
    click.echo(
        f"{config} is fine: {len(settings.sources)} sources, {len(settings.policy.grants)} grants,"
        f" {len(settings.policy.denials)} denials; the portal is {where}."
    )


@main.command()
@CONFIG
def doctor(config: Path) -> None:
    """Test database, sources, proxy and origins, and say what to do."""
    _become([*PYTHON, "swap.doctor", str(config)])


@main.command()
@CONFIG
def queries(config: Path) -> None:
    """List the queries that wait or run, with their ids."""
    _become([*PYTHON, "swap.under_way", str(config)])


@main.command()
@click.argument("query_id")
@CONFIG
def cancel(query_id: str, config: Path) -> None:
    """Cancel somebody's query: its person is told, and its sources end it even if the gateway hangs."""
    _become([*PYTHON, "swap.under_way", str(config), query_id])


def _loaded(config: Path) -> Settings:
    """Return the settings, once it is sure that this process can do what they ask for."""
    settings = settings_module.load(config)
    possible.require(settings)
    return settings


def _process(name: str, help_text: str) -> Callable[[], None]:
    @main.command(name=name, help=help_text)
    def command() -> None:
        if ENVIRONMENT not in os.environ:
            raise click.UsageError(
                f"`swap up` starts this process and tells it where the others are, through {ENVIRONMENT}."
            )
        _become(COMMANDS[name])

    return command


_process("gateway", "Run the gateway alone; `swap up` does so by itself.")
_process("web", "Run the portal alone; `swap up` does so by itself.")
_process("hub", "Run JupyterHub alone; `swap up` does so by itself.")
_process("worker", "Run alone what runs reports; `swap up` does so by itself.")


def _become(command: Sequence[str]) -> NoReturn:
    os.execv(command[0], list(command))  # noqa: S606 — the point is to become it


if __name__ == "__main__":
    main()
