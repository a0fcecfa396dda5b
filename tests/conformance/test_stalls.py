"""A server that stands still and a network that swallows everything, for every source that is a server."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pytest

from conformance.subjects import SOMEBODY, Memory, Subject
from conformance.test_connector import Reading, eventually
from swap.connectors.base import Deadline
from swap.errors import QueryTimedOut

pytestmark = pytest.mark.sources(lambda kind: kind.is_server)
SECONDS = 5.0
"""How long each query has: a Hive may need two of them to begin."""


@pytest.fixture(scope="session")
def served(subject: Subject) -> Subject:
    """Return a source that is a server, with a table."""
    subject.publish("stalled", pa.table({"id": pa.array(range(10), pa.int32())}))
    subject.columns("stalled")
    return subject


@contextlib.contextmanager
def stopped(pids: Sequence[int]) -> Iterator[None]:
    """Make processes stand still for the block."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _ended_in_time(subject: Subject, reading: Reading, deadline: float) -> None:
    reading.join(30)
    assert isinstance(reading.error, QueryTimedOut), reading.error
    assert time.monotonic() > deadline - 0.1
    # Another source answers meanwhile.
    other = Memory()
    other.publish("other", pa.table({"id": pa.array([1], pa.int32())}))
    assert other.read(other.fragment("other"))[0].num_rows == 1


def test_a_server_that_stands_still_holds_no_query_beyond_its_deadline(served: Subject) -> None:
    with served.held("stalled"):
        ends = time.monotonic() + SECONDS
        reading = Reading(served.connector.read(served.fragment("stalled", query_id="still"), SOMEBODY, Deadline(ends)))
        assert eventually(lambda: served.works("still", reading.reader), SECONDS)
        with stopped(served.pids()):
            _ended_in_time(served, reading, ends)

        # What the server still has of it, it ends once it goes on: before what holds the table is over.
        assert eventually(lambda: not served.works("still", reading.reader), 10)

    assert served.read(served.fragment("stalled"))[0].num_rows == 10


def test_a_network_that_swallows_everything_holds_no_query_beyond_its_deadline(served: Subject) -> None:
    assert served.proxy is not None
    with served.held("stalled"):
        ends = time.monotonic() + SECONDS
        reading = Reading(served.connector.read(served.fragment("stalled", query_id="mute"), SOMEBODY, Deadline(ends)))
        assert eventually(lambda: served.works("mute", reading.reader), SECONDS)
        try:
            served.proxy.blackhole()
            _ended_in_time(served, reading, ends)

            # Nobody can tell the server: it keeps the time itself.
            assert eventually(lambda: not served.works("mute", reading.reader), 10)
        finally:
            served.proxy.heal()

    assert served.read(served.fragment("stalled"))[0].num_rows == 10
