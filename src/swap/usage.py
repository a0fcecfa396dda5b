"""What a person's programs use together, against their limits: memory, processors, processes; and a disk of their own.

Each reading opens a few small files, however many people, processes and files there are.  The portal reads a control
group where the machine has it, a person's server where its view shows it; neither writes anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

VERSION_2 = ""
"""The controller that stands for all of them: cgroup v2 has one directory for a group."""
_UNLIMITED = 1 << 60
"""cgroup v1 says of memory without a limit that it is limited to the largest multiple of a page."""
_NANO, _MICRO = 1e9, 1e6


@dataclass(frozen=True, slots=True)
class Part:
    """How much of something is used, and how much may be; None is not known, or no limit."""

    used: float | None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """Bytes of memory, processors, processes, bytes and files of a disk; a part that nobody knows is None."""

    memory: Part | None = None
    processors: Part | None = None
    processes: Part | None = None
    disk: Part | None = None
    files: Part | None = None

    def as_json(self) -> dict[str, dict[str, float | None]]:
        """Return what is known, by name."""
        return {name: part for name, part in asdict(self).items() if part is not None}


@dataclass(frozen=True, slots=True)
class Group:
    """A control group: controller → its directory.  Of version 2 it is one directory for all."""

    places: Mapping[str, Path]

    @property
    def use(self) -> Use:
        """Read what is used now, but for processors, which are a rate: `processors_used` has what they did."""
        return Use(memory=self._memory(), processors=self._processors(), processes=self._processes())

    @property
    def met(self) -> dict[str, int]:
        """Return limit → how often it was met: memory ended a program, processes refused one."""
        if both := self.places.get(VERSION_2):
            memory, processes = both / "memory.events", both / "pids.events"
        else:
            memory, processes = self._file("memory", "memory.oom_control"), self._file("pids", "pids.events")
        return {"memory": int(_field(memory, "oom_kill") or 0), "processes": int(_field(processes, "max") or 0)}

    @property
    def processor_seconds(self) -> float | None:
        """Return for how long all processors together have worked for the group."""
        if both := self.places.get(VERSION_2):
            used = _field(both / "cpu.stat", "usage_usec")
            return None if used is None else used / _MICRO
        used = _number(self._file("cpuacct", "cpuacct.usage"))
        return None if used is None else used / _NANO

    def _memory(self) -> Part | None:
        if both := self.places.get(VERSION_2):
            used, cached = _number(both / "memory.current"), _field(both / "memory.stat", "inactive_file")
            limit = _number(both / "memory.max")
        else:
            used = _number(self._file("memory", "memory.usage_in_bytes"))
            cached = _field(self._file("memory", "memory.stat"), "total_inactive_file")
            limit = _number(self._file("memory", "memory.limit_in_bytes"))
        if used is None:
            return None
        # Copies of files are given up before the limit is met.
        return Part(max(0.0, used - (cached or 0.0)), limit if limit is not None and limit < _UNLIMITED else None)

    def _processors(self) -> Part | None:
        if both := self.places.get(VERSION_2):
            quota, _, period = _text(both / "cpu.max").partition(" ")
        else:
            quota, period = (_text(self._file("cpu", f"cpu.cfs_{name}_us")) for name in ("quota", "period"))
        limit = int(quota) / int(period) if quota.isdigit() and period.isdigit() else None
        return None if limit is None and self.processor_seconds is None else Part(None, limit)

    def _processes(self) -> Part | None:
        group = self.places.get(VERSION_2) or self._file("pids", "")
        used = _number(group / "pids.current")
        return None if used is None else Part(used, _number(group / "pids.max"))

    def _file(self, controller: str, name: str) -> Path:
        """Return a file of version 1's hierarchy; one that does not exist where that is not mounted."""
        return self.places.get(controller, Path("/nonexistent")) / name


def group_at(root: Path) -> Group | None:
    """Return the group that is shown at a place: version 2's own directory, or one for each controller of version 1."""
    if (root / "cgroup.procs").exists():
        return Group({VERSION_2: root})
    shown = {each.name: each for each in root.iterdir() if each.is_dir()} if root.is_dir() else {}
    return Group(shown) if shown else None


def disk_at(place: Path) -> tuple[Part, Part] | tuple[None, None]:
    """Return bytes and files of the disk that a place is on, which is to be one person's."""
    try:
        told = os.statvfs(place)
    except OSError:
        return None, None
    # What the file system keeps for itself is nobody's room.
    used = told.f_blocks - told.f_bfree
    return Part(used * told.f_frsize, (used + told.f_bavail) * told.f_frsize), Part(
        told.f_files - told.f_ffree, told.f_files
    )


def memory_of(pids: Iterable[int]) -> float:
    """Return the memory of some processes, each page that several share counted once; those that ended have none."""
    return sum((_field(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") or 0.0) * 1024 for pid in pids)


def processor_seconds_of(pids: Iterable[int]) -> float:
    """Return for how long processors have worked for some processes that run."""
    # Behind the name, which may hold anything, in brackets: the 14th and 15th field of all.
    fields = [_text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[11:13] for pid in pids]
    return sum(int(ticks) for each in fields for ticks in each) / os.sysconf("SC_CLK_TCK")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(file: Path) -> float | None:
    """Return the number in a file; None for "max", and where there is no such file."""
    text = _text(file)
    return float(text) if text.isdigit() else None


def _field(file: Path, name: str) -> float | None:
    """Return the number behind a name in a file of such lines."""
    for line in _text(file).splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return float(value.split()[0])
    return None
