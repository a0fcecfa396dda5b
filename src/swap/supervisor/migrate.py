"""The work of `swap migrate`: python -m swap.supervisor.migrate <swap.toml>."""

from __future__ import annotations

import sys
from pathlib import Path

from swap import settings as settings_module
from swap import terminal
from swap.db import migrate
from swap.db.embedded import EmbeddedPostgres
from swap.supervisor import prepare, state


def main(config: Path) -> int:
    """Bring the database to this version's schema; the embedded one is started for it and stopped again."""
    settings = settings_module.load(config)
    state.ready(settings.state)
    if settings.database.url is not None:
        _upgrade(prepare.external_urls(settings)["owner"])
    else:
        with EmbeddedPostgres(settings.state, port=settings.database.port) as postgres:
            _upgrade(postgres.urls()["owner"])
    return 0


def _upgrade(url: str) -> None:
    before, after = migrate.bring(url)
    terminal.line(f"schema: {before or 'none'} → {after}")


if __name__ == "__main__":
    terminal.leave(lambda: main(Path(sys.argv[1])))
