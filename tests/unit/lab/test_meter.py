"""How many processors work, who was ended for want of memory, and what people are told of each limit."""

from __future__ import annotations

import os
import signal

import pytest

from swap.lab import ends
from swap.lab.ends import PATIENCE_SECONDS, Ends
from swap.lab.meter import LEAST_SECONDS, Meter
from swap.usage import Part, Use

KERNEL = "0" * 36


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def counts():
    return {"memory": 3, "processes": 1}


@pytest.fixture
def ended(counts, clock):
    return Ends(lambda: dict(counts), clock)


def test_a_killed_kernel_was_ended_for_want_of_memory_when_the_count_rose(ended, counts):
    counts["memory"] += 1
    ended.died(KERNEL, -signal.SIGKILL)

    assert ended.by_memory(KERNEL)
    assert ended.programs() == 0


@pytest.mark.parametrize(("rise", "status"), [(0, -signal.SIGKILL), (1, -signal.SIGSEGV), (1, 0), (1, None)])
def test_one_that_died_of_something_else_was_not(ended, counts, rise, status):
    counts["memory"] += rise
    ended.died(KERNEL, status)

    assert not ended.by_memory(KERNEL)


def test_a_later_death_of_the_same_kernel_is_judged_for_itself(ended, counts):
    counts["memory"] += 1
    ended.died(KERNEL, -signal.SIGKILL)
    ended.died(KERNEL, -signal.SIGKILL)

    assert not ended.by_memory(KERNEL)


def test_what_no_kernel_died_of_was_another_program_once_jupyter_would_know(ended, counts, clock):
    counts["memory"] += 2
    assert ended.programs() == 0
    clock.seconds += PATIENCE_SECONDS / 2
    assert ended.programs() == 0
    clock.seconds += PATIENCE_SECONDS / 2
    assert ended.programs() == 2
    clock.seconds += PATIENCE_SECONDS
    assert ended.programs() == 2, "each once"


def test_a_kernel_that_is_found_dead_a_moment_later_is_no_other_program(ended, counts, clock):
    counts["memory"] += 1
    assert ended.programs() == 0
    ended.died(KERNEL, -signal.SIGKILL)
    clock.seconds += 10 * PATIENCE_SECONDS

    assert ended.programs() == 0


def test_a_refused_process_is_told_once(ended, counts):
    assert not ended.refused(), "what was refused to an earlier server is not this one's"
    counts["processes"] += 5
    assert ended.refused()
    assert not ended.refused()


def test_without_a_group_nothing_is_counted():
    ended = Ends(dict)
    ended.died(KERNEL, -signal.SIGKILL)

    assert (ended.by_memory(KERNEL), ended.programs(), ended.refused()) == (False, 0, False)


def test_what_is_said_names_the_limit():
    use = Use(memory=Part(1, 8e9), processes=Part(5, 1500), disk=Part(20e9, 20e9))

    assert "your limit of 8 GB of memory" in ends.memory_problem(use).title
    assert ends.processes_problem(use).title == "Your programs met your limit of 1500 processes and threads."
    problem = ends.disk_problem(use)
    assert problem is not None
    assert problem.title == "Your disk of 20 GB is full."
    assert "your limit of memory" in ends.memory_problem(Use()).title


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (Use(), None),
        (Use(disk=Part(19e9, 20e9), files=Part(10, 1000)), None),
        (Use(disk=Part(19e9, 20e9), files=Part(1000, 1000)), "Your disk holds as many files as it can, 1,000."),
    ],
)
def test_a_disk_is_full_of_bytes_or_of_files(use, said):
    problem = ends.disk_problem(use)
    assert (problem and problem.title) == said


@pytest.fixture
def shown(tmp_path):
    """A group of version 2, as a view shows it."""
    for name, text in {
        "cgroup.procs": "",
        "cpu.max": "200000 100000",
        "cpu.stat": "usage_usec 1000000",
        "memory.current": "7",
    }.items():
        (tmp_path / name).write_text(text, encoding="ascii")
    return tmp_path


def test_processors_are_those_that_worked_since_the_last_look(shown, clock):
    meter = Meter(shown, None, list, clock)
    assert meter.use().processors == Part(None, 2.0), "one look tells no rate"

    clock.seconds += 4.0
    (shown / "cpu.stat").write_text("usage_usec 7000000", encoding="ascii")
    assert meter.use().processors == Part(1.5, 2.0)

    clock.seconds += LEAST_SECONDS / 2
    (shown / "cpu.stat").write_text("usage_usec 7000001", encoding="ascii")
    assert meter.use().processors == Part(1.5, 2.0), "another window that asks at once hears the same"


def test_a_disk_is_said_where_it_is_the_persons_own(shown):
    assert set(Meter(shown, shown, list).use().as_json()) == {"memory", "processors", "disk", "files"}
    assert set(Meter(shown, None, list).use().as_json()) == {"memory", "processors"}


def test_without_a_group_it_is_what_is_known_to_run_and_no_limit(tmp_path):
    use = Meter(tmp_path / "nowhere", None, lambda: [os.getpid()]).use()

    assert use.memory is not None
    assert use.memory.used
    assert use.memory.limit is None
    assert use.processes is None
