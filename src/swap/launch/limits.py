"""What one person's processes may use together: memory, processors, processes.  One interface, two of the kernel's.

Each person has one control group, made before the server and joined by its first process; so nothing the person
starts is outside.  What a machine cannot enforce is named, never passed over.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from swap.usage import VERSION_2, Group, Use, disk_at

PERIOD_MICROSECONDS = 100_000
END_SECONDS = 5.0
_LOOK_SECONDS = 0.01
NAMES = {"memory": "memory", "cpu": "processors", "pids": "processes"}
"""The kernel's controller → what it limits, as people are told."""
COUNTS = "cpuacct"
"""What of cgroup v1 limits nothing and counts what processors do; often it is mounted together with `cpu`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of memory, processors, and processes and threads."""

    memory_bytes: int
    cpus: float
    processes: int
    weight: int = 100
    """How much of the processors it has where everybody wants all of them: 100 is a person's server."""


class Groups(Protocol):
    """The control groups of this machine."""

    @property
    def kind(self) -> str:
        """Name the interface of the kernel."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Name each limit that cannot be enforced here."""

    def make(self, whose: str, limits: Limits) -> tuple[Path, ...]:
        """Make a person's group; return the files that a process joins it by.

        What is left of an earlier server of theirs is killed first.  Raises OSError, TimeoutError.
        """

    def group(self, whose: str) -> Group:
        """Return where a person's group is read."""

    def remove(self, whose: str) -> None:
        """Remove a person's group, once its processes have ended."""


@dataclass(frozen=True, slots=True)
class GroupsV1:
    """cgroup v1: a hierarchy for each controller.  `below` is controller → the directory SWAP itself is in."""

    below: Mapping[str, Path]
    kind: str = "cgroup v1"

    @property
    def missing(self) -> tuple[str, ...]:
        """Name each limit whose controller is not mounted."""
        return tuple(name for controller, name in NAMES.items() if controller not in self.below)

    def make(self, whose: str, limits: Limits) -> tuple[Path, ...]:
        """Make a group in each hierarchy."""
        for controller in self.below:
            _end(self._group(controller, whose))
        values = values_v1(limits)
        for controller in self.below:
            group = self._group(controller, whose)
            group.mkdir(mode=0o755, parents=True, exist_ok=True)
            for name, value in values.get(controller, {}).items():
                if (group / name).exists():
                    (group / name).write_text(value, encoding="ascii")
        return tuple(self._group(controller, whose) / "cgroup.procs" for controller in self.below)

    def group(self, whose: str) -> Group:
        """Return its directory in each hierarchy."""
        return Group({controller: self._group(controller, whose) for controller in self.below})

    def remove(self, whose: str) -> None:
        """Remove the group from each hierarchy; one with a process in it stays."""
        for controller in self.below:
            with contextlib.suppress(OSError):
                self._group(controller, whose).rmdir()

    def _group(self, controller: str, whose: str) -> Path:
        return self.below[controller] / "swap" / whose


@dataclass(frozen=True, slots=True)
class GroupsV2:
    """cgroup v2: one hierarchy; `below` is the directory that was given to SWAP, `controllers` what it has."""

    below: Path
    controllers: frozenset[str]
    kind: str = "cgroup v2"

    @property
    def missing(self) -> tuple[str, ...]:
        """Name each limit whose controller was not given to SWAP."""
        return tuple(name for controller, name in NAMES.items() if controller not in self.controllers)

    def make(self, whose: str, limits: Limits) -> tuple[Path, ...]:
        """Make a group, with the controllers passed on to it."""
        _end(self.below / "people" / whose)
        self._step_aside()
        wanted = " ".join(f"+{each}" for each in sorted(self.controllers))
        people = self.below / "people"
        people.mkdir(exist_ok=True)
        for parent in (self.below, people):
            (parent / "cgroup.subtree_control").write_text(wanted, encoding="ascii")
        group = people / whose
        group.mkdir(exist_ok=True)
        for name, value in values_v2(limits).items():
            if name.partition(".")[0] in self.controllers and (group / name).exists():
                (group / name).write_text(value, encoding="ascii")
        return (group / "cgroup.procs",)

    def group(self, whose: str) -> Group:
        """Return its one directory."""
        return Group({VERSION_2: self.below / "people" / whose})

    def remove(self, whose: str) -> None:
        """Remove the group; one with a process in it stays."""
        with contextlib.suppress(OSError):
            (self.below / "people" / whose).rmdir()

    def _step_aside(self) -> None:
        """Move SWAP's own processes into a group beside people's: one that has groups below may hold none itself."""
        if own := (self.below / "cgroup.procs").read_text(encoding="ascii").split():
            (self.below / "own").mkdir(exist_ok=True)
            for pid in own:
                with contextlib.suppress(ProcessLookupError):
                    (self.below / "own" / "cgroup.procs").write_text(pid, encoding="ascii")


def values_v1(limits: Limits) -> dict[str, dict[str, str]]:
    """Return controller → file → what is written there, in this order.

    >>> values_v1(Limits(1_000, 1.5, 10))["cpu"]
    {'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': '150000', 'cpu.shares': '1024'}
    """
    memory = str(limits.memory_bytes)
    return {
        # Without memsw, which not every kernel counts, nothing of a group may be swapped out.
        "memory": {
            "memory.swappiness": "0",
            "memory.limit_in_bytes": memory,
            "memory.memsw.limit_in_bytes": memory,
        },
        "cpu": {
            "cpu.cfs_period_us": str(PERIOD_MICROSECONDS),
            "cpu.cfs_quota_us": str(int(limits.cpus * PERIOD_MICROSECONDS)),
            "cpu.shares": str(1024 * limits.weight // 100),
        },
        "pids": {"pids.max": str(limits.processes)},
    }


def values_v2(limits: Limits) -> dict[str, str]:
    """Return file → what is written there.

    >>> values_v2(Limits(1_000, 1.5, 10))["cpu.max"]
    '150000 100000'
    """
    return {
        "memory.max": str(limits.memory_bytes),
        "memory.swap.max": "0",
        "cpu.max": f"{int(limits.cpus * PERIOD_MICROSECONDS)} {PERIOD_MICROSECONDS}",
        "cpu.weight": str(limits.weight),
        "pids.max": str(limits.processes),
    }


def whose(state: Path, person_id: str) -> str:
    """Return what a person's control group is called: another SWAP of this machine may know the same person."""
    return f"{hashlib.sha256(bytes(state.resolve())).hexdigest()[:8]}-{person_id}"


def sentences(met: Mapping[str, int], limits: Limits) -> dict[str, str]:
    """Return limit → a sentence, for each that a group's processes met.

    >>> sentences({"memory": 1, "processes": 0}, Limits(4_000_000_000, 2.0, 10))
    {'memory': 'It met its limit of 4 GB of memory.'}
    """
    said = {
        "memory": f"It met its limit of {limits.memory_bytes / 1e9:g} GB of memory.",
        "processes": f"It met its limit of {limits.processes} processes and threads.",
    }
    return {name: sentence for name, sentence in said.items() if met[name]}


def used(groups: Groups, state: Path, person_id: str, disk: Path | None) -> Use:
    """Read a person's group, and their disk where they have one."""
    use = groups.group(whose(state, person_id)).use
    if disk is not None and disk.is_mount():
        room, files = disk_at(disk)
        return replace(use, disk=room, files=files)
    return use


def find(mounts: Path = Path("/proc/self/mountinfo"), own: Path = Path("/proc/self/cgroup")) -> Groups:
    """Return this machine's control groups: v2 where it has controllers, else v1, which may have none."""
    places = dict(_places(own.read_text(encoding="utf-8")))
    v1: dict[str, Path] = {}
    for kind, root, at, options in _mounted(mounts.read_text(encoding="utf-8")):
        if kind == "cgroup2" and "" in places:
            below = _below(places[""], root, at)
            if below.name == "own":  # a hub that was started again: its group is the one it made
                below = below.parent
            controllers = _words(below / "cgroup.controllers") & NAMES.keys()
            if controllers:
                return GroupsV2(below, frozenset(controllers))
        elif kind == "cgroup":
            for controller in (NAMES.keys() | {COUNTS}) & set(options.split(",")) & places.keys():
                # The first place where it is seen: what is mounted later, for a container, may be gone again.
                v1.setdefault(controller, _below(places[controller], root, at))
    return GroupsV1(v1)


def _below(place: str, root: str, at: str) -> Path:
    """Return where a group is seen, of a hierarchy whose group `root` is mounted `at` a place."""
    return Path(at) / place.removeprefix(root).lstrip("/")


def _mounted(mountinfo: str) -> list[tuple[str, str, str, str]]:
    """Return kind, root, place and options of what is mounted."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ")[:3]
        root, at = before.split(" ")[3:5]
        found.append((kind, root, at, options))
    return found


def _places(own: str) -> list[tuple[str, str]]:
    r"""Return controller → the group this process is in; v2's controller is "".

    >>> _places("4:memory:/\n3:cpu,cpuacct:/a\n0::/b")
    [('memory', '/'), ('cpu', '/a'), ('cpuacct', '/a'), ('', '/b')]
    """
    lines = [line.split(":", 2) for line in own.splitlines()]
    return [(controller, place) for _, controllers, place in lines for controller in controllers.split(",")]


def _end(group: Path) -> None:
    """Kill everything in a group, and remove it.  Raises TimeoutError for what does not end."""
    until = time.monotonic() + END_SECONDS
    while group.exists():
        for pid in _words(group / "cgroup.procs"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        if time.monotonic() > until:
            msg = f"a process of an earlier server does not end; it is listed in {group}/cgroup.procs"
            raise TimeoutError(msg)
        time.sleep(_LOOK_SECONDS)


def _words(file: Path) -> set[str]:
    try:
        return set(file.read_text(encoding="ascii").split())
    except OSError:
        return set()
