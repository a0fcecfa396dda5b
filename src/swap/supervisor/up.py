"""One run of SWAP: PostgreSQL → schema → Traefik → gateway, portal, hub; then watch; then stop in the reverse order.

Everything that waits looks at `time.monotonic()`, so a clock that jumps changes nothing.  Children are
started from this one thread; the kernel ends them when it ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from sqlalchemy import Engine

from swap import child, ports, terminal
from swap import settings as settings_module
from swap.db import engine, migrate
from swap.db.embedded import EmbeddedPostgres
from swap.errors import Problem, SwapError, Unavailable
from swap.runtime import Runtime
from swap.settings import Settings
from swap.supervisor import family, prepare, state
from swap.supervisor.services import Service, environment, services

AfterDatabase = Callable[[EmbeddedPostgres], None]
"""What the demo does once PostgreSQL runs: make and fill its sources."""

Programs = Callable[[Settings, Runtime], list[Service]]
"""What is kept running beside PostgreSQL; the first is ready before the others start."""

_START_SECONDS: Final = 90.0
_LOOK_SECONDS: Final = 0.2
_RECORD_SECONDS: Final = 2.0
_DISK_SECONDS: Final = 30.0
_LOW_BYTES: Final = 100_000_000
_STEADY_SECONDS: Final = 60.0
_LONGEST_PAUSE_SECONDS: Final = 30.0


class Stopped(Exception):
    """Somebody asked us to stop."""


@dataclass(slots=True)
class Watched:
    """A program we keep running, and how it has been doing."""

    service: Service
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    log_start: int = 0
    failures: int = 0
    start_at: float | None = None
    """When it is to be started again, on the monotonic clock."""


@dataclass(slots=True)
class Run:
    """The state of one `swap up`."""

    config: Path
    settings: Settings
    programs: Programs
    after_database: AfterDatabase | None = None
    postgres: EmbeddedPostgres | None = None
    watched: list[Watched] = field(default_factory=list)
    runtime_file: Path = Path()
    hurry: bool = False
    _stopping: bool = False
    _warned: bool = False

    # ── the straight line ───────────────────────────────────────────────────────────────────────────
    def start(self) -> None:
        """Start everything; raise SwapError with the reason when something does not come up."""
        directory, site = self.settings.state, self.settings.site
        clear_the_way(directory, site.bind, site.port)
        urls = self._start_database()
        here = prepare.make_runtime(self.config, self.settings, urls)
        self.runtime_file = prepare.write(directory, here)
        self.watched = [
            Watched(service, directory / "logs" / f"{service.name}.log")
            for service in self.programs(self.settings, here)
        ]
        for group in (self.watched[:1], self.watched[1:]):
            for watched in group:  # those of ours start side by side: each mostly waits for its imports
                self._launch(watched)
            for watched in group:
                with terminal.step(watched.service.name) as details:
                    self._wait_until_ready(watched)
                    details.append(watched.service.at)

    def watch(self) -> None:
        """Keep everything running until somebody asks us to stop."""
        record = family.Record(self.settings.state / "processes.json")
        recorded = looked_at_disk = float("-inf")
        while True:
            now = time.monotonic()
            if now - recorded >= _RECORD_SECONDS:
                record.write(family.below(os.getpid()))
                recorded = now
            if now - looked_at_disk >= _DISK_SECONDS:
                self._warn_of_full_disk()
                looked_at_disk = now
            self._mend_database()
            for watched in self.watched:
                self._mend(watched, now)
            family.reap(self._children())
            time.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """Stop everything in order: hub, people's servers and kernels, portal, gateway, Traefik, PostgreSQL."""
        self._stopping = True
        for watched in reversed(self.watched):
            self._stop(watched)
            if watched.service.name == "hub":
                self._end_servers()
        self._end_servers()
        if self.postgres is not None:
            self.postgres.stop()
            self.postgres = None
        family.end(family.below(os.getpid()), 1.0)
        family.reap()
        with contextlib.suppress(OSError):
            (self.settings.state / "processes.json").unlink(missing_ok=True)
            prepare.forget_sockets(self.runtime_file)

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Ask for a stop; the second time, for one without patience."""
        if self._stopping:
            self.hurry = True
            return
        self._stopping = True
        raise Stopped

    # ── parts of start ──────────────────────────────────────────────────────────────────────────────
    def _start_database(self) -> dict[str, str]:
        """Start or reach PostgreSQL, bring its schema up to date, and return the address of each process."""
        database = self.settings.database
        if database.url is not None:
            urls = prepare.external_urls(self.settings)
        else:
            self.postgres = EmbeddedPostgres(self.settings.state, port=database.port)
            with terminal.step("database") as details:
                new = not self.postgres.data.exists()
                self.postgres.start()
                details += [
                    f"PostgreSQL on 127.0.0.1:{self.postgres.port}",
                    f"{'made' if new else 'holds'} {terminal.size(self.postgres.data)}",
                ]
            urls = self.postgres.urls()
        with terminal.step("schema") as details:
            owner = engine.create(urls["owner"])
            details.append(self._migrate(owner))
            owner.dispose()
        if self.after_database is not None and self.postgres is not None:
            self.after_database(self.postgres)
        return urls

    @staticmethod
    def _migrate(owner: Engine) -> str:
        before = migrate.version(owner)
        migrate.upgrade(owner)
        after = migrate.version(owner)
        return f"version {after}, up to date" if before == after else f"version {before or 'none'} → {after}"

    def _launch(self, watched: Watched) -> None:
        with watched.log.open("ab") as log:
            watched.log_start = log.tell()
            watched.process = child.start(
                watched.service.argv, log=log, env=environment(self.runtime_file), cwd=self.settings.state / "work"
            )
        watched.started, watched.start_at = time.monotonic(), None

    def _wait_until_ready(self, watched: Watched) -> None:
        assert watched.process is not None
        deadline = watched.started + _START_SECONDS
        while not watched.service.ready():
            code = watched.process.poll()
            if code is not None:
                raise Unavailable(
                    Problem(
                        f"{watched.service.name} did not start: it ended with {_ending(code)}.",
                        why=f"Its last words were:\n{terminal.tail(watched.log, watched.log_start)}\n",
                        todo=f"The whole log is {watched.log}.",
                    )
                )
            if time.monotonic() > deadline:
                raise Unavailable(
                    Problem(
                        f"{watched.service.name} does not answer on {watched.service.at} after {_START_SECONDS:.0f} s.",
                        why=f"Its last words were:\n{terminal.tail(watched.log, watched.log_start)}\n",
                        todo=f"The whole log is {watched.log}.",
                    )
                )
            time.sleep(0.05)

    # ── parts of watch ──────────────────────────────────────────────────────────────────────────────
    def _mend(self, watched: Watched, now: float) -> None:
        """Start a program that ended again, the later the more often it ended."""
        if watched.process is not None and (code := watched.process.poll()) is not None:
            if now - watched.started > _STEADY_SECONDS:
                watched.failures = 0
            pause = min(2.0**watched.failures - 1.0, _LONGEST_PAUSE_SECONDS)
            watched.failures += 1
            child.end_group(watched.process)
            watched.start_at, watched.process = now + pause, None
            terminal.line(
                f"  {watched.service.name} ended with {_ending(code)}; starting it"
                f" again{f' in {pause:.0f} s' if pause else ''}. Its log: {watched.log}"
            )
        if watched.start_at is not None and now >= watched.start_at:
            self._launch(watched)

    def _mend_database(self) -> None:
        """Start PostgreSQL again on the same port: everybody else reconnects by himself."""
        if self.postgres is None or self.postgres.process is None or self.postgres.process.poll() is None:
            return
        code = self.postgres.process.returncode
        terminal.line(f"  database ended with {_ending(code)}; starting it again. Its log: {self.postgres.log}")
        self.postgres.restart()

    def _warn_of_full_disk(self) -> None:
        free = shutil.disk_usage(self.settings.state).free
        if free < _LOW_BYTES and not self._warned:
            terminal.line(
                f"  The disk that holds {self.settings.state} is nearly full: {free // 1_000_000} MB are free. Free"
                " some space."
            )
        self._warned = free < _LOW_BYTES

    # ── parts of stop ───────────────────────────────────────────────────────────────────────────────
    def _stop(self, watched: Watched) -> None:
        if watched.process is None:
            return
        if not child.stop(watched.process, signal.SIGTERM, 0.5 if self.hurry else watched.service.grace_seconds):
            terminal.line(f"  {watched.service.name} did not stop when asked and was killed.")
        watched.process = None

    def _end_servers(self) -> None:
        """End what the hub started and everybody below: Jupyter servers, kernels, whatever people ran in them."""
        ours = self._children()
        kept = {*ours, *(process.pid for parent in ours for process in family.below(parent))}
        family.end(
            [process for process in family.below(os.getpid()) if process.pid not in kept],
            0.5 if self.hurry else 6.0,
            keep=ours,
        )

    def _children(self) -> list[int]:
        database = [] if self.postgres is None or self.postgres.process is None else [self.postgres.process.pid]
        return database + [watched.process.pid for watched in self.watched if watched.process is not None]


def clear_the_way(directory: Path, address: str, port: int) -> None:
    """End what a killed run left, and refuse a start that could not succeed, before any long work."""
    state.ready(directory)
    state.shorten_logs(directory)
    left = family.Record(directory / "processes.json").leftovers()
    if left:
        with terminal.step("clean up") as details:
            killed = family.end(left, 5.0)
            details.append(
                f"the last run was killed; ended {len(left)} of its programs"
                + (f", {killed} by force" if killed else "")
            )
    ports.require_free(address, port)


def run(
    config: Path,
    *,
    after_database: AfterDatabase | None = None,
    at_ready: Callable[[Settings], None] | None = None,
    programs: Programs = services,
) -> int:
    """Run SWAP until a signal; return the exit status.  Runs below a guard, which holds the lock."""
    settings = settings_module.load(config)
    this = Run(config, settings, programs, after_database)
    family.adopt_orphans()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, this.on_signal)
    status = 0
    try:
        this.start()
        if at_ready is not None:
            at_ready(settings)
        this.watch()
    except Stopped:
        terminal.line("\nStopping. (Ctrl-C again: at once.)")
    except SwapError as error:
        terminal.error(error)
        status = 1
    finally:
        this.stop()
    if status == 0:
        terminal.line("SWAP has stopped. Nothing is left running; notebooks and data are kept.")
    return status


def _ending(code: int) -> str:
    """Return how a program ended: its status or the signal that ended it."""
    return f"status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
