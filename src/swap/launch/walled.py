"""Isolation `user`: each person's server is a system user of its own, behind walls that the kernel holds.

`plan` says what is built, as plain data; the program in `walls/` builds it.  For this SWAP must run as
root, and says so.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from swap import bare, disks, homes
from swap.launch.forks import Forks
from swap.launch.limits import Groups, Limits, find, sentences, whose
from swap.launch.model import Launch, Places, Refusals, Rules, Running, Seat
from swap.launch.process import Process
from swap.launch.spawn import spawn
from swap.launch.view import GROUP, RUN, View, home_seen, view

Door = tuple[str, int, str, int]
"""The address and port somebody comes to on this side, and those that are connected with them on the other."""

LOOPBACK = "127.0.0.1"
VIEWS = "views"
"""The directory of the state directory over which each view is laid, which nobody else sees there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `walls.enter` builds, and what it then becomes."""

    root: str
    """A directory of SWAP's own, over which the view is laid; nobody else sees it there."""
    uid: int
    view: View
    cgroups: tuple[str, ...]
    """Files that a process joins its control groups by."""
    doors_in: tuple[Door, ...]
    doors_out: tuple[Door, ...]
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    ends_with: int = 0
    """The process whose thread started it, when all of it is to end with that; else it outlives who started it."""
    own_network: bool = True
    refuse_calls: bool = True

    def flat(self) -> dict[str, Any]:
        """Return the document that `walls.enter` reads."""
        told = asdict(self)
        seen: dict[str, Any] = told.pop("view")
        return told | seen


class Walled:
    """Starts servers behind walls."""

    def __init__(self, rules: Rules, groups: Groups | None = None, forks: Forks | None = None) -> None:
        self._rules = rules
        self._forks = Forks(rules.environment) if forks is None else forks
        self._state = rules.state
        self._groups = find() if groups is None else groups

    def group(self, person_id: str) -> str:
        """Return what a person's control group is called."""
        return whose(self._state, person_id)

    def open_home(self, seat: Seat) -> Path:
        """Make the person's home, on a disk of its own where the settings say so, and an empty /tmp for the server."""
        assert seat.uid is not None
        home = disks.home(self._state, self._rules.homes, seat.person_id, seat.uid, self._rules.disk_bytes)
        self._root.mkdir(mode=0o700, exist_ok=True)
        self._scratch(seat.person_id).parent.mkdir(mode=0o700, exist_ok=True)
        homes.empty(self._scratch(seat.person_id), seat.uid)
        return home

    def places(self, person_id: str) -> Places:
        """Return what is where in the person's view."""
        own_disk = bool(self._rules.disk_bytes)
        return Places(home_seen(person_id), Path(RUN) / "token.sock", GROUP, own_disk=own_disk)

    def plan(self, launch: Launch, seat: Seat) -> Plan:
        """Return the walls of a launch; its control groups are made."""
        assert seat.uid is not None
        hosts = self._hosts()
        cgroups = tuple(map(str, self._groups.make(self.group(seat.person_id), self.limits)))
        return Plan(
            root=str(self._root),
            uid=seat.uid,
            view=view(
                person_id=seat.person_id,
                name=seat.name,
                uid=seat.uid,
                home=homes.place(self._rules.homes, seat.person_id),
                scratch=self._scratch(seat.person_id),
                environments=(Path(sys.prefix), self._rules.kernel_env),
                hosts=hosts,
                group=self._groups.group(self.group(seat.person_id)),
            ),
            cgroups=cgroups,
            doors_in=((LOOPBACK, launch.port, LOOPBACK, launch.port),),
            doors_out=tuple(self._doors_out(hosts)),
            argv=launch.argv,
            env=launch.env,
            cwd=str(launch.cwd),
        )

    def _hosts(self) -> dict[str, str]:
        """Return the names people may reach, each with a loopback address of its own in their network."""
        names = dict.fromkeys(address.rpartition(":")[0] for address in self._rules.reach)
        return {name: f"127.0.{1 + number // 250}.{1 + number % 250}" for number, name in enumerate(names)}

    def _doors_out(self, hosts: Mapping[str, str]) -> Iterator[Door]:
        for port in (self._rules.gateway_port, self._rules.hub_port):
            yield LOOPBACK, port, LOOPBACK, port
        for address in self._rules.reach:
            host, _, port_text = address.rpartition(":")
            yield hosts[host], int(port_text), host, int(port_text)

    def prepare(self) -> None:
        """Begin to load what servers run."""
        self._forks.prepare()

    def start(self, launch: Launch, seat: Seat, told: int) -> Process:
        """Start the server behind its walls."""
        return run(launch, self.plan(launch, seat), told, self._forks)

    @property
    def limits(self) -> Limits:
        """What each person's processes may use together."""
        return Limits(self._rules.memory_bytes, self._rules.cpus, self._rules.processes)

    def limits_met(self, person_id: str) -> dict[str, str]:
        """Return limit → a sentence, for each that a person's processes met since their server started."""
        return sentences(self._groups.group(self.group(person_id)).met, self.limits)

    def refusals(self, server: Running) -> Refusals:
        """Read the kernel's counts of the network that the outer process is in."""
        counts = _counts(Path(f"/proc/{server.pid}/net/snmp"), Path(f"/proc/{server.pid}/net/snmp6"))
        return Refusals(
            counts.get("Ip.OutNoRoutes", 0) + counts.get("Ip6OutNoRoutes", 0), counts.get("Tcp.AttemptFails", 0)
        )

    def clean(self, person_id: str) -> None:
        """Take away what an ended server leaves outside the home."""
        self._groups.remove(self.group(person_id))

    @property
    def _root(self) -> Path:
        return self._state / VIEWS

    def _scratch(self, person_id: str) -> Path:
        if self._rules.disk_bytes:
            return homes.place(self._state / disks.FOLDER, person_id) / "tmp"
        return homes.place(self._state / "tmp", person_id)


def run(launch: Launch, plan: Plan, told: int, forks: Forks) -> Process:
    """Start a launch behind exactly the walls of a plan, with `told` as its standard input; forked, if it can be."""
    if (forked := forks.fork(launch, plan.flat(), told, walls=True)) is not None:
        return forked
    descriptor = os.memfd_create("plan")
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(plan.flat()).encode())
        file.flush()
        file.seek(0)
        argv = bare.command("swap.walls.enter", str(descriptor))
        return spawn(launch, argv, told, env={"LANG": "C.UTF-8"}, cwd=Path("/"), keep=(descriptor,))


def _counts(version_4: Path, version_6: Path) -> dict[str, int]:
    """Return the kernel's counts by name: a line of names and one of values for each protocol, or both in one line."""
    counts: dict[str, int] = {}
    try:
        lines = version_4.read_text(encoding="ascii").splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            protocol, *rest = names.split()
            counts |= {
                f"{protocol[:-1]}.{name}": int(value) for name, value in zip(rest, values.split()[1:], strict=True)
            }
        counts |= {
            name: int(value) for name, value in map(str.split, version_6.read_text(encoding="ascii").splitlines())
        }
    except OSError:  # it has just ended, or the machine has no version 6
        return counts
    return counts
