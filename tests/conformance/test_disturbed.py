"""A source that is killed, started again, stopped or cut off in the middle of a query, as people see it: one query fails.

Every source, by way of a whole gateway, with other people and other sources beside it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import services
from conformance.subjects import SCHEMA, Subject
from conformance.test_connector import eventually
from integration.gateway.gateways import Gateway, Person, lake, mediawiki, running
from swap.settings import Grant, Policy

SECONDS, SLOW_SECONDS = 3.0, 5.0
"""How long a query has at a source that does not go on: a Hive may need two of them to begin."""
ROWS = 600
"""A Hive that is held takes a tenth of a second for each, and when it is ended waits ten seconds for what it works on."""
SETTLED_SECONDS = 90.0
"""How long a source that ends, or has just begun, may take on a busy machine: a Hive ends in ten seconds, and its first
query starts a session and loads its classes."""
REPEATED = [1, pytest.param(5, marks=pytest.mark.long)]
ENOUGH_AT_HIVE = pytest.mark.repeats(lambda kind: kind.kind == "spark")
"""What is read of Spark is read as of Hive, by the same code: in the ordinary run it is killed, and that is enough."""


@dataclass(frozen=True)
class Site:
    """A gateway with the source under test, and two in memory."""

    gateway: Gateway
    subject: Subject
    ann: Person
    bob: Person

    @property
    def statement(self) -> str:
        return f"SELECT id FROM {self.subject.name}.{SCHEMA}.disturbed"

    @contextlib.contextmanager
    def disturbed_alone(self) -> Iterator[None]:
        """See to it that what bob has under way goes on and ends well, and that he is answered after the block too."""
        gate = self.gateway.lake.behaviour.gate = threading.Event()
        began = self.bob.start("SELECT n FROM lake.big.numbers")
        self.bob.until(began, lambda state: state["state"] == "running")
        yield
        self.demand_others()
        assert self.bob.state(began)["state"] == "running"
        gate.set()
        assert self.bob.ended(began)["state"] == "done"

    def demand_others(self) -> None:
        """See to it that other people and sources are not disturbed."""
        assert self.bob.rows("SELECT count(*) FROM mediawiki.enwiki.page") == [(4,)]

    def begun(self) -> tuple[str, Any]:
        """Begin ann's query at the source, which holds it; return its id and what reads it."""
        readers: Any = getattr(self.subject.connector, "_readers", None)
        found: list[Any] = [None]

        def works(query_id: str) -> bool:
            if readers is not None:
                found[0] = next((each for each in list(readers._asked) if each.pid), None)
            return (readers is None or found[0] is not None) and self.subject.works(query_id, found[0])

        # On a busy machine a short deadline may be over before the source has begun: then it is asked again.
        for _ in range(3):
            query_id = self.ann.start(self.statement)
            assert eventually(lambda asked=query_id: works(asked) or self.ann.state(asked)["state"] == "failed", 20)
            if works(query_id):
                return query_id, found[0]
        raise AssertionError(self.ann.state(query_id))

    def demand_answer(self) -> None:
        """See to it that the source answers, at once and with nobody doing anything: no mark of the outage is in the way."""
        query_id = self.ann.start(self.statement)
        ended = self.ann.ended(query_id, SETTLED_SECONDS)
        assert ended["state"] == "done", ended["error"]
        rows = self.ann.result(query_id).to_pylist()
        assert sorted(row["id"] for row in rows) == list(range(ROWS))


@pytest.fixture
def site(subject: Subject, database: services.Database, tmp_path: Path) -> Iterator[Callable[[float], Site]]:
    """Return what starts a gateway whose queries have so many seconds."""
    subject.publish("disturbed", pa.table({"id": pa.array(range(ROWS), pa.int32())}))
    subject.columns("disturbed")
    policy = Policy(grants=(Grant(name="all", groups=("analysts",), on=(subject.name, "lake", "mediawiki")),))
    kept = subject.connector
    with contextlib.ExitStack() as stack:

        def start(seconds: float) -> Site:
            subject.connector = subject.again()
            sources = {subject.name: subject.connector, "lake": lake(), "mediawiki": mediawiki()}
            gateway = stack.enter_context(running(database, tmp_path, sources, policy, seconds=seconds))
            return Site(gateway, subject, *(gateway.person(name, "analysts") for name in ("ann", "bob")))

        try:
            yield start
        finally:
            stack.close()
            subject.connector = kept


@pytest.mark.parametrize("times", REPEATED)
def test_a_source_that_is_killed_fails_the_query_and_no_other(site: Callable[[float], Site], times: int) -> None:
    at = site(120)
    for _ in range(times):
        _ended_by(at, at.subject.kill)


@pytest.mark.sources(lambda kind: kind.is_server)
@ENOUGH_AT_HIVE
@pytest.mark.parametrize("times", REPEATED)
def test_a_server_that_is_started_again_fails_the_query_and_no_other(site: Callable[[float], Site], times: int) -> None:
    at = site(120)
    for _ in range(times):
        _ended_by(at, lambda _: at.subject.end())


def _ended_by(at: Site, disturb: Callable[[Any], None]) -> None:
    subject = at.subject
    try:
        with at.disturbed_alone():
            with subject.held("disturbed"):
                query_id, reader = at.begun()
                disturb(reader)
                ended = at.ann.ended(query_id, SETTLED_SECONDS)
            _demand_failed_or_whole(at, query_id, ended)
    finally:
        subject.revive()
    at.demand_answer()
    assert not subject.works(query_id, reader)


def _demand_failed_or_whole(at: Site, query_id: str, ended: dict[str, Any]) -> None:
    """A server that is ended in good order may finish what it works on: a Hive gives that ten seconds."""
    if ended["state"] == "done":
        assert at.ann.result(query_id).num_rows == ROWS
        return
    # Not by its deadline, which is far: the source's end is what ended it.
    assert (ended["state"], ended["error"]["source"]) == ("failed", at.subject.name)
    assert ended["error"]["category"] in {"source-down", "source-failed"}
    assert at.subject.name in ended["error"]["title"]
    assert ended["error"]["todo"]


@contextlib.contextmanager
def stopped(pids: Sequence[int]) -> Iterator[None]:
    """Make processes stand still for the block; those of a PostgreSQL come and go."""

    def send(number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    send(signal.SIGSTOP)
    try:
        yield
    finally:
        send(signal.SIGCONT)


@pytest.mark.parametrize("times", REPEATED)
@pytest.mark.sources(lambda kind: kind.kind != "memory")
@ENOUGH_AT_HIVE
def test_a_source_that_stands_still_holds_no_query_beyond_its_deadline(
    site: Callable[[float], Site], subject: Subject, times: int
) -> None:
    at = site(SLOW_SECONDS if subject.is_slow else SECONDS)
    for _ in range(times):
        # Of files it is the reader that stands still: then it is held.
        _ended_in_time(at, lambda: stopped(at.subject.pids()), ends_within=True)


@pytest.mark.sources(lambda kind: kind.is_server)
@ENOUGH_AT_HIVE
@pytest.mark.parametrize("times", REPEATED)
def test_a_network_that_swallows_everything_holds_no_query_beyond_its_deadline(
    site: Callable[[float], Site], subject: Subject, times: int
) -> None:
    at = site(SLOW_SECONDS if subject.is_slow else SECONDS)
    for _ in range(times):
        # Nobody can tell the server: it keeps the time itself.
        _ended_in_time(at, lambda: swallowed(at.subject), ends_within=False)


@contextlib.contextmanager
def swallowed(subject: Subject) -> Iterator[None]:
    assert subject.proxy is not None
    subject.proxy.blackhole()
    try:
        yield
    finally:
        subject.proxy.heal()


def _ended_in_time(
    at: Site, disturbed: Callable[[], contextlib.AbstractContextManager[None]], *, ends_within: bool
) -> None:
    subject = at.subject
    with subject.held("disturbed"):
        query_id, reader = at.begun()
        with contextlib.ExitStack() as stack:
            stack.enter_context(disturbed())
            ended = at.ann.ended(query_id)
            at.demand_others()
            assert ended["state"] == "failed"
            assert ended["error"]["title"].startswith("The query ran longer than ")
            if ends_within:
                stack.close()
            # What the server still has of it, it ends: before what holds the table is over.
            assert eventually(lambda: not subject.works(query_id, reader), 10)
    at.demand_answer()
