"""What a control group of either version says, from trees like the kernel's; and a disk's and processes' own words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from swap import usage
from swap.usage import Group, Part, Use

V1 = {
    "memory/memory.usage_in_bytes": "1500000000\n",
    "memory/memory.limit_in_bytes": "2000000000\n",
    "memory/memory.stat": "cache 400\ninactive_file 7\ntotal_cache 400\ntotal_inactive_file 300000000\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "memory/memory.failcnt": "0\n",
    "cpu/cpu.cfs_quota_us": "150000\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "cpuacct/cpuacct.usage": "2500000000\n",
    "pids/pids.current": "12\n",
    "pids/pids.max": "300\n",
    "pids/pids.events": "max 7\n",
}
V2 = {
    "cgroup.procs": "",
    "memory.current": "1500000000\n",
    "memory.max": "2000000000\n",
    "memory.stat": "anon 900\nfile 400\ninactive_anon 1\ninactive_file 300000000\n",
    "memory.events": "low 0\nhigh 0\nmax 31\noom 3\noom_kill 2\noom_group_kill 0\n",
    "cpu.max": "150000 100000\n",
    "cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n",
    "pids.current": "12\n",
    "pids.max": "300\n",
    "pids.events": "max 7\n",
}


def group(root: Path, files: dict[str, str]) -> Group:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="ascii")
    found = usage.group_at(root)
    assert found is not None
    return found


@pytest.mark.parametrize("files", [V1, V2], ids=["version 1", "version 2"])
def test_both_versions_say_the_same(tmp_path, files):
    read = group(tmp_path, files)

    assert read.use == Use(
        memory=Part(1_200_000_000, 2_000_000_000), processors=Part(None, 1.5), processes=Part(12, 300)
    ), "copies of files that can be given up are not counted"
    assert read.met == {"memory": 2, "processes": 7}
    assert read.processor_seconds == 2.5


@pytest.mark.parametrize(
    "files",
    [
        V1
        | {
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
            "cpu/cpu.cfs_quota_us": "-1\n",
            "pids/pids.max": "max\n",
        },
        V2 | {"memory.max": "max\n", "cpu.max": "max 100000\n", "pids.max": "max\n"},
    ],
    ids=["version 1", "version 2"],
)
def test_no_limit_is_none(tmp_path, files):
    use = group(tmp_path, files).use

    assert [part and part.limit for part in (use.memory, use.processors, use.processes)] == [None, None, None]
    assert use.memory == Part(1_200_000_000, None)


@pytest.mark.parametrize(
    ("files", "known"),
    [
        ({"memory/memory.usage_in_bytes": "5\n"}, ["memory"]),
        ({"cgroup.procs": "", "pids.current": "3\n"}, ["processes"]),
        ({"cpuacct/cpuacct.usage": "1\n"}, ["processors"]),
        ({"cgroup.procs": ""}, []),
    ],
)
def test_what_a_machine_does_not_count_is_not_said(tmp_path, files, known):
    read = group(tmp_path, files)

    assert list(read.use.as_json()) == known
    assert read.met == {"memory": 0, "processes": 0}


def test_where_no_group_is_shown_there_is_none(tmp_path):
    assert usage.group_at(tmp_path) is None
    assert usage.group_at(tmp_path / "nowhere") is None


def test_a_disk_says_its_bytes_and_files(tmp_path):
    disk, files = usage.disk_at(tmp_path)

    assert disk is not None
    assert files is not None
    told = os.statvfs(tmp_path)
    assert disk.limit == pytest.approx((told.f_blocks - told.f_bfree + told.f_bavail) * told.f_frsize, rel=0.01)
    assert 0 <= (disk.used or 0) <= disk.limit
    assert files.limit == told.f_files
    assert usage.disk_at(tmp_path / "nowhere") == (None, None)


def test_processes_are_read_by_their_own_words():
    assert 1e6 < usage.memory_of([os.getpid()]) < 1e10
    assert usage.processor_seconds_of([os.getpid()]) == pytest.approx(sum(os.times()[:2]), abs=1.0)
    assert usage.memory_of([2**22 + 1]) == 0.0, "one that ended has none"
    assert usage.processor_seconds_of([2**22 + 1]) == 0.0
