"""The demo's real stores: an Apache Hive as `lake`, a MariaDB as `mediawiki`, run and filled with the demo's data."""

from __future__ import annotations

from pathlib import Path

from swap.demo import hive_lake, mariadb_wikis, secret
from swap.demo.configuration import StorePorts
from swap.demo.hive_server import OWNER, READER, HiveServer, guarded, secret_path
from swap.demo.lake import Progress
from swap.demo.mariadb_server import MariadbServer
from swap.supervisor.model import Answer, Service

_GRACE_SECONDS = 10.0


def services(state: Path, ports: StorePorts, checkout: Path) -> list[Service]:
    """Return both as programs to be kept running.  Raises NotFound when one is not installed."""
    hive = HiveServer(state / "hive", ports.hive, settings=guarded(_passwords(state))).command(checkout)
    mariadb = MariadbServer(state, ports.mariadb).command()
    return [
        Service("hive", hive, (Answer(ports.hive),), f"127.0.0.1:{ports.hive}", _GRACE_SECONDS),
        Service("mariadb", mariadb, (Answer(ports.mariadb),), f"127.0.0.1:{ports.mariadb}", _GRACE_SECONDS),
    ]


def fill(state: Path, ports: StorePorts, progress: Progress) -> None:
    """Make what is missing of the demo's data in both, which run."""
    mariadb_wikis.ensure(MariadbServer(state, ports.mariadb), progress)
    hive_lake.make(ports.hive, state / "lake", progress, password=_passwords(state)[OWNER])


def _passwords(state: Path) -> dict[str, str]:
    return {account: secret.kept(secret_path(state, account)) for account in (OWNER, READER)}
