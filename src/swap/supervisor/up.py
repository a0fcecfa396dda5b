"""One run of SWAP: PostgreSQL → schema → Traefik → gateway, portal, hub; then watch; then stop in the reverse order.

A demo's own stores are programs like the others, started before and stopped after them.

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from swap import apart, bare, certificates, child, disks, ports, restarts, terminal
from swap.certificates import Pair
from swap.db.embedded import EmbeddedPostgres
from swap.errors import Problem, SwapError, Unavailable
from swap.restarts import Restart
from swap.supervisor import family, state
from swap.supervisor.model import Answer, Service, Site

if TYPE_CHECKING:
    from swap.supervisor.prepare import Programs

AfterDatabase = Callable[[EmbeddedPostgres], None]
"""What the demo does once PostgreSQL runs: make and fill its sources."""

_START_SECONDS: Final = 90.0
_LOOK_SECONDS: Final = 0.2
_RECORD_SECONDS: Final = 2.0
_DISK_SECONDS: Final = 30.0
_CERTIFICATE_SECONDS: Final = 1.0
_LOW_BYTES: Final = 100_000_000
_STEADY_SECONDS: Final = 60.0
_ERRANDS: Final = {"purge": 6 * 3600.0, "mail": 60.0}
"""What a process of its own does now and then, and after how many seconds again."""
_FIRST_ERRAND_SECONDS: Final = 60.0
_LONGEST_PAUSE_SECONDS: Final = 30.0


class Stopped(Exception):
    """Somebody asked us to stop."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Sources that run with SWAP: programs, and what is done once all of them answer."""

    services: Sequence[Service]
    fill: Callable[[], None]


@dataclass(slots=True)
class Watched:
    """A program we keep running, and how it has been doing."""

    service: Service
    log: Path
    environment: Mapping[str, str]
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
    site: Site
    programs: Programs | None = None
    after_database: AfterDatabase | None = None
    stores: Stores | None = None
    postgres: EmbeddedPostgres | None = None
    certificate: certificates.Watch | None = None
    watched: list[Watched] = field(default_factory=list)
    hurry: bool = False
    _database_failures: int = 0
    _database_at: float = 0.0
    """Before which a database that did not come back is not started again, on the monotonic clock."""
    _stopping: bool = False
    _warned: bool = False
    _restarts: dict[str, Restart] = field(default_factory=dict)
    _errands: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    # ── the straight line ───────────────────────────────────────────────────────────────────────────
    def start(self) -> None:
        """Start everything; raise SwapError with the reason when something does not come up."""
        site = self.site
        clear_the_way(site.state, site.bind, site.port)
        for port in site.public_ports:
            ports.require_free(site.public_bind, port, "origins")
        if site.embedded:
            self._start_database()
        if site.certificate is not None:
            pair = Pair(*map(Path, site.certificate))
            self.certificate = certificates.Watch(pair, site.state / "traefik" / "dynamic")
        if self.stores is not None:
            # Nothing of ours is theirs to know.
            self._start([self._watched(service, os.environ) for service in self.stores.services])
            self.stores.fill()
        made = apart.run(self._prepare)
        proxy, *others = [self._watched(_service(service), made["environment"]) for service in made["services"]]
        self._start([proxy])
        self._start(others)

    def _watched(self, service: Service, environment: Mapping[str, str]) -> Watched:
        return Watched(service, self.site.state / "logs" / f"{service.name}.log", environment)

    def _start(self, group: Sequence[Watched]) -> None:
        """Start programs side by side, each mostly waits for itself, and wait until they answer."""
        self.watched += group
        for watched in group:
            self._launch(watched)
        for watched in group:
            with terminal.step(watched.service.name) as details:
                self._wait_until_ready(watched)
                details.append(watched.service.at)

    def watch(self) -> None:
        """Keep everything running until somebody asks us to stop."""
        record = family.Record(self.site.state / "processes.json")
        recorded = looked_at_disk = looked_at_certificate = float("-inf")
        due = {name: time.monotonic() + _FIRST_ERRAND_SECONDS for name in _ERRANDS if name != "mail" or self.site.mail}
        while True:
            now = time.monotonic()
            for name in [name for name, at in due.items() if now >= at]:
                self._begin(name)
                due[name] = now + _ERRANDS[name]
            if now - recorded >= _RECORD_SECONDS:
                record.write(family.below(os.getpid()))
                recorded = now
            if now - looked_at_disk >= _DISK_SECONDS:
                self._warn_of_full_disk()
                looked_at_disk = now
            if self.certificate is not None and now - looked_at_certificate >= _CERTIFICATE_SECONDS:
                if told := self.certificate.look():
                    terminal.line(f"  {told}")
                looked_at_certificate = now
            self._mend_database(now)
            for watched in self.watched:
                self._mend(watched, now)
            family.reap(self._children())
            time.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """Stop everything in order: hub, people's servers and kernels, portal, gateway, Traefik, PostgreSQL, disks."""
        self._stopping = True
        for errand in self._errands.values():
            child.end_group(errand)
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
        disks.close_all(self.site.state, self.site.state / "homes")
        with contextlib.suppress(OSError):
            (self.site.state / "processes.json").unlink(missing_ok=True)
            state.forget_sockets(self._runtime_file)

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Ask for a stop; the second time, for one without patience."""
        if self._stopping:
            self.hurry = True
            return
        self._stopping = True
        raise Stopped

    # ── parts of start ──────────────────────────────────────────────────────────────────────────────
    def _start_database(self) -> None:
        self.postgres = EmbeddedPostgres(self.site.state, port=self.site.database_port)
        with terminal.step("database") as details:
            new = not self.postgres.data.exists()
            self.postgres.launch()
            details += [
                f"PostgreSQL on 127.0.0.1:{self.postgres.port}",
                f"{'made' if new else 'holds'} {terminal.size(self.postgres.data)}",
            ]

    def _prepare(self) -> dict[str, Any]:
        from swap.supervisor import prepare  # noqa: PLC0415 — drivers and models are loaded where they are needed

        return prepare.everything(self.config, self._runtime_file, self.postgres, self.after_database, self.programs)

    @property
    def _runtime_file(self) -> Path:
        return self.site.state / "runtime.json"

    def _launch(self, watched: Watched) -> None:
        with watched.log.open("ab") as log:
            watched.log_start = log.tell()
            watched.process = child.start(
                watched.service.argv, log=log, env=watched.environment, cwd=self.site.state / "work"
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
            pause = _pause(watched.failures)
            watched.failures += 1
            child.end_group(watched.process)
            watched.start_at, watched.process = now + pause, None
            self._tell(watched, pause)
            terminal.line(
                f"  {watched.service.name} ended with {_ending(code)}; starting it"
                f" again{f' in {pause:.0f} s' if pause else ''}. Its log: {watched.log}"
            )
        if watched.start_at is not None and now >= watched.start_at:
            self._launch(watched)

    def _tell(self, watched: Watched, pause: float) -> None:
        """Let the pages say when a program that ended again and again is started."""
        at = datetime.now(UTC) + timedelta(seconds=pause)
        self._restarts[watched.service.name] = Restart(watched.service.name, watched.failures, at.isoformat())
        restarts.write(self.site.state, self._restarts.values())

    def _mend_database(self, now: float) -> None:
        """Start PostgreSQL again on the same port: everybody else reconnects by himself.

        One that does not come back is tried again, as every other program is: what runs goes on meanwhile.
        """
        postgres = self.postgres
        if postgres is None or now < self._database_at:
            return
        if postgres.process is not None:
            if (code := postgres.process.poll()) is None:
                return
            postgres.process = None
            terminal.line(f"  database ended with {_ending(code)}; starting it again. Its log: {postgres.log}")
        try:
            postgres.restart()
            self._database_failures = 0
        except Unavailable as error:
            pause = _pause(self._database_failures + 1)
            self._database_failures += 1
            self._database_at = time.monotonic() + pause
            terminal.error(error)
            terminal.line(f"  The database is started again in {pause:.0f} s.")

    def _warn_of_full_disk(self) -> None:
        free = shutil.disk_usage(self.site.state).free
        if free < _LOW_BYTES and not self._warned:
            terminal.line(
                f"  The disk that holds {self.site.state} is nearly full: {free // 1_000_000} MB are free. Free"
                " some space."
            )
        self._warned = free < _LOW_BYTES

    def _begin(self, name: str) -> None:
        """Let a process of its own do an errand, unless one still does; its log says what it did."""
        if name not in self._errands or self._errands[name].poll() is not None:
            command = bare.service(f"swap.supervisor.{name}", str(self.config))
            with (self.site.state / "logs" / f"{name}.log").open("ab") as log:
                self._errands[name] = child.start(command, log=log, env=os.environ, cwd=self.site.state / "work")

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
        return [
            *database,
            *(errand.pid for errand in self._errands.values()),
            *(watched.process.pid for watched in self.watched if watched.process is not None),
        ]


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
    stores: Stores | None = None,
    at_ready: Callable[[Site], None] | None = None,
    programs: Programs | None = None,
) -> int:
    """Run SWAP until a signal; return the exit status.  Runs below a guard, which holds the lock."""
    site = apart.run(lambda: _read(config))
    site = Site(**site | {"state": Path(site["state"])})
    this = Run(config, site, programs, after_database, stores)
    family.adopt_orphans()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, this.on_signal)
    status = 0
    try:
        this.start()
        if at_ready is not None:
            at_ready(site)
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


def _read(config: Path) -> dict[str, Any]:
    from swap.supervisor import prepare  # noqa: PLC0415 — as in Run._prepare

    return prepare.site(config)


def _service(made: dict[str, Any]) -> Service:
    return Service(**made | {"answers": [Answer(**answer) for answer in made["answers"]]})


def _pause(failures: int) -> float:
    """Return after how many seconds a program is started again that has failed so often before."""
    return min(2.0**failures - 1.0, _LONGEST_PAUSE_SECONDS)


def _ending(code: int) -> str:
    """Return how a program ended: its status or the signal that ended it."""
    return f"status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
