"""What is told to a run and heard of it: nothing that it answers is trusted, and nothing that it does keeps a worker."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from swap.client.period import Interval
from swap.errors import Problem, Unavailable
from swap.launch.report import Ended
from swap.people.tokens import Token
from swap.reports import execution
from swap.reports.execution import Watch, execute
from swap.reports.model import Claimed, Missed, Outcome, Overlap, Report, Run, RunState, State
from swap.reports.schedule import Schedule

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PERIOD = Interval(datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC))
BERLIN = Schedule.read("month 1 06:00", "Europe/Berlin")
REPORT = Report("p1", "n", 1, "pannaaaaaa", BERLIN, Missed.ALL, Overlap.WAIT, State.ACTIVE, frozenset(), 0, NOW)
RUN = Run("ab", "p1", NOW, None, PERIOD, 1, RunState.RUNNING, 0, NOW, NOW, None, None, None, None, None)
CLAIMED = Claimed(RUN, REPORT, 3)
TOKEN = Token("the token", NOW + timedelta(hours=1))
ANSWER = {"notebook": {"cells": []}, "title": "", "cell": None, "may_pass": False, "memory_bytes": 7}
NOTHING = Ended("")
FAILED = ANSWER | {"title": "Cell 2 of 3 failed: KeyError.", "cell": 2}


class Machine:
    """What begins a run that does as a test says with its standard input."""

    def __init__(self, does: Callable[[socket.socket], object], ended: Ended = NOTHING) -> None:
        self.does = does
        self.ended = ended
        self.asked: list[tuple[str, str]] = []
        self.ends = 0

    def begin(self, person_id: str, claim: str, told: int) -> Machine:
        self.asked.append((person_id, claim))
        worker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=os.dup(told))

        def be() -> None:
            with worker:
                self.does(worker)

        threading.Thread(target=be, daemon=True).start()
        return self

    def end(self) -> Ended:
        self.ends += 1
        return self.ended


class Never(Machine):
    """One whose end is never heard of."""

    def end(self) -> Ended:
        raise Unavailable(Problem("There is no disk."))


def heard(worker: socket.socket) -> bytes:
    with worker.makefile("rb") as file:
        return file.read()


def answering(answer: Any) -> Callable[[socket.socket], object]:
    text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return lambda worker: (heard(worker), worker.sendall(text))


def run(
    machine: Machine, document: Any = None, watch: Watch | None = None, claimed: Claimed = CLAIMED
) -> Outcome | None:
    watching = watch or Watch(lambda: True, threading.Event())
    return execute(machine, claimed, document or {"cells": []}, TOKEN, 3600, watching)


def test_it_is_told_all_that_it_needs_in_the_zone_of_the_report_and_nothing_else() -> None:
    told: list[dict[str, Any]] = []

    def does(worker: socket.socket) -> None:
        told.append(json.loads(heard(worker)))
        worker.sendall(json.dumps(ANSWER).encode())

    limited = replace(CLAIMED, report=replace(REPORT, run_seconds=60.0, cell_seconds=5.0))
    machine = Machine(does)
    assert run(machine, {"cells": ["x"]}, claimed=limited) == Outcome({"cells": []}, memory_bytes=7)
    assert machine.asked == [("pannaaaaaa", "ab-3")]
    assert machine.ends == 1
    assert told == [
        {
            "token": "the token",
            "expires_at": "2026-11-24T10:00:00+00:00",
            "seconds": 60.0,
            "cell_seconds": 5.0,
            "period": ["2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00"],
            "notebook": {"cells": ["x"]},
        }
    ]
    assert ZoneInfo("Europe/Berlin") == BERLIN.zone


def test_notebooks_larger_than_a_socket_holds_go_both_ways() -> None:
    large = {"cells": ["x" * 3_000_000]}
    found = run(Machine(answering(ANSWER | {"notebook": large})), large)
    assert found is not None
    assert found.document == large


def test_a_run_that_is_not_ours_any_more_or_whose_worker_stops_is_ended() -> None:
    stopping, news = threading.Event(), threading.Event()
    stopping.set()
    news.set()
    for watch in (Watch(lambda: True, stopping), Watch(lambda: False, threading.Event(), news)):
        machine = Machine(lambda worker: (heard(worker), worker.recv(1)))
        assert run(machine, watch=watch) is None
        assert machine.ends == 1


def test_news_renew_the_lease_once() -> None:
    news, renewed, may_end = threading.Event(), list[int](), threading.Event()
    news.set()

    def renew() -> bool:
        renewed.append(1)
        may_end.set()
        return True

    def does(worker: socket.socket) -> None:
        heard(worker)
        may_end.wait(5)
        worker.sendall(json.dumps(ANSWER).encode())

    run(Machine(does), watch=Watch(renew, threading.Event(), news))
    assert renewed == [1]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"[]",
        b'{"notebook": 1}',
        b"[" * 100_000,
        json.dumps(FAILED | {"cell": "two"}).encode(),
        json.dumps(FAILED).replace("7", "Infinity").encode(),
        json.dumps(ANSWER).encode()[:-1],
    ],
)
def test_what_answers_nothing_that_can_be_read_may_go_well_another_time(answer: bytes) -> None:
    found = run(Machine(answering(answer), Ended("it said this")))
    assert found is not None
    assert (found.document, found.may_pass, found.log) == (None, True, "it said this")


def test_what_answers_more_than_it_may_is_not_heard_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "EXECUTED_BYTES", 1_000_000)

    def floods(worker: socket.socket) -> None:
        heard(worker)
        try:
            while True:
                worker.sendall(b"x" * 100_000)
        except OSError:
            pass

    found = run(Machine(floods))
    assert found is not None
    assert found.document is None


def test_what_it_calls_its_failure_is_short_and_plain() -> None:
    found = run(Machine(answering(FAILED | {"title": "a\0b\ud800\n" + "c" * 1_000, "memory_bytes": -5})))
    assert found is not None
    assert found.problem is not None
    assert found.problem.title == "a·b··" + "c" * 295
    assert (found.cell, found.memory_bytes) == (2, 0)


def test_a_limit_that_it_met_is_told_and_is_no_reason_to_try_again() -> None:
    met = "It met its limit of 4 GB of memory."
    silent, failed = (run(Machine(answering(answer), Ended("", met))) for answer in (b"", FAILED))
    assert silent is not None
    assert failed is not None
    assert silent.problem is not None
    assert failed.problem is not None
    assert (silent.problem.why, failed.problem.why) == (met, met)
    assert not silent.may_pass


def test_one_that_could_not_be_started_says_why() -> None:
    with pytest.raises(Unavailable, match="no disk"):
        run(Never(lambda worker: worker.close()))


def test_what_it_answered_counts_also_where_its_end_takes_too_long() -> None:
    found = run(Never(answering(ANSWER)))
    assert found is not None
    assert (found.document, found.problem) == ({"cells": []}, None)
