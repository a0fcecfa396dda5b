"""Whether a purge of a million old rows has a long step, or is felt by a site that works meanwhile.

On one real PostgreSQL with a million ended queries, and as many events of the audit, that are old, and a tenth of these
that are not.  A site works throughout: it looks up whether somebody may act, records a query and its end.  In each
round it works alone for a while, then beside a purge of that round's share of the old rows.  Measured are

* the longest piece of the purge, of all rounds;
* what the site's work takes beside it, in parts of what it takes alone, p50 and p99.
"""

from __future__ import annotations

import contextlib
import secrets
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, text

import services
from benchmarks.figures import ROUNDS, ROWS, Figure, begin, finish, percentile, ratio
from integration.db.test_purge import fill
from swap.db import purge
from swap.people import service as people
from swap.settings import Settings
from swap.supervisor import purge as program

LONGEST_SECONDS = 0.5
RATIO = 1.5
ALONE_SECONDS = 3.0
OLD_DAYS = 400


@dataclass
class Work:
    """What a site does again and again, and how long each time took."""

    engine: Engine
    seconds: list[float] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Work until told to stop, with pauses in which others can."""
        while not self.stopping.wait(0.002):
            began = time.perf_counter()
            self.once()
            self.seconds.append(time.perf_counter() - began)

    def once(self) -> None:
        """Look somebody up; record a query, and that it has ended."""
        values = {"id": secrets.token_hex(12)}
        with self.engine.begin() as conn:
            people.access(conn, "pannaaaaaa", datetime.now(UTC))
            conn.execute(
                text(
                    "INSERT INTO swap.query_run (id, person_id, via, statement, state)"
                    " VALUES (:id, 'pannaaaaaa', 'kernel', 'SELECT 1', 'running')"
                ),
                values,
            )
        with self.engine.begin() as conn:
            conn.execute(text("UPDATE swap.query_run SET state = 'done', ended_at = now() WHERE id = :id"), values)


def during(engine: Engine, what: Callable[[], None]) -> list[float]:
    """Return the seconds that the site's work took each time while something was done."""
    work = Work(engine)
    with ThreadPoolExecutor(1) as pool:
        worked = pool.submit(work.run)
        try:
            what()
        finally:
            work.stopping.set()
        worked.result()
    return work.seconds


def share(state: Path, rows: int, number: int) -> Settings:
    """Return the settings by which one round's share goes: the old rows are a second apart."""
    left = rows * (1 - (number + 1) / ROUNDS) / 86_400
    return Settings.model_validate(
        {"state": state, "keep": {"ended_days": OLD_DAYS + left, "audit_days": OLD_DAYS + left}}
    )


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("purge")
    rows, now = ROWS[0], datetime.now(UTC)
    pieces: list[float] = []
    alone: list[list[float]] = []
    beside: list[list[float]] = []

    def rest(seconds: float) -> None:
        pieces.append(seconds / program.RESTS)
        time.sleep(seconds)

    with contextlib.contextmanager(services.run_postgres)({}) as postgres:
        database = services.fresh_database(postgres)
        owner, gateway = database.engine("owner"), database.engine("gateway")
        old = (purge.ENDED[0], purge.AUDIT)
        with owner.begin() as conn:
            for aging in old:
                fill(conn, aging, rows, now - timedelta(days=OLD_DAYS, seconds=1), "old")
                fill(conn, aging, rows // 10, now, "new")
        with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text("VACUUM ANALYZE"))
        for number in range(ROUNDS):
            settings = share(database.server.state, rows, number)
            alone.append(during(gateway, lambda: time.sleep(ALONE_SECONDS)))
            beside.append(during(gateway, lambda settings=settings: program.purge(settings, owner, str, rest)))
        with owner.connect() as conn:
            for aging in old:
                left = conn.scalar(
                    text(f"SELECT count(*) FROM {aging.table.fullname} WHERE {aging.over_at} < :now"),
                    {"now": now - timedelta(days=OLD_DAYS)},
                )
                assert left == 0, f"{left} old rows of {aging.table.name} are left"
        database.close()
    print(
        f"  {2 * rows} old rows in {len(pieces)} pieces, median {1e3 * statistics.median(pieces):.1f} ms;"
        f" {sum(map(len, beside))} times of work beside them"
    )
    for name, rounds in (("alone", alone), ("beside it", beside)):
        p50, p99 = (1e3 * statistics.median(percentile(one, each) for one in rounds) for each in (50, 99))
        print(f"  work {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    finish(
        "purge",
        [
            Figure("longest piece, s", max(pieces), LONGEST_SECONDS),
            *(
                Figure(
                    f"work beside it / alone, p{each}",
                    ratio([percentile(one, each) for one in beside], [percentile(one, each) for one in alone]),
                    RATIO,
                )
                for each in (50, 99)
            ),
        ],
    )


if __name__ == "__main__":
    main()
