"""What a combiner's end is told as: a limit only where there was one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from swap.query.execution import death
from swap.query.execution.death import Death, cause

TERMINATED = "terminate called after throwing an instance of '{}'\n  what():  {}"


@pytest.mark.parametrize(
    "words",
    [
        TERMINATED.format("std::bad_alloc", "std::bad_alloc"),
        TERMINATED.format("St9bad_alloc", "std::bad_alloc"),
        TERMINATED.format("std::system_error", "Resource temporarily unavailable"),
        TERMINATED.format("duckdb::OutOfMemoryException", "Out of Memory Error: failed to allocate"),
    ],
)
def test_a_process_that_says_it_was_refused_memory_died_of_its_limit(words: str) -> None:
    assert cause(-signal.SIGABRT, words, killed_for_memory=False) is Death.LIMIT


def test_a_process_that_was_killed_died_by_the_system_only_when_that_says_so() -> None:
    assert cause(-signal.SIGKILL, "", killed_for_memory=True) is Death.MACHINE
    assert cause(-signal.SIGKILL, "", killed_for_memory=False) is Death.OUTSIDE


@pytest.mark.parametrize("status", [-signal.SIGABRT, -signal.SIGSEGV, 0, 1, None])
def test_any_other_end_is_told_as_no_more_than_an_end(status: int | None) -> None:
    assert cause(status, "free(): invalid pointer", killed_for_memory=True) is Death.ITSELF


@pytest.mark.parametrize(
    ("groups", "counter", "content"),
    [
        ("0::/a/b\n", "a/b/memory.events", "oom 2\noom_kill 7\noom_group_kill 1\n"),
        ("0::/a/b\n", "memory.events", "oom_kill 7\n"),
        ("4:memory:/a/b\n0::/\n", "memory/a/b/memory.oom_control", "under_oom 0\noom_kill 7\n"),
        ("4:cpu,memory:/a/b\n", "memory/memory.oom_control", "oom_kill 7\n"),
    ],
)
def test_the_systems_count_is_our_own_control_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: str, counter: str, content: str
) -> None:
    (tmp_path / "groups").write_text(groups)
    (tmp_path / counter).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / counter).write_text(content)
    monkeypatch.setattr(death, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(death, "MOUNT", tmp_path)

    assert death.killed_for_memory() == 7


def test_a_system_that_counts_nothing_has_killed_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GROUPS", "MOUNT", "MACHINE"):
        monkeypatch.setattr(death, name, tmp_path / "away")

    assert death.killed_for_memory() == 0


def test_last_words_are_what_was_written_last_and_waiting_for_none() -> None:
    heard, ours = os.pipe()
    os.write(ours, b"why\n")
    os.close(ours)

    assert death.last_words(heard) == "why"
    assert death.last_words(heard) == ""
    os.close(heard)
