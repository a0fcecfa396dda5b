"""The worker's process: it runs reports when they are due."""

from __future__ import annotations

import secrets
import signal
import sys

from swap import logs, runtime, settings
from swap.db import engine
from swap.launch.rules import rules
from swap.reports.files import Files
from swap.reports.worker import Means, Worker
from swap.runtime import Runtime
from swap.settings import Settings


def main() -> None:
    """Work until told to stop."""
    logs.install()
    here = runtime.read()
    known = settings.load(here.config)
    if not known.runs_reports:
        sys.exit("Reports do not run where people have walls: a run could not be behind them.")
    run(known, here)


def run(known: Settings, here: Runtime) -> None:
    """Work until told to stop."""
    asked = engine.create(here.database_urls["worker"], connections=known.reports.at_once + 2)
    worker = Worker(
        Means(
            engine=asked,
            url=here.database_urls["worker"],
            rules=rules(known, here),
            key=here.report_key,
            at_once=known.reports.at_once,
            run_seconds=known.reports.run_minutes * 60,
            person_bytes=known.keep.person_bytes,
            new_id=lambda: secrets.token_hex(10),
            files=None if known.reports.files is None else Files(known.reports.files),
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    try:
        worker.run()
    finally:
        asked.dispose()


if __name__ == "__main__":
    main()
