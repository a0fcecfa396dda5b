"""Control groups: where they are found, and what is written there.  That they hold is tested on the machine's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from swap.launch import limits
from swap.launch.limits import GroupsV1, GroupsV2, Limits
from swap.launch.possible import limits_told

LIMITS = Limits(memory_bytes=2_000_000_000, cpus=1.5, processes=300)
V1 = """\
35 31 0:32 / /cg/memory rw,relatime - cgroup cgroup rw,memory
32 31 0:29 / /cg/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
39 31 0:36 / /cg/pids rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /cg/unified rw,relatime - cgroup2 cgroup2 rw
"""


@pytest.fixture
def found(tmp_path):
    def find(mounts: str, own: str):
        (tmp_path / "mountinfo").write_text(mounts, encoding="utf-8")
        (tmp_path / "cgroup").write_text(own, encoding="utf-8")
        return limits.find(tmp_path / "mountinfo", tmp_path / "cgroup")

    return find


def test_version_1_is_found_below_swaps_own_group(found):
    groups = found(V1, "8:pids:/\n4:memory:/jobs/17\n1:cpu,cpuacct:/\n0::/\n")

    cpu = Path("/cg/cpu")
    assert groups == GroupsV1(
        {"memory": Path("/cg/memory/jobs/17"), "cpu": cpu, "cpuacct": cpu, "pids": Path("/cg/pids")}
    )
    assert groups.missing == ()


def test_in_a_container_the_groups_root_is_what_is_mounted(found):
    mounted = "35 31 0:32 /docker/7 /cg/memory rw,relatime - cgroup cgroup rw,memory\n"

    assert found(mounted, "4:memory:/docker/7/swap\n0::/\n").below == {"memory": Path("/cg/memory/swap")}


def test_a_controller_that_is_not_mounted_is_a_limit_that_is_missing(found):
    groups = found(V1.splitlines()[0], "4:memory:/\n0::/\n")

    assert groups.missing == ("processors", "processes")
    assert limits_told(groups) == ("cgroup v1 limits memory; not processors, processes", False)


def test_a_machine_without_any_limits_nothing_and_says_so(found):
    assert limits_told(found("", "0::/\n")) == ("nothing is limited; not memory, processors, processes", False)


@pytest.fixture
def version_2(tmp_path):
    unit = tmp_path / "v2" / "swap.service"
    unit.mkdir(parents=True)
    (unit / "cgroup.controllers").write_text("cpuset cpu io memory pids\n", encoding="ascii")
    return unit, f"41 31 0:38 / {tmp_path}/v2 rw,relatime - cgroup2 cgroup2 rw\n"


@pytest.mark.parametrize("own", ["0::/swap.service\n", "0::/swap.service/own\n"], ids=["at first", "later"])
def test_version_2_is_found_where_it_was_given_to_swap(found, version_2, own):
    unit, mounted = version_2

    groups = found(mounted, own)

    assert groups == GroupsV2(unit, frozenset({"cpu", "memory", "pids"}))
    assert limits_told(groups) == ("cgroup v2 limits memory, processors, processes", True)


def test_what_version_2_is_told():
    assert limits.values_v2(LIMITS) == {
        "memory.max": "2000000000",
        "memory.swap.max": "0",
        "cpu.max": "150000 100000",
        "cpu.weight": "100",
        "pids.max": "300",
    }


def test_what_version_1_is_told():
    assert limits.values_v1(LIMITS) == {
        "memory": {
            "memory.swappiness": "0",
            "memory.limit_in_bytes": "2000000000",
            "memory.memsw.limit_in_bytes": "2000000000",
        },
        "cpu": {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "150000", "cpu.shares": "1024"},
        "pids": {"pids.max": "300"},
    }


def test_a_persons_group_is_read_where_it_was_made(tmp_path):
    for controller, file, text in (
        ("memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
        ("pids", "pids.events", "max 7\n"),
    ):
        group = tmp_path / controller / "swap" / "pannaaaaaa"
        group.mkdir(parents=True)
        (group / file).write_text(text, encoding="ascii")
    groups = GroupsV1({controller: tmp_path / controller for controller in ("memory", "pids", "cpu")})

    assert groups.group("pannaaaaaa").met == {"memory": 2, "processes": 7}
    assert groups.group("pbobaaaaaa").met == {"memory": 0, "processes": 0}


def test_version_2_has_one_directory_for_all(tmp_path):
    assert GroupsV2(tmp_path, frozenset()).group("pannaaaaaa").places == {"": tmp_path / "people" / "pannaaaaaa"}


def test_what_can_wait_has_a_fifth_of_the_processors_where_everybody_wants_all() -> None:
    waits = Limits(memory_bytes=2_000_000_000, cpus=1.5, processes=300, weight=20)
    assert limits.values_v1(waits)["cpu"]["cpu.shares"] == "204"
    assert limits.values_v2(waits)["cpu.weight"] == "20"
