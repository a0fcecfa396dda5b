"""The processes that read notebooks: what they are handed may take for ever, take all memory, or make them fall."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import notebooks
from swap.errors import Invalid, LimitExceeded, NotFound, Unavailable
from swap.forking import shared
from swap.reading import room as rooms
from swap.reading.program import PROGRAM
from swap.reading.room import Room

ANN, BERTRAND = "paaaaaaaaa", "pbbbbbbbbb"
SLOW = notebooks.content(*(notebooks.markdown(f"{number}" + "![a](" * 39_000) for number in range(100)))
"""Markdown that takes its renderer seconds for each cell."""


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room(shared(PROGRAM), seconds=120)
    yield made
    made.close()


def pid(room: Room, person: str) -> int:
    return room._idle[person]._forked.pid


def test_a_notebook_is_read_in_another_process_and_kept_for_its_person(room: Room) -> None:
    content = notebooks.content(notebooks.markdown("# Title"))
    first = room.render(ANN, content)
    reader = pid(room, ANN)
    assert first.title == "Title"
    assert reader != os.getpid()
    os.kill(reader, signal.SIGKILL)
    assert room.render(ANN, content) == first  # nobody is asked


def test_what_is_kept_is_one_persons_and_under_one_key(room: Room) -> None:
    """What was read for somebody who sees more is given to nobody else, and not to them when they see less."""
    for person, key, title in ((ANN, "all", "All"), (BERTRAND, "all", "Less"), (ANN, "less", "Less")):
        content = notebooks.content(notebooks.markdown(f"# {title}"))
        assert room.render_known(person, key, lambda content=content: content).title == title
    assert room.render_known(ANN, "all", lambda: pytest.fail("it is kept")).title == "All"


def test_no_process_reads_for_two_people(room: Room) -> None:
    for person in (ANN, BERTRAND, ANN):
        room.render(person, notebooks.content(notebooks.markdown(f"{person} {time.monotonic_ns()}")))
    assert pid(room, ANN) != pid(room, BERTRAND)


def test_what_takes_too_long_is_ended_and_the_next_notebook_is_read() -> None:
    room = Room(shared(PROGRAM), seconds=3)
    try:
        room.render(ANN, notebooks.content(notebooks.markdown("a")))  # it has begun
        reader = pid(room, ANN)
        with pytest.raises(LimitExceeded) as told:
            room.render(ANN, SLOW)
        assert "3 seconds" in told.value.problem.why
        assert not Path(f"/proc/{reader}").exists()
        assert room.render(ANN, notebooks.content(notebooks.markdown("# b"))).title == "b"
    finally:
        room.close()


def test_what_takes_all_memory_ends_without_taking_it(room: Room) -> None:
    content = b'{"nbformat": 4, "cells": [' + b"{}," * 16_000_000 + b"[]]}"
    with pytest.raises((LimitExceeded, Unavailable)):
        room.render(ANN, content)
    del content
    gc.collect()
    assert room.render(ANN, notebooks.content(notebooks.markdown("# b"))).title == "b"


def test_a_process_that_is_gone_is_replaced(room: Room) -> None:
    room.render(ANN, notebooks.content(notebooks.markdown("a")))
    os.kill(pid(room, ANN), signal.SIGKILL)
    assert room.render(ANN, notebooks.content(notebooks.markdown("# b"))).title == "b"


def test_errors_come_back_as_they_are(room: Room) -> None:
    with pytest.raises(Invalid) as told:
        room.render(ANN, b'{"nbformat": 3}')
    assert "format 3" in told.value.problem.title
    with pytest.raises(NotFound):
        room.picture(ANN, "x", "0" * 32 + ".png", notebooks.content)


def test_a_picture_and_files_to_take_along_come_from_there_too(room: Room) -> None:
    content = notebooks.content(notebooks.code("a = 1", notebooks.shown({"image/png": notebooks.png()})))
    name = room.render(ANN, content).html.partition('src="')[2].partition('"')[0]
    asked: list[Any] = []

    def given() -> bytes:
        asked.append(1)
        return content

    for _ in range(2):
        picture, kind = room.picture(ANN, rooms.digest(content), name, given)
    assert (picture[:4], kind, len(asked)) == (b"\x89PNG", "image/png", 1)
    assert room.export(ANN, content, "script") == b"# %%\na = 1\n"
    assert b"image/png" not in room.export(ANN, content, "ipynb")


def test_processes_that_nobody_asks_end(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.render(ANN, notebooks.content(notebooks.markdown("a")))
    reader = pid(room, ANN)
    room._sweep()
    assert Path(f"/proc/{reader}").exists()
    monkeypatch.setattr(rooms, "IDLE_SECONDS", 0)
    room._sweep()
    assert not Path(f"/proc/{reader}").exists()


def test_only_a_few_processes_wait(room: Room) -> None:
    for number in range(rooms.READERS + 3):
        room.render(f"p{number:09}", notebooks.content(notebooks.markdown("a")))
    assert len(room._idle) == rooms.READERS


def test_many_people_at_once_each_get_their_own(room: Room) -> None:
    found: dict[int, str] = {}

    def read(number: int) -> None:
        found[number] = room.render(f"p{number:09}", notebooks.content(notebooks.markdown(f"# Of {number}"))).title

    threads = [threading.Thread(target=read, args=(number,)) for number in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert found == {number: f"Of {number}" for number in range(12)}


@pytest.mark.parametrize("of_one", [2, rooms.READERS])
def test_slow_notebooks_of_one_person_leave_room_for_others(of_one: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many turns for one person as there are, which is the control, somebody else waits for them."""
    monkeypatch.setattr(rooms, "OF_ONE", of_one)
    room = Room(shared(PROGRAM), seconds=8)
    room.render(BERTRAND, notebooks.content(notebooks.markdown("a")))  # what all are forked from is there
    one_ended, begun = threading.Event(), threading.Barrier(rooms.READERS + 1)

    def slow(number: int) -> None:
        begun.wait()
        with contextlib.suppress(LimitExceeded, Unavailable):
            room.render(ANN, SLOW + b" " * number)
        one_ended.set()

    threads = [threading.Thread(target=slow, args=(number,)) for number in range(rooms.READERS)]
    for each in threads:
        each.start()
    begun.wait()
    until = time.monotonic() + 15
    while room._working[ANN] < of_one and time.monotonic() < until:
        one_ended.wait(0.01)
    at_once = False
    with contextlib.suppress(Unavailable):
        room.render(BERTRAND, notebooks.content(notebooks.markdown("b")))
        at_once = not one_ended.is_set()
    assert at_once == (of_one < rooms.READERS)
    for each in threads:
        each.join(120)
    room.close()


def test_the_process_has_nothing_of_ours(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWAP_RUNTIME", "/secret/place")
    room.render(ANN, notebooks.content(notebooks.markdown("a")))
    process = Path(f"/proc/{pid(room, ANN)}")
    assert b"secret" not in (process / "environ").read_bytes()
    kinds = {str(each.readlink()).partition(":")[0] for each in (process / "fd").iterdir()}
    assert kinds <= {
        "socket",
        "/dev/null",
        "pipe",
        "anon_inode",
        *(str(Path(f"/proc/self/fd/{number}").readlink()) for number in (1, 2)),
    }
    limits = (process / "limits").read_text()
    assert "Max file size             0 " in limits


def test_a_process_leaves_no_fork_server_behind() -> None:
    script = """
from swap.forking import shared
from swap.reading.program import PROGRAM

server = shared(PROGRAM)
forked = server.fork()
forked.kill()
forked.wait()
server.reap(forked)
forked.close()
print(server.pid)
"""
    done = subprocess.run([sys.executable, "-W", "always", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert not Path(f"/proc/{done.stdout.strip()}").exists()
