"""Two real people behind real walls: small programs in the place of their servers, started as the hub starts those."""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from swap import homes, ports
from swap.launch import walled
from swap.launch.forks import Forks
from swap.launch.limits import find
from swap.launch.model import Launch, Seat
from swap.launch.process import Process
from swap.launch.rules import rules
from swap.launch.spawn import spawn, telling
from swap.launch.walled import Plan, Walled
from swap.runtime import Runtime
from swap.settings import Settings

ANN = Seat("pannaaaaaa", "ann", 2_100_000_001)
BOB = Seat("pbobaaaaaa", "bob", 2_100_000_002)
SECRET = "the-secret-of-bob"

Weaken = Callable[[Plan], Plan]


def as_planned(plan: Plan) -> Plan:
    return plan


@dataclass
class Program:
    """A person's program: it prints lines, which we read from its log."""

    process: Process
    log: Path

    @property
    def lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def wait_for(self, line: str) -> None:
        until(lambda: line in self.lines or self.process.poll() is not None)
        assert line in self.lines, self.lines

    def told(self) -> object:
        """Wait for its end, and return what it told in its last line."""
        code = self.process.wait(60)
        assert code == 0, (code, self.lines)
        return json.loads(self.lines[-1])


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@dataclass
class Town:
    """A state directory with the homes of two people."""

    state: Path
    limits: dict[str, float] = field(default_factory=dict)
    forks: Forks = field(default_factory=lambda: Forks({}))
    """What programs are forked from; without one that is ready they are started."""
    programs: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        launch = {"isolation": "user", "memory_bytes": 500_000_000, "processes": 200} | self.limits
        self.settings = Settings.model_validate({"state": self.state, "launch": launch})
        gateway, hub, *own = ports.free(4)
        self.ports = dict(zip((ANN.person_id, BOB.person_id), own, strict=True))
        self.runtime = Runtime(
            config=self.state / "swap.toml",
            database_urls={},
            gateway_port=gateway,
            web_port=2,
            hub_port=hub,
            traefik_api_port=4,
            traefik_api_password="",
            traefik_directory=self.state,
            socket_directory=self.state,
            kernel_key="",
            portal_key="",
            web_service_token="",
            hub_cookie_secret="",
            kernel_env=Path(sys.prefix).parent / "kernel",
            homes=self.state / "homes",
            spool=self.state / "spool",
        )
        self.launcher = self.walled()

    def walled(self) -> Walled:
        """Return a launcher of this town as it is now."""
        return Walled(rules(self.settings, self.runtime), forks=self.forks)

    def home(self, seat: Seat) -> Path:
        return homes.place(self.runtime.homes, seat.person_id)

    def launch(self, seat: Seat, program: str, **env: str) -> Launch:
        return Launch(
            argv=(sys.executable, "-I", "-c", textwrap.dedent(program)),
            cwd=self.launcher.places(seat.person_id).home,
            log=self.state / "logs" / f"server-{seat.person_id}.log",
            port=self.ports[seat.person_id],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.launcher.places(seat.person_id).home), **env},
        )

    def start(
        self,
        seat: Seat,
        program: str,
        weaken: Weaken = as_planned,
        *,
        secrets: dict[str, str] | None = None,
        **env: str,
    ) -> Program:
        """Start a person's program behind the walls of its launcher, weakened by a test where it says so."""
        self.launcher.open_home(seat)
        launch = self.launch(seat, program, **env)
        with telling(secrets or {}) as told:
            return self.keep(walled.run(launch, weaken(self.launcher.plan(launch, seat)), told, self.forks), launch)

    def start_unwalled(self, seat: Seat, program: str) -> Program:
        """Start a person's program as the same user with no wall at all."""
        self.launcher.open_home(seat)
        launch = self.launch(seat, program)
        user = ("/usr/bin/setpriv", f"--reuid={seat.uid}", f"--regid={seat.uid}", "--clear-groups", "--")
        # Not our own Python, which lies where others may not look.
        argv = (*user, "/usr/bin/python3", *launch.argv[1:])
        with telling({}) as told:
            return self.keep(spawn(launch, argv, told, env=launch.env, cwd=Path("/")), launch)

    def keep(self, process: Process, launch: Launch) -> Program:
        program = Program(process, launch.log)
        self.programs.append(program)
        return program

    def close(self) -> None:
        for program in self.programs:
            if program.process.poll() is None:
                os.killpg(program.process.pid, signal.SIGKILL)
                program.process.wait()
        groups = find()
        for seat in (ANN, BOB):
            groups.remove(self.launcher.group(seat.person_id))


def shows(*places: Path) -> Weaken:
    """Return what puts places of the machine into the view."""
    extra = tuple((str(place), str(place)) for place in places)
    return lambda plan: replace(plan, view=replace(plan.view, readable=(*plan.view.readable, *extra)))


def runs_as(seat: Seat) -> Weaken:
    """Return what gives a program somebody else's uid."""
    assert seat.uid is not None
    uid = seat.uid
    return lambda plan: replace(plan, uid=uid)


def both(first: Weaken, second: Weaken) -> Weaken:
    return lambda plan: second(first(plan))


def unlimited(plan: Plan) -> Plan:
    return replace(plan, cgroups=())
