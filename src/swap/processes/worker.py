"""The worker's process: it runs reports when they are due."""

from __future__ import annotations

import os
import secrets
import signal
import sys

from swap import logs, runtime, settings, terminal
from swap.db import engine
from swap.errors import Conflict
from swap.launch.report import Begins, Runs, alone
from swap.launch.rules import rules
from swap.processes import WARDENS
from swap.reports.files import Files
from swap.reports.worker import Means, Worker
from swap.runtime import Runtime
from swap.settings import Settings


def main() -> None:
    """Work until told to stop; where people have walls, become the warden that starts the worker behind its own."""
    logs.install()
    here = runtime.read()
    known = settings.load(here.config)
    if known.launch.isolation != "none":
        os.execv(WARDENS["worker"][0], list(WARDENS["worker"]))  # noqa: S606 — our own program, and no shell
    try:
        with alone(known.state):
            run(known, here, here.report_key, Runs(rules(known, here)))
    except Conflict as told:
        terminal.error(told)
        sys.exit(1)


def run(known: Settings, here: Runtime, key: str, begins: Begins) -> None:
    """Work until told to stop: `key` signs the tokens of runs, `begins` is who begins them."""
    asked = engine.create(here.database_urls["worker"], connections=known.reports.at_once + 2)
    worker = Worker(
        Means(
            engine=asked,
            url=here.database_urls["worker"],
            begins=begins,
            key=key,
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
