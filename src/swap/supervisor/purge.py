"""The work of `swap purge`: swap.supervisor.purge <swap.toml>.  `swap up` does it every few hours.

Of all processes this alone may delete what is in the audit, and it ends.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from swap import audit, runtime, terminal
from swap import settings as settings_module
from swap.db import engine
from swap.db import purge as pieces
from swap.db.purge import Aging
from swap.errors import Problem, Unavailable
from swap.settings import Settings

RESTS: Final = 9
"""How much longer it is rested after each piece than that took: whoever works meanwhile seldom meets one."""


def due(settings: Settings, now: datetime) -> Iterator[tuple[Aging, datetime]]:
    """Yield what ages, and before which moment it goes."""
    for aging in pieces.ENDED:
        yield aging, now - timedelta(days=settings.keep.ended_days)
    yield pieces.DELETED, now - timedelta(days=settings.keep.deleted_days)
    if settings.keep.audit_days is not None:
        yield pieces.AUDIT, now - timedelta(days=settings.keep.audit_days)


def purge(
    settings: Settings, owner: Engine, say: Callable[[str], None], pause: Callable[[float], None] = time.sleep
) -> None:
    """Delete what is older than the settings keep it, and say how much; rest after each piece."""
    for aging, before in due(settings, datetime.now(UTC)):
        rows, began = 0, time.monotonic()
        record = partial(_record, before) if aging is pieces.AUDIT else pieces.nothing
        for gone in pieces.purge(owner, aging, before, record):
            rows += gone
            pause(RESTS * (time.monotonic() - began))
            began = time.monotonic()
        say(f"{aging.table.name}: {rows} rows of before {before:%Y-%m-%d %H:%M} UTC deleted")


def _record(before: datetime, conn: Connection, rows: int) -> None:
    audit.record(conn, audit.AuditPurged(person_id="", before=before.isoformat(), rows=rows))


def of_running(config: Path) -> int:
    """Purge the database of the SWAP that runs.  Raises Unavailable when none does."""
    settings = settings_module.load(config)
    here = runtime.of_running(settings.state)
    if here is None:
        raise Unavailable(Problem("SWAP does not run.", todo="Start it: it purges its database by itself."))
    owner = engine.create(here.database_urls["owner"], connections=1)
    try:
        purge(settings, owner, terminal.line)
    finally:
        owner.dispose()
    return 0


def main() -> None:
    """Purge, and end."""
    terminal.leave(lambda: of_running(Path(sys.argv[1])))
