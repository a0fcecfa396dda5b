"""A statement at a HiveServer2 is ended by whoever has its handle: another process, which knows its server's settings."""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest

from conformance.subjects import SOMEBODY, Subject
from conformance.subjects_hive import Thrift
from conformance.test_connector import Reading, eventually
from swap.connectors.base import Deadline, Progress
from swap.connectors.hive.connector import HiveConnector

pytestmark = pytest.mark.sources(lambda kind: issubclass(kind, Thrift))


@pytest.fixture
def other(subject: Subject) -> Iterator[HiveConnector]:
    """Return what another process has: the same settings, and nothing else."""
    assert isinstance(subject, Thrift)
    made = subject.again()
    yield made
    made.close()


def test_what_a_reader_left_is_ended_by_whoever_knows_its_handle(subject: Subject, other: HiveConnector) -> None:
    subject.publish("left_over", pa.table({"id": pa.array(range(10), pa.int32())}))
    told: list[Progress] = []
    with subject.held("left_over"):
        fragment = subject.fragment("left_over", query_id="left")
        reader = subject.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 60), told.append)
        reading = Reading(reader)
        assert eventually(lambda: subject.works("left", reader) and handles(told), 20)
        (handle,) = handles(told)
        assert reader.pid is not None
        # It stands still, and holds its connection: the server cannot know that nobody waits.
        os.kill(reader.pid, signal.SIGSTOP)
        try:
            assert not other.end({**handle, "server": "127.0.0.1:1"}, "left")
            assert not other.end({**handle, "operation": guessed(handle["operation"])}, "left")
            assert subject.works("left", reader)

            assert other.end(handle, "left")
            assert eventually(lambda: not subject.works("left", reader), 20)
            assert not other.end(handle, "left")
        finally:
            os.kill(reader.pid, signal.SIGCONT)
        reading.join(20)
    assert reading.error is not None
    assert subject.read(subject.fragment("left_over"))[0].num_rows == 10


def handles(told: list[Progress]) -> list[Mapping[str, Any]]:
    return [each.handle for each in told if each.handle is not None]


def guessed(operation: str) -> str:
    """Return a handle with the same name and another secret."""
    data = bytearray(base64.b64decode(operation))
    secret = data.rindex(b"\0\0\0\x10") + 4  # the second of two texts of 16 bytes
    data[secret] ^= 1
    return base64.b64encode(data).decode()
